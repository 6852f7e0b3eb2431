//! The verdict over a world: everybody who was accepted has one end, it is what the providers' books say, and every mail
//! that was taken twice has its cause.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use model::event::EventKind;
use model::id::RecipientId;

use crate::book::{Answer, Book, Submission, Take};
use crate::plan::{CALM_AFTER, MAX_AGE};
use crate::suite::{burst, given_ahead, is_suppressed};
use crate::world::{Outcome, World};

/// An attempt that began before a mail was too old may take so long.
const ATTEMPT_MAX: Duration = Duration::from_secs(1_800);
/// Rates are looked at over so long.
const WINDOW: Duration = Duration::from_secs(600);

/// What there was of what, for the curious.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lives of the suite.
    pub lives: usize,
    /// Recipients that were accepted.
    pub accepted: usize,
    /// Ends by kind.
    pub ends: BTreeMap<EventKind, usize>,
    /// Mails taken more than once because a reply was lost.
    pub twice_for_lost_replies: usize,
    /// Mails taken more than once because a crash came between the reply and its event.
    pub twice_for_crashes: usize,
    /// Submissions whose answer was lost.
    pub lost_answers: usize,
}

/// Looks through the book at the end.
pub fn give(world: &World, lives: &str) -> Outcome {
    let mut book = world.lock();
    let mut counts = Counts { lives: book.began.len(), ..Counts::default() };
    let mut faults = std::mem::take(&mut book.faults);
    // A world that was broken off has no ends to look at.
    if faults.is_empty() {
        Judge { world, book: &book, faults: &mut faults, counts: &mut counts }.judge();
    }
    let mut report = format!("SEED={}\n{lives}", world.plan.seed);
    for fault in faults.iter().take(10) {
        let _ = writeln!(report, "FAULT: {fault}");
    }
    book.diary().for_each(|line| {
        let _ = writeln!(report, "{line}");
    });
    Outcome { history: history(&book), faults, report, counts }
}

/// Everything that happened, in order.
fn history(book: &Book) -> Vec<String> {
    let events = book.events.iter().map(|(at, event)| format!("{at:?} {event:?}"));
    let takes = book.takes.iter().flat_map(|(address, takes)| {
        takes.iter().map(move |take| format!("{:?} life {} takes {address}", take.at, take.life))
    });
    events.chain(takes).collect()
}

struct Judge<'a> {
    world: &'a World,
    book: &'a Book,
    faults: &'a mut Vec<String>,
    counts: &'a mut Counts,
}

