//! RFC 5321 and its extensions: grammar, server and client as state machines, thin drivers over tokio.
//!
//! The machines ([`server::Session`], [`client::Opening`], [`client::Exchange`]) do no IO: bytes and replies go in,
//! bytes and questions come out, so that a dialogue can be tested as a text file. The drivers ([`server::serve`],
//! [`client::Client`]) move the bytes, keep the timeouts and speak TLS.
//!
//! Knows nothing about spools, queues or what mail is accepted: a [`server::Handler`] of the user decides, at every
//! step of the dialogue. Standards: RFC 5321, 1870 (SIZE), 2034 (ENHANCEDSTATUSCODES), 2920 (PIPELINING), 3030
//! (CHUNKING), 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8).
//!
//! Only CRLF ends a line and only CRLF.CRLF ends a message; a bare CR or LF is refused wherever it stands, because two
//! servers that disagree on line ends can be made to see two different mails (SMTP smuggling).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod client;
pub mod envelope;
pub mod lines;
pub mod path;
pub mod proxy;
pub mod reply;
pub mod server;
mod stream;
pub mod tls;
pub mod trust;

pub use stream::{Duplex, Wire};

/// What the traits of this crate return: they are used behind a pointer.
pub use futures::future::BoxFuture;
