//! The demo, small: a campaign to all ten providers ends with all books in agreement, also when the suite is killed, and
//! whatever else is sent meanwhile. Serving on, it outlives books that do not agree.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use suite::client::{Client, Door};

use crate::world::Talk;

/// Longest wait for one line of the demo's output.
const LINE_MAX: Duration = Duration::from_secs(180);

/// A demo at work; killed when dropped.
struct Demo {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// What it has printed so far.
    said: String,
}

impl Demo {
    fn start(dir: &Path, args: &[&str]) -> Demo {
        let mut command = crate::ies();
        command.args(["demo", "--dir"]).arg(dir).args(args).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Demo { child, lines, said: String::new() }
    }

    /// The next line; none when it has ended, or says nothing for too long.
    fn line(&mut self) -> Option<String> {
        let line = self.lines.recv_timeout(LINE_MAX).ok()?;
        self.said.push_str(&line);
        self.said.push('\n');
        Some(line)
    }

    /// The first line with these words.
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            match self.line() {
                Some(line) if line.contains(words) => return line,
                Some(_) => {}
                None => panic!("{words:?} was not said:\n{}", self.said),
            }
        }
    }

    /// Asks it to end.
    fn stop(self) -> (bool, String) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.end()
    }

    /// Whether it ends well, and all it printed.
    fn end(mut self) -> (bool, String) {
        while self.line().is_some() {}
        (self.child.wait().unwrap().success(), std::mem::take(&mut self.said))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            // Asked, it takes its suite along.
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }
}

/// Runs a demo to its end; `on_line` sees every line as it is printed. Returns whether it succeeded, and all it printed.
fn run(contacts: &str, dir: &Path, mut on_line: impl FnMut(&str)) -> (bool, String) {
    let mut demo = Demo::start(dir, &["--once", "--contacts", contacts]);
    while let Some(line) = demo.line() {
        on_line(&line);
    }
    demo.end()
}

#[tokio::test]
async fn every_recipient_has_one_outcome_and_the_books_agree() {
    let dir = tempfile::tempdir().unwrap();
    let (success, output) = run("600", &dir.path().join("demo"), |_| {});
    assert!(success, "{output}");
    assert!(output.contains("600 recipients, each with one final outcome"), "{output}");
    assert!(output.contains("600 contacts imported, 1 row refused"), "{output}");
    assert!(output.contains("    line 253, email: the address has no @\n"), "{output}");
    let file = std::fs::read_to_string(dir.path().join("demo/contacts-refused.csv")).unwrap();
    assert_eq!(file.lines().count(), 2, "{file}");
    let kinds = crate::events::check(&dir.path().join("demo/data/events")).await;
    // Few people complain or unsubscribe: with so few mails perhaps nobody.
    for kind in ["received", "delivered", "deferred", "bounced", "opened", "clicked"] {
        assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
    }
}

#[tokio::test]
async fn mail_of_others_leaves_the_books_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("demo");
    let mut demo = Demo::start(&dir, &["--contacts", "300"]);
    demo.wait_for("is on its way");
    demo.wait_for("the history of one recipient");
    let first = demo.line().unwrap();
    let client = Client::new(&Door::read(&dir.join("data")).unwrap()).unwrap();
    send_others(&client, &dir).await;
    demo.wait_for("what happened to one recipient");
    let last = demo.line().unwrap();
    demo.wait_for("queue, event store, report and lab agree: 300 recipients");
    demo.wait_for("Look around");
    // As a person would paste it.
    for command in [first, last] {
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        let history = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && history.contains("  deferred  "), "{command}: {history}");
    }
    let (success, output) = demo.stop();
    assert!(success, "{output}");
    assert!(client.get::<Value>("/api/v1/queues").await.is_err(), "asked to end, the demo takes its suite along");
}

#[tokio::test]
async fn books_that_do_not_agree_are_told_and_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("demo");
    let mut demo = Demo::start(&dir, &["--contacts", "30"]);
    let port = demo.wait_for("ten providers").rsplit_once("port ").unwrap().1.parse().unwrap();
    demo.wait_for("is on its way");
    let client = Client::new(&Door::read(&dir.join("data")).unwrap()).unwrap();
    let all: Value = client.get("/api/v1/campaigns").await.unwrap();
    // A mail that says it is one of the campaign's, and that the suite knows nothing of.
    let forged = format!(
        "From: a@b.example\r\nFeedback-ID: {}:x\r\n\r\nHello\r\n.\r\n",
        all["items"][0]["id"].as_str().unwrap()
    );
    let mut gmail = Talk::open(SocketAddr::from(([127, 0, 10, 1], port))).await;
    let reply = gmail.send("postmaster@gmail.com", forged.as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    demo.wait_for("the books do not agree");
    demo.wait_for("different mails taken by the providers");
    demo.wait_for("Look around");
    // A new one: the suite has closed the connection that was idle for so long.
    let client = Client::new(&Door::read(&dir.join("data")).unwrap()).unwrap();
    client.get::<Value>("/api/v1/queues").await.unwrap();
    let (success, output) = demo.stop();
    assert!(success, "{output}");
}

/// One test mail, and a campaign of somebody's own to people of the lab.
async fn send_others(client: &Client, dir: &Path) {
    let mut send = crate::ies();
    send.args(["send", "--from", "me@example.com", "--to", "postmaster@gmail.com", "--config"])
        .arg(dir.join("ies.toml"));
    let (sent, said) = crate::world::output(send).await;
    assert!(sent, "{said}");
    let list: Value = client.post("/api/v1/lists", &json!({ "name": "Mine" })).await.unwrap();
    let list = list["id"].as_str().unwrap();
    for address in ["postmaster@gmail.com", "postmaster@gmx.de", "nobody@nowhere.invalid"] {
        let contact = json!({ "address": address, "lists": [list] });
        client.post::<Value>("/api/v1/contacts", &contact).await.unwrap();
    }
    let all: Value = client.get("/api/v1/campaigns").await.unwrap();
    let mut own = json!({ "name": "Mine", "subject": "Hello", "list": list, "format": "text", "body": "Hello" });
    own["from_address"] = all["items"][0]["from_address"].clone();
    own["stream"] = json!("bulk");
    let own: Value = client.post("/api/v1/campaigns", &own).await.unwrap();
    let path = format!("/api/v1/campaigns/{}/send", own["id"].as_str().unwrap());
    client.post::<Value>(&path, &json!(null)).await.unwrap();
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
