//! Reports of all kinds against the foreign corpora: delivery reports, prose bounces, complaints, auto-replies.

use mail::bounce::Dictionary;
use mail::report::{self, Action, Report};
use serde_json::Value;

fn fixtures() -> String {
    format!("{}/../../../fixtures", env!("CARGO_MANIFEST_DIR"))
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(format!("{}/{path}", fixtures())).unwrap()).unwrap()
}

fn read(path: &str, dictionary: &Dictionary) -> Report {
    report::read(&std::fs::read(format!("{}/{path}", fixtures())).unwrap(), dictionary)
}

/// Family and "never again" of each recipient, as the corpus would put it.
fn rows(report: &Report) -> Vec<(String, bool, String)> {
    match report {
        Report::Delivery(report) => report
            .recipients
            .iter()
            .map(|one| match one.action {
                Action::Failed | Action::Delayed => {
                    let words = one.reply.as_ref().map(ToString::to_string).unwrap_or_default();
                    (
                        one.class.family.to_string(),
                        one.class.suppress,
                        format!("{} {} {words}", one.class.category, one.class.template),
                    )
                }
                _ => ("auto".to_owned(), false, one.action.as_str().to_owned()),
            })
            .collect(),
        Report::Feedback(feedback) => vec![("feedback".to_owned(), false, feedback.kind.clone())],
        Report::AutoReply(answer) => vec![("auto".to_owned(), false, answer.sign.to_string())],
        Report::None => Vec::new(),
    }
}

#[test]
fn agrees_with_the_bounce_corpus() {
    let dictionary = Dictionary::builtin();
    let expected = json("bounces/sisimai-open/expected.json");
    let (mut total, mut found_rows, mut family, mut hard, mut differing) = (0, 0, 0, 0, Vec::new());
    for file in expected["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let found = rows(&read(&format!("bounces/sisimai-open/{name}"), &dictionary));
        for (place, row) in file["rows"].as_array().unwrap().iter().enumerate() {
            total += 1;
            let wanted = row["family"].as_str().unwrap();
            let Some((got, got_hard, words)) = found.get(place) else {
                differing.push(format!("-- {name}: not found ({wanted})"));
                continue;
            };
            found_rows += 1;
            let family_fits = wanted == "any" || wanted == got;
            let hard_fits = row["hard"] == *got_hard;
            family += usize::from(family_fits);
            hard += usize::from(hard_fits);
            if !family_fits || !hard_fits {
                let reason = row["reason"].as_str().unwrap();
                let marks = format!("{}{}", if family_fits { ' ' } else { 'F' }, if hard_fits { ' ' } else { 'H' });
                let words: String = words.chars().take(200).collect();
                differing
                    .push(format!("{marks} {name}: {wanted}/{reason} {} | {got} {got_hard} | {words}", row["hard"]));
            }
        }
        if found.len() > file["rows"].as_array().unwrap().len() {
            differing.push(format!("++ {name}: {} rows: {found:?}", found.len()));
        }
    }
    println!("{total} rows, found {found_rows}, family {family}, hard {hard}\n{}", differing.join("\n"));
    assert_eq!(total, 294);
    assert!(found_rows >= 287, "found {found_rows} of {total}");
    assert!(family >= 275, "family agrees on {family} of {total}");
    assert!(hard >= 260, "hard agrees on {hard} of {total}");
}

#[test]
fn line_ends_do_not_matter() {
    let dictionary = Dictionary::builtin();
    let expected = json("bounces/sisimai-open/expected.json");
    for twin in expected["newline_twins"].as_array().unwrap() {
        let path = |key: &str| format!("bounces/sisimai-open/{}", twin[key].as_str().unwrap());
        let (found, wanted) = (rows(&read(&path("file"), &dictionary)), rows(&read(&path("twin_of"), &dictionary)));
        let meaning =
            |rows: &[(String, bool, String)]| rows.iter().map(|row| (row.0.clone(), row.1)).collect::<Vec<_>>();
        assert_eq!(meaning(&found), meaning(&wanted), "{}", twin["file"]);
    }
}

#[test]
fn a_mail_that_is_no_bounce_is_none() {
    let dictionary = Dictionary::builtin();
    assert_eq!(rows(&read("bounces/sisimai-open/not/is-not-bounce-01.eml", &dictionary)), []);
}

