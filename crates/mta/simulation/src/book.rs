//! What the world outside knows: who was handed over and with what answer, what providers took and refused, what was
//! ordered. It outlives every life of the suite and never asks the suite for anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use journal::events::Cursor;
use model::category::Disposition;
use model::event::{Event, EventKind};
use model::id::{EventId, MessageId, RecipientId};
use model::name::Name;
use queue::control::Target;

use crate::people::BATCHES_FROM;
use crate::plan::{Letter, Plan};

/// Lines of the diary that are kept for a failure's report.
const DIARY_LINES: usize = 250;

/// One life of the suite, counted from 1.
pub type Life = u32;

/// A connection at a provider, as the network sees it.
#[derive(Debug, Default)]
pub struct Conn {
    /// Bytes of the provider that the suite has read.
    pub read: AtomicU64,
    /// Bytes that the provider has written.
    pub written: AtomicU64,
}

/// A provider has answered the final dot with 250, or wanted to.
#[derive(Clone, Debug)]
pub struct Take {
    /// In which life of the suite.
    pub life: Life,
    /// When, in the world's own time.
    pub at: Duration,
    /// When the provider had the whole message: it may sleep over it, and take meanwhile the next attempt's.
    pub arrived: Duration,
    conn: Arc<Conn>,
    /// Where the reply ends in what the provider wrote; `None` when it was never written.
    pub reply_end: Option<u64>,
}

impl Take {
    /// A mail that was taken; the reply is noted later.
    pub fn new(life: Life, arrived: Duration, at: Duration, conn: &Arc<Conn>) -> Self {
        Take { life, at, arrived, conn: Arc::clone(conn), reply_end: None }
    }

    /// Whether it came over this connection.
    pub fn is_over(&self, conn: &Arc<Conn>) -> bool {
        Arc::ptr_eq(&self.conn, conn)
    }

    /// Whether the suite has read the whole reply.
    pub fn was_told(&self) -> bool {
        self.reply_end.is_some_and(|end| self.conn.read.load(Ordering::Relaxed) >= end)
    }
}

/// How a submission was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not handed over yet.
    Waiting,
    /// Handed over, and no answer has come (yet).
    Open,
    /// Accepted: the message, and its first recipient's number.
    Accepted {
        /// The message.
        message: MessageId,
        /// Recipients have numbers from here on.
        first: RecipientId,
    },
    /// Refused: nothing of it may ever go out.
    Refused,
    /// The answer was lost, or said that it is not known.
    Lost,
}

/// One submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The addresses of its recipients; no two submissions share one.
    pub addresses: Vec<String>,
    /// The unit of work it belongs to.
    pub job: Name,
    /// What became of it.
    pub answer: Answer,
    /// When it was accepted.
    pub accepted_at: Duration,
}

/// An order that stands, and since when it was answered.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Whom it concerns: addresses, or a provider.
    pub addresses: Vec<String>,
    /// Since when.
    pub since: Duration,
    /// Until when; `None` while it stands, and for ever after a cancellation.
    pub until: Option<Duration>,
    /// In words.
    pub what: String,
}

/// A suspension that stands.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The provider.
    pub site: Option<usize>,
    /// The source.
    pub source: Option<Name>,
    /// Since when.
    pub since: Duration,
    /// Until when; `None` while it stands.
    pub until: Option<Duration>,
}

/// A suspension lets sessions that were being opened go on for so long.
const OPENING_MAX: Duration = Duration::from_secs(130);

