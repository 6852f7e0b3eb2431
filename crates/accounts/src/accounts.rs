//! The accounts of people, and the handle to everything in this crate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use db::{Db, DbError, Migration, Row, params};
use model::id::{AccountId, IdGenerator};
use model::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use crate::guard::Guard;
use crate::password::{self, NOBODYS_HASH, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN};
use crate::role::Role;
use crate::secret::Secret;

const MIGRATIONS: &[Migration] = &[Migration { name: "0001_accounts", sql: include_str!("0001_accounts.sql") }];

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
    pub temporary_password: bool,
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

/// Why something about an account cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Address or password is wrong; which of them is not said.
    #[error("address or password is wrong")]
    WrongCredentials,
    /// Too many failures; try again then.
    #[error("too many failed attempts; try again after {0}")]
    Shut(Timestamp),
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

impl AccountError {
    fn invalid(field: &'static str, message: impl Into<String>) -> Self {
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
}

impl Accounts {
    /// Opens the accounts in this database; makes the tables at first.
    ///
    /// # Errors
    /// [`DbError`] when the tables cannot be brought up to date.
    pub async fn open(db: Db, clock: Arc<dyn Clock>) -> Result<Self, DbError> {
        db.migrate("accounts", MIGRATIONS, clock.now()).await?;
        let ids = Arc::new(Mutex::new(IdGenerator::new(0)));
        Ok(Accounts { db, clock, ids, guard: Arc::default() })
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
    /// [`AccountError::Invalid`] and [`AccountError::Exists`] for the caller to mend.
    pub async fn create(&self, new: NewAccount) -> Result<(Account, Option<Secret>), AccountError> {
        let email = checked_email(&new.email)?;
        let made_up = new.password.is_none().then(|| Secret::random(16));
        let password = match (&made_up, new.password) {
            (Some(secret), _) => secret.reveal().to_owned(),
            (None, given) => checked_password(given.unwrap_or_default())?,
        };
        let language = new.language.unwrap_or_else(|| "en".to_owned());
        if !["en", "fr"].contains(&language.as_str()) {
            return Err(AccountError::invalid("language", "language must be \"en\" or \"fr\""));
        }
        if new.name.len() > TEXT_LEN_MAX {
            return Err(AccountError::invalid("name", format!("name must be at most {TEXT_LEN_MAX} bytes long")));
        }
        let now = self.clock.now();
        let account = Account {
            id: AccountId(self.next_id(now)),
            name: if new.name.is_empty() { email.clone() } else { new.name },
            email,
            role: new.role,
            language,
            temporary_password: made_up.is_some(),
            created_at: now,
        };
        self.insert(&account, password::hash(password).await).await?;
        Ok((account, made_up))
    }

    async fn insert(&self, account: &Account, hash: String) -> Result<(), AccountError> {
        let sql = "INSERT INTO account (id, email, name, role, language, password_hash, temporary_password, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = params![
            account.id,
            account.email.as_str(),
            account.name.as_str(),
            account.role.as_str(),
            account.language.as_str(),
            hash,
            account.temporary_password,
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
                   (SELECT 1 FROM account WHERE role = 'admin' AND id <> $1))";
        if self.db.execute(sql, params![id]).await? == 1 {
            return Ok(());
        }
        let known = self.db.query_optional("SELECT 1 AS one FROM account WHERE id = $1", params![id]).await?;
        Err(if known.is_some() { AccountError::LastAdmin } else { AccountError::NotFound })
    }

    /// Who it is, when address and password are right. `client` is the address it came from, for slowing guesses.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`], or [`AccountError::Shut`] after too many of them.
    pub async fn authenticate(&self, email: &str, password: &str, client: &str) -> Result<Account, AccountError> {
        let now = self.clock.now();
        let keys = [format!("account {}", email.to_lowercase()), format!("client {client}")];
        if let Some(until) = keys.iter().find_map(|key| self.guard().shut_until(key, now)) {
            return Err(AccountError::Shut(until));
        }
        let sql = "SELECT * FROM account WHERE email = $1";
        let row = self.db.query_optional(sql, params![email.trim().to_lowercase()]).await?;
        let hash = match &row {
            Some(row) => row.get("password_hash")?,
            None => NOBODYS_HASH.to_owned(),
        };
        let fits = password.len() <= PASSWORD_LEN_MAX && password::verify(password.to_owned(), hash).await;
        match row {
            Some(row) if fits => {
                keys.iter().for_each(|key| self.guard().succeeded(key));
                account(&row)
            }
            _ => {
                keys.iter().for_each(|key| self.guard().failed(key, now));
                Err(AccountError::WrongCredentials)
            }
        }
    }

    /// Replaces a person's own password; every other session of the account ends.
    ///
    /// # Errors
    /// [`AccountError::WrongCredentials`] when the old one is wrong, [`AccountError::Invalid`] for the new one.
    pub async fn change_password(&self, account: &Account, old: &str, new: String) -> Result<(), AccountError> {
        self.authenticate(&account.email, old, "change of password").await?;
        let hash = password::hash(checked_password(new)?).await;
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE account SET password_hash = $2, temporary_password = 0 WHERE id = $1";
        tx.execute(sql, params![account.id, hash]).await?;
        tx.execute("DELETE FROM session WHERE account = $1", params![account.id]).await?;
        Ok(tx.commit().await?)
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
        temporary_password: row.get("temporary_password")?,
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
