//! The queue as a state machine: inputs and time go in; orders to delivery, questions to the DNS, events and
//! acknowledgements come out. No IO, no waiting, no clock of its own: the same code runs in the program, in the model
//! tests and in the seeded simulation.
//!
//! Invariants (checked by [`QueueCore::check`]):
//! - a recipient is in exactly one of scheduled · ready · in flight · done;
//! - nobody who is not held stays longer than its `max_age`, wherever it is (in flight: at its return);
//! - never more connections or messages on a path, or from a source to a provider, than allowed at that moment;
//! - each recipient that ends gives one final event and one acknowledgement, in this order in [`Out`].
//!
//! Bounded work: one step handles at most [`STEP_MAX`] due recipients and asks to be called again at once for the rest.
//! Known gaps: what waits in the backlog of a site keeps that site when the domain's MX hosts change meanwhile; a
//! message without its own pool goes by its stream's pool of today, not of its reception.

mod admit;
mod automation;
mod bulk;
mod cancel;
mod check;
mod control;
mod distribute;
mod drive;
mod effect;
mod end;
mod explain;
mod find;
mod gate_view;
mod gates;
mod learn;
mod memory;
mod meter;
mod outcome;
mod passage;
mod recall;
mod route;
mod session;
mod shaping_view;
mod smarthost;
mod snapshot;
mod sources;
mod sweep;
mod tables;
mod tell;
mod totals;
mod traffic;
mod walk;
mod warm_up;
mod warm_up_orders;
mod warm_up_view;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::event::Event;
use model::handoff::{Admitted, FromDelivery, RowRef, ToDelivery};
use model::id::{CampaignId, IdGenerator, RecipientId, SessionId};
use model::name::Name;
use model::route::MxHost;
use model::time::Timestamp;

use crate::config::Config;
use crate::control::Target;
use crate::entries::{Chain, Entries, NONE, Place};
use crate::fair::{OWN_LANE, Seat};
use crate::ids::Ids;
use crate::messages::{Messages, Series};
use crate::providers::Providers;
use crate::replies::Replies;
use crate::schedule::Schedule;
use crate::slab::Slab;
use crate::timers::{Part, Timers};
use crate::view::{ControlView, RuleCounts, Totals};
use crate::warmup::ledger::{Complaint, Plans};
pub use bulk::Standing;
pub use cancel::{CANCELS_MAX, Cancel};
pub use find::FOUND_MAX;
pub use memory::{Memory, PathMemory};
use tables::{Campaign, Domain, Group, Job, JobKey, Line, Path, PoolState, Session, Site, SourceState, StreamState};
pub use walk::{Answer, Answered, Durable, WALKS_MAX};
pub use warm_up_orders::{SourceMemory, WarmUpMemory};

/// Most recipients that become due, expire, are cancelled or fail for want of a route in one step.
pub const STEP_MAX: usize = 4_096;

/// Most lines and paths looked at in one step.
const WORK_MAX: usize = 20_000;

/// Node number in ids made by the queue (sessions, its own events): not one that intake uses.
const NODE: u16 = IdGenerator::NODE_MAX;

/// What goes in.
#[derive(Debug)]
pub enum Input {
    /// Recipients are on disk and the queue's from now on.
    Admitted {
        /// Them.
        admitted: Admitted,
        /// Their reception has an event already (known from before a restart).
        told: bool,
    },
    /// The answer to [`Out::resolve`].
    Resolved {
        /// The domain asked for.
        domain: Name,
        /// Its site, or why there is none.
        answer: Result<SiteAnswer, NoRoute>,
    },
    /// Delivery says something.
    Delivery(FromDelivery),
    /// A recipient of a warming source has complained, as the event log tells.
    Complaint(Box<Complaint>),
}

/// The MX hosts of a domain, rolled up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteAnswer {
    /// The name of the set.
    pub name: Name,
    /// The hosts, best first; at least one.
    pub hosts: Vec<MxHost>,
}