impl Judge<'_> {
    fn judge(mut self) {
        for submission in self.book.submissions.values() {
            self.submission(submission);
        }
        for (address, takes) in &self.book.takes {
            self.takes(address, takes);
        }
        self.pace();
    }

    fn fault(&mut self, line: String) {
        self.faults.push(line);
    }

    /// A submission is there whole or not at all, as it was answered.
    fn submission(&mut self, one: &Submission) {
        let there = one.addresses.iter().filter(|address| self.book.recipients.contains_key(*address)).count();
        match one.answer {
            Answer::Accepted { .. } => self.counts.accepted += one.addresses.len(),
            Answer::Lost => {
                self.counts.lost_answers += 1;
                if there != 0 && there != one.addresses.len() {
                    self.fault(format!("of {:?} only {there} are there", one.addresses));
                }
            }
            Answer::Refused | Answer::Waiting | Answer::Open if there > 0 => {
                self.fault(format!("{:?}: {there} of {:?} are there", one.answer, one.addresses));
            }
            _ => {}
        }
        for address in &one.addresses {
            let recipients =
                self.book.recipients.get(address).map(|all| all.iter().copied().collect()).unwrap_or_default();
            let recipients: Vec<RecipientId> = recipients;
            match (recipients.as_slice(), one.answer) {
                ([recipient], _) => self.end(address, *recipient, one),
                ([], Answer::Accepted { .. }) => self.fault(format!("{address} was accepted and never heard of again")),
                ([], _) => {
                    if self.book.takes.contains_key(address) {
                        self.fault(format!("{address} was delivered and never accepted"));
                    }
                }
                (several, _) => self.fault(format!("{address} came in {} times", several.len())),
            }
        }
    }

    /// One recipient has one end, in time, and it is the truth.
    fn end(&mut self, address: &str, recipient: RecipientId, one: &Submission) {
        let Some(ends) = self.book.ends.get(&recipient) else {
            return self.fault(format!("{address} has no end"));
        };
        let (id, kind, at) = ends[0];
        *self.counts.ends.entry(kind).or_default() += 1;
        if ends.iter().any(|(other, _, _)| *other != id) {
            self.fault(format!("{address} has several ends: {ends:?}"));
        }
        let jumps: i64 = self.world.plan.jumps.iter().map(|(_, seconds)| seconds.abs()).sum();
        let slack = ATTEMPT_MAX + Duration::from_secs(jumps as u64) + Duration::from_secs(900 * 6);
        let latest = (one.accepted_at + MAX_AGE).max(CALM_AFTER) + slack;
        if at > latest {
            self.fault(format!("{address} has ended at {at:?}, {:?} at the latest", latest));
        }
        self.truth(address, kind);
    }

    fn truth(&mut self, address: &str, kind: EventKind) {
        let none = Vec::new();
        let takes = self.book.takes.get(address).unwrap_or(&none);
        let told = takes.iter().any(Take::was_told);
        let for_sure = takes.iter().any(|take| take.was_told() && !self.book.crashed.contains(&take.life));
        let assumed = self.world.plan.assume_delivered;
        let refused = self.book.refusals.get(address).is_some_and(|all| all.iter().any(|(code, _)| *code >= 500));
        let no_domain = ["nowhere.example", "null.example"].iter().any(|domain| address.ends_with(domain));
        let is_cancelled = self.book.standing.iter().any(|standing| {
            standing.what.starts_with("cancel") && standing.addresses.iter().any(|other| other == address)
        });
        let line = match kind {
            EventKind::Delivered if told || assumed => return,
            EventKind::Delivered => "is told to be delivered, and nobody said 250".to_owned(),
            _ if for_sure => format!("was delivered, and its end is {kind:?}"),
            EventKind::Bounced if !refused && !no_domain => "has bounced, and nobody refused it".to_owned(),
            EventKind::Suppressed if !is_suppressed(address) && !is_cancelled && self.world.plan.orders.is_empty() => {
                "is suppressed by nobody".to_owned()
            }
            _ => return,
        };
        self.fault(format!("{address} {line}: {takes:?}"));
    }

    /// Whoever got a mail twice got it for a reason.
    fn takes(&mut self, address: &str, takes: &[Take]) {
        if self.book.submissions.values().all(|one| !one.addresses.iter().any(|other| other == address)) {
            self.fault(format!("{address} is nobody's"));
        }
        let mut in_order: Vec<&Take> = takes.iter().collect();
        in_order.sort_by_key(|take| take.arrived);
        for pair in in_order.windows(2) {
            if !pair[0].was_told() {
                self.counts.twice_for_lost_replies += 1;
            } else if pair[0].life < pair[1].life && self.book.crashed.contains(&pair[0].life) {
                self.counts.twice_for_crashes += 1;
            } else {
                self.fault(format!("{address} was delivered twice without a cause: {takes:?}"));
            }
        }
    }

    /// No provider was asked faster than the suite was told.
    fn pace(&mut self) {
        for ((source, provider), times) in &self.book.pace {
            let site = &self.world.plan.sites[*provider];
            let allowed =
                site.per_minute * WINDOW.as_secs() / 60 + burst(site.per_minute) + given_ahead(site.connections);
            let mut first = 0;
            for (last, (life, at)) in times.iter().enumerate() {
                while times[first].0 != *life || times[first].1 + WINDOW < *at {
                    first += 1;
                }
                let count = (last - first + 1) as u64;
                if count > allowed {
                    let line = format!(
                        "{source} named {count} recipients to provider {provider} within {WINDOW:?} before {at:?}; {allowed} are allowed"
                    );
                    self.faults.push(line);
                    break;
                }
            }
        }
    }
}