#[test]
fn fields_of_structured_reports() {
    let dictionary = Dictionary::builtin();
    let expected = json("bounces/kumomta-rfc3464/expected.json");
    for file in expected["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let Report::Delivery(found) = read(&format!("bounces/kumomta-rfc3464/{name}"), &dictionary) else {
            panic!("{name} is no delivery report")
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let wanted = &file["expected"];
        assert_eq!(found.reporting_mta, text(&wanted["per_message"]["reporting_mta"]["name"]), "{name}");
        assert_eq!(found.envelope_id, text(&wanted["per_message"]["original_envelope_id"]), "{name}");
        let recipients = wanted["per_recipient"].as_array().unwrap();
        assert_eq!(found.recipients.len(), recipients.len(), "{name}");
        for (got, wanted) in found.recipients.iter().zip(recipients) {
            assert_eq!(got.recipient, text(&wanted["final_recipient"]["recipient"]), "{name}");
            assert_eq!(got.original_recipient, text(&wanted["original_recipient"]["recipient"]), "{name}");
            assert_eq!(got.action.as_str(), wanted["action"].as_str().unwrap(), "{name}");
            let status = text(&wanted["status"]).or_else(|| text(&wanted["status"]["code"]));
            assert_eq!(got.status.map(|status| status.to_string()), status, "{name}");
            assert_eq!(got.remote_mta, text(&wanted["remote_mta"]["name"]), "{name}");
        }
    }
}

#[test]
fn recipients_of_structured_reports() {
    let check = |field: &str, expected: &str| {
        let mail = format!(
            "From: MAILER-DAEMON@mx.test\nContent-Type: multipart/report; report-type=delivery-status; boundary=f\n\n\
             --f\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n\n\
             Final-Recipient: {field}\nAction: failed\nStatus: 5.1.1\n--f--\n"
        );
        let Report::Delivery(report) = read_text(&mail) else { panic!("{mail}") };
        assert_eq!(report.recipients[0].recipient.as_deref(), Some(expected), "{field}");
    };
    check("rfc822; a@example.org", "a@example.org");
    check("RFC822;<a@example.org>", "a@example.org");
    check("a@example.org", "a@example.org");
    check("rfc822; a@example.org (mailbox full)", "a@example.org");
    // Whoever sends to such an address must not have another one suppressed.
    check("rfc822; \"a;b c\"@example.org", "\"a;b c\"@example.org");
    check("rfc822; <\"x y\"@example.org>", "\"x y\"@example.org");
}

#[test]
fn fields_of_complaints() {
    let dictionary = Dictionary::builtin();
    let expected = json("complaints/kumomta-rfc5965/expected.json");
    for file in expected["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let Report::Feedback(found) = read(&format!("complaints/kumomta-rfc5965/{name}"), &dictionary) else {
            panic!("{name} is no feedback")
        };
        let wanted = &file["expected"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        assert_eq!(Some(found.kind.clone()), text(&wanted["feedback_type"]), "{name}");
        assert_eq!(found.user_agent, text(&wanted["user_agent"]), "{name}");
        assert_eq!(found.source_ip, text(&wanted["source_ip"]), "{name}");
        assert_eq!(found.reporting_mta, text(&wanted["reporting_mta"]["name"]), "{name}");
        assert_eq!(found.envelope_id, text(&wanted["original_envelope_id"]), "{name}");
        assert_eq!(found.mail_from, text(&wanted["original_mail_from"]), "{name}");
        if let Some(first) = wanted["original_rcpto_to"].get(0) {
            assert_eq!(found.recipient, text(first), "{name}");
        }
        assert_eq!(Value::from(found.reported_domains.clone()), wanted["reported_domain"], "{name}");
        assert!(!found.original.headers.is_empty(), "{name} quotes its original");
    }
    for number in 1..=5 {
        let wanted = json(&format!("complaints/mail-auth-arf/{number:03}.json"));
        let name = format!("complaints/mail-auth-arf/{number:03}.eml");
        let Report::Feedback(found) = read(&name, &dictionary) else { panic!("{name} is no feedback") };
        let kind: String = wanted["feedback_type"].as_str().unwrap().to_ascii_lowercase();
        assert_eq!(found.kind.replace('-', ""), kind, "{name}");
        assert_eq!(found.incidents, wanted["incidents"].as_u64().unwrap() as u32, "{name}");
        assert_eq!(found.source_ip.as_deref(), wanted["source_ip"].as_str(), "{name}");
    }
}

fn read_text(mail: &str) -> Report {
    report::read(mail.as_bytes(), &Dictionary::builtin())
}

#[test]
fn a_complaint_in_the_form_of_microsoft() {
    let mail = "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\n\
        X-HmXmrOriginalRecipient: ada@hotmail.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\
        Content-Type: message/rfc822\n\nX-Originating-IP: [192.0.2.1]\nReturn-Path: b.cnqw2v7m9hk3xaaaa@bounce.example.com\n\
        Message-ID: <r.abc@example.com>\n\nHello\n--x--\n";
    let Report::Feedback(found) = read_text(mail) else { panic!("no feedback") };
    assert_eq!((found.format.as_str(), found.kind.as_str(), found.is_complaint()), ("jmrp", "abuse", true));
    assert_eq!((found.recipient.as_deref(), found.source_ip.as_deref()), (Some("ada@hotmail.com"), Some("192.0.2.1")));
    assert_eq!(found.original.verp().unwrap().local, "b.cnqw2v7m9hk3xaaaa");
    let places: Vec<&str> = found.original.token_places().collect();
    assert_eq!(places[..2], ["b.cnqw2v7m9hk3xaaaa@bounce.example.com", "r.abc@example.com"]);
}