/// Why there is no route to a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// The domain says that it takes no mail (RFC 7505).
    NullMx,
    /// There is no such domain.
    NoDomain,
    /// Not known now.
    Temporary(String),
}

/// What comes out of a step.
#[derive(Debug, Default)]
pub struct Out {
    /// To be appended to the event log, in this order.
    pub events: Vec<Told>,
    /// To be acknowledged in the spool once the events are durable.
    pub settled: Vec<Settled>,
    /// To delivery, in this order.
    pub to_delivery: Vec<ToDelivery>,
    /// Domains to be looked up; each is answered by one [`Input::Resolved`].
    pub resolve: Vec<Name>,
    /// When to step again at the latest; in the past: at once.
    pub wake_at: Option<Timestamp>,
    /// A hold, a suspension, a cancellation or a learned limit has changed (see [`QueueCore::memory`]).
    pub memory_changed: bool,
    /// To searches and bulk orders, each once.
    pub answers: Vec<Answer>,
}

/// An event; what it lacks, the row in the spool has.
#[derive(Debug)]
pub struct Told {
    /// The event.
    pub event: Box<Event>,
    /// The row to read the address and the recipient's own metadata from.
    pub row: Option<RowRef>,
}

/// A recipient's state on disk has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done with.
    Done {
        /// Who.
        recipient: RecipientId,
        /// Its row.
        row: RowRef,
        /// Whoever sent it is not told of the failure: so the order says by which it was given up.
        quiet: bool,
    },
    /// It is tried again.
    Deferred {
        /// Who.
        recipient: RecipientId,
        /// Its row.
        row: RowRef,
        /// Attempts made.
        attempts: u16,
        /// When the next one is due.
        due: Timestamp,
    },
}

/// The queue.
#[derive(Debug)]
pub struct QueueCore {
    config: Config,
    providers: Providers,
    sources: Vec<SourceState>,
    pools: Vec<PoolState>,
    streams: Vec<StreamState>,
    entries: Entries,
    replies: Replies,
    ids: Ids,
    schedule: Schedule,
    messages: Messages,
    jobs: Slab<Job>,
    job_keys: HashMap<JobKey, u32>,
    /// The series of messages of each job that has a name.
    job_names: HashMap<Name, BTreeSet<u32>>,
    campaigns: Slab<Campaign>,
    campaign_ids: HashMap<CampaignId, u32>,
    domains: Slab<Domain>,
    domain_names: HashMap<Name, u32>,
    smarthosts: Vec<std::sync::Arc<model::smarthost::Route>>,
    sites: Slab<Site>,
    site_names: HashMap<Name, u32>,
    lines: Slab<Line>,
    paths: Slab<Path>,
    path_keys: HashMap<(u16, u32), u32>,
    groups: Slab<Group>,
    group_keys: HashMap<(u16, Name), u32>,
    gates: gates::Gates,
    sessions: Slab<Session>,
    session_ids: HashMap<SessionId, u32>,
    timers: Timers,
    dirty_lines: Vec<u32>,
    dirty_paths: VecDeque<u32>,
    dirty_groups: Vec<u32>,
    /// Paths that wait because the whole program has as many connections as it may.
    total_waiting: VecDeque<u32>,
    /// Domains whose waiting recipients are being told that there is no route.
    failing: VecDeque<u32>,
    /// Domains whose answer has come and for whom somebody still waits.
    routed: VecDeque<u32>,
    sweeps: VecDeque<sweep::Sweep>,
    controls: BTreeMap<Target, ControlView>,
    /// How many of the controls are suspensions.
    suspensions: u32,
    cancels: BTreeMap<Target, cancel::Remembered>,
    /// Bulk orders in force, by number.
    orders: BTreeMap<u32, bulk::Active>,
    /// The number of the last of them.
    order_number: u32,
    walks: VecDeque<walk::Walk>,
    /// The next end is not told to the sender.
    quiet: bool,
    /// The newest recipient that was admitted.
    newest: RecipientId,
    /// What was told until then is on disk (see [`QueueCore::settled`]).
    settled_until: Timestamp,
    remembered: HashMap<(Name, Name), PathMemory>,
    /// How often rules have matched and fired, by number.
    rule_counts: BTreeMap<u32, RuleCounts>,
    /// Rules that persons have put into shadow (true) or taken out of it.
    shadows: BTreeMap<Name, bool>,
    warm_ups: warm_up::WarmUps,
    generator: IdGenerator,
    traffic: traffic::Traffic,
    totals: Totals,
    lookups: u32,
    /// The program is about to end.
    stopped: bool,
    /// The time of the present step.
    clock: Timestamp,
    due: Vec<u32>,
}

