//! Feedback reports: ARF (RFC 5965, 6591) and Microsoft's JMRP, which is a forwarded mail with a mark.

use super::Original;
use super::fields::{self, Fields};

/// The form in which the complaint came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedbackFormat {
    /// `multipart/report; report-type=feedback-report`.
    Arf,
    /// Microsoft's junk mail reporting: the complained mail attached or forwarded, `X-HmXmrOriginalRecipient`.
    Jmrp,
    /// A mail written to the unsubscribe address by the recipient's mail program.
    Unsubscription,
}

impl FeedbackFormat {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            FeedbackFormat::Arf => "arf",
            FeedbackFormat::Jmrp => "jmrp",
            FeedbackFormat::Unsubscription => "unsubscription",
        }
    }
}

/// A complaint, or another kind of feedback.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The form it came in.
    pub format: FeedbackFormat,
    /// `abuse`, `fraud`, `virus`, `not-spam`, `auth-failure`, `opt-out`, `other` …, lower case.
    pub kind: String,
    /// The program that made the report.
    pub user_agent: Option<String>,
    /// Our source address as the report names it.
    pub source_ip: Option<String>,
    /// The recipient as the report names him; often redacted, never to be relied on.
    pub recipient: Option<String>,
    /// The return path as the report names it.
    pub mail_from: Option<String>,
    /// The host that received the mail.
    pub reporting_mta: Option<String>,
    /// ENVID of the original transaction.
    pub envelope_id: Option<String>,
    /// How many alike are reported with this one; 1 when not said.
    pub incidents: u32,
    /// Domains that are complained about.
    pub reported_domains: Vec<String>,
    /// Every field of the report in order, names as written, unknown ones too.
    pub fields: Vec<(String, String)>,
    /// The mail complained about, as far as it is quoted.
    pub original: Original,
}

impl Feedback {
    /// Whether a person called the mail spam or worse: what has to lead to a suppression.
    pub fn is_complaint(&self) -> bool {
        !matches!(self.kind.as_str(), "not-spam" | "auth-failure" | "opt-out" | "opt-out-list")
    }

    /// Whether the recipient wants no more mail of this kind, without calling it spam.
    pub fn is_opt_out(&self) -> bool {
        matches!(self.kind.as_str(), "opt-out" | "opt-out-list")
    }

    /// From the inside of `message/feedback-report` and the quoted mail.
    pub(super) fn from_arf(report: &Fields, original: Original) -> Self {
        let value = |name: &str| report.get(name).map(str::to_owned);
        let address = |name: &str| {
            report.get(name).map(|v| fields::addresses(v).next().unwrap_or(fields::behind_type(v)).to_owned())
        };
        let mail_from = address("Original-Mail-From").filter(|address| !address.is_empty());
        let recipient =
            ["Original-Rcpt-To", "Removal-Recipient", "Original-Recipient"].iter().find_map(|name| address(name));
        let original = Original { return_path: original.return_path.or_else(|| mail_from.clone()), ..original };
        Feedback {
            format: FeedbackFormat::Arf,
            kind: value("Feedback-Type").map_or_else(|| "other".to_owned(), |kind| kind.to_ascii_lowercase()),
            user_agent: value("User-Agent"),
            source_ip: report.get("Source-IP").and_then(first_address),
            recipient,
            mail_from,
            reporting_mta: report.get("Reporting-MTA").map(|mta| fields::behind_type(mta).to_owned()),
            envelope_id: value("Original-Envelope-Id"),
            incidents: report.get("Incidents").and_then(|count| count.parse().ok()).unwrap_or(1),
            reported_domains: report.all("Reported-Domain").map(str::to_owned).collect(),
            fields: report.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            original,
        }
    }

    /// From a forwarded mail of Microsoft's reporting programme.
    pub(super) fn from_jmrp(outer: &Fields, original: Original) -> Self {
        let source_ip = original.header("X-Originating-IP").or_else(|| original.header("X-SID-PRA-IP"));
        let source_ip = source_ip.and_then(first_address);
        let recipient = outer
            .get("X-HmXmrOriginalRecipient")
            .or_else(|| original.header("X-HmXmrOriginalRecipient"))
            .and_then(|value| fields::addresses(value).next())
            .map(str::to_owned);
        Feedback { recipient, source_ip, ..Feedback::bare(FeedbackFormat::Jmrp, "abuse", original) }
    }

    /// From a mail that asks to be taken off.
    pub(super) fn from_unsubscription(outer: &Fields, original: Original) -> Self {
        let recipient = outer.get("From").and_then(|value| fields::addresses(value).next()).map(str::to_owned);
        Feedback { recipient, ..Feedback::bare(FeedbackFormat::Unsubscription, "opt-out", original) }
    }

    fn bare(format: FeedbackFormat, kind: &str, original: Original) -> Self {
        Feedback {
            format,
            kind: kind.to_owned(),
            user_agent: None,
            source_ip: None,
            recipient: None,
            mail_from: original.return_path.clone(),
            reporting_mta: None,
            envelope_id: None,
            incidents: 1,
            reported_domains: Vec::new(),
            fields: Vec::new(),
            original,
        }
    }
}

/// The first IP address of a field, without brackets and host names around it; a redacted one as it stands.
fn first_address(value: &str) -> Option<String> {
    let mut words =
        value.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')')).filter(|word| !word.is_empty());
    let address = words.clone().find(|word| word.parse::<std::net::IpAddr>().is_ok()).or_else(|| words.next());
    address.map(str::to_owned)
}
