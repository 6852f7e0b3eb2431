//! Stores and events to test with. Everything follows from a seed.

use std::path::Path;
use std::sync::Arc;

use model::category::Category;
use model::event::{Attempt, Event, EventKind, Touch};
use model::id::{CampaignId, MessageId, RecipientId};
use model::name::Name;
use model::reply::Reply;
use model::time::{ManualClock, Timestamp};
use store::{Config, EventStore};

/// 2026-09-21T14:13:20Z.
pub const NOW: i64 = 1_790_000_000;

pub fn second(number: i64) -> Timestamp {
    Timestamp::from_unix_s(NOW + number)
}

pub fn open_with(dir: &Path, config: Config) -> (EventStore, ManualClock) {
    let clock = ManualClock::new(second(0));
    let opened = EventStore::open(dir, config, Arc::new(clock.clone())).unwrap();
    assert!(opened.missing.is_empty());
    (opened.store, clock)
}

pub fn open(dir: &Path) -> EventStore {
    open_with(dir, Config::default()).0
}

/// A small generator (xorshift): the same seed makes the same events.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

pub const PROVIDERS: [&str; 4] = ["gmail", "yahoo", "orange", "free"];
pub const SOURCES: [&str; 3] = ["ip-1", "ip-2", "ip-3"];
pub const TEXTS: [&str; 6] = [
    "4.7.28 Our system has detected an UNUSUAL rate of mail from 192.0.2.7",
    "5.1.1 no such user",
    "[TSS04] Messages temporarily deferred 100% of the time_out",
    "mailbox full \\ over quota",
    "OFR004_104 Too many connections",
    "été: réponse",
];

/// A random event within `span_s` seconds from [`NOW`].
pub fn event(dice: &mut Dice, number: u64, span_s: u64) -> Event {
    let kinds = [
        EventKind::Received,
        EventKind::Delivered,
        EventKind::Delivered,
        EventKind::Deferred,
        EventKind::Bounced,
        EventKind::Opened,
        EventKind::Control,
    ];
    let kind = kinds[usize::try_from(dice.below(7)).unwrap()];
    let at = Timestamp(second(0).0 + i64::try_from(dice.below(span_s * 1_000_000)).unwrap());
    if kind == EventKind::Control {
        let mut event = Event::of_engine(kind, number, at);
        event.note = Some("held by a person".into());
        return event;
    }
    let mut event = Event::of_recipient(kind, RecipientId(1 + number), 1, at);
    event.message = Some(MessageId(1 + number % 20));
    event.address = Some(format!("User{}@{}", number % 50, dice.pick(&["Example.FR", "example.com"])));
    event.campaign = (dice.below(3) > 0).then(|| CampaignId(1 + dice.below(4)));
    event.provider = (dice.below(10) > 0).then(|| Name::from(dice.pick(&PROVIDERS)));
    event.size_bytes = (dice.below(4) > 0).then(|| dice.below(100_000));
    match kind {
        EventKind::Opened => event.touch = Some(Touch { user_agent: Some("Mail/1".into()), ..Touch::default() }),
        EventKind::Received => {}
        _ => event.attempt = Some(attempt(dice, kind)),
    }
    if event.attempt.is_some() {
        event.source = Some(Name::from(dice.pick(&SOURCES)));
    }
    event
}

fn attempt(dice: &mut Dice, kind: EventKind) -> Attempt {
    let failed = kind != EventKind::Delivered;
    let code = if failed { 421 + u16::try_from(dice.below(3)).unwrap() * 64 } else { 250 };
    let category = Category::ALL[usize::try_from(dice.below(Category::ALL.len() as u64)).unwrap()];
    Attempt {
        number: 1 + u16::try_from(dice.below(5)).unwrap(),
        reply: (dice.below(5) > 0).then(|| Reply::new(code, if failed { dice.pick(&TEXTS) } else { "2.0.0 Ok" })),
        error: (failed && dice.below(4) == 0).then(|| "connection RESET by peer".into()),
        category: failed.then_some(category),
        suppress: failed && dice.below(6) == 0,
        queued_ms: Some(dice.below(400_000)),
        transcript: (dice.below(3) == 0).then(|| "S: 220 hello\nC: EHLO x\n".into()),
        ..Attempt::default()
    }
}

/// Random events, numbered from `first`.
pub fn events(seed: u64, first: u64, count: u64, span_s: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    (first..first + count).map(|number| event(&mut dice, number, span_s)).collect()
}
