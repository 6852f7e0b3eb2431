//! How a recipient's time in the queue ends, or goes on after a failure.

use std::time::Duration;

use model::category::{Category, Scope};
use model::event::{Attempt, EventKind};
use model::name::Name;
use model::reply::Phase;
use model::time::Timestamp;

use super::{Out, QueueCore, Settled};
use crate::entries::{Chain, DueBy, NONE, Place};
use crate::replies::Replies;
use crate::retries::{Failure, fitting};
use crate::retry::with_jitter;

/// So often sending windows are asked in turn for a time at which all of them are open.
const WINDOW_ROUNDS_MAX: usize = 20;

/// A provider's wish to wait is followed within these bounds.
const WAIT_MIN: Duration = Duration::from_secs(10);

/// Who greylists and does not say for how long is asked again after this; most let a sender in after five minutes.
const GREYLIST_WAIT: Duration = Duration::from_secs(5 * 60);

/// So many attempts are taken for greylisting to be over soon; later ones follow the schedule.
const GREYLIST_ATTEMPTS: u16 = 3;

/// An attempt that failed for now.
pub(super) struct Failed {
    pub attempt: Attempt,
    /// The path it was made on.
    pub path: Option<u32>,
    pub at: Timestamp,
    pub address: Option<String>,
    /// How long the provider asks to wait.
    pub wait_s: Option<u32>,
}

/// How and by whom somebody is given up.
#[derive(Clone, Debug)]
pub(super) struct EndedBy {
    /// As if its time were over; otherwise as suppressed.
    pub expired: bool,
    pub by: Name,
    pub reason: String,
    /// Whether its sender is told.
    pub notify: bool,
}

impl EndedBy {
    fn note(&self) -> String {
        let what = if self.expired { "Expired" } else { "Cancelled" };
        let by = if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) };
        if self.reason.is_empty() { format!("{what}{by}.") } else { format!("{what}{by}: {}", self.reason) }
    }
}

impl QueueCore {
    /// Whether a recipient, taken out of its place, may go on. If not, it has been dealt with: cancelled, held, expired.
    pub(super) fn may_proceed(&mut self, now: Timestamp, idx: u32, out: &mut Out) -> bool {
        debug_assert_eq!(self.entries.get(idx).place, Place::Nowhere, "taken out before it goes on");
        if let Some(end) = self.ended_by(idx) {
            self.give_up(now, idx, &end, out);
        } else if self.is_held(idx) {
            self.put(idx, Place::Held, NONE);
        } else if self.entries.get(idx).deadline() <= now {
            self.expire(now, idx, out);
        } else if let Some(opens) = self.window_opens(now, idx) {
            self.note_due(idx, opens, DueBy::Window, "");
            self.put_on_wheel(idx);
        } else {
            return true;
        }
        false
    }

    /// When the sending windows of somebody's mail are open next; `None` when they are then anyway.
    pub(super) fn window_opens(&self, now: Timestamp, idx: u32) -> Option<Timestamp> {
        if self.config.windows.is_empty() {
            return None;
        }
        let entry = self.entries.get(idx);
        let routing = &self.series_of(idx).common.routing;
        let fitting = || {
            let entries = self.config.windows.iter();
            entries.filter(|entry| entry.fits(&routing.stream, &routing.tenant, &routing.job))
        };
        let wanted = now.max(entry.due());
        let mut at = wanted;
        // All have to be open at once: each moves the time on until none does any more.
        for _ in 0..WINDOW_ROUNDS_MAX {
            let opens = fitting().try_fold(at, |at, entry| entry.opens(at));
            match opens {
                // They do not meet: tried again later, given up at the deadline.
                None => return Some(entry.deadline()),
                Some(opens) if opens == at => return (at > wanted).then_some(at),
                Some(opens) => at = opens,
            }
        }
        Some(entry.deadline())
    }

    pub(super) fn is_held(&self, idx: u32) -> bool {
        let entry = self.entries.get(idx);
        entry.held
            || self.messages[entry.message].held
            || self.messages.series_of(entry.message).holds > 0
            || self.domains[entry.domain].held
            || (!self.orders.is_empty() && self.holds_on(idx).next().is_some())
    }