impl QueueCore {
    /// An empty queue. The configuration has been validated.
    pub fn new(config: Config, providers: Providers, now: Timestamp) -> Self {
        let (sources, pools, streams) = tables::arrange(&config);
        let gates = gates::Gates::new(&config);
        let warm_ups = warm_up::WarmUps::new(Plans::new(&config, &providers), &sources);
        let smarthosts = config.routes.iter().cloned().map(std::sync::Arc::new).collect();
        let mut timers = Timers::default();
        timers.set(Part::Sweep, Some(now.plus(sweep::SWEEP_INTERVAL)));
        QueueCore {
            config,
            providers,
            sources,
            pools,
            streams,
            entries: Entries::default(),
            replies: Replies::default(),
            ids: Ids::default(),
            schedule: Schedule::new(now),
            messages: Messages::default(),
            jobs: Slab::default(),
            job_keys: HashMap::new(),
            job_names: HashMap::new(),
            campaigns: Slab::default(),
            campaign_ids: HashMap::new(),
            domains: Slab::default(),
            domain_names: HashMap::new(),
            smarthosts,
            sites: Slab::default(),
            site_names: HashMap::new(),
            lines: Slab::default(),
            paths: Slab::default(),
            path_keys: HashMap::new(),
            groups: Slab::default(),
            group_keys: HashMap::new(),
            gates,
            sessions: Slab::default(),
            session_ids: HashMap::new(),
            timers,
            dirty_lines: Vec::new(),
            dirty_paths: VecDeque::new(),
            dirty_groups: Vec::new(),
            total_waiting: VecDeque::new(),
            failing: VecDeque::new(),
            routed: VecDeque::new(),
            sweeps: VecDeque::new(),
            controls: BTreeMap::new(),
            suspensions: 0,
            cancels: BTreeMap::new(),
            orders: BTreeMap::new(),
            order_number: 0,
            walks: VecDeque::new(),
            quiet: false,
            newest: RecipientId(0),
            settled_until: Timestamp::default(),
            remembered: HashMap::new(),
            rule_counts: BTreeMap::new(),
            shadows: BTreeMap::new(),
            warm_ups,
            generator: IdGenerator::new(NODE),
            traffic: traffic::Traffic::new(now),
            totals: Totals::default(),
            lookups: 0,
            stopped: false,
            clock: now,
            due: Vec::new(),
        }
    }

    /// Takes inputs in, does what is due, and says what has to be done. Without inputs: time has passed.
    pub fn step(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>, out: &mut Out) {
        self.clock = now;
        self.roll_warm_ups(now, out);
        for input in inputs {
            match input {
                Input::Admitted { admitted, told } => self.admit(now, admitted, told, out),
                Input::Resolved { domain, answer } => self.resolved(now, &domain, answer),
                Input::Complaint(complaint) => self.complained(now, &complaint, out),
                Input::Delivery(FromDelivery::Ready { session, room }) => self.session_ready(session, room),
                Input::Delivery(FromDelivery::Done(outcome)) => self.done(now, *outcome, out),
                Input::Delivery(FromDelivery::HostLimit { session, messages }) => {
                    self.host_limit(now, session, messages, out);
                }
                Input::Delivery(FromDelivery::Source { source, down, check_in }) => {
                    self.source_health(now, &source, down, check_in, out);
                }
                Input::Delivery(FromDelivery::Closed { session, trouble }) => {
                    self.session_closed(now, session, trouble, out);
                }
            }
        }
        self.settle(now, out);
    }

