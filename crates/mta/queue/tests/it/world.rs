//! A small world for the queue: delivery and mailbox providers on a virtual clock, drawn from one seed.
//!
//! Delivery opens, takes, finishes and loses sessions as the real one does; a provider has a latency, a true limit of
//! connections and messages, greylisting, bad addresses, and times in which it cannot be reached. The world watches the
//! limits of the queue from outside.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use model::category::{Category, Disposition, Scope};
use model::event::{Attempt, EventKind};
use model::handoff::{FromDelivery, SessionTrouble, Ticket, ToDelivery};
use model::hash::{GAMMA, mix};
use model::id::{RecipientId, SessionId};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::route::{Path, PathSpec};
use model::time::Timestamp;
use queue::config::Config;
use queue::core::{Input, NoRoute, Out, QueueCore, Settled};
use queue::throttle::Throttle;

use super::bed::{self, Maker, START};

/// A stream of numbers from a seed (SplitMix64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(GAMMA) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How a provider behaves.
#[derive(Clone, Debug)]
pub struct Manners {
    pub latency_ms: u64,
    /// It refuses connections beyond these.
    pub connections: usize,
    /// It asks to slow down beyond so many messages in a second.
    pub per_s: u64,
    pub greylists: bool,
    pub bad_percent: u64,
    pub loses_percent: u64,
    /// Cannot be reached between these, in seconds from the start.
    pub down_s: (u64, u64),
}

enum Happens {
    Input(Input),
    Work(SessionId),
    Fail(SessionId, Box<SessionTrouble>),
}

struct Live {
    spec: std::sync::Arc<PathSpec>,
    tickets: VecDeque<Ticket>,
    closing: bool,
    /// `Ready` was said and nothing was given since.
    asked: bool,
    /// Says `Ready` when so many tickets are left.
    ahead: usize,
}

pub struct World {
    pub core: QueueCore,
    pub now: Timestamp,
    pub dice: Dice,
    pub maker: Maker,
    pub manners: Vec<Manners>,
    agenda: BinaryHeap<Reverse<(Timestamp, u64)>>,
    happens: HashMap<u64, Happens>,
    counter: u64,
    sessions: BTreeMap<SessionId, Live>,
    attempts: HashMap<RecipientId, u16>,
    seconds: HashMap<(Name, i64), u64>,
    watch: HashMap<Path, Throttle>,
    config: Config,
    pub waiting: BTreeMap<RecipientId, Timestamp>,
    pub finals: HashMap<RecipientId, EventKind>,
    pub steps: u64,
    pub counts: BTreeMap<EventKind, u64>,
}

impl World {
    pub fn new(seed: u64, config: Config, manners: Vec<Manners>) -> Self {
        World {
            core: QueueCore::new(config.clone(), bed::providers(), START),
            now: START,
            dice: Dice::new(seed),
            maker: Maker::new(),
            manners,
            agenda: BinaryHeap::new(),
            happens: HashMap::new(),
            counter: 0,
            sessions: BTreeMap::new(),
            attempts: HashMap::new(),
            seconds: HashMap::new(),
            watch: HashMap::new(),
            config,
            waiting: BTreeMap::new(),
            finals: HashMap::new(),
            steps: 0,
            counts: BTreeMap::new(),
        }
    }

    fn later(&mut self, after_ms: u64, happens: Happens) {
        self.counter += 1;
        self.agenda.push(Reverse((self.now.plus(Duration::from_millis(after_ms)), self.counter)));
        self.happens.insert(self.counter, happens);
    }

    /// Recipients come in, each at one of the providers.
    pub fn admit(&mut self, after_ms: u64, routing: model::submission::Routing, count: usize) {
        let at = self.now.plus(Duration::from_millis(after_ms));
        let message = self.maker.message(at, routing);
        let providers = self.manners.len() as u64;
        let domains: Vec<String> =
            (0..count).map(|_| format!("d{}.p{}.example", self.dice.below(2), self.dice.below(providers))).collect();
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let admitted = self.maker.admitted(at, &message, &domains);
        for recipient in &admitted.recipients {
            self.waiting.insert(recipient.id, at);
        }
        self.later(after_ms, Happens::Input(bed::admit(admitted)));
    }

