//! A real process is killed (`SIGKILL`) again and again, at any moment; what it said is on disk is there.
//!
//! The child is this test binary itself, started on the ignored test [`child`]. It runs submitters, a feed with
//! checkpoints and a queue that finishes recipients, and says on its standard output what was acknowledged to it. The
//! parent kills it after some number of lines, opens the logs and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use journal::events::{Cursor, EventLog, EventLogOptions};
use journal::spool::{Ack, Admission, Hold, Opened, Spool, SpoolOptions};
use journal::{Options, SyncMode};
use model::handoff::{Admitted, SpooledRecipient};
use model::id::{IdGenerator, MessageId};
use model::submission::Checkpoint;
use tokio::sync::Mutex;

use crate::support::*;

const DIR_VARIABLE: &str = "JOURNAL_KILL_TEST_DIR";
/// How often the child is started and killed.
const ROUNDS: usize = 12;
const SUBMITTERS: u64 = 12;
/// The feed's message and number.
const FEED: u64 = 7;

fn options() -> Options {
    Options { segment_bytes: 64 << 10, queue_bytes_max: 1 << 20, sync: SyncMode::Durable, ..Options::default() }
}

fn open_both(dir: &Path) -> (Opened, EventLog) {
    let spool = SpoolOptions { log: options(), ..SpoolOptions::default() };
    let events = EventLogOptions { log: options(), ..EventLogOptions::default() };
    (Spool::open(&dir.join("spool"), spool).unwrap(), EventLog::open(&dir.join("events"), events).unwrap())
}

/// A line in one write, so that the kill does not leave half of it among others.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "the process that is killed; started by the other test"]
#[expect(clippy::disallowed_methods, reason = "the way to tell a test binary something")]
fn child() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(run_child(PathBuf::from(dir)));
}

async fn run_child(dir: PathBuf) {
    let (Opened { spool, admitted, recovery }, events) = open_both(&dir);
    say("open");
    let mut ids = IdGenerator::new(1);
    ids.resume_after(recovery.newest_id);
    let ids = Arc::new(Mutex::new(ids));
    let queue = tokio::spawn(run_queue(spool.clone(), events.clone(), admitted, recovery.admitted));
    let feed = tokio::spawn(run_feed(spool.clone()));
    for _ in 0..SUBMITTERS {
        let (spool, ids) = (spool.clone(), ids.clone());
        tokio::spawn(async move {
            loop {
                let first = ids.lock().await.next_range(NOW, 3);
                spool.admit(new_message(first, &[b'x'; 700], [first + 1, first + 2])).await.unwrap();
                say(&format!("admitted {}", first + 1));
                say(&format!("admitted {}", first + 2));
            }
        });
    }
    feed.await.unwrap();
    queue.await.unwrap();
}

/// A feed of recipients with the numbers 1, 2, 3 … in batches, resumed from its checkpoint.
async fn run_feed(spool: Spool) {
    if spool.checkpoint(FEED).is_none() {
        let mut first = Admission { hold: Hold::Open, ..new_message(FEED, b"merge", []) };
        first.checkpoint = Some(Checkpoint { feed: FEED, position: 0 });
        spool.admit(first).await.unwrap();
    }
    loop {
        let done = spool.checkpoint(FEED).unwrap();
        let next = done + 1..done + 1 + 20;
        let admission = more_recipients(FEED, next.clone().map(|n| 1_000_000 + n), next.end - 1);
        spool.admit(admission).await.unwrap();
        say(&format!("fed {}", next.end - 1));
    }
}

/// Finishes most recipients: first the event, and when that is on disk the ack.
async fn run_queue(
    spool: Spool,
    events: EventLog,
    mut admitted: tokio::sync::mpsc::Receiver<Admitted>,
    recovered: Vec<Admitted>,
) {
    let mut rows: BTreeMap<u64, SpooledRecipient> = BTreeMap::new();
    let recovered: Vec<_> = recovered.into_iter().flat_map(|admitted| admitted.recipients).collect();
    rows.extend(recovered.iter().map(|recipient| (recipient.id.0, recipient.clone())));
    let mut finished = replay(&spool, &events, &mut rows).await;
    let mut waiting = recovered;
    loop {
        waiting.retain(|recipient| !finished.contains(&recipient.id.0));
        let done: Vec<_> = waiting.drain(..).filter(|recipient| !recipient.id.0.is_multiple_of(7)).collect();
        if !done.is_empty() {
            let cursor = events.append(done.iter().map(|r| delivered(r.id.0)).collect()).await.unwrap();
            done.iter().for_each(|r| say(&format!("finished {}", r.id.0)));
            spool.ack(done.iter().map(|r| Ack::Done(r.id, r.row)).collect()).await.unwrap();
            spool.note_applied(cursor);
        }
        finished.clear();
        waiting.extend(admitted.recv().await.unwrap().recipients);
        while let Ok(more) = admitted.try_recv() {
            waiting.extend(more.recipients);
        }
    }
}

