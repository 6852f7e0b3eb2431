//! Sessions of people: a random token in the browser, its fingerprint here.

use std::time::Duration;

use db::params;
use model::id::AccountId;

use crate::accounts::{Account, AccountError, Accounts, account};
use crate::secret::{Secret, fingerprint};

/// A session ends after this long without a request.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);

/// A session ends after this long in any case.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(7 * 86_400);

/// "Seen" is written at most this often: reading must not mean writing.
const SEEN_EVERY: Duration = Duration::from_secs(300);

/// Longest token looked at, in bytes.
const TOKEN_LEN_MAX: usize = 128;

/// Letters in a token: 52 × 5 bits.
const TOKEN_LEN: usize = 52;

impl Accounts {
    /// Begins a session; the token goes into the browser's cookie.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn begin_session(&self, account: &Account) -> Result<Secret, AccountError> {
        let (token, now) = (Secret::random(TOKEN_LEN), self.clock.now());
        let ended = "DELETE FROM session WHERE created_at < $1 OR seen_at < $2";
        self.db.execute(ended, params![now.minus(SESSION_AGE_MAX), now.minus(SESSION_IDLE_MAX)]).await?;
        let sql =
            "INSERT INTO session (fingerprint, account, created_at, seen_at, one_time) VALUES ($1, $2, $3, $3, $4)";
        let values = params![fingerprint(token.reveal()), account.id, now, account.must_change_password];
        self.db.execute(sql, values).await?;
        Ok(token)
    }

    /// True when this session of the account was begun with a one-time password that has not been replaced yet.
    pub(crate) async fn is_one_time_session(&self, account: AccountId, token: &str) -> Result<bool, AccountError> {
        if token.len() > TOKEN_LEN_MAX {
            return Ok(false);
        }
        let sql = "SELECT 1 AS one FROM session JOIN account ON account.id = session.account
                   WHERE session.fingerprint = $1 AND session.account = $2 AND session.one_time = 1
                   AND account.must_change_password = 1";
        Ok(self.db.query_optional(sql, params![fingerprint(token), account]).await?.is_some())
    }

    /// Whose session this token is; `None` when it is unknown or has ended.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn session(&self, token: &str) -> Result<Option<Account>, AccountError> {
        if token.len() > TOKEN_LEN_MAX {
            return Ok(None);
        }
        let now = self.clock.now();
        let sql = "SELECT account.*, session.seen_at FROM session JOIN account ON account.id = session.account
                   WHERE session.fingerprint = $1 AND session.created_at > $2 AND session.seen_at > $3 AND account.disabled = 0";
        let print = fingerprint(token);
        let values = params![print.clone(), now.minus(SESSION_AGE_MAX), now.minus(SESSION_IDLE_MAX)];
        let Some(row) = self.db.query_optional(sql, values).await? else { return Ok(None) };
        if now.since(row.get("seen_at")?) >= SEEN_EVERY {
            self.note_use("UPDATE session SET seen_at = $2 WHERE fingerprint = $1", params![print, now]).await;
        }
        account(&row).map(Some)
    }

    /// Ends a session; ending an unknown one is no error.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn end_session(&self, token: &str) -> Result<(), AccountError> {
        self.db.execute("DELETE FROM session WHERE fingerprint = $1", params![fingerprint(token)]).await?;
        Ok(())
    }
}
