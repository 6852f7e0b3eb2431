//! Integration tests of intake, over real sockets and real logs.

mod authenticity;
mod floors;
mod inbound;
mod injecting;
mod kit;
mod letters;
mod listeners;
mod notices;
mod peers;
mod proof;
mod relaying;
mod submission;
mod trouble;
