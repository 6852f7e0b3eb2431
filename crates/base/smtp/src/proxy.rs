//! The PROXY protocol: for whom a connection is made (HAProxy's specification, versions 1 and 2), read from proxies in
//! front of a listener, written to proxies on the way out.
//!
//! Reads exactly the header and not a byte more, because TLS or a dialogue follows. Strict: what is not written as the
//! specification says ends the connection. Must not: decide which proxies are believed; that is the handler's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Begins every header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Begins every header of version 1.
const V1_BEGINS: &[u8] = b"PROXY ";

/// Longest header of version 1, line end included.
const V1_BYTES_MAX: usize = 107;

/// Most bytes that follow the first 16 of version 2: addresses and extensions, a certificate's name among them.
const V2_REST_BYTES_MAX: usize = 4 * 1024;

/// Version 2, and the command PROXY: somebody is spoken for.
const V2_PROXY: u8 = 0x21;

/// TCP over IPv4, and over IPv6, in version 2.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// Extension with a checksum over the whole header.
const TYPE_CRC32C: u8 = 0x03;

/// Whom a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    /// A client: its address, and the address to which it connected.
    Client { address: SocketAddr, local: SocketAddr },
    /// The proxy itself (a check of health), or a client of which it knows no address.
    Proxy,
}

/// Why a header was not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyFault {
    /// It could not be read, or not in time.
    #[error("the PROXY header could not be read: {0}")]
    Io(#[from] io::Error),
    /// It is not one.
    #[error("not a PROXY header: {0}")]
    Malformed(&'static str),
}

/// Reads the header at the beginning of a connection.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Proxied, ProxyFault> {
    // As much as tells the versions apart: whoever speaks something else is not waited for.
    let mut header = vec![0; V1_BEGINS.len()];
    stream.read_exact(&mut header).await?;
    if SIGNATURE.starts_with(&header) {
        let begun = header.len();
        header.resize(16, 0);
        stream.read_exact(&mut header[begun..]).await?;
        if !header.starts_with(&SIGNATURE) {
            return Err(ProxyFault::Malformed("it begins otherwise"));
        }
        let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if rest > V2_REST_BYTES_MAX {
            return Err(ProxyFault::Malformed("too long"));
        }
        header.resize(16 + rest, 0);
        stream.read_exact(&mut header[16..]).await?;
        return version_2(&header).map_err(ProxyFault::Malformed);
    }
    if header != V1_BEGINS {
        return Err(ProxyFault::Malformed("it begins otherwise"));
    }
    while !header.ends_with(b"\r\n") {
        if header.len() >= V1_BYTES_MAX {
            return Err(ProxyFault::Malformed("no line end"));
        }
        header.push(stream.read_u8().await?);
    }
    version_1(&header[..header.len() - 2]).map_err(ProxyFault::Malformed)
}

/// A line without its line end.
fn version_1(line: &[u8]) -> Result<Proxied, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "not text")?;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        // "the receiver must ignore anything presented before the CRLF".
        ["PROXY", "UNKNOWN", ..] => Ok(Proxied::Proxy),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, from_port, to_port] => {
            let client = SocketAddr::new(address(family, from)?, port(from_port)?);
            let local = SocketAddr::new(address(family, to)?, port(to_port)?);
            Ok(Proxied::Client { address: client, local })
        }
        _ => Err("unknown words"),
    }
}

fn address(family: &str, text: &str) -> Result<IpAddr, &'static str> {
    let address: IpAddr = text.parse().map_err(|_| "not an address")?;
    if address.is_ipv4() == (family == "TCP4") { Ok(address) } else { Err("an address of the other family") }
}

fn port(text: &str) -> Result<u16, &'static str> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| canonical && digits).ok_or("not a port")
}

/// The whole header; its length was read from it.
fn version_2(header: &[u8]) -> Result<Proxied, &'static str> {
    let (version_and_command, family) = (header[12], header[13]);
    if version_and_command >> 4 != 2 {
        return Err("unknown version");
    }
    let rest = &header[16..];
    let (proxied, extensions) = match (version_and_command & 0x0f, family) {
        // LOCAL: addresses, if any, are to be passed over; what follows them cannot be found then.
        (0, _) => return Ok(Proxied::Proxy),
        (1, 0x00) => (Proxied::Proxy, rest),
        (1, TCP4) => addresses::<4>(rest)?,
        (1, TCP6) => addresses::<16>(rest)?,
        (1, _) => return Err("neither TCP over IPv4 nor over IPv6"),
        _ => return Err("unknown command"),
    };
    check_extensions(header, header.len() - extensions.len())?;
    Ok(proxied)
}

