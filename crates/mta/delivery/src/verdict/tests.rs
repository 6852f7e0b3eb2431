//! The table, case by case.

use super::*;

static DICTIONARY: std::sync::LazyLock<Arc<Dictionary>> = std::sync::LazyLock::new(|| Arc::new(Dictionary::builtin()));

fn judge(config: &Config) -> Judge {
    Judge::new(Arc::clone(&DICTIONARY), config)
}

/// `disposition scope category`, with `suppress` and `wait` where they are set.
fn show(verdict: &Verdict) -> String {
    let category = verdict.category.map_or("-", Category::as_str);
    let mut text = format!("{} {} {category}", verdict.disposition, verdict.scope);
    if verdict.suppress {
        text.push_str(" suppress");
    }
    if let Some(wait_s) = verdict.wait_s {
        text.push_str(&format!(" wait={wait_s}"));
    }
    text
}

fn read(line: &str) -> Reply {
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    Reply::new(code.parse().unwrap(), text)
}

fn check(phase: Phase, provider: &str, line: &str, expected: &str) {
    let verdict = judge(&Config::default()).reply(phase, &read(line), provider, true);
    let shown = show(&verdict);
    let shown = shown.split(" wait=").next().unwrap();
    assert_eq!(shown, expected, "{phase:?} {provider} {line}");
}

#[test]
fn only_2xx_to_the_dot_delivers() {
    check(Phase::Dot, "gmail", "250 2.0.0 OK 1790000000 abc - gsmtp", "delivered recipient -");
    check(Phase::Dot, "gmail", "354 odd", "deferred connection protocol-errors");
    check(Phase::Data, "gmail", "250 2.0.0 OK", "deferred connection protocol-errors");
}

#[test]
fn recipients() {
    let check = |provider, line, expected| check(Phase::RcptTo, provider, line, expected);
    check("x", "550 5.1.1 User unknown", "bounced recipient bad-mailbox suppress");
    check(
        "gmail",
        "550 5.2.1 The email account that you tried to reach is disabled",
        "bounced recipient inactive-mailbox",
    );
    check("x", "552 5.2.2 Mailbox full", "bounced recipient quota-issues");
    check("x", "452 4.2.2 Mailbox full", "deferred recipient quota-issues");
    check("x", "450 4.2.0 Recipient address rejected: Greylisted", "deferred recipient greylisted");
    check("x", "550 Greylisted, try again in 300 seconds", "deferred recipient greylisted");
    check("x", "452 4.5.3 Too many recipients", "deferred connection too-many-recipients");
    check("x", "554 5.7.1 Relay access denied", "bounced recipient relaying-issues");
    check("x", "504 5.5.4 Unrecognized parameter", "bounced recipient protocol-errors");
    check("x", "503 5.5.1 Bad sequence of commands", "deferred connection protocol-errors");
    check("x", "421 4.2.1 Mailbox busy", "deferred connection bad-connection");
}

#[test]
fn providers() {
    let check = |provider, line, expected| check(Phase::Dot, provider, line, expected);
    let unusual =
        "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address";
    check("gmail", unusual, "deferred source rate-limited");
    check(
        "gmail",
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated.",
        "bounced domain authentication-failed",
    );
    check(
        "yahoo",
        "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume",
        "deferred source reputation",
    );
    check("yahoo", "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", "bounced source reputation");
    check(
        "outlook",
        "451 4.7.652 The mail server [192.0.2.1] has exceeded the maximum number of connections. (S3115)",
        "deferred connection rate-limited",
    );
    check(
        "outlook",
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. S3150",
        "bounced source reputation",
    );
    check(
        "outlook",
        "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.",
        "bounced domain authentication-failed",
    );
    check(
        "icloud",
        "421 4.7.1 [HCM1] Your mail from 192.0.2.1 was deferred. Please try again later.",
        "deferred source rate-limited",
    );
    check("orange", "550 5.2.0 Mail rejete. Mail rejected. OFR_506 [506]", "bounced message spam-related");
    check("sfr", "421 4.7.1 SFR_IN_105 Volume trop important", "deferred source rate-limited");
    check("qq", "550 Ip frequency limited", "deferred source rate-limited");
    check("yahoo-japan", "553 Mail from 192.0.2.1 not allowed - VS98-IP0 deferred", "deferred source rate-limited");
}

