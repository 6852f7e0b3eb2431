//! A full disk: new mail is refused for the time being (452, 503), what was accepted is delivered, and when there is
//! room again mail is accepted again, without a restart.
//!
//! The data directory is a small tmpfs in a mount namespace of the program's own; where the machine gives none (`unshare`
//! of util-linux, user namespaces), the tests are left out and say so.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::world::{
    Program, QUICK_RETRIES, Receiver, Talk, config_text, count, ended, events_of, letter, output, program,
};

/// Size of the disk, and its inodes. The segments of both logs are 4 MB, the rest is database and event store.
const DISK: &str = "size=96m,nr_inodes=4k";

/// Mails that may be taken until the disk is found to be full.
const TAKEN_MAX: usize = 5_000;

struct SmallDisk {
    program: Program,
    receiver: Receiver,
    /// What fills the disk up.
    filler: PathBuf,
    taken: BTreeSet<String>,
    _dir: tempfile::TempDir,
}

impl SmallDisk {
    /// The program on a small disk; `None` where that cannot be had.
    async fn start(free_disk_min: &str) -> Option<SmallDisk> {
        let unshare = program(&["/usr/bin/unshare"])?;
        let mut probe = Command::new(&unshare);
        probe.args(["--map-root-user", "--mount", "true"]);
        let (allowed, said) = output(probe).await;
        if !allowed {
            println!("left out: no mount namespace on this machine: {said}");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(true).await;
        let first = format!(
            "[spool]\nsegment_size = \"4MB\"\nqueue_size_max = \"2MB\"\n[events]\nsegment_size = \"4MB\"\nqueue_size_max = \
             \"2MB\"\n[intake]\nfree_disk_min = \"{free_disk_min}\"\n{QUICK_RETRIES}"
        );
        let config_file = dir.path().join("ies.toml");
        std::fs::write(&config_file, config_text(dir.path(), receiver.port, &first)).unwrap();
        let data_dir = dir.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let mut command = Command::new(unshare);
        let script = "mount -t tmpfs -o \"$4\" tmpfs \"$1\" && exec \"$2\" serve --config \"$3\"";
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command.arg(&data_dir).arg(env!("CARGO_BIN_EXE_ies")).arg(&config_file).arg(DISK);
        let seen_through = |pid: u32| PathBuf::from(format!("/proc/{pid}/root{}", data_dir.display()));
        let program = Program::start(command, seen_through).await;
        let filler = seen_through(program.pid()).join("filler");
        Some(SmallDisk { program, receiver, filler, taken: BTreeSet::new(), _dir: dir })
    }

    /// Leaves so many bytes free, at most.
    fn fill(&self, leave: u64) {
        let (mut file, block) = (File::create(&self.filler).unwrap(), vec![0x5a; 64 << 10]);
        while self.free() > leave {
            let wanted = usize::try_from(self.free() - leave).unwrap().min(block.len());
            if file.write_all(&block[..wanted]).is_err() {
                return;
            }
        }
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.filler.parent().unwrap()).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Sends mails of so many KB by SMTP until the reply begins with `expected`; what is accepted on the way is
    /// remembered.
    async fn send_until(&mut self, expected: &str, size_kb: usize) -> String {
        let body = "x".repeat(998) + "\r\n";
        let message = format!("From: shop@example.com\r\nSubject: s\r\n\r\n{}.\r\n", body.repeat(size_kb));
        let mut talk = Talk::open(self.program.smtp()).await;
        let mut last = String::new();
        for turn in 0..TAKEN_MAX {
            // A client that gets nothing accepted for 200 commands is sent away.
            if turn % 50 == 49 {
                talk = Talk::open(self.program.smtp()).await;
            }
            let to = format!("u{}@example.org", self.taken.len());
            let reply = talk.send(&to, message.as_bytes()).await;
            if reply.starts_with("250") {
                self.taken.insert(to);
            }
            if reply.starts_with(expected) {
                return reply;
            }
            assert!(reply.starts_with("250") || reply.starts_with("452"), "{reply}");
            last = reply;
        }
        panic!("never {expected}, but {last} with {} bytes free", self.free());
    }

    /// The same by HTTP, until this status; body and Retry-After of the answer.
    async fn inject_until(&mut self, expected: u16) -> (Value, Option<String>) {
        let http = reqwest::Client::new();
        let (url, key) = (format!("{}/api/v1/messages", self.program.door.url), self.program.door.key.clone());
        for _ in 0..TAKEN_MAX {
            let to = format!("h{}@example.org", self.taken.len());
            let body = json!({"from": "shop@example.com", "subject": "s", "text": "Hello ".repeat(5_000), "to": [to],
                "sender": "shop@example.com"});
            let answer = http.post(&url).bearer_auth(&key).json(&body).send().await.unwrap();
            let status = answer.status().as_u16();
            let retry_after = answer.headers().get("Retry-After").map(|value| value.to_str().unwrap().to_owned());
            let answer: Value = answer.json().await.unwrap();
            if status == 202 {
                self.taken.insert(to);
            }
            if status == expected {
                return (answer, retry_after);
            }
            assert!([202, 503].contains(&status), "{status}: {answer}");
        }
        panic!("never {expected}");
    }

    /// Waits until everything that was accepted has been delivered, each once.
    async fn all_delivered(&mut self, delivered: &mut Vec<String>) {
        while delivered.len() < self.taken.len() {
            delivered.push(self.receiver.next_to().await);
        }
        assert!(self.receiver.mails.try_recv().is_err(), "more mails than were accepted");
        assert_eq!(delivered.iter().cloned().collect::<BTreeSet<_>>(), self.taken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_floor() {
    let Some(mut disk) = SmallDisk::start("32MB").await else { return };
    let mut delivered = Vec::new();
    disk.receiver.manners.busy.store(true, Ordering::SeqCst);
    disk.send_until("250", 1).await;
    disk.inject_until(202).await;

    // The disk is asked once in a second: what comes in until then must not fill it.
    disk.fill(30 << 20);
    let reply = disk.send_until("452", 1).await;
    assert_eq!(reply, "452 4.3.1 Insufficient system storage, try again later");
    let (answer, retry_after) = disk.inject_until(503).await;
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
    assert!(retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));

    // There is room for acks and events: what was accepted goes out.
    disk.receiver.manners.busy.store(false, Ordering::SeqCst);
    disk.all_delivered(&mut delivered).await;

    std::fs::remove_file(&disk.filler).unwrap();
    disk.send_until("250", 1).await;
    disk.inject_until(202).await;
    disk.all_delivered(&mut delivered).await;
    disk.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_an_inode_left() {
    let Some(mut disk) = SmallDisk::start("4KB").await else { return };
    let mut delivered = Vec::new();
    disk.send_until("250", 50).await;
    disk.all_delivered(&mut delivered).await;

    let crumbs = disk.filler.with_file_name("crumbs");
    std::fs::create_dir(&crumbs).unwrap();
    let crumb = |number: usize| File::create(crumbs.join(number.to_string()));
    assert!((0..10_000).any(|number| crumb(number).is_err()), "more inodes than the disk was given");
    // Whether it is the floor that refuses or the log that gets no next segment: nothing that was accepted is lost.
    let reply = disk.send_until("452", 50).await;
    assert!(reply.starts_with("452 4.3.1 "), "{reply}");
    let (answer, retry_after) = disk.inject_until(503).await;
    assert!(retry_after.is_some(), "{answer}");

    std::fs::remove_dir_all(&crumbs).unwrap();
    disk.send_until("250", 50).await;
    disk.inject_until(202).await;
    disk.all_delivered(&mut delivered).await;
    for address in disk.taken.clone() {
        let events = events_of(&disk.program.client, &address, ended).await;
        assert_eq!((count(&events, &["received"]), count(&events, &["delivered"])), (1, 1), "{address}: {events:#?}");
    }
    disk.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_a_byte_left() {
    let Some(mut disk) = SmallDisk::start("4KB").await else { return };
    let mut delivered = Vec::new();
    disk.send_until("250", 50).await;
    disk.all_delivered(&mut delivered).await;

    disk.fill(0);
    let reply = disk.send_until("452", 50).await;
    assert_eq!(reply, "452 4.3.1 Insufficient system storage, try again later");
    // The API key has not been used before: that this cannot be noted now keeps nobody out.
    let (answer, retry_after) = disk.inject_until(503).await;
    assert!(retry_after.is_some(), "{answer}");

    std::fs::remove_file(&disk.filler).unwrap();
    disk.send_until("250", 50).await;
    disk.inject_until(202).await;
    disk.all_delivered(&mut delivered).await;
    // Every book was kept on: each has exactly one end in the event store.
    for address in disk.taken.clone() {
        let events = events_of(&disk.program.client, &address, ended).await;
        assert_eq!((count(&events, &["received"]), count(&events, &["delivered"])), (1, 1), "{address}: {events:#?}");
    }
    let new = json!({"address": "afterwards@example.org"});
    let contact: Value = disk.program.client.post("/api/v1/contacts", &new).await.unwrap();
    assert_eq!(contact["address"], new["address"], "the database works again");
    // The program is the one that was there before, and can be stopped.
    let reply = Talk::open(disk.program.smtp()).await.send("z@example.org", &letter("last")).await;
    assert!(reply.starts_with("250"), "{reply}");
    disk.program.stop().await;
}
