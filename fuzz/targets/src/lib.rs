//! One target for each parser of bytes that strangers, operators or torn disks may have written.
//!
//! A target is a function that takes any bytes and panics when a promise is broken: not only "no panic", but what the
//! parser's own documentation says (read back as written, bounded, the cut into reads changes nothing …); the first lines
//! of each target name its promises. [`TARGETS`] is the list; [`seeds`] has first inputs, [`replay`] runs corpora and
//! mutations of them, `fuzz/` feeds the same functions by libFuzzer.
//!
//! Must not: be imported by the product. Parsers that are private to their crate are reached through its
//! `fuzzing` module (hidden from the documentation), or by mounting the file.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bytes;
mod log;
mod reopen;
pub mod replay;
pub mod seeds;

/// A parser under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the corpus of it is called.
    pub name: &'static str,
    /// Takes any bytes; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Longest input that is tried, in bytes.
    pub bytes_max: usize,
    /// One run costs much (files, keys, a whole mail): the test tries fewer mutations.
    pub is_slow: bool,
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

macro_rules! targets {
    ($($name:ident $bytes_max:literal $(($slow:ident))?,)*) => {
        $(mod $name;)*

        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: $name::run,
            bytes_max: $bytes_max,
            is_slow: false $(|| !stringify!($slow).is_empty())?,
        }),*];
    };
}

targets! {
    address 4_096,
    aggregate 16_384 (slow),
    arf 4_096 (slow),
    auth 16_384 (slow),
    dane 4_096 (slow),
    dkim_key 4_096,
    dsn 4_096 (slow),
    event 4_096,
    injection 4_096 (slow),
    journal_file 4_096 (slow),
    journal_records 4_096 (slow),
    liquid 4_096 (slow),
    mime 16_384,
    mjml 16_384 (slow),
    ndjson 4_096 (slow),
    notice 4_096 (slow),
    pickup 16_384,
    program 16_384 (slow),
    proxy 4_096,
    queue_memory 4_096,
    reply_class 4_096 (slow),
    report 16_384 (slow),
    rewrite 16_384 (slow),
    rules 16_384 (slow),
    sender_records 4_096,
    smtp_client 4_096,
    smtp_path 4_096,
    smtp_server 4_096,
    socks5 1_024,
    source 4_096,
    sts 4_096,
    token 4_096 (slow),
    units 256,
    words 1_024,
    zone 4_096,
}