/// Everything known outside.
#[derive(Default)]
pub struct Book {
    /// The present life of the suite.
    pub life: Life,
    /// Lives that ended without having written everything: by a crash, or cut off.
    pub crashed: Vec<Life>,
    /// When each life began, in the world's time.
    pub began: Vec<Duration>,
    /// By number in the plan.
    pub submissions: BTreeMap<usize, Submission>,
    /// By address.
    pub takes: BTreeMap<String, Vec<Take>>,
    /// Refusals at providers by address: code and time.
    pub refusals: BTreeMap<String, Vec<(u16, Duration)>>,
    /// When each address was named in a RCPT.
    pub asked: BTreeMap<String, Vec<Duration>>,
    /// Holds and cancellations.
    pub standing: Vec<Standing>,
    /// Open connections by source and provider, and the most there were.
    pub open: BTreeMap<(Name, usize), (u32, u32)>,
    /// When recipients were named, by source and provider.
    pub pace: BTreeMap<(Name, usize), Vec<(Life, Duration)>>,
    /// Suspensions.
    pub closed_routes: Vec<Closed>,
    /// What the consumer of the event log has read, in order, and when.
    pub events: Vec<(Duration, Event)>,
    /// Where it goes on.
    pub cursor: Cursor,
    /// Who was told of at an address.
    pub recipients: BTreeMap<String, BTreeSet<RecipientId>>,
    /// Ends that were told, by recipient.
    pub ends: BTreeMap<RecipientId, Vec<(EventId, EventKind, Duration)>>,
    /// Addresses whose end is known.
    ended: BTreeSet<String>,
    /// The feed is through.
    pub fed: bool,
    /// Orders that were given, by number.
    pub ordered: BTreeSet<usize>,
    /// What is to be released and resumed at last.
    pub to_undo: Vec<Target>,
    /// Clocks that were set, by number.
    pub jumped: BTreeSet<usize>,
    /// What must never happen and did.
    pub faults: Vec<String>,
    diary: VecDeque<String>,
}

impl Book {
    /// Notes a line for the report of a failure.
    pub fn note(&mut self, at: Duration, line: impl FnOnce() -> String) {
        if self.diary.len() >= DIARY_LINES {
            self.diary.pop_front();
        }
        let line = format!("{:>10.3} life {} {}", at.as_secs_f64(), self.life, line());
        self.diary.push_back(line);
    }

    /// Something that must never happen.
    pub fn fault(&mut self, at: Duration, line: String) {
        self.note(at, || format!("FAULT {line}"));
        self.faults.push(line);
    }

    /// The last lines.
    pub fn diary(&self) -> impl Iterator<Item = &str> {
        self.diary.iter().map(String::as_str)
    }

    /// A provider is asked whether it takes mail for this address.
    pub fn asked(&mut self, at: Duration, source: &Name, provider: usize, address: &str) {
        self.asked.entry(address.to_owned()).or_default().push(at);
        let life = self.life;
        self.pace.entry((source.clone(), provider)).or_default().push((life, at));
        if self.ended.contains(address) {
            self.fault(at, format!("{address} is attempted although its end was told"));
        }
        let against = self.standing.iter().find(|standing| {
            standing.since < at
                && standing.until.is_none_or(|until| at < until)
                && standing.addresses.iter().any(|other| other == address)
        });
        if let Some(standing) = against {
            let line = format!("{address} is attempted in spite of: {} at {:?}", standing.what, standing.since);
            self.fault(at, line);
        }
    }

    /// A connection was made; the limit is what the suite was told to keep.
    pub fn opened(&mut self, at: Duration, source: &Name, provider: usize, limit: u32) {
        let (open, most) = self.open.entry((source.clone(), provider)).or_default();
        *open += 1;
        *most = (*most).max(*open);
        if *open > limit {
            let line = format!("{open} connections from {source} to provider {provider}; at most {limit} are allowed");
            self.fault(at, line);
        }
        let against = self.closed_routes.iter().find(|closed| {
            closed.site.is_none_or(|site| site == provider)
                && closed.source.as_ref().is_none_or(|name| name == source)
                && closed.since + OPENING_MAX < at
                && closed.until.is_none_or(|until| at < until)
        });
        if let Some(closed) = against {
            self.fault(at, format!("{source} connects to provider {provider} in spite of {closed:?}"));
        }
    }

    /// A connection is gone.
    pub fn closed(&mut self, source: &Name, provider: usize) {
        if let Some((open, _)) = self.open.get_mut(&(source.clone(), provider)) {
            *open = open.saturating_sub(1);
        }
    }