    /// Runs until everybody has ended; panics when somebody is still there at `end`.
    pub fn run(&mut self, end: Timestamp, check_every: u64) {
        let mut wake_at = Some(self.now);
        while !self.waiting.is_empty() {
            let next_event = self.agenda.peek().map(|Reverse((at, _))| *at);
            let next = next_event.into_iter().chain(wake_at).min().expect("somebody waits and nothing is to happen");
            assert!(next <= end, "{} are still there at {next}: {:?}", self.waiting.len(), self.explain_one());
            self.now = self.now.max(next);
            let inputs = self.inputs();
            let mut out = Out::default();
            self.core.step(self.now, inputs, &mut out);
            wake_at = out.wake_at;
            self.take(out);
            self.steps += 1;
            if self.steps.is_multiple_of(check_every) {
                self.core.check().unwrap();
                assert_eq!(self.core.len() + self.unborn(), self.waiting.len());
            }
        }
        self.core.check().unwrap();
        assert!(self.core.is_empty());
    }

    fn explain_one(&self) -> Option<queue::view::Explanation> {
        self.waiting.keys().next().and_then(|&id| self.core.explain(self.now, id))
    }

    /// Admitted by the model, not yet by the queue.
    fn unborn(&self) -> usize {
        let admissions = self.happens.values().filter_map(|happens| match happens {
            Happens::Input(Input::Admitted { admitted, .. }) => Some(admitted.recipients.len()),
            _ => None,
        });
        admissions.sum()
    }

    fn inputs(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some(&Reverse((at, number))) = self.agenda.peek() {
            if at > self.now {
                break;
            }
            self.agenda.pop();
            match self.happens.remove(&number).expect("once") {
                Happens::Input(input) => inputs.push(input),
                Happens::Work(session) => self.work(session, &mut inputs),
                Happens::Fail(session, trouble) => {
                    self.sessions.remove(&session);
                    inputs.push(Input::Delivery(FromDelivery::Closed { session, trouble: Some(trouble) }));
                }
            }
        }
        inputs
    }

    fn take(&mut self, out: Out) {
        for domain in out.resolve {
            let answer = match (self.dice.below(100), provider_of(&domain)) {
                (0..5, _) => bed::no_route(&domain, NoRoute::Temporary("no answer".to_owned())),
                (_, provider) => bed::site(&domain, &format!("mx.p{provider}.example")),
            };
            let after = self.dice.below(2_000);
            self.later(after, Happens::Input(answer));
        }
        out.to_delivery.into_iter().for_each(|order| self.deliver(order));
        for told in out.events {
            *self.counts.entry(told.event.kind).or_default() += 1;
            if told.event.kind.disposition().is_some_and(Disposition::is_final) {
                let before = self.finals.insert(told.event.recipient.unwrap(), told.event.kind);
                assert_eq!(before, None, "two ends");
            }
        }
        for settled in out.settled {
            if let Settled::Done { recipient, .. } = settled {
                assert!(self.waiting.remove(&recipient).is_some(), "acknowledged twice");
                assert!(self.finals.contains_key(&recipient), "acknowledged before it was told");
            }
        }
    }

    fn deliver(&mut self, order: ToDelivery) {
        match order {
            ToDelivery::Open { session, path } => {
                self.watch_connections(&path);
                let provider = provider_of(&path.path.site);
                let manners = self.manners[provider].clone();
                let open = self.sessions.values().filter(|live| live.spec.path.site == path.path.site).count();
                let ahead = self.dice.below(3) as usize;
                let live = Live { spec: path, tickets: VecDeque::new(), closing: false, asked: true, ahead };
                self.sessions.insert(session, live);
                let second = self.now.since(START).as_secs();
                let after = self.latency(&manners);
                if (manners.down_s.0..manners.down_s.1).contains(&second) {
                    self.fail(session, after, Category::NoAnswerFromHost, Phase::Connect, None);
                } else if open >= manners.connections {
                    let reply = Reply::new(421, "4.7.0 too many connections from your address");
                    self.fail(session, after, Category::RateLimited, Phase::Greeting, Some(reply));
                } else {
                    let room = 1 + self.dice.below(20) as u32;
                    self.later(after, Happens::Input(Input::Delivery(FromDelivery::Ready { session, room })));
                }
            }
            ToDelivery::Give { session, tickets } => {
                self.watch_rate(session, tickets.len() as u32);
                let live = self.sessions.get_mut(&session).expect("given to a live session");
                assert!(!live.closing && live.asked, "given to one that is closing or has not asked");
                live.asked = false;
                let idle = live.tickets.is_empty();
                live.tickets.extend(tickets);
                let manners = self.manners[provider_of(&live.spec.path.site)].clone();
                let after = self.latency(&manners);
                if idle {
                    self.later(after, Happens::Work(session));
                }
            }
            ToDelivery::Close { session } => {
                let live = self.sessions.get_mut(&session).expect("a live session is closed");
                live.closing = true;
                if live.tickets.is_empty() {
                    self.later(1, Happens::Work(session));
                }
            }
        }
    }

