//! `kill -9`, and then the ends of both logs are damaged as a loss of power may leave them: the suite starts, says what
//! it cut off, and has everything that it had acknowledged before the damaged record.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::world::{FINAL, Program, QUICK_RETRIES, Receiver, Talk, config_text, count, ended, events_of, letter};

const ADDRESSES: [&str; 5] = ["a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start(true).await;
    receiver.manners.busy.store(true, Ordering::SeqCst);
    let config_file = dir.path().join("ies.toml");
    std::fs::write(&config_file, config_text(dir.path(), receiver.port, QUICK_RETRIES)).unwrap();
    let logs = ["spool", "events"].map(|log| dir.path().join("data").join(log));

    let program = Program::serve(&config_file).await;
    take(&program, &ADDRESSES).await;
    // Its records are behind those of the others: what is cut off is its own, and attempts that are repeated.
    take(&program, &["last@example.org"]).await;
    events_of(&program.client, "last@example.org", |events| count(events, &["deferred"]) > 0).await;
    program.kill();
    logs.iter().for_each(|log| cut_in_the_last_record(log));

    let program = Program::serve(&config_file).await;
    says_what_it_cut(&program.said, &logs);
    // Each is still tried.
    for address in ADDRESSES {
        events_of(&program.client, address, |events| count(events, &["deferred"]) > 1).await;
    }
    program.kill();
    logs.iter().for_each(|log| append_garbage(log));

    let program = Program::serve(&config_file).await;
    says_what_it_cut(&program.said, &logs);
    receiver.manners.busy.store(false, Ordering::SeqCst);
    for address in ADDRESSES {
        let events = events_of(&program.client, address, ended).await;
        assert_eq!((count(&events, &["received"]), count(&events, &FINAL)), (1, 1), "{address}: {events:#?}");
        assert_eq!(count(&events, &["delivered"]), 1, "{address}: {events:#?}");
    }
    take(&program, &["new@example.org"]).await;
    events_of(&program.client, "new@example.org", ended).await;
    program.stop().await;
    let mut delivered = Vec::new();
    while let Ok(mail) = receiver.mails.try_recv() {
        delivered.push(mail.recipients[0].address.clone());
    }
    delivered.retain(|address| address != "last@example.org");
    delivered.sort();
    assert_eq!(delivered, ADDRESSES.into_iter().chain(["new@example.org"]).collect::<Vec<_>>(), "each once");
}

fn says_what_it_cut(said: &str, logs: &[PathBuf]) {
    for log in logs {
        let log = log.display().to_string();
        let told =
            |line: &str| line.contains("cutting a torn tail") && line.contains(&log) && line.contains("torn_bytes");
        assert!(said.lines().any(told), "{log}:\n{said}");
    }
}

async fn take(program: &Program, addresses: &[&str]) {
    let mut talk = Talk::open(program.smtp()).await;
    for address in addresses {
        let reply = talk.send(address, &letter("kept")).await;
        assert!(reply.starts_with("250"), "{address}: {reply}");
    }
}

fn newest_segment(log: &Path) -> PathBuf {
    let entries = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).max().unwrap()
}

/// Behind the last byte that was written; the rest of a segment is zeros.
fn written_bytes(segment: &Path) -> u64 {
    let bytes = std::fs::read(segment).unwrap();
    bytes.iter().rposition(|&byte| byte != 0).unwrap() as u64 + 1
}

fn open(segment: &Path) -> File {
    OpenOptions::new().write(true).open(segment).unwrap()
}

fn cut_in_the_last_record(log: &Path) {
    let segment = newest_segment(log);
    open(&segment).set_len(written_bytes(&segment) - 9).unwrap();
}

fn append_garbage(log: &Path) {
    let segment = newest_segment(log);
    let (written, file) = (written_bytes(&segment), open(&segment));
    let garbage: Vec<u8> = (0..777_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
    file.write_all_at(&garbage, written + 16).unwrap();
    file.write_all_at(&garbage, file.metadata().unwrap().len()).unwrap();
}
