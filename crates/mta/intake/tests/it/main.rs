//! Integration tests of intake, over real sockets and real logs.

mod inbound;
mod kit;
mod relaying;
mod submission;
mod trouble;
