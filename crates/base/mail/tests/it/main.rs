//! Integration tests of the mail crate, one binary.

mod address;
mod arc;
mod auth;
mod dkim;
mod inspect;
mod letter;
mod mime;
mod mjml;
mod replies;
mod reports;
