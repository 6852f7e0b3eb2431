//! What can go wrong, cut by what the caller decides.

use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open: end that one, or choose another directory.
    #[error("the event store in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The manifest, or the file of reply templates, cannot be read. Moving the directory of the store away makes it fill
    /// itself anew from the event log, as far back as that goes.
    #[error("{} cannot be read ({reason}); move the directory of the store away to rebuild it from the event log", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory cannot be used: permissions, disk.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The query engine or its threads could not be started.
    #[error("the query engine could not be started: {0}")]
    Engine(String),
}

/// Why events could not be taken in or written. Nothing was lost: the caller keeps its place in the event log and
/// tries again later.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be written or read.
    #[error("{} could not be written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The columns could not be made or read; a bug or a damaged file.
    #[error("{what}: {reason}")]
    Columns {
        /// What was being done.
        what: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// The store was closed while working.
    #[error("the event store is closed")]
    Closed,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query itself is wrong; the person who wrote it can mend it.
    #[error("{path}: {message}")]
    Invalid {
        /// Which part of the query, such as `measures[1].field`.
        path: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// It would need more than the limits allow; narrow the time range or the filter.
    #[error("{message}")]
    TooMuch {
        /// The limit that was reached: a key of [`crate::Config`].
        limit: &'static str,
        /// What was reached, in words for people.
        message: String,
    },
    /// The store could not answer: a damaged or missing file, or a bug.
    #[error("the event store could not answer: {0}")]
    Failed(String),
}

impl QueryError {
    pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        QueryError::Invalid { path: path.into(), message: message.into() }
    }
}

impl StoreError {
    /// For `map_err` of file operations.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.into();
        move |source| StoreError::Io { path, source }
    }

    /// For `map_err` of column operations.
    pub(crate) fn columns<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> StoreError {
        move |error| StoreError::Columns { what, reason: error.to_string() }
    }
}