fn addresses<const LEN: usize>(rest: &[u8]) -> Result<(Proxied, &[u8]), &'static str>
where
    IpAddr: From<[u8; LEN]>,
{
    const SHORT: &str = "too short for its addresses";
    let (from, rest) = rest.split_first_chunk::<LEN>().ok_or(SHORT)?;
    let (to, rest) = rest.split_first_chunk::<LEN>().ok_or(SHORT)?;
    let (from_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
    let (to_port, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
    let socket = |address: &[u8; LEN], port: &[u8; 2]| SocketAddr::new((*address).into(), u16::from_be_bytes(*port));
    Ok((Proxied::Client { address: socket(from, from_port), local: socket(to, to_port) }, rest))
}

/// Extensions (type, length, value) must fill the rest; a checksum among them must be right.
fn check_extensions(header: &[u8], mut at: usize) -> Result<(), &'static str> {
    while at < header.len() {
        let [kind, high, low] = *header[at..].first_chunk::<3>().ok_or("an extension that is cut")?;
        let (begin, len) = (at + 3, usize::from(u16::from_be_bytes([high, low])));
        let value = header.get(begin..begin + len).ok_or("an extension that is cut")?;
        if kind == TYPE_CRC32C {
            let expected = <[u8; 4]>::try_from(value).map_err(|_| "a checksum that is none")?;
            let parts = [&header[..begin], &[0; 4], &header[begin + 4..]];
            if crc32c(&parts.concat()) != u32::from_be_bytes(expected) {
                return Err("the checksum is wrong");
            }
        }
        at = begin + len;
    }
    Ok(())
}

/// RFC 9260 appendix A, bit by bit: headers are short and rarely have one.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The line of version 1 for a connection from one address to another.
///
/// Where the two are of different families (the way to the proxy is not the way out), the first stands as any address.
pub fn write_v1(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let from_ip = same_family(from.ip(), to.ip());
    let family = if to.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("PROXY {family} {from_ip} {} {} {}\r\n", to.ip(), from.port(), to.port()).into_bytes()
}

/// The header of version 2, otherwise as [`write_v1`].
pub fn write_v2(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut header = Vec::with_capacity(52);
    header.extend_from_slice(&SIGNATURE);
    let (family, len) = if to.is_ipv4() { (TCP4, 12_u16) } else { (TCP6, 36) };
    header.extend_from_slice(&[V2_PROXY, family]);
    header.extend_from_slice(&len.to_be_bytes());
    for address in [same_family(from.ip(), to.ip()), to.ip()] {
        match address {
            IpAddr::V4(v4) => header.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => header.extend_from_slice(&v6.octets()),
        }
    }
    header.extend_from_slice(&from.port().to_be_bytes());
    header.extend_from_slice(&to.port().to_be_bytes());
    header
}

fn same_family(from: IpAddr, to: IpAddr) -> IpAddr {
    match (from.is_ipv4(), to.is_ipv4()) {
        (false, true) => Ipv4Addr::UNSPECIFIED.into(),
        (true, false) => Ipv6Addr::UNSPECIFIED.into(),
        _ => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What was read, and how much was left over.
    fn parsed(bytes: &[u8]) -> (Result<Proxied, String>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rest = bytes;
        let found = runtime.block_on(read(&mut rest)).map_err(|fault| fault.to_string());
        (found, rest.len())
    }

    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let follows = [bytes, b"EHLO x\r\n"].concat();
        let (found, left) = parsed(&follows);
        let shown = found.map(|proxied| match proxied {
            Proxied::Client { address, local } => format!("{address} to {local}"),
            Proxied::Proxy => "proxy".to_owned(),
        });
        match expected {
            Ok(expected) => {
                assert_eq!(shown.as_deref(), Ok(expected), "{bytes:02x?}");
                assert_eq!(left, 8, "not a byte more than the header is read: {bytes:02x?}");
            }
            Err(part) => assert!(shown.as_ref().is_err_and(|why| why.contains(part)), "{bytes:02x?}: {shown:?}"),
        }
    }

    #[test]
    fn version_1_is_read_strictly() {
        check(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", Ok("192.0.2.7:56324 to 198.51.100.1:25"));
        check(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 465\r\n", Ok("[2001:db8::1]:1 to [2001:db8::2]:465"));
        check(b"PROXY UNKNOWN\r\n", Ok("proxy"));
        check(b"PROXY UNKNOWN ffff:f...f:ffff a 65535 b\r\n", Ok("proxy"));
        for (line, why) in [
            ("PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", "words"),
            ("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25 9\r\n", "words"),
            ("PROXY  TCP4 192.0.2.7 198.51.100.1 1 25\r\n", "words"),
            ("PROXY UDP4 192.0.2.7 198.51.100.1 1 25\r\n", "words"),
            ("PROXY TCP4 2001:db8::1 198.51.100.1 1 25\r\n", "other family"),
            ("PROXY TCP6 192.0.2.7 2001:db8::1 1 25\r\n", "other family"),
            ("PROXY TCP4 192.0.2.07 198.51.100.1 1 25\r\n", "not an address"),
            ("PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.7 198.51.100.1 +1 25\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.7 198.51.100.1 01 25\r\n", "not a port"),
            ("PROXY TCP4 192.0.2.7 198.51.100.1 1 25\n", "not"),
            ("EHLO mail.example.com\r\n", "begins otherwise"),
            ("EHLO\r\n", "begins otherwise"),
            ("\r\n\r\n\0\r\nQUIT\r\r\n\r\n", "begins otherwise"),
            ("proxy TCP4 192.0.2.7 198.51.100.1 1 25\r\n", "begins otherwise"),
        ] {
            check(line.as_bytes(), Err(why));
        }
        check(format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes(), Err("no line end"));
    }

    fn version_2_of(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &len, rest].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 4, 0, 25];

    #[test]
    fn version_2_is_read_strictly() {
        check(&version_2_of(0x21, 0x11, &FOUR), Ok("192.0.2.7:56324 to 198.51.100.1:25"));
        let mut six = [0_u8; 36];
        (six[0], six[1], six[15], six[31], six[33], six[35]) = (0x20, 0x01, 1, 2, 7, 25);
        check(&version_2_of(0x21, 0x21, &six), Ok("[2001::1]:7 to [::2]:25"));
        check(&version_2_of(0x20, 0x00, &[]), Ok("proxy"));
        check(&version_2_of(0x20, 0x11, &[1, 2]), Ok("proxy"));
        check(&version_2_of(0x21, 0x00, &[]), Ok("proxy"));
        let with = |extension: &[u8]| version_2_of(0x21, 0x11, &[&FOUR[..], extension].concat());
        check(&with(&[4, 0, 2, 0, 0]), Ok("192.0.2.7:56324 to 198.51.100.1:25"));
        for (bytes, why) in [
            (version_2_of(0x11, 0x11, &FOUR), "version"),
            (version_2_of(0x22, 0x11, &FOUR), "command"),
            (version_2_of(0x21, 0x12, &FOUR), "neither"),
            (version_2_of(0x21, 0x31, &[0; 216]), "neither"),
            (version_2_of(0x21, 0x11, &FOUR[..11]), "too short"),
            (version_2_of(0x21, 0x21, &FOUR), "too short"),
            (with(&[4, 0]), "cut"),
            (with(&[4, 0, 3, 0, 0]), "cut"),
            (with(&[3, 0, 4, 0, 0, 0, 0]), "checksum is wrong"),
            (with(&[3, 0, 1, 0]), "checksum that is none"),
            (version_2_of(0x21, 0x11, &[0; V2_REST_BYTES_MAX + 1]), "too long"),
        ] {
            check(&bytes, Err(why));
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        let mut header = version_2_of(0x21, 0x11, &[&FOUR[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
        let checksum = crc32c(&header).to_be_bytes();
        let place = header.len() - 4;
        header[place..].copy_from_slice(&checksum);
        check(&header, Ok("192.0.2.7:56324 to 198.51.100.1:25"));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(rest in prop::collection::vec(any::<u8>(), 0..80), version in 0..3_u8) {
            let start: &[u8] = match version { 0 => b"", 1 => b"PROXY ", _ => &SIGNATURE };
            let _ = parsed(&[start, &rest].concat());
        }

        #[test]
        fn what_is_written_is_read(from: SocketAddr, to: SocketAddr) {
            // Scope and flow of an IPv6 address are of this machine alone.
            let plain = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
            let (from, to) = (plain(from), plain(to));
            let from_then = SocketAddr::new(same_family(from.ip(), to.ip()), from.port());
            let expected = format!("{from_then} to {to}");
            check(&write_v1(from, to), Ok(&expected));
            check(&write_v2(from, to), Ok(&expected));
        }
    }

    #[test]
    fn headers_are_those_of_the_specification() {
        let check = |from: &str, to: &str, text: &str, hex: &str| {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(String::from_utf8(write_v1(from, to)).unwrap(), text);
            let found: String = write_v2(from, to)[12..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, hex);
        };
        check(
            "192.0.2.1:1024",
            "198.51.100.2:25",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1024 25\r\n",
            "2111000cc0000201c633640204000019",
        );
        check(
            "[2001:db8::1]:1",
            "[2001:db8::2]:25",
            "PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n",
            "2121002420010db800000000000000000000000120010db800000000000000000000000200010019",
        );
        check("[::1]:1", "192.0.2.1:25", "PROXY TCP4 0.0.0.0 192.0.2.1 1 25\r\n", "2111000c00000000c000020100010019");
    }
}
