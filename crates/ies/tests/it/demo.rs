//! The demo, small: a campaign to all ten providers ends with all books in agreement, also when the suite is killed.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for one line of the demo's output.
const LINE_MAX: Duration = Duration::from_secs(180);

/// Runs a demo; `on_line` sees every line as it is printed. Returns whether it succeeded, and all it printed.
fn run(contacts: &str, dir: &std::path::Path, mut on_line: impl FnMut(&str)) -> (bool, String) {
    let mut child = crate::ies()
        .args(["demo", "--once", "--contacts", contacts, "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut all = String::new();
    while let Ok(line) = lines.recv_timeout(LINE_MAX) {
        on_line(&line);
        all.push_str(&line);
        all.push('\n');
    }
    if child.try_wait().unwrap().is_none() && !reader.is_finished() {
        child.kill().unwrap();
    }
    (child.wait().unwrap().success(), all)
}

#[tokio::test]
async fn every_recipient_has_one_outcome_and_the_books_agree() {
    let dir = tempfile::tempdir().unwrap();
    let (success, output) = run("600", &dir.path().join("demo"), |_| {});
    assert!(success, "{output}");
    assert!(output.contains("600 recipients, each with one final outcome"), "{output}");
    assert!(output.contains("600 contacts imported, 1 rows refused"), "{output}");
    let kinds = crate::events::check(&dir.path().join("demo/data/events")).await;
    // Few people complain or unsubscribe: with so few mails perhaps nobody.
    for kind in ["received", "delivered", "deferred", "bounced", "opened", "clicked"] {
        assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
    }
}

#[test]
fn a_suite_that_is_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    let door = demo.join("data/local.json");
    let mut kills = 0;
    let (success, output) = run("1500", &demo, |line| {
        // Once while the recipients are handed over, once in the middle of the delivery.
        if (kills == 0 && line.contains("is on its way")) || (kills == 1 && line.contains("of 1500 done")) {
            let text = std::fs::read_to_string(&door).unwrap();
            let door: serde_json::Value = serde_json::from_str(&text).unwrap();
            let killed = std::process::Command::new("kill").args(["-9", &door["pid"].to_string()]).status().unwrap();
            kills += usize::from(killed.success());
        }
    });
    assert!(success, "{output}");
    assert!(output.contains("1500 recipients, each with one final outcome"), "{output}");
    assert!(output.contains("the suite was killed 2 times"), "{output}");
}
