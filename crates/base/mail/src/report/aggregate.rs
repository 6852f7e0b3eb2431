//! Aggregate reports: DMARC (RFC 9990, before it RFC 7489) and TLS (RFC 8460), as far as an event tells of them.
//!
//! What they say is a claim of whoever sent the mail; who that was is judged elsewhere.

use mail_auth::report::Report as Dmarc;
use mail_auth::report::tlsrpt::TlsReport;
use model::time::Timestamp;

use super::limits::{AGGREGATE_BYTES_MAX, MAIL_BYTES_MAX};
use crate::mime;

/// Longest text kept of a report, in bytes.
const TEXT_MAX: usize = 255;

/// Which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateKind {
    /// Who sent mail in our name, and how it fared.
    Dmarc,
    /// Whether mail to us came under TLS.
    Tls,
}

impl AggregateKind {
    /// Its name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            AggregateKind::Dmarc => "dmarc-aggregate",
            AggregateKind::Tls => "tls-aggregate",
        }
    }
}

/// One report in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateReport {
    /// Which kind.
    pub kind: AggregateKind,
    /// Who reports, as the report says.
    pub organisation: String,
    /// The domain of its contact address, where it names one.
    pub contact_domain: Option<String>,
    /// About which domain.
    pub about: String,
    /// Of what time.
    pub begin: Option<Timestamp>,
    /// Until when.
    pub end: Option<Timestamp>,
    /// Messages (DMARC) or sessions (TLS).
    pub count: u64,
    /// Those of them that failed: neither SPF nor DKIM aligned, or no TLS.
    pub failed: u64,
}

/// Whether the header of a mail says that it brings an aggregate report, and of which kind. Reads the header alone.
pub fn announced(raw: &[u8]) -> Option<AggregateKind> {
    let fields = mime::fields(raw);
    let is =
        |name: &str, sign: &str| fields.get(name).is_some_and(|field| field.text().to_ascii_lowercase().contains(sign));
    if is("Content-Type", "tlsrpt") || fields.get("TLS-Report-Domain").is_some() {
        return Some(AggregateKind::Tls);
    }
    (is("Subject", "report domain:") || is("Subject", "report-id:")).then_some(AggregateKind::Dmarc)
}

/// Reads the report of such a mail. Unpacking may be made expensive by whoever wrote it: only to be called for mail of
/// somebody who is known. None: it is not there, is larger than [`AGGREGATE_BYTES_MAX`], or cannot be understood.
pub fn read_aggregate(raw: &[u8], kind: AggregateKind) -> Option<AggregateReport> {
    let raw = &raw[..raw.len().min(MAIL_BYTES_MAX)];
    match kind {
        AggregateKind::Tls => TlsReport::parse_rfc5322(raw, AGGREGATE_BYTES_MAX).ok().map(of_tls),
        AggregateKind::Dmarc => Dmarc::parse_rfc5322(raw, AGGREGATE_BYTES_MAX).ok().map(|report| of_dmarc(&report)),
    }
}

fn of_dmarc(report: &Dmarc) -> AggregateReport {
    use mail_auth::report::DmarcResult::Pass;
    let passed =
        |record: &&mail_auth::report::Record| record.dmarc_dkim_result() == Pass || record.dmarc_spf_result() == Pass;
    let sum = |records: &mut dyn Iterator<Item = &mail_auth::report::Record>| {
        records.fold(0_u64, |sum, record| sum.saturating_add(record.count().into()))
    };
    let count = sum(&mut report.records().iter());
    let good = sum(&mut report.records().iter().filter(passed));
    let at =
        |seconds: u64| i64::try_from(seconds).ok().filter(|s| (0..1 << 40).contains(s)).map(Timestamp::from_unix_s);
    AggregateReport {
        kind: AggregateKind::Dmarc,
        organisation: cut(report.org_name()),
        contact_domain: domain_of(report.email()),
        about: cut(report.domain()),
        begin: at(report.date_range_begin()),
        end: at(report.date_range_end()),
        count,
        failed: count.saturating_sub(good),
    }
}

