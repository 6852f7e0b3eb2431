//! Integration tests of the mail crate, one binary.

mod replies;
mod reports;
