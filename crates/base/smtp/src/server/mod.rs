//! The receiving side.
//!
//! [`Session`] is the state machine, [`serve`] the driver for a listener. What is accepted is decided by a [`Handler`]:
//! it opens a [`Conversation`] for each connection, which is asked at every step and may answer with any reply, late,
//! or by closing the connection.

mod auth;
mod certificates;
mod collector;
mod command;
mod driver;
mod fixed;
mod handler;
mod line_buffer;
mod listener;
mod places;
mod policy;
mod session;

pub use self::auth::Credentials;
pub use self::certificates::{CertificateFiles, Certificates, ClientAuthorities, ClientCertificate};
pub use self::collector::Budget;
pub use self::handler::{Answer, Context, Conversation, Denied, Handler, Hello, Peer};
pub use self::listener::{ServerConfig, serve};
pub use self::places::client_of;
pub use self::policy::{Extensions, Limits, Policy};
pub use self::session::{Action, Question, Session};
