//! `ies inspect` refuses what it does not know, with the exit codes of the guide: 1 refused input, 2 wrong usage.

use std::io::Write as _;
use std::process::Stdio;

fn check(args: &[&str], input: &str, code: i32, expected: &str) {
    let mut child = crate::ies()
        .arg("inspect")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.contains(expected), "{args:?}: {said}");
}

#[test]
fn unknown_providers_are_wrong_usage() {
    let full = "452 4.2.2 full\n";
    check(&["reply", "--provider", "gmail"], full, 0, "\"category\"");
    check(&["reply", "--provider", "gmial"], full, 2, "there is no such provider; did you mean gmail?");
    check(&["reply", "--provider", "Orange"], full, 2, "did you mean orange?");
    check(&["reply", "--provider", "zzzzzz"], full, 2, "there is no such provider; there are gmail, outlook");
}

#[test]
fn nonsense_is_refused() {
    check(&["mx"], "mx00.gmx.net\n", 0, "\"gmx\"");
    check(&["mx"], "mx00.gmx.net\nwhat is this?\n", 0, "is not the name of a host");
    check(&["mx"], "what is this?\n", 1, "\"at\":\"line 1\"");
    check(&["mime"], "hello\n", 1, "\"not-a-mail\"");
    check(&["bounce"], "hello\n", 1, "\"not-a-mail\"");
    check(&["feedback"], "hello\n", 1, "\"not-feedback\"");
    check(&["mjml"], "hello\n", 1, "\"error\"");
    check(&["reply"], "\n", 1, "\"empty\"");
    check(&["reply", "/none"], "", 2, "/none");
}

#[test]
fn senders_are_judged_by_a_zone_file() {
    let dir = tempfile::tempdir().unwrap();
    let zone = dir.path().join("zone.json");
    let key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let records = format!(
        r#"{{"example.org": {{"TXT": ["v=spf1 include:_spf.example.org -all"]}},
            "_spf.example.org": {{"TXT": ["v=spf1 a:mta.example.org ~all"]}},
            "mta.example.org": {{"A": ["192.0.2.1"]}},
            "_dmarc.example.org": {{"TXT": ["v=DMARC1; p=reject"]}},
            "s._domainkey.example.org": {{"TXT": ["{key}"]}}}}"#
    );
    std::fs::write(&zone, records).unwrap();
    let zone = zone.to_str().unwrap();
    let spf = |ip: &str, expected: &str| {
        check(&["spf", "--ip", ip, "--from", "a@example.org", "--zone", zone], "", 0, expected);
    };
    spf("192.0.2.1", "\"mechanism\":\"include:_spf.example.org > a:mta.example.org\"");
    spf("192.0.2.1", "\"lookups\":2");
    spf("192.0.2.9", "\"result\":\"fail\"");
    let mail = "From: a@example.org\nSubject: hi\n\nhi\n";
    let dmarc = ["dmarc", "--ip", "192.0.2.1", "--from", "a@example.org", "--zone", zone];
    check(&dmarc, mail, 0, "\"aligned_by\":\"spf\"");
    check(&["dkim", "--zone", zone], mail, 0, "\"result\":\"none\"");
    let signature = "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s; h=from; bh=AAAA; b=AAAA\n";
    let signed = format!("{signature}{mail}");
    check(&["dkim", "--zone", zone], &signed, 0, "the body is not the one that was signed");
    check(&["dkim", "--zone", zone], &signed, 0, "\"aligned\":true");
    check(&["arc", "--zone", zone], mail, 0, "\"result\":\"none\"");
    check(&["arc", "--zone", zone], "hello\n", 1, "\"not-a-mail\"");
    check(&["dkim", "--zone", "/none"], mail, 1, "\"no-zone\"");
    check(&["dkim"], mail, 2, "--online");
    check(&["spf", "--ip", "nobody", "--online"], "", 2, "--ip");
}
