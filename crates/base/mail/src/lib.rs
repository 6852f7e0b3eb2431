//! A message's bytes: how mail is written, and how mail that comes back is read.
//!
//! Writing: [`merge`] (Liquid), [`program`] (a whole mail with its recipients' values), [`token`] (what links and return
//! paths carry), [`mjml`], [`build`]. Reading and signing stand beside it, one module each.
//!
//! Everything here is a plain function on values: no IO, no clock, no database, no network. The mail libraries
//! (mail-auth, mail-parser, mrml, css-inline, lol_html, html2text) are known to this crate alone.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// Writing.
pub mod build;
pub mod merge;
pub mod mjml;
mod plain;
pub mod program;
mod quoted;
pub mod token;

// Reading and signing.
pub mod address;
pub mod auth;
pub mod bounce;
pub mod dkim;
pub mod inspect;
pub mod mime;
pub mod provider;
pub mod report;
