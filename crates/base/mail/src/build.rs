//! One finished mail as raw bytes: for test mails, notices and everything else that is not merged.
//!
//! The same headers, MIME structure and encodings as [`crate::program`], from the same code. (mail-builder would take
//! the time, the host name and random boundaries from the machine; here they come from the caller or are not needed.)
//! Header injection is impossible: names are checked, control characters in values become spaces.
//!
//! Known gap: no encryption or S/MIME.

use model::time::Timestamp;

use crate::program::Attachment;
use crate::program::address::read_international;
use crate::program::header;
use crate::program::layout::{self, BodyPiece};
use crate::quoted;

/// Most addresses in To and Cc together.
pub const MAILBOXES_MAX: usize = 1_000;

/// A mail to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outgoing {
    /// Who writes.
    pub from: Mailbox,
    /// To whom; may be empty.
    pub to: Vec<Mailbox>,
    /// Who is told.
    pub cc: Vec<Mailbox>,
    /// Where answers go.
    pub reply_to: Option<Mailbox>,
    /// Subject line, unencoded.
    pub subject: String,
    /// When it was written.
    pub date: Timestamp,
    /// `local@domain`, without brackets; the caller makes it unique.
    pub message_id: String,
    /// More headers, name and unencoded value.
    pub headers: Vec<(String, String)>,
    /// Plain text.
    pub text: Option<String>,
    /// HTML.
    pub html: Option<String>,
    /// Attached and embedded files.
    pub attachments: Vec<Attachment>,
}

/// A name and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Display name; may be empty.
    pub name: String,
    /// Address; letters of all languages may stand before the `@` (the mail then needs SMTPUTF8).
    pub address: String,
}

/// What is wrong with an [`Outgoing`]: its author's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct BuildError {
    /// Which field: `from`, `to`, `headers` …
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// The bytes of a mail (RFC 5322, CRLF).
///
/// # Errors
/// [`BuildError`] for an address, a header name, a message id or a file that can not be written.
pub fn build(mail: &Outgoing) -> Result<Vec<u8>, BuildError> {
    let mut out = Vec::new();
    put_people(mail, &mut out)?;
    header::put_text("Subject", &mail.subject, &mut out);
    header::put_date(mail.date, &mut out);
    let (local, domain) = mail.message_id.split_once('@').unwrap_or_default();
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>@".contains(&byte));
    if !plain(local) || !plain(domain) || mail.message_id.len() > 900 {
        return Err(refuse("message_id", "must look like `unique@example.com`"));
    }
    out.extend_from_slice(format!("Message-ID: <{}>\r\n", mail.message_id).as_bytes());
    for (name, value) in &mail.headers {
        layout::check_header_name(name).map_err(|reason| refuse("headers", reason))?;
        header::put_text(name, value, &mut out);
    }
    for file in &mail.attachments {
        layout::check_file(file).map_err(|reason| refuse("attachments", reason))?;
    }
    for piece in layout::body(mail.text.is_some(), mail.html.is_some(), &mail.attachments) {
        match piece {
            BodyPiece::Fixed(bytes) => out.extend_from_slice(&bytes),
            BodyPiece::Text => quoted::encode_into(mail.text.as_deref().unwrap_or_default(), &mut out),
            BodyPiece::Html => quoted::encode_into(mail.html.as_deref().unwrap_or_default(), &mut out),
        }
    }
    Ok(out)
}

fn put_people(mail: &Outgoing, out: &mut Vec<u8>) -> Result<(), BuildError> {
    if mail.to.len() + mail.cc.len() > MAILBOXES_MAX {
        return Err(refuse("to", format!("more than {MAILBOXES_MAX} addresses")));
    }
    let fields: [(&'static str, &str, &[Mailbox]); 4] = [
        ("from", "From", std::slice::from_ref(&mail.from)),
        ("to", "To", &mail.to),
        ("cc", "Cc", &mail.cc),
        ("reply_to", "Reply-To", mail.reply_to.as_slice()),
    ];
    for (field, name, mailboxes) in fields {
        let mut checked = Vec::with_capacity(mailboxes.len());
        for mailbox in mailboxes {
            let (address, _) = read_international(&mailbox.address).map_err(|reason| refuse(field, reason))?;
            checked.push((mailbox.name.as_str(), address));
        }
        let shown: Vec<(&str, &str)> = checked.iter().map(|(name, address)| (*name, address.as_str())).collect();
        if !shown.is_empty() {
            header::put_mailboxes(name, &shown, out);
        }
    }
    Ok(())
}

fn refuse(field: &'static str, reason: impl Into<String>) -> BuildError {
    BuildError { field, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn mailbox(name: &str, address: &str) -> Mailbox {
        Mailbox { name: name.into(), address: address.into() }
    }

    fn mail() -> Outgoing {
        Outgoing {
            from: mailbox("Ops", "ops@example.com"),
            to: vec![mailbox("", "用户@例子.example"), mailbox("Zoë", "zoe@example.net")],
            subject: "Tést\r\nBcc: x@example.com".into(),
            date: Timestamp::from_unix_s(1_790_000_000),
            message_id: "1@example.com".into(),
            headers: vec![("Auto-Submitted".into(), "auto-generated".into())],
            text: Some("{{ not liquid }} = é".into()),
            ..Outgoing::default()
        }
    }

    #[test]
    fn a_mail() {
        expect![[r#"
            From: Ops <ops@example.com>
            To: 用户@xn--fsqu00a.example, =?UTF-8?Q?Zo=C3=AB?= <zoe@example.net>
            Subject: =?UTF-8?B?VMOpc3QgQmNjOiB4QGV4YW1wbGUuY29t?=
            Date: Mon, 21 Sep 2026 14:13:20 +0000
            Message-ID: <1@example.com>
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            {{ not liquid }} =3D =C3=A9
        "#]]
        .assert_eq(&String::from_utf8(build(&mail()).unwrap()).unwrap().replace('\r', ""));
    }

    #[test]
    fn parts_and_files() {
        let file = Attachment {
            filename: "a.bin".into(),
            content_type: "application/octet-stream".into(),
            content_id: None,
            bytes: vec![0, 255],
        };
        let bytes = build(&Outgoing { html: Some("<p>é</p>".into()), attachments: vec![file], ..mail() }).unwrap();
        let parsed = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.body_text(0).unwrap(), "{{ not liquid }} = é");
        assert_eq!(parsed.body_html(0).unwrap(), "<p>é</p>");
        assert_eq!(parsed.attachment(0).unwrap().contents(), [0, 255]);
        let empty = build(&Outgoing { text: None, ..mail() }).unwrap();
        assert!(empty.ends_with(b"quoted-printable\r\n\r\n"));
    }

    #[test]
    fn faults() {
        let check = |mail: Outgoing, expected: &str| assert_eq!(build(&mail).unwrap_err().to_string(), expected);
        check(Outgoing { from: mailbox("", "x"), ..mail() }, "from: `x` is not an address: there is no @");
        check(Outgoing { message_id: "a b@c".into(), ..mail() }, "message_id: must look like `unique@example.com`");
        let named = |name: &str| Outgoing { headers: vec![(name.into(), String::new())], ..mail() };
        check(named("Bcc"), "headers: `Bcc` is written by the program itself");
        check(named("X:"), "headers: a header's name must be 1 to 70 printable ASCII letters without colon");
        check(
            Outgoing { cc: vec![mailbox("", "a@example.com"); MAILBOXES_MAX], ..mail() },
            "to: more than 1000 addresses",
        );
    }
}