#[test]
fn mails_that_ask_to_be_taken_off() {
    let check = |subject: &str, expected: bool| {
        let mail = format!("From: Ada <ada@example.org>\nTo: u@example.com\nSubject: {subject}\n\nplease\n");
        let opt_out =
            matches!(read_text(&mail), Report::Feedback(found) if found.is_opt_out() && !found.is_complaint());
        assert_eq!(opt_out, expected, "{subject}");
    };
    check("unsubscribe", true);
    check("Unsubscribe ", true);
    check("u.AbCdEfGhIjKlMnOpQrStUvWxYz012345", true);
    check("unsubscribe me from this lunch", false);
    check("u. know what I mean", false);
}

#[test]
fn a_bounce_inside_a_forwarded_mail_is_found() {
    let inner = "From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n\n\
        Hi. This is the qmail-send program at mx.example.net.\n\n<ada@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n\
        --- Below this line is a copy of the message.\n\nMessage-ID: <1@example.com>\nFrom: news@example.com\n";
    let mail = format!(
        "From: colleague@example.com\nSubject: Fwd: look\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nsee below\n\
         --x\nContent-Type: message/rfc822\n\n{inner}\n--x--\n"
    );
    for mail in [inner, &mail] {
        let Report::Delivery(found) = read_text(mail) else { panic!("no bounce") };
        assert_eq!(found.recipients[0].recipient.as_deref(), Some("ada@example.org"));
        assert!(found.recipients[0].class.suppress, "{:?}", found.recipients[0]);
        assert_eq!(found.original.message_id.as_deref(), Some("1@example.com"));
    }
}

#[test]
fn ordinary_mail_is_left_alone() {
    let plain =
        "From: ada@example.org\nSubject: Re: your offer\n\nThe delivery failed to convince me. 550 people asked.\n";
    assert_eq!(read_text(plain), Report::None);
    assert_eq!(read_text(""), Report::None);
}

#[test]
fn long_reports_are_cut() {
    let mut mail = "From: MAILER-DAEMON@x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n".to_owned();
    for n in 0..1_000 {
        mail.push_str(&format!("\nFinal-Recipient: rfc822; a{n}@example.org\nAction: failed\nStatus: 5.1.1\n"));
    }
    let Report::Delivery(found) = read_text(&mail) else { panic!("no report") };
    assert_eq!(found.recipients.len(), report::limits::RECIPIENTS_MAX);
}

mod broken {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::builtin);
    static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let mut seeds = Vec::new();
        for folder in [
            "bounces/sisimai-open/mail",
            "bounces/kumomta-rfc3464",
            "complaints/mail-auth-arf",
            "complaints/kumomta-rfc5965",
        ] {
            let mut paths: Vec<_> =
                std::fs::read_dir(format!("{}/{folder}", fixtures())).unwrap().map(|e| e.unwrap().path()).collect();
            paths.sort();
            seeds.extend(
                paths
                    .iter()
                    .filter(|path| path.extension().is_some_and(|e| e == "eml"))
                    .map(|path| std::fs::read(path).unwrap()),
            );
        }
        seeds
    });

    /// Cuts, doubles, swaps and spoils pieces of a mail.
    fn spoil(mail: &mut Vec<u8>, changes: &[(u8, usize, usize, u8)]) {
        for &(what, at, length, byte) in changes {
            let at = at % (mail.len() + 1);
            let end = (at + length % 200).min(mail.len());
            match what % 5 {
                0 => drop(mail.drain(at..end)),
                1 => mail.insert(at, byte),
                2 => mail[at..end].fill(byte),
                3 => {
                    let piece = mail[at..end].to_vec();
                    mail.splice(at..at, piece);
                }
                _ => mail.truncate(at),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn mails_never_panic(seed: prop::sample::Index, changes in prop::collection::vec(any::<(u8, usize, usize, u8)>(), 1..12)) {
            let mut mail = seed.get(&SEEDS).clone();
            spoil(&mut mail, &changes);
            if let Report::Delivery(report) = report::read(&mail, &DICTIONARY) {
                prop_assert!(report.recipients.len() <= report::limits::RECIPIENTS_MAX);
                prop_assert!(report.recipients.iter().all(|one| !one.class.suppress || one.action == Action::Failed));
            }
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
            report::read(&noise, &DICTIONARY);
        }
    }
}