    /// Seen from outside: never more connections on a path than configured.
    fn watch_connections(&self, spec: &PathSpec) {
        let on_path = self.sessions.values().filter(|live| live.spec.path == spec.path).count();
        let most = self.config.overrides[0].connections.unwrap() as usize;
        assert!(on_path < most, "more than {most} connections on {}", spec.path);
        assert!(self.sessions.len() < self.config.limits.connections_max as usize);
    }

    /// Seen from outside: never more messages on a path than its configured rate allows.
    fn watch_rate(&mut self, session: SessionId, count: u32) {
        let path = self.sessions[&session].spec.path.clone();
        let rate = self.config.overrides[0].rate.unwrap();
        let watch = self.watch.entry(path).or_insert_with(|| Throttle::new(rate));
        assert_eq!(watch.available(self.now, count), count, "faster than {rate}");
        watch.take(self.now, count);
    }

    fn latency(&mut self, manners: &Manners) -> u64 {
        manners.latency_ms / 2 + self.dice.below(manners.latency_ms + 1)
    }

    fn fail(&mut self, session: SessionId, after: u64, category: Category, phase: Phase, reply: Option<Reply>) {
        let verdict = bed::verdict(Disposition::Deferred, Scope::Connection, Some(category));
        let error = reply.is_none().then(|| "no answer".to_owned());
        let attempt = Attempt { phase: Some(phase), reply, error, ..Attempt::default() };
        self.later(after, Happens::Fail(session, Box::new(SessionTrouble { verdict, attempt })));
    }

    /// One ticket of a session is finished, or the session ends.
    fn work(&mut self, session: SessionId, inputs: &mut Vec<Input>) {
        let Some(live) = self.sessions.get_mut(&session) else { return };
        let manners = self.manners[provider_of(&live.spec.path.site)].clone();
        let Some(ticket) = live.tickets.pop_front() else {
            self.sessions.remove(&session);
            inputs.push(Input::Delivery(FromDelivery::Closed { session, trouble: None }));
            return;
        };
        if self.dice.chance(manners.loses_percent) {
            self.sessions.remove(&session);
            inputs.push(Input::Delivery(FromDelivery::Closed { session, trouble: None }));
            return;
        }
        let result = self.result(&manners, &ticket);
        let outcome = bed::outcome(self.now, session, ticket.recipient, result);
        inputs.push(Input::Delivery(FromDelivery::Done(Box::new(outcome))));
        let live = self.sessions.get_mut(&session).expect("still there");
        let (left, closing) = (live.tickets.len(), live.closing);
        if left <= live.ahead && !closing && !std::mem::replace(&mut live.asked, true) {
            let room = 1 + self.dice.below(20) as u32;
            inputs.push(Input::Delivery(FromDelivery::Ready { session, room }));
        }
        if left > 0 || closing {
            let after = self.latency(&manners);
            self.later(after, Happens::Work(session));
        }
    }

    fn result(&mut self, manners: &Manners, ticket: &Ticket) -> (model::handoff::Verdict, Option<Reply>) {
        let attempt = self.attempts.entry(ticket.recipient).or_default();
        *attempt += 1;
        assert_eq!(*attempt, ticket.attempt.min(*attempt), "attempts are counted");
        let attempt = *attempt;
        let key = (Name::from(format!("{}", manners.latency_ms)), self.now.as_unix_s());
        let this_second = self.seconds.entry(key).or_default();
        *this_second += 1;
        if *this_second > manners.per_s {
            return bed::slow_down();
        }
        if manners.greylists && attempt == 1 {
            let mut verdict = bed::verdict(Disposition::Deferred, Scope::Recipient, Some(Category::Greylisted));
            verdict.wait_s = Some(60);
            return (verdict, Some(Reply::new(450, "4.2.0 greylisted, come back later")));
        }
        match self.dice.below(100) {
            n if n < manners.bad_percent => bed::bounced(),
            n if n < manners.bad_percent + 2 => bed::deferred(),
            _ => bed::delivered(),
        }
    }
}

/// The number in `mx.p3.example` or `d1.p3.example`.
fn provider_of(name: &str) -> usize {
    name.split('.').nth(1).and_then(|part| part.strip_prefix('p')).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
