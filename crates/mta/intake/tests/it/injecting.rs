//! Injection: what is committed, once, whatever breaks in the middle.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use intake::injection::service::Idempotency;
use intake::injection::stream::{Lines, Step, StreamTrouble};
use intake::injection::{Accepted, Config, InjectionError, Injections, KeyTrouble, Taken, Ways};
use intake::{Intake, Known};
use journal::spool::{Opened, Spool, SpoolOptions};
use model::handoff::Admitted;
use model::submission::{Content, Origin, Protocol};
use model::time::{Clock, ManualClock};
use tokio::sync::mpsc;

use crate::kit::{NOW, known, log_options};

/// An intake without listeners, whose disk outlives it.
struct Desk {
    injections: Injections,
    intake: Intake,
    spool: Spool,
    admitted: mpsc::Receiver<Admitted>,
    clock: ManualClock,
    /// Recipients that were on disk when it was opened.
    found: Vec<Admitted>,
}

impl Desk {
    fn open(dir: &Path, admitted_max: usize) -> Desk {
        let clock = ManualClock::new(NOW);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let options = SpoolOptions { log: log_options(), admitted_max, ..SpoolOptions::default() };
        let Opened { spool, admitted, recovery } = Spool::open(&dir.join("spool"), options).unwrap();
        let config = intake::Config { free_disk_min: model::units::Size(0), ..intake::Config::default() };
        let known: Known = known();
        let intake = Intake::new(spool.clone(), recovery.newest_id, 1, &config, known, shared.clone());
        let ways = Ways { bounce_domains: vec!["bounce.example.org".to_owned()], ..Ways::default() };
        let dir = dir.join("injections");
        let injections = Injections::open(&dir, intake.clone(), Config::default(), ways, shared).unwrap();
        Desk { injections, intake, spool, admitted, clock, found: recovery.admitted }
    }

    fn origin() -> Origin {
        Origin { protocol: Protocol::Http, peer: None, user: None }
    }

    async fn take(&self, body: &str, key: Option<&str>) -> Result<Taken, KeyTrouble> {
        let ways = self.injections.ways().clone();
        let draft = self.injections.draft(body.as_bytes().to_vec(), ways, Self::origin()).await.unwrap();
        let key = key.map(|key| Idempotency { caller: "shop", key });
        self.injections.take(draft, key).await
    }

    async fn refused(&self, body: &str) -> InjectionError {
        let ways = self.injections.ways().clone();
        let draft = self.injections.draft(body.as_bytes().to_vec(), ways, Self::origin()).await;
        draft.err().unwrap_or_else(|| panic!("it was taken: {body}"))
    }

    /// Commits; whether it had been committed before, and the answer.
    async fn inject(&self, body: &str, key: Option<&str>) -> (bool, Accepted) {
        match self.take(body, key).await.unwrap() {
            Taken::Before(accepted) => (true, accepted),
            Taken::Now(opened) => (false, opened.commit().await.unwrap()),
        }
    }

    fn lines(&self, key: Option<&str>) -> Lines {
        let key = key.map(|key| Idempotency { caller: "shop", key });
        self.injections.lines(self.injections.ways().clone(), Self::origin(), key)
    }

    /// Every address that was admitted since it was opened.
    fn addresses(&mut self) -> Vec<String> {
        let mut found = addresses(&self.found);
        while let Ok(admitted) = self.admitted.try_recv() {
            found.extend(addresses(&[admitted]));
        }
        found
    }

    async fn close(self) {
        self.spool.close().await;
    }
}

fn addresses(admitted: &[Admitted]) -> Vec<String> {
    let recipients = admitted.iter().flat_map(|admitted| &admitted.recipients);
    recipients.map(|recipient| recipient.address.as_deref().unwrap().to_owned()).collect()
}

/// All of these and each once.
fn each_once(mut found: Vec<String>, count: usize) {
    assert_eq!(found.len(), count);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), count, "some are there twice");
}

