//! Too little room: mail is refused for the time being, told, and taken again; over a meter that is made up, and over a
//! file system that really has no inodes left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use intake::Config;
use intake::config::Floors;
use intake::floor::{FloorKind, Meter, Reading, Share};
use model::event::EventKind;
use model::units::Size;

use crate::kit::*;

struct Fake(Mutex<Reading>);

impl Meter for Fake {
    fn read(&self) -> Reading {
        *self.0.lock().unwrap()
    }
}

fn reading(disk: u64, inodes: u64, memory: u64, queued_recipients: u64) -> Reading {
    let share = |free| Some(Share { free, total: 100 });
    Reading { disk: share(disk), inodes: share(inodes), memory: share(memory), resident_bytes: 0, queued_recipients }
}

#[tokio::test]
async fn each_floor_refuses_for_now_and_is_told() {
    let floors = Floors {
        free_disk_percent_min: 10,
        free_inodes_min: 10,
        free_inodes_percent_min: 0,
        free_memory_min: Size(10),
        free_memory_percent_min: 0,
        queued_recipients_max: 1_000,
        ..Floors::default()
    };
    let fake = Arc::new(Fake(Mutex::new(reading(50, 50, 50, 0))));
    let config = Config { floors, ..config() };
    let mut house = House::open_measured(config, log_options(), Some(fake.clone())).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    let set = |measured| {
        *fake.0.lock().unwrap() = measured;
        house.clock.advance(Duration::from_secs(1));
    };
    for (measured, kind, reply) in [
        (reading(9, 50, 50, 0), FloorKind::Disk, "452 4.3.1 Insufficient system storage, try again later"),
        (reading(50, 9, 50, 0), FloorKind::Inodes, "452 4.3.1 Insufficient system storage, try again later"),
        (reading(50, 50, 9, 0), FloorKind::Memory, "452 4.3.2 Insufficient memory, try again later"),
        (reading(50, 50, 50, 1_001), FloorKind::Queue, "452 4.3.2 Too much mail is queued, try again later"),
    ] {
        set(measured);
        client.expect("MAIL FROM:<a@example.org>", reply).await;
        let pressure = house.intake.pressure().unwrap();
        assert_eq!(pressure.kind, kind);
        assert!(pressure.retry_after >= Duration::from_secs(1) && !pressure.detail.is_empty());
        assert!(house.intake.check_room().is_err(), "over HTTP too");
        let mut late = house.client().await;
        let greeted = if kind == FloorKind::Memory { "421 4.3.2" } else { "220" };
        assert!(late.said.starts_with(greeted), "{}", late.said);
        late.say("QUIT").await;
        set(reading(50, 50, 50, 0));
        let sent = client.send("a@example.org", &["u@example.com"], "Subject: x\n\n").await;
        assert!(sent.starts_with("250"), "{sent}");
    }
    for _ in 0..4 {
        house.taken().await;
    }
    let told = house.close(EventKind::Control).await;
    let told: Vec<String> = told
        .iter()
        .map(|event| event.control.as_ref().unwrap())
        .map(|control| format!("{} {} {}", control.target, control.name, control.action))
        .collect();
    let expected = ["disk", "inodes", "memory", "queue"]
        .map(|kind| [format!("intake {kind} refuse"), format!("intake {kind} accept")])
        .concat();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_message_that_has_begun_is_refused_for_now_too() {
    let fake = Arc::new(Fake(Mutex::new(reading(50, 50, 50, 0))));
    let floors = Floors { free_memory_min: Size(10), free_inodes_min: 0, ..Floors::default() };
    let house = House::open_measured(Config { floors, ..config() }, log_options(), Some(fake.clone())).await;
    let mut house = house;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "250").await;
    client.expect("RCPT TO:<u@example.com>", "250").await;
    client.expect("DATA", "354").await;
    *fake.0.lock().unwrap() = reading(50, 50, 1, 0);
    house.clock.advance(Duration::from_secs(1));
    client.expect("Subject: x\r\n\r\n.", "452 4.3.2 Insufficient memory").await;
    house.nothing_taken();
}

/// A file system of its own without inodes: needs root. Left out, with the reason, where that cannot be had.
#[tokio::test]
async fn a_file_system_without_inodes() {
    let dir = tempfile::tempdir().unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64m,nr_inodes=64", "tmpfs"])
        .arg(dir.path())
        .output();
    match &mount {
        Ok(output) if output.status.success() => {}
        other => return println!("left out: no small file system: {other:?}"),
    }
    let mounted = Mounted(dir.path().to_owned());
    let spool = journal::spool::Spool::open(
        &dir.path().join("spool"),
        journal::spool::SpoolOptions { log: log_options(), ..Default::default() },
    );
    let spool = spool.unwrap().spool;
    let meter = intake::floor::SystemMeter::new(spool.clone());
    let free = |reading: Reading| reading.inodes.unwrap();
    let before = free(meter.read());
    assert!(before.total == 64 && before.free > 32, "{before:?}");
    let mut files = 0;
    while std::fs::File::create(dir.path().join(format!("f{files}"))).is_ok() {
        files += 1;
    }
    assert_eq!(free(meter.read()).free, 0);
    let reading = meter.read();
    assert!(reading.disk.unwrap().free > 0 && reading.memory.unwrap().free > 0 && reading.resident_bytes > 0);
    // With the floors of every day this file system is refused until there is room.
    let floors = Floors { free_inodes_min: 20, free_inodes_percent_min: 0, ..Floors::default() };
    let config = Config { floors, ..config() };
    let mut house = House::open_measured(config, log_options(), Some(Arc::new(meter))).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "452 4.3.1").await;
    for file in 0..files {
        std::fs::remove_file(dir.path().join(format!("f{file}"))).unwrap();
    }
    house.clock.advance(Duration::from_secs(1));
    let sent = client.send("a@example.org", &["u@example.com"], "Subject: x\n\n").await;
    assert!(sent.starts_with("250"), "{sent}");
    house.taken().await;
    house.close(EventKind::Control).await;
    spool.close().await;
    drop(mounted);
}

/// Unmounted when dropped, also after a failure.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
