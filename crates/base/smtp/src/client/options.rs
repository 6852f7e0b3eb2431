//! How to connect and how long to wait.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use model::route::TlsPolicy;

pub use crate::client::auth::Login;

/// Where to connect, as whom, and how.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The server.
    pub address: SocketAddr,
    /// The server's name: for TLS (SNI, and the certificate where it is verified).
    pub host_name: String,
    /// The own address to connect from; without one the machine chooses.
    pub bind: Option<IpAddr>,
    /// The name said in EHLO.
    pub ehlo_name: String,
    /// How TLS is used.
    pub tls: TlsPolicy,
    /// How handshakes are taken: [`crate::tls::client`] or [`crate::tls::client_opportunistic`].
    pub tls_config: Arc<rustls::ClientConfig>,
    /// What the server's certificate is judged by and has to fulfil; not looked at without.
    pub trust: Option<crate::trust::Trust>,
    /// What is spoken beyond plain SMTP.
    pub dialect: Dialect,
    /// How long to wait in each phase.
    pub timeouts: Timeouts,
    /// Most bytes of dialogue kept for [`crate::client::Client::transcript`]; the middle of a longer one is left out.
    pub transcript_bytes_max: usize,
}

impl ConnectOptions {
    /// Most bytes of dialogue kept by default.
    pub const TRANSCRIPT_BYTES_MAX: usize = model::event::TRANSCRIPT_MAX;

    /// To a server as most senders reach one: any own address, TLS where it is offered, the usual timeouts.
    pub fn opportunistic(address: SocketAddr, host_name: impl Into<String>, ehlo_name: impl Into<String>) -> Self {
        ConnectOptions {
            address,
            host_name: host_name.into(),
            bind: None,
            ehlo_name: ehlo_name.into(),
            tls: TlsPolicy::Opportunistic,
            tls_config: crate::tls::client_opportunistic(),
            trust: None,
            dialect: Dialect::default(),
            timeouts: Timeouts::default(),
            transcript_bytes_max: ConnectOptions::TRANSCRIPT_BYTES_MAX,
        }
    }
}

/// What is spoken beyond plain SMTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// LMTP (RFC 2033) in place of SMTP.
    pub lmtp: bool,
    /// BDAT in place of DATA where CHUNKING is offered.
    pub chunking: bool,
    /// Log in before the first transaction.
    pub login: Option<Login>,
}

/// How long to wait in each phase; the defaults are those of RFC 5321 4.5.3.2, where it names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP connect.
    pub connect: Duration,
    /// From the connection to the greeting.
    pub greeting: Duration,
    /// EHLO, HELO.
    pub ehlo: Duration,
    /// STARTTLS and the handshake, each.
    pub tls: Duration,
    /// MAIL.
    pub mail: Duration,
    /// RCPT, for each reply.
    pub rcpt: Duration,
    /// DATA, until 354.
    pub data: Duration,
    /// Writing a part of the message.
    pub block: Duration,
    /// From the final dot to its reply. Ending it early makes duplicates.
    pub dot: Duration,
    /// RSET and QUIT.
    pub quit: Duration,
    /// A whole transaction until its final dot, whatever the single phases took; the reply to the dot has its own time.
    pub transaction: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(300),
            ehlo: Duration::from_secs(300),
            tls: Duration::from_secs(60),
            mail: Duration::from_secs(300),
            rcpt: Duration::from_secs(300),
            data: Duration::from_secs(120),
            block: Duration::from_secs(180),
            dot: Duration::from_secs(600),
            quit: Duration::from_secs(10),
            transaction: Duration::from_secs(1_200),
        }
    }
}
