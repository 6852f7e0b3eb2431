//! The PROXY protocol in front of a listener, versions 1 and 2.
//!
//! Holds: not a byte more than the header is read, and never more than its limit; the cut into reads changes nothing; the
//! two addresses are of one family; an address is believed only from a header that says so by the letter.

use std::io::Cursor;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncReadExt as _;

use crate::bytes::cuts;

// Private to its crate, and alone: here it stands by itself.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../crates/base/smtp/src/proxy.rs"]
mod header;

/// The longest header: 16 bytes and what may follow them.
const HEADER_MAX: usize = 16 + 4_096;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (found, left) = read(&[data]);
    let used = data.len() - left;
    assert!(used <= HEADER_MAX);
    assert_eq!(read(&cuts(data, 7)), (found, left));
    let Some(found) = found else { return };
    // What was read is the header, whatever follows.
    assert_eq!(read(&[&data[..used]]), (Some(found), 0));
    if let header::Proxied::Client { address, local } = found {
        assert_eq!(address.is_ipv4(), local.is_ipv4());
        if data.starts_with(b"PROXY ") {
            let family = if address.is_ipv4() { "TCP4" } else { "TCP6" };
            let line = String::from_utf8(data[..used].to_vec()).expect("a header of version 1 is text");
            let words: Vec<&str> = line.split([' ', '\r']).collect();
            assert_eq!((words[1], words[4], words[5]), (family, &*address.port().to_string(), &*local.port().to_string()));
            assert_eq!(words[2].parse(), Ok(address.ip()));
        } else {
            assert!(data[12] == 0x21 && matches!(data[13], 0x11 | 0x21));
        }
    }
}

/// What was read, and how much was left over.
fn read(pieces: &[&[u8]]) -> (Option<header::Proxied>, usize) {
    let mut readers: Box<dyn tokio::io::AsyncRead + Unpin> = Box::new(tokio::io::empty());
    for piece in pieces {
        readers = Box::new(readers.chain(Cursor::new(piece.to_vec())));
    }
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let found = now(header::read(&mut readers)).ok();
    let mut rest = Vec::new();
    let left = now(readers.read_to_end(&mut rest)).expect("memory can be read");
    assert!(left <= total);
    (found, left)
}

/// What reads from memory never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}
