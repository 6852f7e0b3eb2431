//! The answers of `ies inspect` as people and scripts see them: names of fields must not change.

use expect_test::{Expect, expect};
use mail::inspect;
use serde_json::Value;

fn check(found: &Value, expected: Expect) {
    expected.assert_eq(&serde_json::to_string_pretty(found).unwrap());
}

#[test]
fn reply() {
    let found = inspect::reply(
        b"421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred\n\n550 5.1.1 user unknown\n",
        None,
    );
    let found = found.unwrap();
    assert_eq!(found.len(), 2);
    check(
        &found[0],
        expect![[r#"
        {
          "blocklist": null,
          "category": "reputation",
          "cure": {
            "en": "Pause for hours, then send slowly; look at complaint rates.",
            "fr": "Faites une pause de quelques heures puis reprenez lentement ; regardez les taux de plainte."
          },
          "explanation": {
            "en": "Complaints or unusual volume: mail from this address is put off.",
            "fr": "Plaintes ou volume inhabituel : le courrier de cette adresse est différé."
          },
          "family": "reputation",
          "hard": false,
          "scope": "source",
          "suppress": false,
          "template": "yahoo-tss",
          "wait_s": 7200
        }"#]],
    );
    assert_eq!((found[1]["category"].as_str(), found[1]["suppress"].as_bool()), (Some("bad-mailbox"), Some(true)));
    assert_eq!(inspect::reply(b" \n", None).unwrap_err().code, "empty");
    check(
        &inspect::reply(b"", None).unwrap_err().to_json(),
        expect![[r#"
        {
          "error": {
            "at": null,
            "code": "empty",
            "message": "there is nothing to read"
          }
        }"#]],
    );
}

const BOUNCE: &str = "\
From: MAILER-DAEMON@mx.example.net
To: b.cnqw2v7m9hk3xaaaa@bounce.example.com
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x

<ada@example.net>: no such user

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; in.example.net
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.net>: User unknown

--x
Content-Type: text/rfc822-headers

From: news@example.com
Message-ID: <r.abc@example.com>

--x--
";

#[test]
fn bounce() {
    check(
        &inspect::bounce(BOUNCE.as_bytes()).unwrap(),
        expect![[r#"
        {
          "envelope_id": null,
          "kind": "bounce",
          "reporting_mta": "mx.example.net",
          "reports": [
            {
              "action": "failed",
              "category": "bad-mailbox",
              "family": "recipient",
              "hard": true,
              "original_message_id": "r.abc@example.com",
              "original_recipient": null,
              "recipient": "ada@example.net",
              "remote_mta": "in.example.net",
              "reply": {
                "code": 550,
                "enhanced": "5.1.1",
                "text": "<ada@example.net>: User unknown"
              },
              "status": "5.1.1",
              "suppress": true,
              "template": "user-unknown",
              "verp": {
                "domain": "bounce.example.com",
                "local": "b.cnqw2v7m9hk3xaaaa",
                "recipient": null
              }
            }
          ],
          "structured": true
        }"#]],
    );
    let none = inspect::bounce(b"From: a\nSubject: lunch\n\nAt noon?\n").unwrap();
    assert_eq!(none, serde_json::json!({ "kind": "none", "reports": [] }));
    let away = inspect::bounce(b"From: a@example.org\nSubject: Out of office\n\nBack on Monday\n").unwrap();
    assert_eq!(
        (away["kind"].as_str(), away["reports"][0]["recipient"].as_str()),
        (Some("auto-reply"), Some("a@example.org"))
    );
}

const COMPLAINT: &str = "\
From: feedback@arf.example.net
To: fbl@example.com
Content-Type: multipart/report; report-type=feedback-report; boundary=x

--x

A complaint.

--x
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Source-IP: 192.0.2.1
Original-Mail-From: <news-ada=example.net@bounce.example.com>
Removal-Recipient: ada@example.net

--x
Content-Type: message/rfc822

From: news@example.com
Message-ID: <r.abc@example.com>
X-Mark: one

Hello
--x--
";

#[test]
fn feedback() {
    check(
        &inspect::feedback(COMPLAINT.as_bytes()).unwrap(),
        expect![[r#"
        {
          "attributed": {
            "domain": "bounce.example.com",
            "local": "news-ada=example.net",
            "recipient": "ada@example.net"
          },
          "complaint": true,
          "fields": {
            "feedback-type": [
              "abuse"
            ],
            "original-mail-from": [
              "<news-ada=example.net@bounce.example.com>"
            ],
            "removal-recipient": [
              "ada@example.net"
            ],
            "source-ip": [
              "192.0.2.1"
            ],
            "user-agent": [
              "Example/1.0"
            ],
            "version": [
              "1"
            ]
          },
          "format": "arf",
          "incidents": 1,
          "mail_from": "news-ada=example.net@bounce.example.com",
          "original": {
            "from": "news@example.com",
            "headers": {
              "from": [
                "news@example.com"
              ],
              "message-id": [
                "<r.abc@example.com>"
              ],
              "x-mark": [
                "one"
              ]
            },
            "message_id": "r.abc@example.com"
          },
          "recipient": "ada@example.net",
          "reporting_mta": null,
          "source": "192.0.2.1",
          "type": "abuse",
          "user_agent": "Example/1.0"
        }"#]],
    );
    assert_eq!(inspect::feedback(BOUNCE.as_bytes()).unwrap_err().code, "not-feedback");
    assert_eq!(inspect::bounce(COMPLAINT.as_bytes()).unwrap()["kind"], "feedback");
}

#[test]
fn mime() {
    check(
        &inspect::mime(COMPLAINT.as_bytes()).unwrap(),
        expect![[r#"
        {
          "eight_bit": false,
          "fields": 3,
          "leaves": [
            {
              "charset": "us-ascii",
              "content_type": "text/plain",
              "filename": null,
              "path": "1.1",
              "sha256": "031ac4b3561180a88cb594c8895b1a5f34bf7f7779fe1de440fa0152291156f3",
              "size": 13
            },
            {
              "charset": null,
              "content_type": "message/feedback-report",
              "filename": null,
              "path": "1.2",
              "sha256": "8a9722f86a4e0083d7d49f9206037c4d570c221b1dbe9dc3369e77e1605198c1",
              "size": 174
            },
            {
              "charset": "us-ascii",
              "content_type": "text/plain",
              "filename": null,
              "path": "1.3.1",
              "sha256": "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969",
              "size": 5
            }
          ],
          "long_lines": 0,
          "message_id": null,
          "size": 475,
          "subject": null,
          "tree": {
            "content_type": "multipart/report",
            "parts": [
              {
                "content_type": "text/plain",
                "parts": [],
                "path": "1.1"
              },
              {
                "content_type": "message/feedback-report",
                "parts": [],
                "path": "1.2"
              },
              {
                "content_type": "message/rfc822",
                "parts": [
                  {
                    "content_type": "text/plain",
                    "parts": [],
                    "path": "1.3.1"
                  }
                ],
                "path": "1.3"
              }
            ],
            "path": "1"
          }
        }"#]],
    );
}

#[test]
fn address() {
    let found = inspect::address("Ada@bücher.example\nada@gmaill.com\nada @example\n".as_bytes()).unwrap();
    check(
        &Value::from(found),
        expect![[r#"
        [
          {
            "ascii_domain": "xn--bcher-kva.example",
            "disposable": false,
            "domain": "bücher.example",
            "interoperable": true,
            "local": "Ada",
            "message": null,
            "needs_smtputf8": false,
            "reason": null,
            "role": false,
            "suggestion": null,
            "valid": true
          },
          {
            "ascii_domain": "gmaill.com",
            "disposable": false,
            "domain": "gmaill.com",
            "interoperable": true,
            "local": "ada",
            "message": null,
            "needs_smtputf8": false,
            "reason": null,
            "role": false,
            "suggestion": "ada@gmail.com",
            "valid": true
          },
          {
            "ascii_domain": null,
            "disposable": false,
            "domain": "example",
            "interoperable": false,
            "local": "ada ",
            "message": "this is more than an address, or has spaces in it",
            "needs_smtputf8": false,
            "reason": "surplus",
            "role": false,
            "suggestion": null,
            "valid": false
          }
        ]"#]],
    );
}

#[test]
fn mx() {
    let found = inspect::mx(b"mx01.mail.icloud.com\neu.mimecast.com\nmail.example.co.uk\n").unwrap();
    check(
        &Value::from(found),
        expect![[r#"
        [
          {
            "kind": "mailbox",
            "label": "iCloud Mail",
            "provider": "icloud",
            "site": "https://support.apple.com/102322"
          },
          {
            "kind": "gateway",
            "label": "Mimecast",
            "provider": "mimecast",
            "site": null
          },
          {
            "kind": "unknown",
            "label": null,
            "provider": "example.co.uk",
            "site": null
          }
        ]"#]],
    );
}

#[test]
fn what_is_nothing_of_the_kind_is_refused() {
    let check = |found: Result<Value, inspect::InspectError>, code: Option<&str>, at: Option<&str>| {
        let refused = found.err();
        assert_eq!(refused.as_ref().map(|error| error.code), code, "{refused:?}");
        assert_eq!(refused.and_then(|error| error.at).as_deref(), at);
    };
    let mx = |input: &[u8]| inspect::mx(input).map(Value::from);
    check(mx(b"mx00.gmx.net\nMX._x.example.\nm\xc3\xbcller.example\nlocalhost\n192.0.2.1\n"), None, None);
    let lines = mx(b"mx00.gmx.net\n\n  what is this?\n").unwrap();
    assert_eq!((&lines[0]["provider"], &lines[1]["kind"]), (&"gmx".into(), &"unknown".into()));
    assert_eq!(lines[1]["reason"], "\"what is this?\" is not the name of a host");
    check(mx(b"a..b\n"), Some("not-a-host"), Some("line 1"));
    check(mx(b"10 mx00.gmx.net\n"), Some("not-a-host"), Some("line 1"));
    check(inspect::mime(b"hello, world\n"), Some("not-a-mail"), None);
    check(inspect::mime(b"\x7fELF\0\0"), Some("not-a-mail"), None);
    check(inspect::mime(b"Subject: lunch\r\r\rAt noon?"), None, None);
    check(inspect::mime(b"\nSubject : lunch\n"), None, None);
    check(inspect::bounce(b"hello, world\n"), Some("not-a-mail"), None);
    check(inspect::feedback(b"hello, world\n"), Some("not-feedback"), None);
}
