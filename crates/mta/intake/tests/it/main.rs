//! Integration tests of intake, over real sockets and real logs.

mod inbound;
mod kit;
mod letters;
mod notices;
mod proof;
mod relaying;
mod submission;
mod trouble;