fn of_tls(report: TlsReport) -> AggregateReport {
    let sum = |of: fn(&mail_auth::report::tlsrpt::Summary) -> u32| {
        report.policies.iter().fold(0_u64, |sum, policy| sum.saturating_add(of(&policy.summary).into()))
    };
    let (good, failed) = (sum(|summary| summary.total_success), sum(|summary| summary.total_failure));
    let at = |time: &mail_parser::DateTime| Some(Timestamp::from_unix_s(time.to_timestamp()));
    AggregateReport {
        kind: AggregateKind::Tls,
        organisation: cut(report.organization_name.as_deref().unwrap_or_default()),
        contact_domain: report.contact_info.as_deref().and_then(domain_of),
        about: report.policies.first().map(|policy| cut(&policy.policy.policy_domain)).unwrap_or_default(),
        begin: at(&report.date_range.start_datetime),
        end: at(&report.date_range.end_datetime),
        count: good.saturating_add(failed),
        failed,
    }
}

fn domain_of(address: &str) -> Option<String> {
    let domain = address.trim().trim_start_matches("mailto:").rsplit_once('@')?.1;
    Some(cut(&domain.to_ascii_lowercase())).filter(|domain| !domain.is_empty())
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_announced_and_read() {
        let dmarc = concat!(
            "From: noreply@big.test\r\nSubject: Report domain: example.org Submitter: big.test Report-ID: <1>\r\n",
            "Content-Type: application/xml\r\nContent-Disposition: attachment; filename=r.xml\r\n\r\n",
            "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>Big</org_name><email>noreply@big.test</email>",
            "<report_id>1</report_id><date_range><begin>1790000000</begin><end>1790086400</end></date_range>",
            "</report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published>",
            "<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>none",
            "</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row></record>",
            "<record><row><source_ip>192.0.2.9</source_ip><count>2</count><policy_evaluated><disposition>none",
            "</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record></feedback>\r\n"
        );
        assert_eq!(announced(dmarc.as_bytes()), Some(AggregateKind::Dmarc));
        let report = read_aggregate(dmarc.as_bytes(), AggregateKind::Dmarc).unwrap();
        let (contact, about) = (report.contact_domain.as_deref(), report.about.as_str());
        assert_eq!((contact, about, report.count, report.failed), (Some("big.test"), "example.org", 9, 2));
        assert_eq!(report.begin, Some(Timestamp::from_unix_s(1_790_000_000)));

        let tls = concat!(
            "From: tls@big.test\r\nTLS-Report-Domain: example.org\r\nTLS-Report-Submitter: big.test\r\n",
            "Content-Type: application/tlsrpt+json; name=\"r.json\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            "eyJvcmdhbml6YXRpb24tbmFtZSI6IkJpZyIsImRhdGUtcmFuZ2UiOnsic3RhcnQtZGF0ZXRpbWUiOiIyMDI2LTA5LTIxVDAwOjAwOjAw",
            "WiIsImVuZC1kYXRldGltZSI6IjIwMjYtMDktMjJUMDA6MDA6MDBaIn0sImNvbnRhY3QtaW5mbyI6InRsc0BiaWcudGVzdCIsInJlcG9y",
            "dC1pZCI6IjEiLCJwb2xpY2llcyI6W3sicG9saWN5Ijp7InBvbGljeS10eXBlIjoic3RzIiwicG9saWN5LWRvbWFpbiI6ImV4YW1wbGUu",
            "b3JnIn0sInN1bW1hcnkiOnsidG90YWwtc3VjY2Vzc2Z1bC1zZXNzaW9uLWNvdW50Ijo1LCJ0b3RhbC1mYWlsdXJlLXNlc3Npb24tY291",
            "bnQiOjF9fV19\r\n"
        );
        assert_eq!(announced(tls.as_bytes()), Some(AggregateKind::Tls));
        let report = read_aggregate(tls.as_bytes(), AggregateKind::Tls).unwrap();
        assert_eq!((report.about.as_str(), report.count, report.failed), ("example.org", 6, 1));

        for other in ["Subject: hello\r\n\r\n", "", "\r\nSubject: Report domain: x\r\n"] {
            assert_eq!(announced(other.as_bytes()), None, "{other:?}");
        }
        let broken = "Subject: Report domain: x\r\nContent-Type: application/gzip\r\n\r\nnonsense";
        assert_eq!(read_aggregate(broken.as_bytes(), AggregateKind::Dmarc), None);
    }
}
