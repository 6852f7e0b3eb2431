//! The spool against a model of a few maps: admissions, acks, deferrals, reclaim, restarts, and crashes that cut the
//! last commit at any byte.
//!
//! Every step of the model is kept. After a crash the spool must be in one of the states that the model went through
//! since the last step that was certainly on disk, and everything in it must be readable.

use std::collections::BTreeMap;
use std::path::Path;

use model::handoff::{Admitted, MessageHead, RowRef};
use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, Content, Envelope, NewRecipient, Origin, Protocol, Routing};
use model::time::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Ack, Admission, AdmitError, AdmitMessage, Hold, Opened, Spool, SpoolOptions, reclaim};
use crate::log::group::align;
use crate::log::segment::{SEGMENT_HEADER, list_segments, segment_path};
use crate::{Options, SyncMode};

#[derive(Clone, Debug)]
enum Action {
    New {
        recipients: u8,
        size: u16,
        held: bool,
        checkpoint: bool,
    },
    More {
        pick: u8,
        recipients: u8,
        close: bool,
    },
    Done {
        pick: u8,
        count: u8,
    },
    Defer {
        pick: u8,
        attempts: u16,
        minutes: u8,
    },
    Finish {
        pick: u8,
    },
    Forget {
        pick: u8,
    },
    Reclaim,
    Reopen,
    /// The last commit is cut after this part (of 255), and what follows is zeros or garbage.
    Crash {
        keep: u8,
        garbage: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0_u8..9, 0_u16..3_000, any::<bool>(), any::<bool>()).prop_map(|(recipients, size, held, checkpoint)| {
            Action::New { recipients, size, held, checkpoint }
        }),
        4 => (any::<u8>(), 1_u8..90, any::<bool>())
            .prop_map(|(pick, recipients, close)| Action::More { pick, recipients, close }),
        8 => (any::<u8>(), 1_u8..40).prop_map(|(pick, count)| Action::Done { pick, count }),
        3 => (any::<u8>(), any::<u16>(), any::<u8>())
            .prop_map(|(pick, attempts, minutes)| Action::Defer { pick, attempts, minutes }),
        1 => any::<u8>().prop_map(|pick| Action::Finish { pick }),
        1 => any::<u8>().prop_map(|pick| Action::Forget { pick }),
        3 => Just(Action::Reclaim),
        1 => Just(Action::Reopen),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(keep, garbage)| Action::Crash { keep, garbage }),
    ]
}

/// What should be in the spool.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    messages: BTreeMap<u64, Message>,
    checkpoints: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Message {
    held: bool,
    size: usize,
    /// Attempts and due time of the live recipients.
    live: BTreeMap<u64, (u16, i64)>,
}

impl Model {
    fn drop_idle(&mut self) {
        self.messages.retain(|_, message| message.held || !message.live.is_empty());
    }

    fn live(&self) -> Vec<(u64, u64)> {
        self.messages.iter().flat_map(|(id, message)| message.live.keys().map(move |r| (*id, *r))).collect()
    }
}

struct Harness {
    dir: TempDir,
    spool: Spool,
    admitted: mpsc::Receiver<Admitted>,
    rows: BTreeMap<u64, RowRef>,
    /// The states since the last one that is certainly on disk, that one first.
    states: Vec<Model>,
    next_id: u64,
}

const DUE: Timestamp = Timestamp::from_unix_s(1_790_000_000);

fn options() -> SpoolOptions {
    let sync = SyncMode::Relaxed;
    let log = Options { segment_bytes: 16 << 10, queue_bytes_max: 1 << 20, sync, ..Options::default() };
    SpoolOptions { log, ..SpoolOptions::default() }
}

fn open(dir: &Path) -> Opened {
    Spool::open_still(dir, options()).unwrap()
}

fn address(id: u64) -> String {
    format!("r{id}@example.com")
}

fn content(size: usize) -> Content {
    Content::Raw((0..size).map(|n| n as u8).collect())
}

