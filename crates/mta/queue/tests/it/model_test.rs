//! Random admissions, answers, outcomes, losses, orders, crashes and time against a plain model of who has to be where.
//!
//! Checked after every step: everybody is in exactly one place; limits of connections hold; every end is told once and
//! acknowledged once; after a crash, in which the ends of the last steps are lost, nobody who was cancelled is mailed;
//! and nobody else is cancelled. Checked at the end: once nothing is held or suspended, everybody ends by `max_age`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::category::{Category, Disposition, Scope};
use model::event::{Attempt, EventKind};
use model::handoff::{Admitted, FromDelivery, SessionTrouble, ToDelivery};
use model::id::{CampaignId, RecipientId, SessionId};
use model::name::Name;
use model::route::Path;
use model::time::Timestamp;
use proptest::prelude::*;
use queue::bulk::{BulkOrder, Work};
use queue::control::{Action, Order, Target};
use queue::core::{Answered, Input, NoRoute, Out, QueueCore, Settled};
use queue::select::Filter;

use super::bed::{self, Maker, START};

const CONFIG: &str = r#"
    sources = [{ name = "a", ehlo_name = "a.example" }, { name = "b", ehlo_name = "b.example" }]
    pools = [{ name = "default", members = [{ source = "a", weight = 3 }, { source = "b", weight = 1 }] }]
    overrides = [{ connections = 3, provider_connections = 4, rate = "50/s", messages_per_connection = 20 }]
    limits = { connections_max = 9, ready_max = 30, route_max_age = "5m", connection_share = "20s", forget_after = "10m" }
    default_stream = "bulk"

    [[streams]]
    name = "transactional"
    priority = 80
    max_age = "1h"
    retry = { first = "1m", longest = "10m" }

    [[streams]]
    name = "bulk"
    priority = 20
    max_age = "2h"
    retry = { first = "2m", longest = "20m" }
"#;
const MAX_AGE: Duration = Duration::from_secs(2 * 3_600);

#[derive(Clone, Debug)]
enum Step {
    Admit {
        count: usize,
        domain: usize,
        campaign: u64,
        fast: bool,
    },
    Pass(u64),
    Resolve {
        nth: usize,
        kind: u8,
    },
    Ready {
        nth: usize,
        room: u32,
    },
    Done {
        nth: usize,
        count: usize,
        kind: u8,
    },
    Close {
        nth: usize,
        trouble: bool,
    },
    Order {
        action: u8,
        what: u8,
        nth: u64,
    },
    /// An order by a filter.
    Bulk {
        action: u8,
        what: u8,
        nth: u64,
    },
    /// What was told is on disk; or the program dies, and what was told since the last time is not.
    Durable,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_usize..12, 0_usize..6, 0_u64..3, any::<bool>())
            .prop_map(|(count, domain, campaign, fast)| Step::Admit { count, domain, campaign, fast }),
        4 => prop_oneof![0_u64..2_000, 0_u64..300_000, 0_u64..3_000_000].prop_map(Step::Pass),
        4 => (any::<usize>(), 0_u8..8).prop_map(|(nth, kind)| Step::Resolve { nth, kind }),
        6 => (any::<usize>(), 1_u32..15).prop_map(|(nth, room)| Step::Ready { nth, room }),
        8 => (any::<usize>(), 1_usize..8, 0_u8..12).prop_map(|(nth, count, kind)| Step::Done { nth, count, kind }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(nth, trouble)| Step::Close { nth, trouble }),
        2 => (0_u8..5, 0_u8..6, 0_u64..3).prop_map(|(action, what, nth)| Step::Order { action, what, nth }),
        3 => (0_u8..8, 0_u8..8, 0_u64..3).prop_map(|(action, what, nth)| Step::Bulk { action, what, nth }),
        1 => Just(Step::Durable),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the outside world knows.
