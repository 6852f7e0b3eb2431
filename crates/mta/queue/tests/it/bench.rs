//! A queue under observation: what it said is kept, and every step is checked.

use std::collections::HashMap;
use std::time::Duration;

use model::category::{Category, Disposition, Scope};
use model::event::{Attempt, Event, EventKind};
use model::handoff::{FromDelivery, SessionTrouble, Ticket, ToDelivery, Verdict};
use model::id::{RecipientId, SessionId};
use model::reply::Reply;
use model::submission::Routing;
use model::time::Timestamp;
use queue::control::{Action, Order, OrderError, Target};
use queue::core::{Answer, Input, Out, QueueCore, Settled};

use super::bed::{self, Maker, at};

/// A queue under observation.
pub struct Bench {
    pub core: QueueCore,
    pub maker: Maker,
    pub now: Timestamp,
    pub events: Vec<Event>,
    pub settled: Vec<Settled>,
    pub open: Vec<(SessionId, String)>,
    pub given: Vec<(SessionId, Ticket)>,
    pub closed: Vec<SessionId>,
    pub answers: Vec<Answer>,
    pub resolve: bool,
    /// Every step is followed by a check of everything, which takes long in a large queue.
    pub checked: bool,
    /// The source of each session.
    pub paths: HashMap<SessionId, String>,
}

impl Bench {
    pub fn new(config: &str) -> Self {
        Bench {
            core: bed::core(config),
            maker: Maker::new(),
            now: at(0),
            events: Vec::new(),
            settled: Vec::new(),
            open: Vec::new(),
            given: Vec::new(),
            closed: Vec::new(),
            answers: Vec::new(),
            resolve: true,
            checked: true,
            paths: HashMap::new(),
        }
    }

    pub fn feed(&mut self, inputs: Vec<Input>) {
        let mut out = Out::default();
        self.core.step(self.now, inputs, &mut out);
        self.take(out);
    }

    /// Does something without a check after each step.
    pub fn unchecked(&mut self, work: impl FnOnce(&mut Self)) {
        self.checked = false;
        work(self);
        self.checked = true;
    }

    /// The sources of what was given, in its order.
    pub fn sources_given(&self) -> Vec<&str> {
        let path = |session: &SessionId| self.paths[session].split(" → ").next().expect("source → site");
        self.given.iter().map(|(session, _)| path(session)).collect()
    }

    pub fn take(&mut self, out: Out) {
        for order in out.to_delivery {
            match order {
                ToDelivery::Open { session, path } => {
                    self.paths.insert(session, path.path.to_string());
                    self.open.push((session, path.path.to_string()));
                }
                ToDelivery::Give { session, tickets } => {
                    self.given.extend(tickets.into_iter().map(|ticket| (session, ticket)));
                }
                ToDelivery::Close { session } => self.closed.push(session),
            }
        }
        self.events.extend(out.events.into_iter().map(|told| *told.event));
        self.settled.extend(out.settled);
        self.answers.extend(out.answers);
        if self.checked {
            self.core.check().unwrap();
        }
        if self.resolve && !out.resolve.is_empty() {
            self.feed(out.resolve.iter().map(bed::resolved).collect());
        }
    }

    pub fn admit(&mut self, routing: Routing, domains: &[&str]) -> Vec<RecipientId> {
        let message = self.maker.message(self.now, routing);
        let admitted = self.maker.admitted(self.now, &message, domains);
        let ids = admitted.recipients.iter().map(|recipient| recipient.id).collect();
        self.feed(vec![bed::admit(admitted)]);
        ids
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.feed(Vec::new());
    }

    pub fn ready(&mut self, session: SessionId, room: u32) {
        self.feed(vec![Input::Delivery(FromDelivery::Ready { session, room })]);
    }

    pub fn ready_all(&mut self, room: u32) {
        for (session, _) in std::mem::take(&mut self.open) {
            self.ready(session, room);
        }
    }

    pub fn finish(&mut self, result: fn() -> (Verdict, Option<Reply>)) {
        for (session, ticket) in std::mem::take(&mut self.given) {
            let outcome = bed::outcome(self.now, session, ticket.recipient, result());
            self.feed(vec![Input::Delivery(FromDelivery::Done(Box::new(outcome)))]);
        }
    }

    /// Like `finish`; the sessions can take more.
    pub fn finish_and_go_on(&mut self, result: fn() -> (Verdict, Option<Reply>)) {
        let mut sessions: Vec<SessionId> = self.given.iter().map(|(session, _)| *session).collect();
        sessions.dedup();
        self.finish(result);
        sessions.into_iter().for_each(|session| self.ready(session, 10));
    }

    pub fn fail(&mut self, session: SessionId) {
        let verdict = bed::verdict(Disposition::Deferred, Scope::Connection, Some(Category::NoAnswerFromHost));
        let attempt = Attempt { error: Some("timed out".to_owned()), ..Attempt::default() };
        let trouble = Some(Box::new(SessionTrouble { verdict, attempt }));
        self.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble })]);
    }

    pub fn order(&mut self, target: Target, action: Action) -> Result<u64, OrderError> {
        let mut out = Out::default();
        let order = Order::new(target, action);
        let done = self.core.control(self.now, &order, "Ada", &mut out);
        self.take(out);
        done.map(|done| done.affected)
    }

    pub fn explain(&self, recipient: RecipientId) -> String {
        let Some(explained) = self.core.explain(self.now, recipient) else { return "not in the queue".to_owned() };
        let limiter = explained.limiter.map_or_else(
            || "nothing".to_owned(),
            |limiter| {
                let value = limiter.value.map_or_else(String::new, |value| format!(" [{value}]"));
                format!("{:?}: {}{value} by {}", limiter.kind, limiter.text, limiter.set_by)
            },
        );
        let in_s = explained.next_at.map_or_else(|| "?".to_owned(), |next| next.since(self.now).as_secs().to_string());
        format!("{:?}, {limiter}, in {in_s} s", explained.recipient.state)
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.kind.as_str()).collect()
    }

    pub fn last(&self, kind: EventKind) -> &Event {
        self.events.iter().rev().find(|event| event.kind == kind).expect("such an event")
    }
}
