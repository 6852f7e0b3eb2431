//! The accounts of people, and the handle to everything in this crate.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use db::{Db, DbError, Migration, Row, params};
use model::id::{AccountId, IdGenerator};
use model::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use crate::guard::{Attempt, Guard};
use crate::password::{Busy, Hasher, NOBODYS_HASH, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN};
use crate::quota::Usages;
use crate::role::Role;
use crate::secret::{Secret, fingerprint};

const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_accounts", sql: include_str!("0001_accounts.sql") },
    Migration { name: "0002_one_time_session", sql: include_str!("0002_one_time_session.sql") },
    Migration { name: "0003_key_limits", sql: include_str!("0003_key_limits.sql") },
];

/// Longest address or name taken, in bytes.
const TEXT_LEN_MAX: usize = 254;

/// A person who may log in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The address to log in with, in lower case.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Language of the UI: `en` or `fr`.
    pub language: String,
    /// The password was made by someone else and should be replaced.
    pub must_change_password: bool,
    /// May not log in for the time being.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an account is made of.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The address to log in with.
    pub email: String,
    /// The person's name.
    #[serde(default)]
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Language of the UI: `en` (when absent) or `fr`.
    #[serde(default)]
    pub language: Option<String>,
    /// The first password; one is made up when absent.
    #[serde(default)]
    pub password: Option<String>,
}

/// What an administrator changes about an account; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountChange {
    /// The person's name.
    pub name: Option<String>,
    /// What the person may do.
    pub role: Option<Role>,
    /// Whether the person may not log in for the time being; open sessions end.
    pub disabled: Option<bool>,
    /// A new password, to be replaced by the person.
    pub password: Option<String>,
}

/// What a person changes about the own account; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnAccountChange {
    /// The person's name.
    pub name: Option<String>,
    /// Language of the UI: `en` or `fr`.
    pub language: Option<String>,
    /// The password in use; needed for a new one, but for a session that was begun with a one-time password.
    pub current_password: Option<String>,
    /// The new password; all sessions of the account end.
    pub new_password: Option<String>,
}

/// Why something about an account cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Address or password is wrong; which of them is not said.
    #[error("address or password is wrong")]
    WrongCredentials,
    /// Too many failures for this account from this client, or from this client; try again then.
    #[error("too many failed attempts; try again after {until}")]
    Shut {
        /// When the door opens again.
        until: Timestamp,
        /// How long that is from now.
        wait: Duration,
    },
    /// Too many passwords are being checked; nothing is known of this one. Try again in a moment.
    #[error("too many passwords are being checked")]
    Busy,
    /// What was given cannot be taken.
    #[error("{message}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// There is such an account already.
    #[error("there is an account with this address already")]
    Exists,
    /// There is no such account or key.
    #[error("there is no such account or key")]
    NotFound,
    /// It would leave nobody who may manage accounts.
    #[error("this is the last administrator")]
    LastAdmin,
    /// The database failed.
    #[error("the accounts cannot be read or written")]
    Db(#[from] DbError),
}

impl From<Busy> for AccountError {
    fn from(Busy: Busy) -> Self {
        AccountError::Busy
    }
}

impl AccountError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        AccountError::Invalid { field, message: message.into() }
    }
}

/// Everything about who may come in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Arc<Mutex<IdGenerator>>,
    guard: Arc<Mutex<Guard>>,
    usages: Arc<Mutex<Usages>>,
    hasher: Arc<Hasher>,
}

impl Accounts {
    /// Opens the accounts in this database; makes the tables at first.
    ///
    /// # Errors
    /// [`DbError`] when the tables cannot be brought up to date.
    pub async fn open(db: Db, clock: Arc<dyn Clock>) -> Result<Self, DbError> {
        db.migrate("accounts", MIGRATIONS, clock.now()).await?;
        let ids = Arc::new(Mutex::new(IdGenerator::new(0)));
        Ok(Accounts { db, clock, ids, guard: Arc::default(), usages: Arc::default(), hasher: Arc::default() })
    }

    /// What keys have used.
    pub(crate) fn usages(&self) -> MutexGuard<'_, Usages> {
        self.usages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when there is no account yet: the first one has to be made on the command line.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn is_empty(&self) -> Result<bool, DbError> {
        Ok(self.db.query_optional("SELECT 1 AS one FROM account LIMIT 1", params![]).await?.is_none())
    }

