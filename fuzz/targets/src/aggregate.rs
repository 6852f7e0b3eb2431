//! Aggregate reports that come by mail: DMARC in XML, TLS in JSON, packed or not (RFC 9990, RFC 8460).
//!
//! The first byte chooses how the rest is put into a mail: as a whole mail, or as an attachment. Holds: what is kept is
//! bounded; no more failed than there were; an end is not invented; the same bytes say the same.

use base64::Engine as _;
use mail::report::{AggregateKind, announced, read_aggregate};

use crate::bytes::choice;

/// Longest text kept of a report, with what may stand behind a cut.
const TEXT_MAX: usize = 260;

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, rest) = choice(data);
    let mail = mail(options, rest);
    let announced = announced(&mail);
    if options & 4 != 0 && options & 3 != 0 {
        assert!(announced.is_some(), "it says what it is");
    }
    for kind in [AggregateKind::Dmarc, AggregateKind::Tls] {
        let Some(report) = read_aggregate(&mail, kind) else { continue };
        assert_eq!(report.kind, kind);
        assert!(report.failed <= report.count, "{report:?}");
        for text in [Some(&report.organisation), report.contact_domain.as_ref(), Some(&report.about)] {
            assert!(text.is_none_or(|text| text.len() <= TEXT_MAX), "{report:?}");
        }
        assert_eq!(read_aggregate(&mail, kind), Some(report));
    }
}

fn mail(options: u8, rest: &[u8]) -> Vec<u8> {
    let (kind, name) = match options & 3 {
        0 => return rest.to_vec(),
        1 => ("application/gzip", "receiver!example.com!1!2.xml.gz"),
        2 => ("application/zip", "receiver!example.com!1!2.zip"),
        _ => ("text/xml", "receiver!example.com!1!2.xml"),
    };
    let (subject, kind) = match options & 12 {
        4 => ("Report Domain: example.com Submitter: receiver.test Report-ID: <1>", kind),
        8 => ("TLS", "application/tlsrpt+json"),
        12 => ("Report Domain: example.com", "application/tlsrpt+gzip"),
        _ => ("x", kind),
    };
    let body = base64::engine::general_purpose::STANDARD.encode(rest);
    let mut mail = format!(
        "From: reports@receiver.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=frame\r\n\r\n--frame\r\nContent-Type: {kind}; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
    );
    for line in body.as_bytes().chunks(76) {
        mail.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        mail.push_str("\r\n");
    }
    mail.push_str("--frame--\r\n");
    mail.into_bytes()
}
