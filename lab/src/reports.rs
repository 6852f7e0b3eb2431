//! Mails that providers send to senders: complaints (ARF, RFC 5965) and delivery reports (DSN, RFC 3464).

use std::net::IpAddr;

use model::time::Timestamp;

/// What a report is about.
pub(crate) struct About<'a> {
    /// Name of the provider's reporting host.
    pub host: &'a str,
    /// The recipient of the mail.
    pub recipient: &'a str,
    /// Its return path.
    pub sender: &'a str,
    /// Address it came from.
    pub source: IpAddr,
    /// The mail itself.
    pub message: &'a [u8],
    /// Now.
    pub at: Timestamp,
    /// Makes message ids and boundaries unique.
    pub number: u64,
}

impl About<'_> {
    fn date(&self) -> String {
        let zoned = self.at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
        jiff::fmt::rfc2822::to_string(&zoned).unwrap_or_default()
    }

    /// The header of the mail.
    fn header(&self) -> String {
        let end = self.message.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(self.message.len());
        String::from_utf8_lossy(&self.message[..end]).into_owned()
    }

    fn frame(&self, to: &str, subject: &str, report_type: &str, parts: &[(&str, String)]) -> Vec<u8> {
        let boundary = format!("report-{:x}", self.number);
        let mut out = format!(
            "From: <postmaster@{host}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: \
             <{number:x}.report@{host}>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\nContent-Type: \
             multipart/report; report-type={report_type};\r\n boundary=\"{boundary}\"\r\n\r\n",
            host = self.host,
            date = self.date(),
            number = self.number,
        );
        for (kind, body) in parts {
            out.push_str(&format!("--{boundary}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n"));
        }
        out.push_str(&format!("--{boundary}--\r\n"));
        out.into_bytes()
    }
}

/// A complaint as large providers send it: the recipient's address taken out.
pub(crate) fn complaint(about: &About<'_>, to: &str) -> Vec<u8> {
    let text = "This is an email abuse report for an email message received from your network.\r\n".to_owned();
    let fields = format!(
        "Feedback-Type: abuse\r\nUser-Agent: Lab-FBL/1.0\r\nVersion: 1\r\nOriginal-Mail-From: <{}>\r\nArrival-Date: \
         {}\r\nSource-IP: {}\r\nReporting-MTA: dns; {}\r\n",
        about.sender,
        about.date(),
        about.source,
        about.host,
    );
    let header = about.header().replace(about.recipient, "redacted");
    let parts = [
        ("text/plain; charset=us-ascii", text),
        ("message/feedback-report", fields),
        ("text/rfc822-headers", header + "\r\n"),
    ];
    about.frame(to, "complaint about message", "feedback-report", &parts)
}

/// A delivery report after acceptance: the mailbox turned out to be gone.
pub(crate) fn delivery_report(about: &About<'_>) -> Vec<u8> {
    let text = format!("Your message to {} could not be delivered: mailbox not found.\r\n", about.recipient);
    let fields = format!(
        "Reporting-MTA: dns; {host}\r\nArrival-Date: {date}\r\n\r\nFinal-Recipient: rfc822; {rcpt}\r\nAction: \
         failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; backend.{host}\r\nDiagnostic-Code: smtp; 550 5.1.1 <{rcpt}>: \
         Recipient address rejected: mailbox not found\r\n",
        host = about.host,
        date = about.date(),
        rcpt = about.recipient,
    );
    let parts = [
        ("text/plain; charset=us-ascii", text),
        ("message/delivery-status", fields),
        ("text/rfc822-headers", about.header() + "\r\n"),
    ];
    about.frame(about.sender, "Undelivered Mail Returned to Sender", "delivery-status", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::bounce::Dictionary;
    use mail::report::{Report, read};

    fn about(message: &[u8]) -> About<'_> {
        About {
            host: "mx.gmail.example",
            recipient: "zoe@example.org",
            sender: "b.token@bounce.example.com",
            source: IpAddr::from([127, 0, 20, 1]),
            message,
            at: Timestamp::from_unix_s(1_790_000_000),
            number: 7,
        }
    }

    const MESSAGE: &[u8] =
        b"From: a@example.com\r\nTo: zoe@example.org\r\nMessage-ID: <r.x@example.com>\r\n\r\nhello\r\n";

    #[test]
    fn the_suites_own_reader_understands_them() {
        let dictionary = Dictionary::builtin();
        let arf = complaint(&about(MESSAGE), "fbl@example.com");
        assert!(!String::from_utf8_lossy(&arf).contains("zoe@example.org"), "redacted");
        assert!(matches!(read(&arf, &dictionary), Report::Feedback(_)));
        assert!(matches!(read(&delivery_report(&about(MESSAGE)), &dictionary), Report::Delivery(_)));
    }
}