    /// How many recipients are in the queue.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is nobody in the queue.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Connections open or being opened.
    pub fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// Asks every session to finish what it has; from now on nothing is given and no connection opened.
    pub fn stop(&mut self, out: &mut Out) {
        self.stopped = true;
        let open: Vec<u32> = self.sessions.iter().map(|(idx, _)| idx).collect();
        for idx in open {
            self.close_session(idx, out);
        }
    }

    fn settle(&mut self, now: Timestamp, out: &mut Out) {
        let mut due = std::mem::take(&mut self.due);
        let mut more = self.schedule.pop_due(&mut self.entries, now, STEP_MAX, &mut due);
        for idx in due.drain(..) {
            self.count(idx, Place::Wheel, -1);
            self.become_due(now, idx, out);
        }
        self.due = due;
        while let Some(part) = self.timers.pop_due(now) {
            self.timer(now, part, out);
        }
        more |= self.sweep_some(now, out);
        more |= self.walk_some(now, out);
        more |= self.fail_some(now, out);
        more |= self.route_some(now, out);
        more |= self.work_off(now, out);
        self.traffic.connections(self.sessions.len());
        let next = self.schedule.next_at().into_iter().chain(self.timers.next_at()).min();
        out.wake_at = if more { Some(now) } else { next };
    }

    fn timer(&mut self, now: Timestamp, part: Part, out: &mut Out) {
        match part {
            Part::Domain(domain) => self.expire_waiting(now, domain, out),
            Part::Line(line) => self.mark_line(line),
            Part::Path(path) => self.mark_path_and_lines(path),
            Part::Group(group) => self.end_group_effects(now, group, out),
            Part::Gate(gate) => self.gates.mark(gate),
            Part::Controls => self.end_suspensions(now, out),
            Part::Sweep => self.forget_unused(now, out),
            Part::WarmUp => self.roll_warm_ups(now, out),
        }
    }

    /// Lines, paths and groups that something has happened to, until nothing moves any more. True when it was too much
    /// for one step.
    fn work_off(&mut self, now: Timestamp, out: &mut Out) -> bool {
        for _ in 0..WORK_MAX {
            if let Some(line) = self.dirty_lines.pop() {
                self.distribute(now, line, out);
            } else if let Some(path) = self.dirty_paths.pop_front() {
                self.drive(now, path, out);
            } else if let Some(group) = self.dirty_groups.pop() {
                self.serve_waiting(now, group, out);
            } else if let Some(gate) = self.gates.dirty.pop() {
                self.serve_gate(now, gate, out);
            } else {
                return false;
            }
        }
        true
    }

    // Places. Every move goes through these, so that the counts always fit.

    /// Takes a recipient out of the place it is in.
    fn take_out(&mut self, idx: u32) {
        let entry = self.entries.get(idx);
        let (place, holder, domain) = (entry.place, entry.holder, entry.domain);
        let seat = self.seat(idx);
        let entries = &mut self.entries;
        match place {
            Place::Vacant => unreachable!("invariant: only records in use are moved"),
            Place::Nowhere => return,
            Place::Wheel => self.schedule.remove(entries, idx),
            Place::Route => entries.unlink(Chain::Place, &mut self.domains[domain].waiting, idx),
            Place::Backlog => self.lines[holder].backlog.remove(entries, idx, seat),
            Place::Held => {}
            Place::Ready => {
                self.paths[holder].ready.remove(entries, idx, seat);
                self.unbound_from(holder, idx);
            }
            Place::InFlight => {
                let session = &mut self.sessions[holder];
                entries.unlink(Chain::Place, &mut session.in_flight, idx);
                let path = session.path;
                self.paths[path].in_flight -= 1;
                self.warm_ups.returned(self.groups[self.paths[path].group].track);
                self.passed(path, idx, holder);
            }
        }
        self.count(idx, place, -1);
        self.entries.get_mut(idx).place = Place::Nowhere;
    }