impl Harness {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let Opened { spool, admitted, .. } = open(dir.path());
        Harness { dir, spool, admitted, rows: BTreeMap::new(), states: vec![Model::default()], next_id: 1 }
    }

    fn model(&self) -> &Model {
        self.states.last().unwrap()
    }

    async fn step(&mut self, action: Action) {
        match action {
            Action::New { recipients, size, held, checkpoint } => {
                self.admit_new(recipients.max(u8::from(!held)), size.into(), held, checkpoint).await;
            }
            Action::More { pick, recipients, close } => self.admit_more(pick, recipients, close).await,
            Action::Done { pick, count } => self.done(pick, count).await,
            Action::Defer { pick, attempts, minutes } => self.defer(pick, attempts, minutes).await,
            Action::Finish { pick } => self.finish(pick).await,
            Action::Forget { pick } => self.forget(pick).await,
            Action::Reclaim => self.reclaim().await,
            Action::Reopen => self.reopen().await,
            Action::Crash { keep, garbage } => self.crash(keep, garbage).await,
        }
        assert_eq!(self.spool.stats().lost_recipients, 0);
    }

    async fn admit_new(&mut self, recipients: u8, size: usize, held: bool, checkpoint: bool) {
        let id = self.take_ids(1 + u64::from(recipients));
        let head = MessageHead {
            id: MessageId(id),
            envelope: Envelope::default(),
            routing: Routing::default(),
            origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
            received_at: DUE,
            size_bytes: 0,
        };
        let message = AdmitMessage::New { head: Box::new(head), content: content(size) };
        let mut next = self.model().clone();
        next.messages.insert(id, Message { held, size, live: BTreeMap::new() });
        let hold = if held { Hold::Open } else { Hold::Unchanged };
        let checkpoint = checkpoint.then_some(Checkpoint { feed: id % 3, position: id });
        self.admit(next, message, id, id + 1..id + 1 + u64::from(recipients), hold, checkpoint).await;
    }

    async fn admit_more(&mut self, pick: u8, recipients: u8, close: bool) {
        let Some(id) = pick_of(self.model().messages.keys(), pick) else {
            let nobody = more(MessageId(99_999_999), 1..2);
            assert_eq!(self.spool.admit(nobody).await, Err(AdmitError::UnknownMessage(MessageId(99_999_999))));
            return;
        };
        let first = self.take_ids(u64::from(recipients));
        let mut next = self.model().clone();
        let hold = if close { Hold::Closed } else { Hold::Unchanged };
        if close {
            next.messages.get_mut(&id).unwrap().held = false;
        }
        let message = AdmitMessage::Existing(MessageId(id));
        self.admit(next, message, id, first..first + u64::from(recipients), hold, None).await;
    }

    async fn admit(
        &mut self,
        mut next: Model,
        message: AdmitMessage,
        id: u64,
        ids: std::ops::Range<u64>,
        hold: Hold,
        checkpoint: Option<Checkpoint>,
    ) {
        let live = &mut next.messages.get_mut(&id).unwrap().live;
        live.extend(ids.clone().map(|recipient| (recipient, (0, DUE.0))));
        next.checkpoints.extend(checkpoint.map(|checkpoint| (checkpoint.feed, checkpoint.position)));
        next.drop_idle();
        let recipients = ids.clone().map(recipient).collect();
        let position = self.spool.admit(Admission { message, recipients, due: DUE, checkpoint, hold }).await.unwrap();
        // Everything before it was in an earlier commit, or in the same one; it is on disk itself.
        self.states = vec![next];
        if !ids.is_empty() {
            let admitted = self.admitted.try_recv().unwrap();
            assert_eq!(admitted.position, position);
            self.rows.extend(admitted.recipients.iter().map(|recipient| (recipient.id.0, recipient.row)));
        }
    }

    async fn done(&mut self, pick: u8, count: u8) {
        let live = self.model().live();
        let start = if live.is_empty() { 0 } else { usize::from(pick) * live.len() / 256 };
        let some: Vec<_> = live[start..].iter().take(count.into()).copied().collect();
        let mut acks = Vec::new();
        for (message, recipient) in some {
            let mut next = self.model().clone();
            next.messages.get_mut(&message).unwrap().live.remove(&recipient);
            next.drop_idle();
            self.states.push(next);
            acks.push(Ack::Done(RecipientId(recipient), self.rows[&recipient]));
        }
        self.spool.ack(acks).await.unwrap();
    }

    async fn defer(&mut self, pick: u8, attempts: u16, minutes: u8) {
        let live = self.model().live();
        let Some((message, recipient)) = pick_of(live.iter(), pick) else { return };
        let due = Timestamp::from_unix_s(1_790_000_000 + 60 * i64::from(minutes));
        let mut next = self.model().clone();
        next.messages.get_mut(&message).unwrap().live.insert(recipient, (attempts, due.0));
        self.states.push(next);
        let row = self.rows[&recipient];
        let ack = Ack::Deferred { recipient: RecipientId(recipient), row, attempts, due };
        self.spool.ack(vec![ack]).await.unwrap();
    }

    async fn finish(&mut self, pick: u8) {
        let Some(id) = pick_of(self.model().messages.keys(), pick) else { return };
        let mut next = self.model().clone();
        next.messages.get_mut(&id).unwrap().held = false;
        next.drop_idle();
        self.states.push(next);
        self.spool.finish(MessageId(id)).await.unwrap();
    }

    async fn forget(&mut self, pick: u8) {
        let Some(feed) = pick_of(self.model().checkpoints.keys(), pick) else { return };
        let mut next = self.model().clone();
        next.checkpoints.remove(&feed);
        self.states.push(next);
        self.spool.forget(feed).await.unwrap();
    }

    async fn reclaim(&mut self) {
        let (shared, wake) = (self.spool.inner.shared.clone(), self.spool.inner.log.waker());
        tokio::task::spawn_blocking(move || reclaim::pass(&shared, &wake)).await.unwrap();
        self.check_readable();
    }

    async fn reopen(&mut self) {
        self.spool.clone().close().await;
        let dir = self.dir.path().to_owned();
        self.adopt(open(&dir), 0);
    }

    async fn crash(&mut self, keep: u8, garbage: bool) {
        // The barrier: its commit is the one that is cut.
        let before = std::mem::take(&mut self.states);
        self.states = vec![before.last().unwrap().clone()];
        self.admit_new(1, 100, false, false).await;
        let all = before.into_iter().chain(std::mem::take(&mut self.states)).collect();
        self.states = all;
        let crashed = tempfile::tempdir().unwrap();
        for number in list_segments(self.dir.path()).unwrap() {
            let path = segment_path(self.dir.path(), number);
            std::fs::copy(&path, segment_path(crashed.path(), number)).unwrap();
        }
        let torn = cut_last_group(crashed.path(), keep, garbage);
        self.spool.clone().close().await;
        self.dir = crashed;
        let dir = self.dir.path().to_owned();
        let opened = open(&dir);
        assert_eq!(opened.recovery.quarantined, [], "a torn tail is not damage");
        if !torn {
            let last = self.states.pop().unwrap();
            self.states = vec![last];
        }
        self.adopt(opened, 0);
    }

    /// Goes on with what was recovered, which must be one of the states from `from` on.
    fn adopt(&mut self, opened: Opened, from: usize) {
        let Opened { spool, admitted, recovery } = opened;
        let mut found = Model::default();
        for group in &recovery.admitted {
            let message = found.messages.entry(group.message.id.0).or_default();
            message.size = group.message.size_bytes as usize;
            for recipient in &group.recipients {
                let before = message.live.insert(recipient.id.0, (recipient.attempts, recipient.due.0));
                assert_eq!(before, None, "a recipient is there twice");
                assert_eq!(recipient.address.as_deref(), Some(address(recipient.id.0).as_str()));
                assert_eq!(self.rows.get(&recipient.id.0), Some(&recipient.row), "a row keeps its name");
            }
        }
        for held in spool.held_open() {
            let message = found.messages.entry(held.0).or_default();
            message.held = true;
            message.size = spool.head(held).unwrap().size_bytes as usize;
        }
        found.checkpoints = (0..3).filter_map(|feed| Some((feed, spool.checkpoint(feed)?))).collect();
        assert!(self.states[from..].contains(&found), "not a state of the model: {found:?}\n{:?}", self.states);
        self.states = vec![found];
        (self.spool, self.admitted) = (spool, admitted);
        assert!(recovery.newest_id < self.next_id);
        self.check_readable();
    }

    fn check_readable(&self) {
        for (id, message) in &self.model().messages {
            assert_eq!(*self.spool.read_content(MessageId(*id)).unwrap(), content(message.size));
            for recipient in message.live.keys() {
                assert_eq!(self.spool.read_row(self.rows[recipient]).unwrap().address, address(*recipient));
            }
            // Together, backwards, and with one that is nowhere among them.
            let rows: Vec<RowRef> = message.live.keys().rev().map(|recipient| self.rows[recipient]).collect();
            let nowhere = RowRef { segment: u32::MAX, offset: 1, row: 0 };
            let found = self.spool.read_rows(&[&rows[..], &[nowhere]].concat());
            let found: Vec<Option<String>> = found.into_iter().map(|row| row.ok().map(|row| row.address)).collect();
            let expected = message.live.keys().rev().map(|recipient| Some(address(*recipient)));
            assert_eq!(found, expected.chain([None]).collect::<Vec<_>>());
        }
    }

    fn take_ids(&mut self, count: u64) -> u64 {
        self.next_id += count;
        self.next_id - count
    }
}