struct Model {
    core: QueueCore,
    now: Timestamp,
    maker: Maker,
    /// Those without an end, as the spool would bring them back.
    waiting: BTreeMap<RecipientId, Admitted>,
    /// Ends that are not on disk.
    volatile: Vec<(RecipientId, Admitted)>,
    /// Given up by a person.
    cancelled: BTreeSet<RecipientId>,
    /// Campaigns whose mail was given up, until when.
    campaigns: BTreeMap<CampaignId, Timestamp>,
    /// Filters that persons hold.
    held: Vec<Filter>,
    /// An order gives up whoever is somewhere at the moment.
    gives_up_by_place: bool,
    ended: BTreeSet<RecipientId>,
    told_end: BTreeSet<RecipientId>,
    asked: Vec<Name>,
    sessions: BTreeMap<SessionId, Open>,
}

struct Open {
    path: Path,
    given: Vec<RecipientId>,
}

impl Model {
    fn new() -> Self {
        Model {
            core: bed::core(CONFIG),
            now: START,
            maker: Maker::new(),
            waiting: BTreeMap::new(),
            volatile: Vec::new(),
            cancelled: BTreeSet::new(),
            campaigns: BTreeMap::new(),
            held: Vec::new(),
            gives_up_by_place: false,
            ended: BTreeSet::new(),
            told_end: BTreeSet::new(),
            asked: Vec::new(),
            sessions: BTreeMap::new(),
        }
    }

    fn feed(&mut self, inputs: Vec<Input>) {
        let mut out = Out::default();
        self.core.step(self.now, inputs, &mut out);
        let mut more = out.wake_at.is_some_and(|at| at <= self.now);
        self.take(out);
        // Work that was too much for one step.
        while more {
            let mut out = Out::default();
            self.core.step(self.now, [], &mut out);
            more = out.wake_at.is_some_and(|at| at <= self.now);
            self.take(out);
        }
    }

