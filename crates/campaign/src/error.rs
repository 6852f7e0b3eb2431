//! What can go wrong, cut by what the API tells its client.

use db::{CursorError, DbError};
use model::time::Timestamp;

/// Why the campaigns wing did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing (404).
    #[error("there is no {what} {id}")]
    NotFound {
        /// `list`, `contact`, `campaign` …
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// What was given is wrong; `reason` says how to mend it (422).
    #[error("{reason}")]
    Invalid {
        /// Path of the field concerned, such as `from_address`.
        field: String,
        /// A sentence.
        reason: String,
    },
    /// It cannot be done in the present state (409).
    #[error("{reason}")]
    Conflict {
        /// A sentence.
        reason: String,
    },
    /// It was changed since the version that the change is based on; nothing was written (409, code `stale`).
    #[error("this {what} was changed {}at {at} after you opened it; nothing of yours was saved", by_whom(.by))]
    Stale {
        /// `list`, `contact`, `campaign`.
        what: &'static str,
        /// When it was changed.
        at: Timestamp,
        /// Who changed it; empty for an import.
        by: String,
    },
    /// Too busy, no room, or a part is not running: the same may succeed later (503).
    #[error("{reason}")]
    Unavailable {
        /// A sentence.
        reason: String,
    },
    /// The database failed (503 when [`DbError::is_temporary`], else 500).
    #[error("the database failed")]
    Db(#[source] DbError),
}

fn by_whom(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!("by {by} ") }
}

impl Error {
    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn conflict(reason: impl Into<String>) -> Self {
        Error::Conflict { reason: reason.into() }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        Error::Db(error)
    }
}

impl From<CursorError> for Error {
    fn from(error: CursorError) -> Self {
        Error::invalid("after", error.to_string())
    }
}