fn recipient(id: u64) -> (RecipientId, NewRecipient) {
    (RecipientId(id), NewRecipient { address: address(id), ..NewRecipient::default() })
}

fn more(message: MessageId, ids: std::ops::Range<u64>) -> Admission {
    let message = AdmitMessage::Existing(message);
    Admission { message, recipients: ids.map(recipient).collect(), due: DUE, checkpoint: None, hold: Hold::Unchanged }
}

fn pick_of<'a, T: Copy + 'a>(all: impl ExactSizeIterator<Item = &'a T>, pick: u8) -> Option<T> {
    let place = usize::from(pick) * all.len() / 256;
    all.skip(place).copied().next()
}

/// Cuts the last group of the last segment; false when all of it is kept.
fn cut_last_group(dir: &Path, keep: u8, garbage: bool) -> bool {
    let number = *list_segments(dir).unwrap().last().unwrap();
    let path = segment_path(dir, number);
    let mut bytes = std::fs::read(&path).unwrap();
    let salt = u32::from_le_bytes(bytes[32..36].try_into().unwrap());
    let mut group = None;
    let mut position = SEGMENT_HEADER;
    while let Some(header) = crate::log::group::GroupHeader::read(&bytes[position as usize..], salt, number, position) {
        group = Some(header);
        position = align(header.frames_end());
    }
    let group = group.expect("the barrier");
    let len = group.frames_end() as usize - group.offset as usize;
    let kept = len * usize::from(keep) / 255;
    let cut = group.offset as usize + kept;
    let end = group.frames_end() as usize;
    bytes[cut..end].iter_mut().enumerate().for_each(|(n, byte)| *byte = if garbage { 0x5a ^ n as u8 } else { 0 });
    std::fs::write(&path, bytes).unwrap();
    kept < len
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_is_what_the_model_is(actions in prop::collection::vec(action(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut harness = Harness::new();
            for action in actions {
                harness.step(action).await;
            }
            harness.reopen().await;
        });
    }
}
