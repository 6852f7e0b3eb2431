//! The sending side.
//!
//! [`Opening`] and [`Exchange`] are the state machines of a connection's beginning and of one transaction, [`Client`]
//! the driver: one connection over which many transactions may go.

mod auth;
mod capabilities;
mod connection;
pub mod dial;
mod error;
mod exchange;
mod opening;
mod options;
mod transcript;

pub use self::capabilities::Capabilities;
pub use self::connection::{Client, FailedConnection, Timings};
pub use self::dial::Connected;
pub use self::error::{ClientError, ErrorKind};
pub use self::exchange::{
    EARLY_CHUNK_BYTES_MAX, Exchange, Fate, Manner, Next, OutboundRecipient, OutboundTransaction, Sent, StepTimes,
};
pub use self::opening::{Opening, OpeningStep};
pub use self::options::{ConnectOptions, Dialect, Login, Timeouts};
pub use self::transcript::Transcript;