fn bulk(count: usize) -> String {
    let recipient = |n| format!(r#"{{"address": "u{n}@example.com", "variables": {{"name": "User {n}", "n": {n}}}}}"#);
    let recipients: Vec<String> = (0..count).map(recipient).collect();
    let head = r#""from": "shop@example.org", "subject": "Hello {{ name }}", "text": "{{ n }}", "stream": "bulk""#;
    format!(r#"{{"recipients": [{}], {head}}}"#, recipients.join(",\n"))
}

const HEAD: &str = r#"{"from": "shop@example.org", "subject": "Hello {{ name }}", "text": "{{ n }}"}"#;

fn rows(count: usize) -> String {
    (0..count).map(|n| format!("{{\"address\": \"u{n}@example.com\", \"variables\": {{\"n\": {n}}}}}\n")).collect()
}

/// Sends lines; stops where it is told to.
async fn send(lines: &mut Lines, text: &str) -> Result<(), StreamTrouble> {
    for piece in text.as_bytes().chunks(10_000) {
        lines.push(piece);
        advance(lines).await?;
    }
    Ok(())
}

async fn advance(lines: &mut Lines) -> Result<(), StreamTrouble> {
    loop {
        match lines.step()? {
            Step::Push => return Ok(()),
            Step::Open => lines.open().await?,
            Step::Commit(_) => lines.commit().await?,
        }
    }
}

async fn whole(mut lines: Lines, text: &str) -> Result<Accepted, StreamTrouble> {
    send(&mut lines, text).await?;
    lines.end();
    advance(&mut lines).await?;
    lines.answer().await
}

#[tokio::test]
async fn a_bulk_is_one_content_and_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path(), 256);
    let (before, accepted) = desk.inject(&bulk(10_000), None).await;
    assert!(!before);
    assert_eq!((accepted.recipients, accepted.rejected_count), (10_000, 0));
    let first = desk.admitted.recv().await.unwrap();
    assert_eq!(accepted.first_recipient, None, "so many ids are not in a row");
    let row = desk.spool.read_row(first.recipients[7].row).unwrap();
    assert_eq!((row.address.as_str(), row.values.len()), ("u7@example.com", 2));
    assert!(matches!(&*desk.spool.read_content(accepted.message).unwrap(), Content::Merge(_)));
    desk.found.push(first);
    each_once(desk.addresses(), 10_000);
    assert!(desk.spool.held_open().is_empty(), "nothing can be added");
    let (_, one) = desk.inject(r#"{"raw": "From: a@example.org\n\nx", "to": ["b@example.com", "nobody"]}"#, None).await;
    assert_eq!((one.recipients, one.rejected_count, one.rejected[0].place), (1, 1, 1));
    let admitted = desk.admitted.recv().await.unwrap();
    assert_eq!(Some(admitted.recipients[0].id), one.first_recipient);
    desk.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_of_it_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path(), 256);
    let check = async |body: &str, field: &str, reason: &str| {
        let error = desk.refused(body).await;
        assert!(error.field == field && error.reason.contains(reason), "{body}: {error:?}");
    };
    let to = r#""to": ["a@example.org"]"#;
    let merged = r#""to": ["a@example.org"], "from": "a@example.com", "text": "x""#;
    check("{}", "from", "say who writes").await;
    check(r#"{"raw": "From: a@b.example\n\nx"}"#, "recipients", "give at least one").await;
    check(&format!("{{{to}}}"), "from", "say who writes").await;
    check(r#"{"to": ["nobody"], "from": "a@example.com", "text": "x"}"#, "recipients", "not one of them").await;
    check(&format!(r#"{{{to}, "from": "a@example.com"}}"#), "html", "give").await;
    check(&format!(r#"{{{to}, "raw": "Subject: x\n\nx"}}"#), "raw", "no From").await;
    check(&format!(r#"{{{to}, "raw": "Subject: x\r\n\r\nFrom: x@y.example\n\nx"}}"#), "raw", "no From").await;
    check(&format!(r#"{{{to}, "raw": "From: x@y.example\n\nx", "text": "x"}}"#), "text", "\"raw\" is").await;
    check(&format!(r#"{{{to}, "raw_base64": "!"}}"#), "raw_base64", "not base64").await;
    check(&format!(r#"{{{to}, "colour": "red"}}"#), "colour", "unknown field `colour`").await;
    check(&format!(r#"{{{merged}, "html": "{{% if %}}"}}"#), "html", "").await;
    check(&format!(r#"{{{merged}, "headers": {{"X-A": "b\r\nBcc: c@d.example"}}}}"#), "headers.X-A", "line break")
        .await;
    check(&format!(r#"{{{merged}, "headers": {{"Bcc": "c@d.example"}}}}"#), "attachments", "written by").await;
    check(&format!(r#"{{{merged}, "subject": "a\nBcc: b"}}"#), "subject", "line break").await;
    let author = r#""to": ["a@example.org"], "text": "x", "from""#;
    check(&format!(r#"{{{author}: "a@b.example\r\nBcc: c@d.example"}}"#), "from", "").await;
    check(&format!(r#"{{{author}: {{"name": "a\nBcc: b", "address": "a@b.example"}}}}"#), "from.name", "line break")
        .await;
    check(&format!(r#"{{{merged}, "sender": "a@b.example>\r\nRCPT TO:<c@d.example"}}"#), "sender", "").await;
    check(&format!(r#"{{{merged}, "list_unsubscribe": {{"url": "http://a.example"}}}}"#), "list_unsubscribe", "https")
        .await;
    check(&format!(r#"{{{merged}, "list_unsubscribe": {{"uri": "x"}}}}"#), "list_unsubscribe.uri", "unknown field")
        .await;
    check(&format!(r#"{{{merged}, "bounce_domain": "b.example"}}"#), "bounce_domain", "there are: bounce.example.org")
        .await;
    check(&format!(r#"{{{merged}, "expires": "2020-01-01T00:00:00Z"}}"#), "expires", "expire before").await;
    check(&format!(r#"{{{merged}, "metadata": {{"a=b": "c"}}}}"#), "metadata", "is no name").await;
    check(&format!(r#"{{{merged}, "metadata": {{"a": ["c"]}}}}"#), "metadata", "texts, numbers").await;
    check(&format!(r#"{{{merged}, "tags": [""]}}"#), "tags", "is no tag").await;
    check(&format!(r#"{{{merged}, "dsn": {{"notify": ["never", "delay"]}}}}"#), "dsn.notify", "stands alone").await;
    let wrong = r#"{"recipients": [{"address": "a@b.example"}, {"adress": "c@d.example"}], "from": "a@b.example", "text": "x"}"#;
    check(wrong, "recipients[1]", "unknown field `adress`").await;
    check(
        r#"{"recipients": {"address": "a@b.example"}, "from": "a@b.example", "text": "x"}"#,
        "recipients",
        "expected a sequence",
    )
    .await;
    check(r#"{"to": ["a@b.example"], "#, "", "Failed to parse").await;
    assert!(desk.addresses().is_empty());
    desk.close().await;
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path(), 256);
    let body = bulk(5);
    let (before, first) = desk.inject(&body, Some("k")).await;
    let (again, second) = desk.inject(&body, Some("k")).await;
    assert_eq!((before, again), (false, true));
    assert_eq!(first, second);
    assert_eq!(desk.take(&bulk(6), Some("k")).await.err(), Some(KeyTrouble::OtherBody));
    let Taken::Now(held) = desk.take(&bulk(6), Some("other")).await.unwrap() else { panic!("it is new") };
    assert_eq!(desk.take(&bulk(6), Some("other")).await.err(), Some(KeyTrouble::InProgress));
    drop(held);
    assert!(!desk.inject(&bulk(6), Some("other")).await.0, "nothing of it had been committed");
    each_once(desk.addresses().split_off(5), 6);
    desk.close().await;

    let mut desk = Desk::open(dir.path(), 256);
    desk.injections.settle(&[]).await;
    assert_eq!(desk.inject(&body, Some("k")).await, (true, first.clone()), "after a restart");
    assert_eq!(desk.take(&bulk(6), Some("k")).await.err(), Some(KeyTrouble::OtherBody));
    desk.found.clear();
    assert!(desk.addresses().is_empty(), "nothing was committed twice");
    desk.clock.advance(Duration::from_secs(86_401));
    desk.injections.expire().await;
    assert!(!desk.inject(&body, Some("k")).await.0, "a key is kept for a day");
    desk.close().await;
}

/// Runs `work` in a runtime that ends in the middle of it, as soon as something is in the spool.
fn cut_off(dir: &Path, work: impl AsyncFnOnce(&Desk) + Send + 'static) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // The queue takes nothing: after the first part the next one waits.
    let desk = runtime.block_on(async { Desk::open(dir, 1) });
    let (spool, desk) = (desk.spool.clone(), desk);
    runtime.block_on(async {
        tokio::select! {
            () = work(&desk) => panic!("it was not cut off"),
            () = async { while spool.stats().live_recipients == 0 { tokio::task::yield_now().await } } => {}
        }
    });
    drop(desk);
    runtime.shutdown_background();
    let live = spool.stats().live_recipients as usize;
    let closing = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    closing.block_on(spool.close());
    live
}

#[test]
fn a_bulk_that_was_cut_off_goes_on_under_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let live = cut_off(dir.path(), async |desk| drop(desk.inject(&bulk(20_000), Some("k")).await));
    assert!(live > 0 && live < 20_000, "{live}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut desk = Desk::open(dir.path(), 256);
        desk.injections.settle(&[]).await;
        let (before, accepted) = desk.inject(&bulk(20_000), Some("k")).await;
        assert_eq!((before, accepted.recipients), (false, 20_000));
        let ids: HashSet<_> = desk.found.iter().flat_map(|admitted| &admitted.recipients).map(|one| one.id).collect();
        assert_eq!(ids.len(), live);
        each_once(desk.addresses(), 20_000);
        assert!(desk.inject(&bulk(20_000), Some("k")).await.0);
        desk.close().await;
    });
}

#[test]
fn a_bulk_without_a_key_ends_with_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let live = cut_off(dir.path(), async |desk| drop(desk.inject(&bulk(20_000), None).await));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut desk = Desk::open(dir.path(), 256);
        assert_eq!(desk.spool.held_open().len(), 1);
        desk.injections.settle(&[]).await;
        each_once(desk.addresses(), live);
        desk.close().await;
        let desk = Desk::open(dir.path(), 256);
        assert!(desk.spool.held_open().is_empty() && desk.spool.feeds().is_empty());
        desk.close().await;
    });
}

#[tokio::test]
async fn lines_become_rows_and_bad_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path(), 256);
    let long = format!("{{\"address\": \"{}\"}}", "x".repeat(2 << 20));
    let text = format!(
        "{HEAD}\r\n\"plain@example.com\"\n\n{{\"adress\": \"a@b.example\"}}\nnonsense\n{long}\n{}",
        rows(9_000)
    );
    let text = format!("{text}{{\"address\": \"last@example.com\", \"metadata\": {{\"order\": 7}}}}");
    let accepted = whole(desk.lines(None), &text).await.unwrap();
    assert_eq!((accepted.recipients, accepted.lines), (9_002, Some(9_007)));
    let named: Vec<u64> = accepted.rejected.iter().map(|one| one.place).collect();
    assert_eq!((named, accepted.rejected_count), (vec![4, 5, 6], 3), "{:?}", accepted.rejected);
    assert!(accepted.rejected[2].reason.contains("more than 1048576 bytes"), "{:?}", accepted.rejected[2]);
    each_once(desk.addresses(), 9_002);
    let check = async |text: &str, expected: &str| {
        let error = whole(desk.lines(None), text).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("", "the first line must be the message").await;
    check(HEAD, "there is none").await;
    check("{\"to\": [\"a@b.example\"], \"from\": \"a@b.example\", \"text\": \"x\"}\n", "other lines").await;
    check("no json\n\"a@b.example\"\n", "Failed to parse").await;
    desk.close().await;
}

#[tokio::test]
async fn a_line_is_too_long_whatever_pieces_it_comes_in() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), 256);
    let long = format!("{{\"address\": \"{}\"}}", "x".repeat(intake::injection::stream::LINE_MAX));
    let text = format!("{HEAD}\n{long}\n\"a@example.com\"\n");
    let seen = |piece: usize| {
        let mut lines = desk.lines(None);
        for piece in text.as_bytes().chunks(piece) {
            lines.push(piece);
            while lines.step().unwrap() != Step::Push {}
        }
        lines.seen()
    };
    let whole = seen(text.len());
    assert_eq!((whole.lines, whole.accepted, whole.rejected), (3, 1, 1));
    for piece in [1_000, 64 << 10, 1 << 20] {
        assert_eq!(seen(piece), whole, "in pieces of {piece} bytes");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_stream_that_broke_goes_on_behind_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path(), 256);
    let text = format!("{HEAD}\n{}", rows(15_000));
    let mut broken = desk.lines(Some("k"));
    send(&mut broken, &text[..text.len() / 2]).await.unwrap();
    let busy = whole(desk.lines(Some("k")), &text).await.unwrap_err();
    assert!(matches!(busy, StreamTrouble::Key(KeyTrouble::InProgress)), "{busy}");
    drop(broken);
    let committed = desk.spool.stats().live_recipients;
    assert!((4_096..15_000).contains(&committed), "{committed}");

    // Another body under the same key: found out where the lines that were committed end.
    let other = text.replace("u17@", "v17@");
    let refused = whole(desk.lines(Some("k")), &other).await.unwrap_err();
    assert!(matches!(refused, StreamTrouble::Key(KeyTrouble::OtherBody)), "{refused}");

    let found = desk.addresses();
    desk.close().await;
    let mut desk = Desk::open(dir.path(), 256);
    desk.injections.settle(&[]).await;
    let accepted = whole(desk.lines(Some("k")), &text).await.unwrap();
    assert_eq!((accepted.recipients, accepted.resumed_after), (15_000, Some(committed + 1)));
    each_once(desk.addresses(), 15_000);
    assert_eq!(found.len() as u64, committed);
    let again = whole(desk.lines(Some("k")), &text).await.unwrap();
    assert_eq!((again.message, again.recipients, again.resumed_after), (accepted.message, 15_000, None));
    let refused = whole(desk.lines(Some("k")), &format!("{text}\"more@example.com\"\n")).await.unwrap_err();
    assert!(matches!(refused, StreamTrouble::Key(KeyTrouble::OtherBody)), "{refused}");
    assert!(desk.admitted.try_recv().is_err(), "nothing was committed twice");

    // Without a key what was committed is all there is.
    let mut lines = desk.lines(None);
    send(&mut lines, &text).await.unwrap();
    drop(lines);
    while !desk.spool.held_open().is_empty() {
        tokio::task::yield_now().await;
    }
    let _ = &desk.intake;
    desk.close().await;
}