    fn take(&mut self, out: Out) {
        for order in out.to_delivery {
            match order {
                ToDelivery::Open { session, path } => {
                    self.sessions.insert(session, Open { path: path.path.clone(), given: Vec::new() });
                    let same = self.sessions.values().filter(|open| open.path == path.path).count();
                    assert!(same <= 3, "{same} connections on {}", path.path);
                    let of_big = self
                        .sessions
                        .values()
                        .filter(|open| open.path.source == path.path.source && open.path.site.ends_with(".big.test"));
                    assert!(of_big.count() <= 4, "connections to all sites of a provider");
                    assert!(self.sessions.len() <= 9, "connections of the whole program");
                }
                ToDelivery::Give { session, tickets } => {
                    let open = self.sessions.get_mut(&session).expect("a session that is open");
                    for ticket in tickets {
                        assert!(self.waiting.contains_key(&ticket.recipient), "given after its end");
                        assert!(!self.cancelled.contains(&ticket.recipient), "given after it was cancelled");
                        let admitted = &self.waiting[&ticket.recipient];
                        let held = self.held.iter().find(|filter| is_meant(filter, ticket.recipient, admitted));
                        assert!(held.is_none(), "given though it is held: {held:?}");
                        open.given.push(ticket.recipient);
                    }
                }
                ToDelivery::Close { session } => assert!(self.sessions.contains_key(&session)),
            }
        }
        self.asked.extend(out.resolve);
        for told in out.events {
            if told.event.kind == EventKind::Suppressed && !self.gives_up_by_place {
                assert!(self.cancelled.contains(&told.event.recipient.unwrap()), "nobody gave it up: {:?}", told.event);
            }
            if told.event.kind.disposition().is_some_and(Disposition::is_final) {
                assert!(self.told_end.insert(told.event.recipient.unwrap()), "two ends: {:?}", told.event);
            }
        }
        for settled in out.settled {
            match settled {
                Settled::Done { recipient, .. } => {
                    let admitted =
                        self.waiting.remove(&recipient).unwrap_or_else(|| panic!("{recipient} does not wait"));
                    self.volatile.push((recipient, admitted));
                    assert!(self.ended.insert(recipient));
                }
                Settled::Deferred { recipient, .. } => assert!(self.waiting.contains_key(&recipient)),
            }
        }
        self.core.check().unwrap();
        assert_eq!(self.core.len(), self.waiting.len());
        assert_eq!(self.ended, self.told_end, "each end is told and acknowledged");
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Admit { count, domain, campaign, fast } => self.admit(count, domain, campaign, fast),
            Step::Pass(millis) => {
                self.now = self.now.plus(Duration::from_millis(millis));
                self.feed(Vec::new());
            }
            Step::Resolve { nth, kind } => self.resolve(nth, kind),
            Step::Ready { nth, room } => {
                let Some(session) = self.session(nth) else { return };
                if self.sessions[&session].given.is_empty() {
                    self.feed(vec![Input::Delivery(FromDelivery::Ready { session, room })]);
                }
            }
            Step::Done { nth, count, kind } => self.done(nth, count, kind),
            Step::Close { nth, trouble } => self.close(nth, trouble),
            Step::Order { action, what, nth } => self.order(action, what, nth),
            Step::Bulk { action, what, nth } => self.bulk(action, what, nth),
            Step::Durable => {
                self.volatile.clear();
                self.core.settled(self.now);
            }
            Step::Crash => self.crash(),
        }
    }

    fn session(&self, nth: usize) -> Option<SessionId> {
        self.sessions.keys().nth(nth % self.sessions.len().max(1)).copied()
    }

    fn admit(&mut self, count: usize, domain: usize, campaign: u64, fast: bool) {
        let mut routing = bed::campaign(campaign);
        if fast {
            routing.stream = Name::from("transactional");
        }
        let message = self.maker.message(self.now, routing);
        // Domains 0 to 2 share a site, 3 and 4 a provider.
        let domain = format!("d{domain}.example");
        let admitted = self.maker.admitted(self.now, &message, &vec![domain.as_str(); count]);
        for recipient in &admitted.recipients {
            let alone = Admitted { recipients: vec![recipient.clone()], ..admitted.clone() };
            self.waiting.insert(recipient.id, alone);
            if self.campaigns.get(&CampaignId(campaign)).is_some_and(|until| self.now < *until) {
                self.cancelled.insert(recipient.id);
            }
        }
        self.feed(vec![bed::admit(admitted)]);
    }

    /// A new core with the memory of the old one; the spool brings back who has no end on disk.
    fn crash(&mut self) {
        let memory = self.core.memory(self.now);
        self.core = bed::core(CONFIG);
        self.asked.clear();
        self.sessions.clear();
        for (recipient, admitted) in self.volatile.drain(..) {
            self.ended.remove(&recipient);
            self.told_end.remove(&recipient);
            self.waiting.insert(recipient, admitted);
        }
        let mut out = Out::default();
        self.core.restore(self.now, memory, &mut out);
        let recovered = self.waiting.values().cloned().map(bed::admit).collect();
        self.feed(recovered);
    }

    /// Those whom a cancellation concerns.
    fn concerned(&self, target: &Target) -> Vec<RecipientId> {
        let concerns = |(id, admitted): (&RecipientId, &Admitted)| {
            let routing = &admitted.message.routing;
            let concerned = match target {
                Target::Campaign(campaign) => routing.campaign == Some(*campaign),
                Target::Job(job) => routing.job == *job,
                Target::Message(message) => admitted.message.id == *message,
                Target::Domain(domain) => admitted.recipients[0].domain == *domain,
                Target::Recipient(recipient) => id == recipient,
                _ => false,
            };
            concerned.then_some(*id)
        };
        let ended_lately = self.volatile.iter().map(|(id, admitted)| (id, admitted));
        self.waiting.iter().chain(ended_lately).filter_map(concerns).collect()
    }

    fn resolve(&mut self, nth: usize, kind: u8) {
        if self.asked.is_empty() {
            return;
        }
        let domain = self.asked.remove(nth % self.asked.len());
        let input = match kind {
            0 => bed::no_route(&domain, NoRoute::Temporary("servers do not answer".to_owned())),
            1 if nth.is_multiple_of(3) => bed::no_route(&domain, NoRoute::NoDomain),
            _ => match &*domain {
                "d0.example" | "d1.example" | "d2.example" => bed::site(&domain, "mx.shared.example"),
                "d3.example" => bed::site(&domain, "one.big.test"),
                "d4.example" => bed::site(&domain, "two.big.test"),
                _ => bed::resolved(&domain),
            },
        };
        self.feed(vec![input]);
    }

    fn done(&mut self, nth: usize, count: usize, kind: u8) {
        let Some(session) = self.session(nth) else { return };
        let given = &mut self.sessions.get_mut(&session).unwrap().given;
        let finished: Vec<RecipientId> = given.drain(..count.min(given.len())).collect();
        let result = || match kind {
            0 | 1 => bed::deferred(),
            2 => bed::bounced(),
            3 => bed::slow_down(),
            _ => bed::delivered(),
        };
        let outcome = |recipient| Box::new(bed::outcome(self.now, session, recipient, result()));
        let inputs = finished.into_iter().map(|id| Input::Delivery(FromDelivery::Done(outcome(id)))).collect();
        self.feed(inputs);
    }

    fn close(&mut self, nth: usize, trouble: bool) {
        let Some(session) = self.session(nth) else { return };
        self.sessions.remove(&session);
        let trouble = trouble.then(|| {
            let verdict = bed::verdict(Disposition::Deferred, Scope::Connection, Some(Category::BadConnection));
            Box::new(SessionTrouble {
                verdict,
                attempt: Attempt { error: Some("refused".to_owned()), ..Attempt::default() },
            })
        });
        self.feed(vec![Input::Delivery(FromDelivery::Closed { session, trouble })]);
    }

    fn order(&mut self, action: u8, what: u8, nth: u64) {
        let waiting = self.waiting.values().nth(nth as usize);
        let target = match what {
            0 => Target::Campaign(CampaignId(nth)),
            1 => Target::Job(Name::from(format!("job-{nth}"))),
            2 => Target::Domain(Name::from(format!("d{nth}.example"))),
            3 => Target::Source(Name::from("a")),
            _ => match waiting {
                Some(admitted) if what == 4 => Target::Message(admitted.message.id),
                Some(admitted) => Target::Recipient(admitted.recipients[0].id),
                None => return,
            },
        };
        let action = match (action, target.is_mail()) {
            (0 | 1, true) => Action::Hold,
            (2 | 3, true) => Action::Release,
            (_, true) => Action::Cancel,
            (0..=2, false) => Action::Suspend,
            (_, false) => Action::Resume,
        };
        if action == Action::Cancel {
            let of_order = self.concerned(&target);
            // What ended by itself and is not on disk is given up with the rest, should a crash bring it back.
            self.cancelled.extend(of_order);
            if let Target::Campaign(campaign) = target {
                self.campaigns.insert(campaign, self.now.plus(Duration::from_secs(300)));
            }
        }
        let mut out = Out::default();
        let order = Order::new(target, action);
        self.core.control(self.now, &order, "tester", &mut out).unwrap();
        self.take(out);
        self.feed(Vec::new());
    }

    /// An order by a filter: holds, releases, tries now, reroutes, prioritises, gives up.
    fn bulk(&mut self, action: u8, what: u8, nth: u64) {
        let domain = format!("domain:d{nth}.example");
        let campaign = format!("campaign:{}", CampaignId(nth));
        let text = match what {
            0 => domain,
            1 => campaign,
            2 => format!("{domain} campaign:{}", CampaignId((nth + 1) % 3)),
            3 => "stream:transactional".to_owned(),
            4 => format!("provider:d{}.example", nth + 3),
            5 => format!("{campaign} state:waiting"),
            6 => "source:a".to_owned(),
            _ => "older:30m".to_owned(),
        };
        let filter: Filter = text.parse().unwrap();
        let action = [Work::Hold, Work::Release, Work::Requeue, Work::Reroute, Work::Prioritise, Work::Cancel]
            .get(usize::from(action))
            .copied()
            .unwrap_or(Work::Expire);
        let order = BulkOrder {
            source: (action == Work::Reroute).then(|| Name::from("b")),
            priority: (action == Work::Prioritise).then_some(80),
            ..BulkOrder::new(action, filter.clone())
        };
        // Which domains a provider serves is not for the model to know: only what such an order may not break is checked.
        let knows = filter.provider.is_none() && filter.passing().is_empty();
        let fixed = filter.clone().fixed(self.now);
        if knows && matches!(action, Work::Cancel | Work::Expire) {
            let ended_lately = self.volatile.iter().map(|(id, admitted)| (id, admitted));
            let everyone = self.waiting.iter().chain(ended_lately);
            let meant: Vec<RecipientId> =
                everyone.filter(|(id, admitted)| is_meant(&fixed, **id, admitted)).map(|(id, _)| *id).collect();
            if order.validate().is_ok() && self.core.bulk_orders().len() < 60 {
                self.cancelled.extend(meant);
            }
        }
        if self.core.bulk_orders().len() >= 60 {
            return;
        }
        let mut out = Out::default();
        let before = self.gives_up_by_place;
        self.gives_up_by_place |= !knows;
        self.core.bulk(self.now, 1, order, "tester", &mut out);
        let accepted = out.answers.iter().any(|answer| matches!(answer.found, Answered::Done(..)));
        match action {
            Work::Hold if accepted && knows => self.held.push(fixed),
            Work::Release if accepted => self.held.retain(|held| *held != fixed),
            _ => {}
        }
        self.take(out);
        self.feed(Vec::new());
        // A provider's mail is given up as soon as it is known to be that; other places only now.
        self.gives_up_by_place = before || !knows && action == Work::Cancel && filter.passing().is_empty();
    }

    /// Ends all holds, answers everything, and lets time pass.
    fn finish(&mut self) {
        for control in self.core.memory(self.now).controls {
            let action = if control.action == Action::Hold { Action::Release } else { Action::Resume };
            let order = Order::new(control.target, action);
            let mut out = Out::default();
            self.core.control(self.now, &order, "tester", &mut out).unwrap();
            self.take(out);
        }
        self.held.clear();
        for view in self.core.bulk_orders().into_iter().filter(|view| view.action == Work::Hold) {
            let order = BulkOrder { hold: Some(view.order), ..BulkOrder::new(Work::Release, Filter::default()) };
            let mut out = Out::default();
            self.core.bulk(self.now, 1, order, "tester", &mut out);
            self.take(out);
        }
        let end = self.now.plus(MAX_AGE).plus(Duration::from_secs(60));
        while self.now < end && !self.waiting.is_empty() {
            while !self.asked.is_empty() {
                self.resolve(0, 9);
            }
            // Sessions that have something keep it until they are lost; none gets anything any more.
            for session in self.sessions.keys().copied().collect::<Vec<_>>() {
                let nth = self.sessions.keys().position(|&other| other == session).unwrap();
                self.close(nth, true);
            }
            self.now = self.now.plus(Duration::from_secs(30));
            self.feed(Vec::new());
        }
        assert_eq!(self.waiting.len(), 0, "somebody is stuck");
    }
}

/// Whether a filter of lasting terms means somebody.
fn is_meant(filter: &Filter, recipient: RecipientId, admitted: &Admitted) -> bool {
    let routing = &admitted.message.routing;
    let received_at = admitted.message.received_at.max(model::id::born_at(recipient.0));
    filter.campaign.is_none_or(|campaign| routing.campaign == Some(campaign))
        && filter.stream.as_ref().is_none_or(|stream| routing.stream == *stream)
        && filter.domain.as_ref().is_none_or(|domain| admitted.recipients[0].domain == *domain)
        && filter.before.is_none_or(|before| received_at < before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_lost_and_nobody_is_stuck(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.run(step);
        }
        model.finish();
    }
}
