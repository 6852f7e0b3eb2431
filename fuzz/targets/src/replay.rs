//! Runs a target over inputs that are there: files of the corpora, seeds, and mutations of both drawn from a seed.
//!
//! What libFuzzer has found is kept as a file, so that it is tried at every test run, on stable Rust, without a sanitizer.
//! The mutations are a fuzzer without eyes: they find little that is new, but they see when a parser has become careless.
//! Bounded by a number of mutations and by time; an input on which a target takes long is a fault, too.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bytes::Numbers;
use crate::{Target, seeds};

/// One input may take so long; what is written to take the square of its length takes longer.
pub const INPUT_TIME_MAX: Duration = Duration::from_secs(5);

/// Pieces that grammars of mail are made of; a mutation without them seldom leaves the lexer.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n\r\n",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"<",
    b">",
    b"@",
    b"\"",
    b"\\",
    b"(",
    b")",
    b"=",
    b"=\r\n",
    b"=?utf-8?Q?",
    b"?=",
    b";",
    b":",
    b",",
    b".",
    b"..",
    b" ",
    b"\t",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"{",
    b"}",
    b"[",
    b"]",
    b"--",
    b"-1",
    b"0",
    b"1e999",
    b"9223372036854775808",
    b"%00",
    b"+2B",
    b"null",
    b"NUL",
    b"EHLO x\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<a@b.c>\r\n",
    b"DATA\r\n",
    b"BDAT 0 LAST\r\n",
    b"250-",
    b"550 5.1.1 ",
    b"v=",
    b"p=",
    b"include:",
    b"redirect=",
    b"xn--",
    b"*.",
    b"boundary=",
    b"message/rfc822",
    b"multipart/mixed",
];

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Mutations of the target's inputs together.
    pub mutations: usize,
    /// No mutation begins after so long.
    pub time_max: Duration,
    /// From which they are drawn.
    pub seed: u64,
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Files of the corpus.
    pub files: usize,
    /// First inputs made from fixtures.
    pub seeds: usize,
    /// Mutations.
    pub mutations: usize,
}

/// An input on which a promise was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The input.
    pub input: Vec<u8>,
    /// Where it comes from, and what the target said.
    pub what: String,
}

/// Runs the target over its corpus (a directory below `corpora`), its seeds, and mutations of them.
///
/// # Errors
/// The first input on which a promise is broken, or that takes longer than [`INPUT_TIME_MAX`].
#[expect(clippy::disallowed_methods, reason = "bounds a test in real time")]
pub fn replay(target: &Target, corpora: &Path, effort: Effort) -> Result<Tried, Box<Broken>> {
    let mut inputs: Vec<(String, Vec<u8>)> = Vec::new();
    for path in files(&corpora.join(target.name)) {
        let bytes = fs::read(&path).unwrap_or_default();
        inputs.push((path.display().to_string(), bytes));
    }
    let mut tried = Tried { files: inputs.len(), ..Tried::default() };
    inputs.extend(seeds::of(target.name).into_iter().zip(1..).map(|(seed, nth)| (format!("seed {nth}"), seed)));
    tried.seeds = inputs.len() - tried.files;
    for (name, input) in &inputs {
        one(target, name, input)?;
    }
    let began = Instant::now();
    let mut numbers = Numbers::of(format!("{} {}", target.name, effort.seed).as_bytes());
    while tried.mutations < effort.mutations && began.elapsed() < effort.time_max && !inputs.is_empty() {
        let (name, input) = &inputs[numbers.next(inputs.len())];
        let other = &inputs[numbers.next(inputs.len())].1;
        let mutated = mutate(input, other, target.bytes_max, &mut numbers);
        tried.mutations += 1;
        one(target, &format!("mutation {} of {name}", tried.mutations), &mutated)?;
    }
    Ok(tried)
}

/// One input.
#[expect(clippy::disallowed_methods, reason = "measures what a target really takes")]
fn one(target: &Target, name: &str, input: &[u8]) -> Result<(), Box<Broken>> {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let broken = |what: String| Err(Box::new(Broken { input: input.to_vec(), what: format!("{name}: {what}") }));
    match outcome {
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            broken(words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned())
        }
        Ok(()) if began.elapsed() > INPUT_TIME_MAX => broken(format!("took {:?}", began.elapsed())),
        Ok(()) => Ok(()),
    }
}

/// The files of a directory, in the order of their names; none where there is no such directory.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// A few changes to an input, some of them with pieces of another one.
fn mutate(input: &[u8], other: &[u8], bytes_max: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.next(4) {
        let at = numbers.next(bytes.len() + 1);
        let len = numbers.next(bytes.len() - at + 1).min(1 << numbers.next(8));
        match numbers.next(9) {
            0 => drop(bytes.drain(at..at + len)),
            1 => bytes.truncate(at),
            2 => {
                let piece = bytes[at..at + len].to_vec();
                let times = 1 + numbers.next(6);
                bytes.splice(at..at, piece.repeat(times));
            }
            3 => {
                let from = numbers.next(other.len() + 1);
                let piece = &other[from..(from + (1 << numbers.next(9))).min(other.len())];
                bytes.splice(at..at + len, piece.iter().copied());
            }
            4 | 5 => {
                let word = WORDS[numbers.next(WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            6 => {
                let word = WORDS[numbers.next(WORDS.len())];
                bytes.splice(at..at + len, word.iter().copied());
            }
            7 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.next(8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = numbers.next(256) as u8;
                }
            }
        }
    }
    bytes.truncate(bytes_max);
    bytes
}
