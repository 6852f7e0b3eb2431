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
    check(&["mx"], "mx00.gmx.net\nwhat is this?\n", 1, "\"at\":\"line 2\"");
    check(&["mime"], "hello\n", 1, "\"not-a-mail\"");
    check(&["bounce"], "hello\n", 1, "\"not-a-mail\"");
    check(&["feedback"], "hello\n", 1, "\"not-feedback\"");
    check(&["mjml"], "hello\n", 1, "\"error\"");
    check(&["reply"], "\n", 1, "\"empty\"");
    check(&["reply", "/none"], "", 2, "/none");
}
