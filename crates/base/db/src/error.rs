//! What can go wrong, cut by what the caller decides.

/// A statement that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with this key exists already. The caller answers "conflict" or updates instead.
    #[error("a row with this key exists already")]
    Conflict(#[source] sqlx::Error),
    /// A row that is referred to does not exist, or one that is referred to was to be removed.
    #[error("a row that is referred to is missing, or would be")]
    Reference(#[source] sqlx::Error),
    /// The database cannot be reached, is full, or was busy for too long. The same may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// No row where exactly one was expected.
    #[error("no row where one was expected")]
    NotFound,
    /// A row does not hold what the code reads: a bug, or a database that someone changed.
    #[error("column {column:?}: {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// The URL given to `Db::open` is not one of a database.
    #[error("{url:?} is not a database: expected sqlite://path or postgres://user@host/name")]
    Url {
        /// What was given, without a password.
        url: String,
    },
    /// The database does not fit this program: it is newer, or was made by another.
    #[error("migration {namespace}/{name}: {reason}")]
    Migration {
        /// The crate that keeps the tables.
        namespace: String,
        /// The migration.
        name: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Anything else: the statement is wrong. A bug.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

impl DbError {
    /// True when the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, DbError::Unavailable(_))
    }

    /// The whole chain of causes in one line, for logs.
    pub fn chain(&self) -> String {
        model::error::chain(self)
    }
}

/// SQLite primary result codes of trouble with the machine: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
const SQLITE_UNAVAILABLE: [u32; 5] = [5, 6, 10, 13, 14];

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::RowNotFound => DbError::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => DbError::Unavailable(error),
            sqlx::Error::Database(inner) => match inner.kind() {
                ErrorKind::UniqueViolation => DbError::Conflict(error),
                ErrorKind::ForeignKeyViolation => DbError::Reference(error),
                _ if is_unavailable(inner.code().as_deref()) => DbError::Unavailable(error),
                _ => DbError::Statement(error),
            },
            _ => DbError::Statement(error),
        }
    }
}

/// SQLSTATE classes 08 (connection), 53 (resources), 57 (shutdown); for SQLite the low byte of the result code.
fn is_unavailable(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "53", "57"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|number| SQLITE_UNAVAILABLE.contains(&(number & 0xff)))
}
