//! Why a connection could not be made or did not last.

use std::io;

use model::reply::{Phase, Reply};

/// A connection that could not be made or broke. It cannot be used any more.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct ClientError {
    /// Where in the dialogue.
    pub phase: Phase,
    /// The final dot had been sent: the server may have taken the message.
    pub dot_sent: bool,
    /// What happened.
    pub kind: ErrorKind,
}

/// What happened to a connection.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The server refused the connection or a step before any transaction (greeting, EHLO, STARTTLS).
    #[error("refused: {0}")]
    Refused(Reply),
    /// The socket failed.
    #[error("{}", io_text(.0))]
    Io(io::Error),
    /// The server did not answer in time.
    #[error("timed out")]
    Timeout,
    /// The server closed the connection without a reply.
    #[error("connection closed by the server without a reply")]
    Closed,
    /// What the server sent is not SMTP.
    #[error("not an SMTP reply: {0}")]
    Protocol(&'static str),
    /// TLS was required and is not offered, or an extension the message needs is not.
    #[error("{0} is not offered by the server")]
    NotOffered(&'static str),
    /// The TLS handshake failed.
    #[error("TLS handshake failed: {}", io_text(.0))]
    Tls(io::Error),
}

impl ClientError {
    /// The reply that ended it, if there was one.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.kind {
            ErrorKind::Refused(reply) => Some(reply),
            _ => None,
        }
    }
}

/// The error in words without the number of the operating system.
fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