    /// How and by whom somebody is given up; `None` while nobody does.
    pub(super) fn ended_by(&self, idx: u32) -> Option<EndedBy> {
        match self.cancelled_by(idx) {
            Some(by) => Some(EndedBy { expired: false, by, reason: String::new(), notify: false }),
            None => self.ended_by_order(idx),
        }
    }

    /// Ends a recipient that is not to be attempted any more because a person said so.
    pub(super) fn give_up(&mut self, now: Timestamp, idx: u32, end: &EndedBy, out: &mut Out) {
        let entry = self.entries.get(idx);
        let (kind, category) = match end.expired {
            true => (EventKind::Expired, Category::MessageExpired),
            false => (EventKind::Suppressed, Category::Suppressed),
        };
        let (row, number) = (entry.row(), entry.attempts);
        let scope = Some(Scope::Recipient);
        let attempt = Attempt { number, category: Some(category), scope, ..Attempt::default() };
        let mut event = self.attempt_event(idx, kind, now, attempt, None);
        event.note = Some(end.note());
        out.events.push(self.told(idx, event, row));
        self.quiet = !end.notify;
        self.finish(idx, kind, out);
    }

    /// Ends a recipient that was queued for too long.
    pub(super) fn expire(&mut self, now: Timestamp, idx: u32, out: &mut Out) {
        let entry = self.entries.get(idx);
        let (row, attempts) = (entry.row(), entry.attempts);
        let attempt = Attempt {
            number: attempts,
            category: Some(Category::MessageExpired),
            scope: Some(Scope::Recipient),
            ..Attempt::default()
        };
        let mut event = self.attempt_event(idx, EventKind::Expired, now, attempt, None);
        event.note = Some(match attempts {
            0 => "Its time was up before it could be attempted.".to_owned(),
            1 => "Its time was up after 1 attempt.".to_owned(),
            attempts => format!("Its time was up after {attempts} attempts."),
        });
        out.events.push(self.told(idx, event, row));
        self.finish(idx, EventKind::Expired, out);
    }

    /// Goes on after a failed attempt: back on the wheel, or the end when no further attempt fits its time.
    ///
    /// The recipient has been taken out of its place and the attempt has been counted.
    pub(super) fn defer(&mut self, now: Timestamp, idx: u32, failed: Failed, out: &mut Out) {
        let entry = self.entries.get(idx);
        let (row, deadline, number) = (entry.row(), entry.deadline(), entry.attempts);
        let (delay, due_by) = self.delay(idx, &failed);
        let schedule = self.planned(idx, failed.attempt.category, failed.attempt.phase).2;
        let entry = self.entries.get_mut(idx);
        entry.set_category(failed.attempt.category);
        entry.retry = schedule;
        let due = failed.at.plus(delay);
        let expires = due >= deadline && !self.is_held(idx);
        let last = expires.then(|| Attempt { transcript: None, ..failed.attempt.clone() });
        let reply = failed.attempt.reply.as_ref().map(ToString::to_string);
        let wording = reply.or_else(|| failed.attempt.error.clone()).unwrap_or_default();
        let mut attempt = failed.attempt;
        attempt.number = number;
        attempt.next_attempt = (!expires).then_some(due);
        let mut event = self.attempt_event(idx, EventKind::Deferred, failed.at, attempt, failed.path);
        event.address = failed.address.clone();
        self.note_warm_up(now, failed.path, &event, out);
        out.events.push(self.told(idx, event, row));
        self.count_progress(idx, EventKind::Deferred);
        if let Some(last) = last {
            let last = Attempt { number, category: Some(Category::MessageExpired), suppress: false, ..last };
            let mut event = self.attempt_event(idx, EventKind::Expired, now, last, failed.path);
            event.address = failed.address;
            event.note = Some("No further attempt fits before its time is up.".to_owned());
            out.events.push(self.told(idx, event, row));
            self.finish(idx, EventKind::Expired, out);
            return;
        }
        self.note_due(idx, due, due_by, &wording);
        let entry = self.entries.get(idx);
        out.settled.push(Settled::Deferred { recipient: entry.id, row, attempts: number, due });
        if self.may_proceed(now, idx, out) {
            self.put_on_wheel(idx);
        }
    }

