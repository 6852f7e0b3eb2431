//! The trace of a submitted message: its `Received` field (RFC 5321 4.4), and the dates of the mail (RFC 5322 3.3).

use std::fmt::Write as _;
use std::net::IpAddr;

use model::id::MessageId;
use model::time::Timestamp;
use smtp::server::Context;

/// What a `Received` field says.
pub(crate) struct Trace<'a> {
    pub(crate) context: &'a Context,
    pub(crate) host_name: &'a str,
    pub(crate) id: MessageId,
    /// Named only when there is no other, so that nobody learns of blind copies.
    pub(crate) only_recipient: Option<&'a str>,
    pub(crate) smtputf8: bool,
    pub(crate) at: Timestamp,
}

impl Trace<'_> {
    /// The whole field, folded, with its line end.
    pub(crate) fn received(&self) -> String {
        let hello = self.context.hello.as_ref().map_or("", |hello| hello.name.as_str());
        let address = literal(self.context.peer.address.ip());
        let (host, with, id) = (self.host_name, self.protocol(), self.id);
        let mut field = format!("Received: from {} ({address})\r\n", printable(hello));
        if let Some(tls) = &self.context.tls {
            let _ = write!(field, "\t(using {} with cipher {})\r\n", tls.version, printable(&tls.cipher));
        }
        let _ = write!(field, "\tby {host} with {with} id {id}");
        if let Some(recipient) = self.only_recipient {
            let _ = write!(field, "\r\n\tfor <{recipient}>");
        }
        let _ = write!(field, ";\r\n\t{}\r\n", date(self.at));
        field
    }

    /// RFC 3848, RFC 6531 4.3.
    fn protocol(&self) -> String {
        let extended = self.context.hello.as_ref().is_some_and(|hello| hello.extended);
        let base = match (self.smtputf8, extended) {
            (true, _) => "UTF8SMTP",
            (false, true) => "ESMTP",
            (false, false) => "SMTP",
        };
        let tls = if self.context.tls.is_some() { "S" } else { "" };
        let auth = if self.context.user.is_some() { "A" } else { "" };
        format!("{base}{tls}{auth}")
    }
}

/// A date as mail writes it: `Mon, 23 Nov 2026 05:54:19 +0000`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

/// What a client says of itself must not look like another part of the field.
fn printable(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let kept: String = text.chars().map(|c| if fits(c) { c } else { '?' }).collect();
    if kept.is_empty() { "unknown".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use smtp::server::{Hello, Peer};
    use smtp::tls::TlsInfo;

    fn check(context: &Context, recipient: Option<&str>, smtputf8: bool, expected: &Expect) {
        let at = Timestamp::from_unix_s(1_790_000_000);
        let trace = Trace {
            context,
            host_name: "mx.example.org",
            id: MessageId(1 << 40),
            only_recipient: recipient,
            smtputf8,
            at,
        };
        expected.assert_eq(&trace.received().replace("\r\n", "\n"));
    }

    #[test]
    fn received_fields() {
        let peer =
            Peer { address: "[2001:db8::1]:999".parse().unwrap(), local: "127.0.0.1:25".parse().unwrap(), proxy: None };
        let hello = Hello { name: "evil (by x) <y>;".to_owned(), extended: true };
        let mut context = Context { peer, hello: Some(hello), tls: None, certificate: None, user: None, messages: 0 };
        check(
            &context,
            None,
            false,
            &expect![[r#"
            Received: from evil??by?x???y?? ([IPv6:2001:db8::1])
            	by mx.example.org with ESMTP id 0000100000000;
            	Mon, 21 Sep 2026 14:13:20 +0000
        "#]],
        );
        context.tls = Some(TlsInfo { version: "TLSv1.3", cipher: "TLS13_AES_256_GCM_SHA384".to_owned() });
        context.user = Some("anna".into());
        context.peer.address = "192.0.2.1:999".parse().unwrap();
        context.hello = None;
        check(
            &context,
            Some("zoë@example.com"),
            true,
            &expect![[r#"
            Received: from unknown ([192.0.2.1])
            	(using TLSv1.3 with cipher TLS13_AES_256_GCM_SHA384)
            	by mx.example.org with UTF8SMTPSA id 0000100000000
            	for <zoë@example.com>;
            	Mon, 21 Sep 2026 14:13:20 +0000
        "#]],
        );
    }
}
