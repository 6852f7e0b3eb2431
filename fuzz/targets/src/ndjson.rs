//! An injection whose recipients come line by line.
//!
//! Holds: the cut into pieces changes nothing, neither what is taken nor what is refused nor the fingerprint by which a
//! broken stream is told from another; memory is bounded by the first line, a batch and a line.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use intake::injection::stream::Step;
use intake::injection::{Config, Injections, Lines, Ways};
use intake::{Intake, Known};
use journal::spool::{Spool, SpoolOptions};
use model::submission::{Origin, Protocol};
use model::time::{ManualClock, Timestamp};
use model::units::Size;

use crate::bytes::cuts;

/// Longest first line here; small, so that it is reached.
const HEAD_MAX: u64 = 2_000;

// Nothing is ever committed here. The directory is gone at once: its files live as long as the process.
static INJECTIONS: LazyLock<Injections> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path())
});

fn open(dir: &Path) -> Injections {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_s(1_790_000_000)));
    let options = SpoolOptions { log: crate::reopen::options(), ..SpoolOptions::default() };
    let opened = Spool::open(&dir.join("spool"), options).expect("a spool");
    let intake = Intake::new(opened.spool, 0, 1, &intake::Config::default(), Known::default(), clock.clone());
    let config = Config { body_size_max: Size(HEAD_MAX), ..Config::default() };
    Injections::open(&dir.join("keys"), intake, config, Ways::default(), clock).expect("keys")
}

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let whole = read(&[data]);
    assert_eq!(read(&cuts(data, 40)), whole, "in pieces");
    assert_eq!(read(&cuts(data, 1)), whole, "byte by byte");
}

/// What came of it: how far it was looked at, or what was refused.
fn read(pieces: &[&[u8]]) -> Result<intake::injection::stream::Seen, String> {
    let ways = Ways { bounce_domains: vec!["bounce.example.com".to_owned()], ..Ways::default() };
    let origin = Origin { protocol: Protocol::Http, peer: None, user: None };
    let mut lines = INJECTIONS.lines(ways, origin, None);
    for piece in pieces {
        lines.push(piece);
        proceed(&mut lines)?;
        // Rows of a batch are bounded by what came.
        let most = HEAD_MAX + 2 * pieces.iter().map(|piece| piece.len() as u64).sum::<u64>() + 40_000;
        assert!(lines.held() <= most, "{} bytes are held", lines.held());
    }
    lines.end();
    proceed(&mut lines)?;
    Ok(lines.seen())
}

fn proceed(lines: &mut Lines) -> Result<(), String> {
    loop {
        match lines.step().map_err(|error| error.to_string())? {
            Step::Push => return Ok(()),
            Step::Open => assert!(lines.routing().is_some()),
            Step::Commit(rows) => panic!("{rows} rows of an input that is too small for a batch"),
        }
    }
}
