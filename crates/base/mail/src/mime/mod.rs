//! A mail as it stands on the wire: header fields, the tree of its parts, and what an intake wants to know of it.
//!
//! Three tools, from cheap to dear: [`header`] finds a field without reading the rest, [`check()`] looks at every byte once
//! and counts, [`parse`] makes the tree of parts (RFC 2045, 2046). All of them take any bytes and never fail: what is
//! broken is read the way mail programs read it. Values of fields are decoded by mail-parser; the tree is made here,
//! because the hash of a part must be that of its bytes, and because of boundaries that the library finds where none are.
//!
//! Nothing is built here; [`to_7bit`] alone changes what it reads.   Limits: [`PARTS_MAX`], [`DEPTH_MAX`], [`FIELDS_MAX`].

mod authors;
mod check;
mod decode;
mod header;
mod part;
mod seven_bit;

pub use authors::{AUTHORS_MAX, AuthorsFault, author_domains};
pub use check::{Check, check};
pub use header::{Field, Fields, fields, header, unfold};
pub use part::{Body, Part, parse};
pub use seven_bit::{Stuck, to_7bit};

/// Parts in one mail; what comes behind is left out.
pub const PARTS_MAX: usize = 1_000;

/// Multiparts and mails inside each other; what is deeper is one leaf.
pub const DEPTH_MAX: usize = 100;

/// Header fields of one part; the rest is passed over.
pub const FIELDS_MAX: usize = 2_000;
