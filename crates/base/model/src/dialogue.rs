//! What is recorded of the connection and the dialogue of one attempt, beside what decided about it.
//!
//! Part of [`crate::event::Attempt`]: fields may be added, never renamed or reused.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// How the connection was encrypted.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct TlsUse {
    /// The version, such as `TLSv1.3`.
    #[n(0)]
    pub version: Name,
    /// The cipher suite.
    #[n(1)]
    pub cipher: Name,
    /// Which policy asked for it: `opportunistic`, `required`, `verified`, `mta-sts`, `dane`.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
    /// The certificate was checked and is that of the host.
    #[n(3)]
    pub verified: bool,
    /// What a policy that is only tested would have stopped, in the words of TLS reports (RFC 8460 4.3).
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Name>,
}

/// The dialogue in numbers: on which connection, with whom, how much and for how long.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
#[serde(default)]
pub struct Wire {
    /// The connection's number: attempts with the same one went over the same connection.
    #[n(0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Name>,
    /// Which message on this connection it was, from 1.
    #[n(1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_number: Option<u32>,
    /// What the host said first, without its code; at most 255 bytes.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<Name>,
    /// What the host offered in its reply to EHLO: keywords known here, separated by spaces.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Name>,
    /// Bytes written in this transaction, commands and message.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_bytes: Option<u64>,
    /// Name look-up before the connection, in milliseconds (first message of a connection only).
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<u32>,
    /// From the connection to the greeting, in milliseconds (first message of a connection only).
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greeting_ms: Option<u32>,
    /// EHLO, STARTTLS and AUTH without the TLS handshake, in milliseconds (first message of a connection only).
    #[n(7)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ehlo_ms: Option<u32>,
    /// Until the reply to MAIL, in milliseconds. Where commands go out together, each step counts from the reply before.
    #[n(8)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_ms: Option<u32>,
    /// Until the last reply to RCPT, in milliseconds.
    #[n(9)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcpt_ms: Option<u32>,
    /// Until the reply to DATA, in milliseconds; absent with BDAT.
    #[n(10)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_ms: Option<u32>,
    /// Writing the message and waiting for the reply to it, in milliseconds.
    #[n(11)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dot_ms: Option<u32>,
    /// Sent with BDAT (RFC 3030).
    #[n(12)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cbor(default)]
    pub chunked: bool,
    /// Parts with bytes beyond ASCII were encoded anew, because the host does not offer 8BITMIME.
    #[n(13)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cbor(default)]
    pub converted: bool,
    /// The whole message was sent and no reply to it came: nobody knows whether the host took it.
    #[n(14)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cbor(default)]
    pub lost_after_dot: bool,
    /// Handed to a host without DSN (RFC 3461) although the sender asked for news: none will come from there.
    #[n(15)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cbor(default)]
    pub without_dsn: bool,
}

impl Wire {
    /// Longest banner kept, in bytes.
    pub const BANNER_MAX: usize = 255;
}