    /// Notes that a recipient, taken out of its place before, is in this one.
    fn put(&mut self, idx: u32, place: Place, holder: u32) {
        let entry = self.entries.get_mut(idx);
        debug_assert_eq!(entry.place, Place::Nowhere, "taken out before it is put in");
        (entry.place, entry.holder) = (place, holder);
        self.count(idx, place, 1);
    }

    /// Puts a recipient on the wheel for its due time, or for its deadline when that is sooner.
    fn put_on_wheel(&mut self, idx: u32) {
        let entry = self.entries.get(idx);
        let at = entry.wakes_at();
        self.schedule.insert(&mut self.entries, idx, at);
        self.count(idx, Place::Wheel, 1);
    }

    /// What a recipient's message has in common with others.
    fn series_of(&self, idx: u32) -> &Series {
        self.messages.series_of(self.entries.get(idx).message)
    }

    /// Bytes of a recipient's message as they are stored.
    fn size_of(&self, idx: u32) -> u64 {
        u64::from(self.messages[self.entries.get(idx).message].size_bytes)
    }

    fn seat(&self, idx: u32) -> Seat {
        let entry = self.entries.get(idx);
        let series = self.messages.series_of(entry.message);
        let class = entry.class().unwrap_or(series.class);
        let lane = if self.domains[entry.domain].apart { entry.domain + 1 } else { OWN_LANE };
        Seat { class, job: series.job, lane, share: self.jobs[series.job].share }
    }

    fn count(&mut self, idx: u32, place: Place, by: i64) {
        let campaign = self.series_of(idx).campaign;
        let progress = if campaign == NONE { None } else { Some(&mut self.campaigns[campaign].progress) };
        let (total, of_campaign) = match place {
            Place::Vacant | Place::Nowhere => return,
            Place::Wheel | Place::Route | Place::Backlog | Place::Held => {
                (&mut self.totals.scheduled, progress.map(|progress| &mut progress.scheduled))
            }
            Place::Ready => (&mut self.totals.ready, progress.map(|progress| &mut progress.ready)),
            Place::InFlight => (&mut self.totals.in_flight, progress.map(|progress| &mut progress.in_flight)),
        };
        *total = total.wrapping_add_signed(by);
        if let Some(of_campaign) = of_campaign {
            *of_campaign = of_campaign.wrapping_add_signed(by);
        }
        if place == Place::Held {
            self.totals.held = self.totals.held.wrapping_add_signed(by);
        }
    }

    fn mark_line(&mut self, line: u32) {
        if let Some(state) = self.lines.get_mut(line)
            && !std::mem::replace(&mut state.dirty, true)
        {
            self.dirty_lines.push(line);
        }
    }

    fn mark_path(&mut self, path: u32) {
        if let Some(state) = self.paths.get_mut(path)
            && !std::mem::replace(&mut state.dirty, true)
        {
            self.dirty_paths.push_back(path);
        }
    }

    fn mark_group(&mut self, group: u32) {
        if let Some(state) = self.groups.get_mut(group)
            && !std::mem::replace(&mut state.dirty, true)
        {
            self.dirty_groups.push(group);
        }
    }

    /// Something may be possible on this path that was not before: what waits for its site may come.
    fn mark_path_and_lines(&mut self, path: u32) {
        self.mark_path(path);
        if let Some(state) = self.paths.get(path) {
            for line in self.sites[state.site].lines.clone() {
                if !self.lines[line].backlog.is_empty() {
                    self.mark_line(line);
                }
            }
        }
    }

    fn path_name(&self, path: u32) -> String {
        let path = &self.paths[path];
        format!("{}/{}", path.spec.path.source, path.spec.path.site)
    }
}
