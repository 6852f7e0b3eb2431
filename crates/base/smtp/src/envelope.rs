//! What a client says about a message before sending it: MAIL and RCPT with their parameters, and the whole transaction.
//!
//! Values only; [`crate::path`] reads them from commands.

use model::submission::{DsnOptions, Ret};

/// The arguments of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The return path without angle brackets, as given; empty for `<>`.
    pub sender: String,
    /// SIZE, in bytes (RFC 1870).
    pub size: Option<u64>,
    /// BODY=8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// RET (RFC 3461 4.3).
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461 4.4), xtext decoded; at most 100 bytes.
    pub envid: Option<String>,
}

/// The arguments of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address without angle brackets and source route, as given. `postmaster` may stand without a domain.
    pub address: String,
    /// NOTIFY and ORCPT (RFC 3461), when given; ORCPT as given, type included, xtext decoded.
    pub dsn: Option<DsnOptions>,
}

/// A complete message with its envelope, as the server hands it over.
#[derive(Debug)]
pub struct Transaction {
    /// Return path and options.
    pub mail: Mail,
    /// The recipients that were accepted, in their order; at least one.
    pub recipients: Vec<Recipient>,
    /// The message: every line ends in CRLF, no bare CR or LF, dots unstuffed. May be empty.
    pub data: Vec<u8>,
}