/// Acks what the event log knows and the spool does not.
async fn replay(spool: &Spool, events: &EventLog, rows: &mut BTreeMap<u64, SpooledRecipient>) -> BTreeSet<u64> {
    let mut reader = events.reader(spool.applied().unwrap_or_default());
    let mut finished = BTreeSet::new();
    while let Some(batch) = reader.poll_batch(1_000).unwrap() {
        finished.extend(batch.events.iter().map(|event| event.id.root));
    }
    let acks: Vec<_> = finished.iter().filter_map(|id| rows.get(id)).map(|r| Ack::Done(r.id, r.row)).collect();
    spool.ack(acks).await.unwrap();
    finished
}

/// What the children have said so far.
#[derive(Default)]
struct Said {
    admitted: BTreeSet<u64>,
    finished: BTreeSet<u64>,
    fed: u64,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let (word, number) = line.split_once(' ').unwrap_or((line, "0"));
        let number: u64 = number.parse().unwrap();
        match word {
            "@admitted" => drop(self.admitted.insert(number)),
            "@finished" => assert!(self.finished.insert(number), "{number} was finished twice"),
            "@fed" => self.fed = number,
            "@open" => {}
            other => panic!("{other}"),
        }
    }
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    let mut random = 88_172_645_463_325_252_u64;
    for round in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let lines_max = 2 + random % 1_500;
        let mut child = start(dir.path());
        let mut lines = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // The last line can be cut anywhere; whole ones end with a line feed, cut ones are at the end.
            let Ok(line) = line else { break };
            if let Some(place) = line.find('@').filter(|_| line.is_ascii()) {
                let whole = ["@open", "@admitted ", "@finished ", "@fed "].iter().any(|w| line[place..].starts_with(w));
                if !whole || lines == lines_max {
                    break;
                }
                said.hear(&line[place..]);
                lines += 1;
            }
        }
        // Killed with lines unread in the pipe: those were acknowledged too, but nobody heard it.
        child.kill().unwrap();
        child.wait().unwrap();
        check(dir.path(), &said, round);
    }
    assert!(said.admitted.len() > 100 && said.fed > 20 && said.finished.len() > 100, "the children did work");
}

fn check(dir: &Path, said: &Said, round: usize) {
    let (Opened { spool, recovery, .. }, events) = open_both(dir);
    assert_eq!(recovery.quarantined, [], "round {round}");
    let mut finished = BTreeMap::new();
    let mut reader = events.reader(Cursor::default());
    while let Some(batch) = reader.poll_batch(10_000).unwrap() {
        assert_eq!(batch.unreadable, 0);
        for event in batch.events {
            assert_eq!(finished.insert(event.id.root, batch.next), None, "round {round}: told twice");
        }
    }
    let applied = spool.applied().unwrap_or_default();
    let mut live = BTreeSet::new();
    for recipient in recovery.admitted.iter().flat_map(|admitted| &admitted.recipients) {
        assert!(live.insert(recipient.id.0), "round {round}: there twice");
        assert_eq!(spool.read_row(recipient.row).unwrap().address, address(recipient.id.0));
    }
    for admitted in &recovery.admitted {
        spool.read_content(admitted.message.id).unwrap();
    }
    for id in &said.admitted {
        assert!(live.contains(id) || finished.contains_key(id), "round {round}: {id} is lost");
    }
    for id in &said.finished {
        assert!(finished.contains_key(id), "round {round}: the end of {id} is lost");
    }
    // What is finished and still live is behind the marker, so that it is found by replaying.
    let mut behind = events.reader(applied);
    let mut replayed = BTreeSet::new();
    while let Some(batch) = behind.poll_batch(10_000).unwrap() {
        replayed.extend(batch.events.iter().map(|event| event.id.root));
    }
    for id in live.iter().filter(|id| finished.contains_key(id)) {
        assert!(replayed.contains(id), "round {round}: {id} would be sent again");
    }
    let fed = spool.checkpoint(FEED).unwrap_or(0);
    assert!(fed >= said.fed, "round {round}: the checkpoint went back from {} to {fed}", said.fed);
    for n in 1..=fed {
        let id = 1_000_000 + n;
        assert!(live.contains(&id) || finished.contains_key(&id), "round {round}: fed {n} is lost");
    }
    let beyond = |id: &&u64| (1_000_000 + fed + 1..2_000_000).contains(*id);
    assert_eq!(live.iter().find(beyond), None, "round {round}: recipients beyond the checkpoint");
    if fed > 0 {
        assert_eq!(spool.held_open(), vec![MessageId(FEED)]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        spool.close().await;
        events.close().await;
    });
}