    /// An event was read from the log.
    pub fn event(&mut self, at: Duration, event: Event) {
        if let Some(recipient) = event.recipient {
            if let Some(address) = &event.address {
                self.recipients.entry(address.clone()).or_default().insert(recipient);
            }
            self.note(at, || {
                let reply = event.attempt.as_ref().and_then(|attempt| attempt.reply.as_ref());
                let error = event.attempt.as_ref().and_then(|attempt| attempt.error.as_deref());
                let reply = reply.map(|reply| reply.to_string());
                format!("event {:?} {recipient} {:?} {reply:?} {error:?}", event.kind, event.address)
            });
            if event.kind.disposition().is_some_and(Disposition::is_final) {
                self.ends.entry(recipient).or_default().push((event.id, event.kind, at));
                let address = self.address_of(recipient).or(event.address.clone());
                self.ended.extend(address);
            }
        }
        self.events.push((at, event));
    }

    /// Whether a submission was never handed over, or came back for want of room.
    pub fn is_new(&self, number: usize) -> bool {
        self.submissions.get(&number).is_none_or(|one| one.answer == Answer::Waiting)
    }

    /// A submission is being handed over.
    pub fn open(&mut self, number: usize, addresses: &[String], job: &Name) {
        let one = Submission {
            addresses: addresses.to_vec(),
            job: job.clone(),
            answer: Answer::Open,
            accepted_at: Duration::ZERO,
        };
        self.submissions.insert(number, one);
    }

    /// A submission was answered.
    pub fn answered(&mut self, at: Duration, number: usize, answer: Answer) {
        if let Some(one) = self.submissions.get_mut(&number) {
            (one.answer, one.accepted_at) = (answer, at);
        }
    }

    /// The feed learns how far it had come: what it had not heard of is known now.
    pub fn feed_resumed(&mut self, at: Duration, checkpoint: Option<u64>, batches: &[Vec<String>]) {
        let done = checkpoint.unwrap_or(0) as usize;
        for number in 0..batches.len() {
            let Some(one) = self.submissions.get(&(BATCHES_FROM + number)) else { continue };
            let line = match one.answer {
                Answer::Accepted { .. } if number >= done => format!("batch {number} was accepted and is not there"),
                Answer::Refused | Answer::Waiting if number < done => {
                    format!("batch {number} was not taken and is there")
                }
                _ => continue,
            };
            self.fault(at, line);
        }
    }

    /// Submissions that were accepted.
    pub fn accepted(&self) -> impl Iterator<Item = &Submission> {
        self.submissions.values().filter(|one| matches!(one.answer, Answer::Accepted { .. }))
    }

    /// The address of a recipient that was accepted.
    pub fn address_of(&self, recipient: RecipientId) -> Option<String> {
        self.accepted().find_map(|one| match one.answer {
            Answer::Accepted { first, .. } => {
                let place = recipient.0.checked_sub(first.0)?;
                one.addresses.get(usize::try_from(place).ok()?).cloned()
            }
            _ => None,
        })
    }

    /// The life is over: whoever has no answer will not get one.
    pub fn life_ended(&mut self, crashed: bool) {
        if crashed {
            self.crashed.push(self.life);
        }
        for one in self.submissions.values_mut().filter(|one| one.answer == Answer::Open) {
            one.answer = Answer::Lost;
        }
        // Connections went with it; what is dropped later is not counted twice.
        for (open, _) in self.open.values_mut() {
            *open = 0;
        }
    }

    /// Letters that have not got an answer yet, by number.
    pub fn unanswered(&self, plan: &Plan) -> Vec<usize> {
        let open = |(number, (_, letter)): (usize, &(Duration, Letter))| {
            let open = match letter {
                Letter::Single { .. } => {
                    self.submissions.get(&number).is_none_or(|one| matches!(one.answer, Answer::Waiting | Answer::Open))
                }
                Letter::Feed { .. } => !self.fed,
            };
            open.then_some(number)
        };
        plan.letters.iter().enumerate().filter_map(open).collect()
    }

    /// Whether every letter has got its answer.
    pub fn all_answered(&self, plan: &Plan) -> bool {
        self.unanswered(plan).is_empty()
    }

    /// Recipients that were told of and whose end was not.
    pub fn without_end(&self) -> Vec<RecipientId> {
        let all = self.recipients.values().flatten();
        all.filter(|recipient| !self.ends.contains_key(recipient)).copied().collect()
    }
}
