//! API keys of programs: `ies_` and 52 letters, shown once.

use db::{DbError, Row, params};
use model::id::AccountId;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::accounts::{AccountError, Accounts};
use crate::key_limits::KeyLimits;
use crate::role::Scope;
use crate::secret::{Secret, fingerprint};

/// In front of every key, so that a scanner for leaked secrets can know it.
const PREFIX: &str = "ies_";

/// "Used" is written at most this often.
const USED_EVERY: Duration = Duration::from_secs(300);

/// A program that may come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiKey {
    /// Its number.
    pub id: AccountId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The first letters of the key, to tell keys apart.
    pub prefix: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to about five minutes.
    pub last_used_at: Option<Timestamp>,
    /// What it may send.
    #[serde(default, skip_serializing_if = "KeyLimits::is_none")]
    pub limits: KeyLimits,
}

/// What a key is made of.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// What it may send; everything when absent.
    #[serde(default)]
    pub limits: KeyLimits,
}

/// What an administrator changes about a key; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeyChange {
    /// What it is for.
    pub name: Option<String>,
    /// What it may send; replaces all limits that it has.
    pub limits: Option<KeyLimits>,
}

/// A key just made, with its secret: shown once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct NewApiKeySecret {
    /// The key.
    pub key: ApiKey,
    /// The secret, for `Authorization: Bearer …`.
    pub secret: String,
}

impl Accounts {
    /// All keys by name.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, AccountError> {
        let rows = self.db.query("SELECT * FROM api_key ORDER BY name, id", params![]).await?;
        rows.iter().map(api_key).collect()
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] without a name or a scope.
    pub async fn create_api_key(&self, new: NewApiKey, by: &str) -> Result<(ApiKey, Secret), AccountError> {
        let name = checked_name(&new.name)?;
        if new.scopes.is_empty() {
            let message = "scopes must have at least one of \"inject\", \"read\", \"manage\"".to_owned();
            return Err(AccountError::Invalid { field: "scopes", message });
        }
        let secret = new_secret();
        let now = self.clock.now();
        let key = ApiKey {
            id: AccountId(self.next_id(now)),
            name: name.to_owned(),
            scopes: new.scopes,
            prefix: prefix_of(&secret).to_owned(),
            created_by: by.to_owned(),
            created_at: now,
            last_used_at: None,
            limits: new.limits.checked()?,
        };
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let sql = "INSERT INTO api_key (id, name, scopes, prefix, fingerprint, created_by, created_at, limits)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let print = fingerprint(secret.reveal());
        let limits = stored(&key.limits);
        let values = params![key.id, name, scopes.join(" "), key.prefix.as_str(), print, by, now, limits];
        self.db.execute(sql, values).await?;
        Ok((key, secret))
    }

    /// Changes a key; holds from the next request on.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; [`AccountError::Invalid`].
    pub async fn change_api_key(&self, id: AccountId, change: ApiKeyChange) -> Result<ApiKey, AccountError> {
        let sql = "SELECT * FROM api_key WHERE id = $1";
        let row = self.db.query_optional(sql, params![id]).await?.ok_or(AccountError::NotFound)?;
        let mut key = api_key(&row)?;
        if let Some(name) = change.name {
            key.name = checked_name(&name)?.to_owned();
        }
        if let Some(limits) = change.limits {
            key.limits = limits.checked()?;
        }
        let sql = "UPDATE api_key SET name = $2, limits = $3 WHERE id = $1";
        match self.db.execute(sql, params![id, key.name.as_str(), stored(&key.limits)]).await? {
            0 => Err(AccountError::NotFound),
            _ => Ok(key),
        }
    }

    /// Gives a key a new secret: the old one is refused from now on. The key stays the same, with all that hangs on it,
    /// such as the idempotency keys of its requests and what it has sent today.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn renew_api_key(&self, id: AccountId) -> Result<Secret, AccountError> {
        let secret = new_secret();
        let sql = "UPDATE api_key SET prefix = $2, fingerprint = $3 WHERE id = $1";
        let values = params![id, prefix_of(&secret), fingerprint(secret.reveal())];
        match self.db.execute(sql, values).await? {
            0 => Err(AccountError::NotFound),
            _ => Ok(secret),
        }
    }

    /// Removes a key: what uses it is refused from now on.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn remove_api_key(&self, id: AccountId) -> Result<(), AccountError> {
        match self.db.execute("DELETE FROM api_key WHERE id = $1", params![id]).await? {
            0 => Err(AccountError::NotFound),
            _ => {
                self.usages().remove(&id);
                Ok(())
            }
        }
    }

    /// The key with this secret; `None` when there is none.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn api_key(&self, secret: &str) -> Result<Option<ApiKey>, AccountError> {
        if !secret.starts_with(PREFIX) || secret.len() != PREFIX.len() + 52 {
            return Ok(None);
        }
        let sql = "SELECT * FROM api_key WHERE fingerprint = $1";
        let Some(row) = self.db.query_optional(sql, params![fingerprint(secret)]).await? else { return Ok(None) };
        let (key, now) = (api_key(&row)?, self.clock.now());
        if key.last_used_at.is_none_or(|used| now.since(used) >= USED_EVERY) {
            let sql = "UPDATE api_key SET last_used_at = $2 WHERE id = $1";
            self.note_use(sql, params![key.id, now]).await;
        }
        Ok(Some(key))
    }

    /// Notes when something was used. A full disk must not keep anybody out: most of all not whoever makes room.
    pub(crate) async fn note_use(&self, sql: &str, values: Vec<db::Value>) {
        if let Err(error) = self.db.execute(sql, values).await {
            tracing::warn!(error = error.chain(), "the time of use could not be noted");
        }
    }
}

fn new_secret() -> Secret {
    Secret::from_text(format!("{PREFIX}{}", Secret::random(52).reveal()))
}

/// What is shown of it, to tell keys apart.
fn prefix_of(secret: &Secret) -> &str {
    &secret.reveal()[..PREFIX.len() + 4]
}

fn checked_name(name: &str) -> Result<&str, AccountError> {
    let name = name.trim();
    if name.is_empty() || name.len() > 100 {
        return Err(AccountError::invalid("name", "name must say what the key is for, in 1 to 100 bytes"));
    }
    Ok(name)
}

fn stored(limits: &KeyLimits) -> Option<String> {
    let text = || serde_json::to_string(limits).expect("invariant: limits are plain data");
    (!limits.is_none()).then(text)
}

fn api_key(row: &Row) -> Result<ApiKey, AccountError> {
    let scopes: String = row.get("scopes")?;
    let scopes: Option<Vec<Scope>> = scopes.split_whitespace().map(Scope::from_name).collect();
    let limits: Option<String> = row.get("limits")?;
    let limits = limits.map_or(Ok(KeyLimits::default()), |text| serde_json::from_str(&text));
    // A key whose limits cannot be read opens nothing, rather than everything.
    let limits = limits.map_err(|error| DbError::Column { column: "limits".to_owned(), reason: error.to_string() })?;
    let unknown = || DbError::Column { column: "scopes".to_owned(), reason: "holds an unknown scope".to_owned() };
    Ok(ApiKey {
        id: row.get("id")?,
        name: row.get("name")?,
        scopes: scopes.ok_or_else(unknown)?,
        prefix: row.get("prefix")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        limits,
    })
}