#[test]
fn before_any_recipient() {
    check(Phase::Greeting, "x", "554 5.7.1 Client host blocked using zen.spamhaus.org", "deferred source reputation");
    check(Phase::Greeting, "x", "421 4.3.2 Too busy", "deferred connection bad-connection");
    check(Phase::Greeting, "x", "550 5.1.1 User unknown", "deferred connection bad-mailbox");
    check(
        Phase::Ehlo,
        "orange",
        "501 5.5.4 HELO/EHLO non conforme. OFR004_201 [201]",
        "deferred source policy-related",
    );
    check(Phase::MailFrom, "x", "550 5.1.8 Sender address rejected: Domain not found", "bounced domain invalid-sender");
    check(Phase::MailFrom, "x", "550 5.1.1 User unknown", "bounced message bad-mailbox");
    check(
        Phase::MailFrom,
        "x",
        "530 5.7.0 Must issue a STARTTLS command first",
        "deferred connection authentication-failed",
    );
    check(Phase::MailFrom, "x", "555 5.5.4 Unsupported option: SIZE", "bounced message protocol-errors");
}

#[test]
fn a_reply_to_several_recipients_concerns_the_message() {
    let judge = judge(&Config::default());
    let reply = read("550 5.1.1 User unknown");
    assert_eq!(show(&judge.reply(Phase::Dot, &reply, "x", true)), "bounced recipient bad-mailbox suppress");
    assert_eq!(show(&judge.reply(Phase::Dot, &reply, "x", false)), "bounced message bad-mailbox");
    assert_eq!(show(&judge.reply(Phase::RcptTo, &reply, "x", false)), "bounced recipient bad-mailbox suppress");
}

#[test]
fn the_operator_may_want_blocked_mail_tried_again() {
    let judge = judge(&Config { permanent_block: PermanentBlock::Retry, ..Config::default() });
    let shown =
        show(&judge.reply(Phase::Dot, &read("554 5.7.1 Client host blocked using zen.spamhaus.org"), "x", true));
    assert!(shown.starts_with("deferred source reputation"), "{shown}");
}

#[test]
fn waits_are_passed_on_only_when_there_is_a_next_time() {
    let judge = judge(&Config::default());
    let greylisted = read("451 4.7.1 Greylisting in action, try again in 300 seconds");
    assert_eq!(judge.reply(Phase::RcptTo, &greylisted, "x", true).wait_s, Some(300));
    assert_eq!(judge.reply(Phase::RcptTo, &read("550 5.1.1 User unknown"), "x", true).wait_s, None);
}

#[test]
fn errors() {
    let io = |kind: io::ErrorKind| ErrorKind::Io(kind.into());
    let judge = judge(&Config::default());
    let check = |phase, kind, expected: &str| {
        let error = ClientError { phase, dot_sent: false, kind };
        let shown = show(&judge.error(&error, "x", true));
        assert_eq!(shown.split(" wait=").next().unwrap(), expected, "{phase:?} {error}");
    };
    check(Phase::Connect, io(io::ErrorKind::ConnectionRefused), "deferred connection bad-connection");
    check(Phase::Connect, ErrorKind::Timeout, "deferred connection no-answer-from-host");
    check(Phase::Connect, io(io::ErrorKind::HostUnreachable), "deferred connection no-answer-from-host");
    check(Phase::Greeting, ErrorKind::Closed, "deferred connection bad-connection");
    check(Phase::Tls, ErrorKind::NotOffered("STARTTLS"), "deferred connection policy-related");
    check(Phase::Tls, ErrorKind::Tls(io::ErrorKind::InvalidData.into()), "deferred connection bad-connection");
    check(Phase::MailFrom, ErrorKind::NotOffered("SMTPUTF8"), "bounced recipient content-related");
    check(Phase::RcptTo, ErrorKind::Timeout, "deferred connection no-answer-from-host");
    check(Phase::Data, io(io::ErrorKind::BrokenPipe), "deferred connection bad-connection");
    check(Phase::Greeting, ErrorKind::Protocol("no reply code"), "deferred connection protocol-errors");
    check(Phase::Greeting, ErrorKind::Refused(read("554 5.7.1 Blocked")), "deferred connection policy-related");
    for (failure, expected) in [
        (Failure::LostAfterDot, "deferred connection bad-connection"),
        (Failure::SourceDown, "deferred source other"),
        (Failure::PolicyUnmet, "deferred domain bad-connection"),
    ] {
        assert_eq!(show(&judge.failure(failure)).split(" wait=").next(), Some(expected), "{failure:?}");
    }
}

#[test]
fn nothing_but_a_delivery_is_without_a_name() {
    let judge = judge(&Config::default());
    for failure in Failure::ALL {
        assert!(judge.failure(*failure).category.is_some(), "{failure:?}");
    }
    for phase in [Phase::Greeting, Phase::Ehlo, Phase::MailFrom, Phase::RcptTo, Phase::Data, Phase::Dot] {
        for code in 200..600 {
            let verdict = judge.reply(phase, &Reply::new(code, ""), "x", true);
            let delivered = phase == Phase::Dot && (200..300).contains(&code);
            assert_eq!(verdict.disposition == Disposition::Delivered, delivered, "{phase:?} {code}");
            assert_eq!(verdict.category.is_none(), delivered, "{phase:?} {code}");
        }
    }
}