    /// All accounts by address.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(&self) -> Result<Vec<Account>, AccountError> {
        let rows = self.db.query("SELECT * FROM account ORDER BY email", params![]).await?;
        rows.iter().map(account).collect()
    }

    /// Makes an account. The password comes back when it was made up here: it is shown once, and to be replaced.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] and [`AccountError::Exists`] for the caller to mend; [`AccountError::Busy`].
    pub async fn create(&self, new: NewAccount) -> Result<(Account, Option<Secret>), AccountError> {
        let email = checked_email(&new.email)?;
        let made_up = new.password.is_none().then(|| Secret::random(16));
        let password = match (&made_up, new.password) {
            (Some(secret), _) => secret.reveal().to_owned(),
            (None, given) => checked_password(given.unwrap_or_default())?,
        };
        let language = checked_language(new.language.unwrap_or_else(|| "en".to_owned()))?;
        let name = checked_name(new.name)?;
        let now = self.clock.now();
        let account = Account {
            id: AccountId(self.next_id(now)),
            name: if name.is_empty() { email.clone() } else { name },
            email,
            role: new.role,
            language,
            must_change_password: made_up.is_some(),
            disabled: false,
            created_at: now,
        };
        self.insert(&account, self.hasher.hash(password).await?).await?;
        Ok((account, made_up))
    }

    async fn insert(&self, account: &Account, hash: String) -> Result<(), AccountError> {
        let sql =
            "INSERT INTO account (id, email, name, role, language, password_hash, must_change_password, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = params![
            account.id,
            account.email.as_str(),
            account.name.as_str(),
            account.role.as_str(),
            account.language.as_str(),
            hash,
            account.must_change_password,
            account.created_at,
        ];
        match self.db.execute(sql, values).await {
            Ok(_) => Ok(()),
            Err(DbError::Conflict(_)) => Err(AccountError::Exists),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an account, its sessions with it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::LastAdmin`] when nobody could manage accounts afterwards.
    pub async fn remove(&self, id: AccountId) -> Result<(), AccountError> {
        let sql = "DELETE FROM account WHERE id = $1 AND (role <> 'admin' OR EXISTS
                   (SELECT 1 FROM account WHERE role = 'admin' AND disabled = 0 AND id <> $1))";
        if self.db.execute(sql, params![id]).await? == 1 {
            return Ok(());
        }
        let known = self.db.query_optional("SELECT 1 AS one FROM account WHERE id = $1", params![id]).await?;
        Err(if known.is_some() { AccountError::LastAdmin } else { AccountError::NotFound })
    }

    /// Who it is, when address and password are right. `client` is the address it came from, for slowing guesses: the
    /// one of the person's machine, not of a proxy that many share; `None` for a person who is logged in already.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`], [`AccountError::Shut`] after too many of them, and [`AccountError::Busy`].
    pub async fn authenticate(
        &self,
        email: &str,
        password: &str,
        client: Option<IpAddr>,
    ) -> Result<Account, AccountError> {
        let (email, now) = (email.trim().to_lowercase(), self.clock.now());
        let attempt = Attempt::new(&email, client);
        // Before anything is waited for: attempts side by side are as many as one after the other.
        let begun = self.guard().begin(&attempt, now);
        begun.map_err(|until| AccountError::Shut { until, wait: until.since(now) })?;
        let found = self.check_password(&email, password).await;
        match &found {
            Ok(_) => self.guard().succeeded(&attempt),
            Err(AccountError::WrongCredentials) => {}
            Err(_) => self.guard().take_back(&attempt),
        }
        found
    }

    async fn check_password(&self, email: &str, password: &str) -> Result<Account, AccountError> {
        let row = if email.len() <= TEXT_LEN_MAX {
            self.db.query_optional("SELECT * FROM account WHERE email = $1", params![email]).await?
        } else {
            None
        };
        let hash = match &row {
            Some(row) => row.get("password_hash")?,
            None => NOBODYS_HASH.to_owned(),
        };
        let fits = password.len() <= PASSWORD_LEN_MAX && self.hasher.verify(password.to_owned(), hash).await?;
        match row {
            Some(row) if fits && !row.get::<bool>("disabled")? => account(&row),
            _ => Err(AccountError::WrongCredentials),
        }
    }

    /// Changes a person's own name, language or password. After a new password all sessions of the account end.
    ///
    /// The password in use is asked for, unless `token` is of a session that was begun with a one-time password that has
    /// not been replaced yet: who holds it has just proved to know that password.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`] when the password in use is wrong, [`AccountError::Shut`] after too many of
    /// them, [`AccountError::Invalid`], [`AccountError::Busy`].
    pub async fn change_own(
        &self,
        account: &Account,
        token: &str,
        change: OwnAccountChange,
    ) -> Result<Account, AccountError> {
        let name = change.name.map(checked_name).transpose()?;
        let language = change.language.map(checked_language).transpose()?;
        let first = change.current_password.is_none() && self.is_one_time_session(account.id, token).await?;
        let hash = match change.new_password {
            None => None,
            Some(new) => {
                if !first {
                    let current = change.current_password.unwrap_or_default();
                    self.authenticate(&account.email, &current, None).await?;
                }
                Some(self.hasher.hash(checked_password(new)?).await?)
            }
        };
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE account SET name = COALESCE($2, name), language = COALESCE($3, language) WHERE id = $1";
        tx.execute(sql, params![account.id, name, language]).await?;
        if let Some(hash) = hash {
            // Looked at once more: somebody may have replaced the one-time password while this one was hashed.
            let sql = "UPDATE account SET password_hash = $2, must_change_password = 0 WHERE id = $1 AND ($3 = 0 OR
                       must_change_password = 1 AND EXISTS (SELECT 1 FROM session WHERE fingerprint = $4 AND one_time = 1))";
            if tx.execute(sql, params![account.id, hash, first, fingerprint(token)]).await? == 0 {
                return Err(AccountError::WrongCredentials);
            }
            tx.execute("DELETE FROM session WHERE account = $1", params![account.id]).await?;
        }
        tx.commit().await?;
        self.by_id(account.id).await
    }

    /// Changes another person's account.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::LastAdmin`], [`AccountError::Invalid`], [`AccountError::Busy`].
    pub async fn change(&self, id: AccountId, change: AccountChange) -> Result<Account, AccountError> {
        let name = change.name.map(checked_name).transpose()?;
        let hash = match change.password {
            Some(password) => Some(self.hasher.hash(checked_password(password)?).await?),
            None => None,
        };
        let before = self.by_id(id).await?;
        let stays_admin =
            change.role.unwrap_or(before.role) == Role::Admin && !change.disabled.unwrap_or(before.disabled);
        let sql = "UPDATE account SET name = COALESCE($2, name), role = COALESCE($3, role),
                   disabled = COALESCE($4, disabled), password_hash = COALESCE($5, password_hash),
                   must_change_password = CASE WHEN $5 IS NULL THEN must_change_password ELSE 1 END
                   WHERE id = $1 AND ($6 = 1 OR role <> 'admin' OR EXISTS
                   (SELECT 1 FROM account WHERE role = 'admin' AND disabled = 0 AND id <> $1))";
        let role = change.role.map(Role::as_str);
        let values = params![id, name, role, change.disabled, hash.clone(), stays_admin];
        let mut tx = self.db.begin().await?;
        if tx.execute(sql, values).await? == 0 {
            return Err(AccountError::LastAdmin);
        }
        if hash.is_some() || change.disabled == Some(true) {
            tx.execute("DELETE FROM session WHERE account = $1", params![id]).await?;
        }
        tx.commit().await?;
        self.by_id(id).await
    }

    async fn by_id(&self, id: AccountId) -> Result<Account, AccountError> {
        let row = self.db.query_optional("SELECT * FROM account WHERE id = $1", params![id]).await?;
        account(&row.ok_or(AccountError::NotFound)?)
    }

    pub(crate) fn next_id(&self, now: Timestamp) -> u64 {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn account(row: &Row) -> Result<Account, AccountError> {
    let role: String = row.get("role")?;
    let role = Role::from_name(&role)
        .ok_or_else(|| DbError::Column { column: "role".to_owned(), reason: format!("{role:?} is no role") })?;
    Ok(Account {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role,
        language: row.get("language")?,
        must_change_password: row.get("must_change_password")?,
        disabled: row.get("disabled")?,
        created_at: row.get("created_at")?,
    })
}

fn checked_email(email: &str) -> Result<String, AccountError> {
    let email = email.trim().to_lowercase();
    let fits =
        email.len() <= TEXT_LEN_MAX && email.split_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty());
    if fits && !email.contains(char::is_whitespace) {
        return Ok(email);
    }
    Err(AccountError::invalid("email", "email must be an address such as \"anna@example.org\""))
}

fn checked_name(name: String) -> Result<String, AccountError> {
    if name.len() <= TEXT_LEN_MAX {
        return Ok(name);
    }
    Err(AccountError::invalid("name", format!("name must be at most {TEXT_LEN_MAX} bytes long")))
}

fn checked_language(language: String) -> Result<String, AccountError> {
    if ["en", "fr"].contains(&language.as_str()) {
        return Ok(language);
    }
    Err(AccountError::invalid("language", "language must be \"en\" or \"fr\""))
}

fn checked_password(password: String) -> Result<String, AccountError> {
    if password.chars().count() < PASSWORD_LEN_MIN {
        let message = format!("the password must have at least {PASSWORD_LEN_MIN} characters; a sentence is fine");
        return Err(AccountError::invalid("password", message));
    }
    if password.len() > PASSWORD_LEN_MAX {
        let message = format!("the password must have at most {PASSWORD_LEN_MAX} bytes");
        return Err(AccountError::invalid("password", message));
    }
    Ok(password)
}