    /// How long to wait after a failed attempt: what the provider asks for where it greylists, and at least that where it
    /// says anything; otherwise by the schedule of the provider or the stream. And which of these it was.
    fn delay(&self, idx: u32, failed: &Failed) -> (Duration, DueBy) {
        let entry = self.entries.get(idx);
        let (planned, longest, _) = self.planned(idx, failed.attempt.category, failed.attempt.phase);
        let greylisted = failed.attempt.category == Some(Category::Greylisted);
        let Some(wait_s) = failed.wait_s else {
            let soon = with_jitter(GREYLIST_WAIT, entry.id, entry.attempts);
            let sooner = greylisted && entry.attempts <= GREYLIST_ATTEMPTS && soon < planned;
            return if sooner { (soon, DueBy::Greylisting) } else { (planned, DueBy::Schedule) };
        };
        let (wish, longest) = (Duration::from_secs(u64::from(wait_s)), longest.max(WAIT_MIN));
        let asked = with_jitter(wish.clamp(WAIT_MIN, longest), entry.id, entry.attempts);
        if !greylisted && planned >= asked {
            return (planned, DueBy::Schedule);
        }
        (asked, if wish > longest { DueBy::Longest } else { DueBy::Reply })
    }

    /// The wait by the schedule that holds after such a failure, the longest wait of that schedule, and its place among
    /// the configured ones, counted from 1 (0: the provider's, or the stream's).
    fn planned(&self, idx: u32, category: Option<Category>, phase: Option<Phase>) -> (Duration, Duration, u16) {
        let entry = self.entries.get(idx);
        let stream = &self.streams[usize::from(self.series_of(idx).stream)].config;
        let site = self.domains[entry.domain].site().map(|site| &self.sites[site]);
        let failure = Failure { provider: site.map(|site| &site.spec.provider), stream: &stream.name, category, phase };
        if let Some((place, schedule)) = fitting(&self.config.retries, failure) {
            return (schedule.delay(entry.attempts, entry.id), schedule.longest_wait(), place as u16 + 1);
        }
        let retry = site.and_then(|site| site.retry).unwrap_or(stream.retry);
        (retry.delay(entry.attempts, entry.id), retry.longest.0, 0)
    }

    /// Notes the time of the next attempt and what set it; the wording is kept where it is the reply that did.
    pub(super) fn note_due(&mut self, idx: u32, due: Timestamp, due_by: DueBy, wording: &str) {
        let entry = self.entries.get_mut(idx);
        self.replies.release(entry.wording);
        entry.set_due(due);
        entry.due_by = due_by;
        let by_reply = matches!(due_by, DueBy::Reply | DueBy::Longest | DueBy::Greylisting) && !wording.is_empty();
        entry.wording = if by_reply { self.replies.take(wording) } else { Replies::NONE };
    }

    /// The end: the recipient, taken out of its place, is forgotten, and the spool told so.
    pub(super) fn finish(&mut self, idx: u32, kind: EventKind, out: &mut Out) {
        self.count_progress(idx, kind);
        let entry = self.entries.get(idx);
        let (id, message, domain) = (entry.id, entry.message, entry.domain);
        let quiet = std::mem::take(&mut self.quiet);
        out.settled.push(Settled::Done { recipient: id, row: entry.row(), quiet });
        self.replies.release(entry.wording);
        self.ids.remove(&self.entries, id);
        // A sweep that stands on this recipient goes on with the next one.
        if self.messages[message].sweep == idx {
            self.messages[message].sweep = self.entries.next(Chain::Message, idx).unwrap_or(NONE);
        }
        if self.domains[domain].sweep == idx {
            self.domains[domain].sweep = self.entries.next(Chain::Domain, idx).unwrap_or(NONE);
        }
        self.entries.unlink(Chain::Message, &mut self.messages[message].recipients, idx);
        self.entries.unlink(Chain::Domain, &mut self.domains[domain].recipients, idx);
        self.entries.remove(idx);
        self.totals.done += 1;
        self.forget_message_if_done(message);
    }

    fn count_progress(&mut self, idx: u32, kind: EventKind) {
        let campaign = self.series_of(idx).campaign;
        if campaign == NONE {
            return;
        }
        let progress = &mut self.campaigns[campaign].progress;
        match kind {
            EventKind::Delivered => progress.delivered += 1,
            EventKind::Deferred => progress.deferred += 1,
            EventKind::Bounced => progress.bounced += 1,
            EventKind::Expired => progress.expired += 1,
            EventKind::Suppressed => progress.suppressed += 1,
            _ => {}
        }
    }
}
