//! Paths and parameters of MAIL and RCPT.
//!
//! Holds: what was read goes out to the next host as a command that is read as the same; no line of it holds more than
//! printable letters (and UTF-8 where the client asked for it).

use crate::bytes::text;
use smtp::client::{Capabilities, Exchange, Manner, OutboundRecipient, OutboundTransaction};
use smtp::path::{ADDRESS_BYTES_MAX, parse_mail, parse_rcpt};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    // The server refuses control characters before it looks at arguments.
    if text.chars().any(|c| c.is_ascii_control()) {
        let _ = (parse_mail(&text), parse_rcpt(&text));
        return;
    }
    let offered = Capabilities {
        size: true,
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        pipelining: true,
        ..Capabilities::default()
    };
    if let Ok(mail) = parse_mail(&text) {
        assert!(mail.sender.len() <= ADDRESS_BYTES_MAX);
        let recipients = [OutboundRecipient { address: "a@x.test", dsn: None }];
        let transaction = OutboundTransaction {
            sender: &mail.sender,
            eight_bit: mail.eight_bit,
            smtputf8: mail.smtputf8,
            ret: mail.ret,
            envid: mail.envid.as_deref(),
            recipients: &recipients,
            data: &[b"x\r\n"],
        };
        let line = commands(&transaction, &offered).remove(0);
        let again = parse_mail(line.strip_prefix("MAIL FROM:").expect("MAIL comes first"));
        assert_eq!(again, Ok(smtp::envelope::Mail { size: Some(3), ..mail.clone() }), "{line}");
    }
    if let Ok(recipient) = parse_rcpt(&text) {
        assert!(recipient.address.len() <= ADDRESS_BYTES_MAX);
        let recipients = [OutboundRecipient { address: &recipient.address, dsn: recipient.dsn.as_ref() }];
        let transaction = OutboundTransaction {
            sender: "",
            eight_bit: false,
            smtputf8: true,
            ret: None,
            envid: None,
            recipients: &recipients,
            data: &[b"x\r\n"],
        };
        let line = commands(&transaction, &offered).remove(1);
        let again = parse_rcpt(line.strip_prefix("RCPT TO:").expect("RCPT comes second"));
        assert_eq!(again.as_ref(), Ok(&recipient), "{line}");
    }
}

fn commands(transaction: &OutboundTransaction<'_>, offered: &Capabilities) -> Vec<String> {
    let mut bytes = Vec::new();
    Exchange::new(transaction, offered, Manner::default()).next(&mut bytes);
    let text = String::from_utf8(bytes).expect("commands are UTF-8");
    assert!(text.ends_with("\r\n"));
    let lines: Vec<String> = text.trim_end_matches("\r\n").split("\r\n").map(str::to_owned).collect();
    assert!(lines.iter().all(|line| !line.chars().any(|c| c.is_ascii_control())), "{text:?}");
    lines
}
