//! What the core remembers beside recipients and messages: jobs, campaigns, domains, sites, lines, paths, groups and
//! sessions. Plain records, found by number; what happens to them is in the other files of this folder.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use model::handoff::SessionTrouble;
use model::id::{CampaignId, SessionId};
use model::name::Name;
use model::route::{PathSpec, Site as SiteSpec, Source};
use model::time::Timestamp;
use model::units::{Rate, Span};

use super::cancel::Cancel;
use super::effect::{Effect, Hits};
use super::gates::Flows;
use super::meter::Meter;
use crate::adapt::Learned;
use crate::config::{Config, Stream};
use crate::entries::List;
use crate::fair::{FairQueue, NEVER, Share};
use crate::pools::Rotation;
use crate::providers::PathLimits;
use crate::retry::Retry;
use crate::throttle::Throttle;
use crate::view::{AttemptCounts, ControlView, LastReply, Progress};

/// A stream with the class its priority leads to.
#[derive(Debug)]
pub(super) struct StreamState {
    pub config: Stream,
    pub class: u8,
    pub pool: u16,
}

/// A pool by numbers of its sources.
#[derive(Debug)]
pub(super) struct PoolState {
    pub name: Name,
    pub sources: Vec<u16>,
    pub weights: Vec<u32>,
    /// Sends only while no other member may.
    pub standby: Vec<bool>,
    /// The pool that takes over while no member may send.
    pub fallback: Option<u16>,
    /// Not configured: one source alone, named as it is, for mail that an order sends from there.
    pub of_source: bool,
}

#[derive(Debug)]
pub(super) struct SourceState {
    pub spec: Arc<Source>,
    pub sessions: u32,
    /// It cannot send: its address or its proxies are gone.
    pub down: Option<ControlView>,
    /// When it is looked at again, while it cannot send.
    pub check_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct JobKey {
    pub tenant: Name,
    pub stream: Name,
    pub job: Name,
    pub campaign: Option<CampaignId>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub key: JobKey,
    /// What it weighs where mail waits for its turn.
    pub share: Share,
    /// A number that no other job ever has.
    pub flow: u64,
    /// Series of messages that belong to it.
    pub series: u32,
}

#[derive(Debug)]
pub(super) struct Campaign {
    pub progress: Progress,
    /// The series of its messages.
    pub series: BTreeSet<u32>,
    pub used_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Domain {
    pub name: Name,
    pub recipients: List,
    pub waiting: List,
    /// No waiting recipient has an earlier deadline.
    pub deadline_min: Timestamp,
    pub route: Route,
    pub held: bool,
    /// A limit may concern its mail alone, so this stands in lanes apart from the other mail of its jobs.
    pub apart: bool,
    pub cancel: Option<Arc<Cancel>>,
    pub sweep: u32,
    pub used_at: Timestamp,
}

impl Domain {
    pub fn new(name: Name, now: Timestamp) -> Self {
        Domain {
            name,
            recipients: List::default(),
            waiting: List::default(),
            deadline_min: NEVER,
            route: Route::Unknown,
            held: false,
            apart: false,
            cancel: None,
            sweep: crate::entries::NONE,
            used_at: now,
        }
    }

    /// The site it goes to, as far as is known.
    pub fn site(&self) -> Option<u32> {
        match self.route {
            Route::Known { site, .. } => Some(site),
            Route::Asking { stale } => stale,
            Route::Unknown | Route::Failing(_) => None,
        }
    }
}

/// Where mail of a domain goes.
#[derive(Clone, Debug)]
pub(super) enum Route {
    Unknown,
    /// The DNS is being asked; what it said before may still serve.
    Asking {
        stale: Option<u32>,
    },
    Known {
        site: u32,
        until: Timestamp,
    },
    /// Those who waited are being told that there is no route.
    Failing(super::NoRoute),
}

#[derive(Debug)]
pub(super) struct Site {
    pub spec: Arc<SiteSpec>,
    /// Domains whose route leads here.
    pub domains: u32,
    pub lines: Vec<u32>,
    pub paths: Vec<u32>,
    pub retry: Option<Retry>,
    pub max_age: Option<Span>,
}

/// What is due for a site from a pool, not bound to a source yet.
#[derive(Debug)]
pub(super) struct Line {
    pub site: u32,
    pub pool: u16,
    pub backlog: FairQueue,
    pub rotation: Rotation,
    pub dirty: bool,
    pub swept_at: Timestamp,
    pub used_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Path {
    pub source: u16,
    pub site: u32,
    pub group: u32,
    pub limits: Arc<PathLimits>,
    pub spec: Arc<PathSpec>,
    pub ready: FairQueue,
    pub sessions: Vec<u32>,
    pub in_flight: u32,
    /// The rate that holds now: configured, learned or set by a rule, whichever is slowest.
    pub rate_now: Option<Rate>,
    pub rate: Option<Throttle>,
    pub connection_rate: Option<Throttle>,
    pub learned: Learned,
    pub effects: Vec<Effect>,
    pub hits: Hits,
    /// The gates of its route.
    pub gates: Vec<u32>,
    /// The gates of mail on it, as they were found out.
    pub flows: Flows,
    /// The gates at which it stands in line; with true for a connection.
    pub waits: Vec<(u32, bool)>,
    pub host_limit: super::session::HostLimit,
    /// Failures to connect in a row.
    pub failures: u32,
    /// Rests in a row.
    pub rests: u32,
    pub rest_until: Option<Timestamp>,
    pub trouble: Option<Box<SessionTrouble>>,
    /// No connection is opened before.
    pub open_after: Timestamp,
    pub last_reply: Option<LastReply>,
    pub counts: AttemptCounts,
    pub given: Meter,
    pub delivered: Meter,
    pub dirty: bool,
    pub waits_for_group: bool,
    pub waits_for_total: bool,
    pub swept_at: Timestamp,
    pub used_at: Timestamp,
}

/// A source at all sites of a provider.
#[derive(Debug)]
pub(super) struct Group {
    pub source: u16,
    pub provider: Name,
    /// The warm-up of its source there.
    pub track: Option<u32>,
    pub limits: Arc<PathLimits>,
    pub paths: Vec<u32>,
    pub sessions: Vec<u32>,
    pub rate_now: Option<Rate>,
    pub rate: Option<Throttle>,
    pub effects: Vec<Effect>,
    pub hits: Hits,
    /// What is sent there, by stream.
    pub flows: Vec<StreamFlow>,
    /// When the controller, in shadow, said last what it would have done.
    pub shadow_told: Timestamp,
    /// Paths that wait for a connection.
    pub waiting: VecDeque<u32>,
    pub dirty: bool,
}

impl Group {
    /// What is sent there of a stream.
    pub fn flow(&mut self, stream: u16) -> &mut StreamFlow {
        let known = self.flows.iter().position(|flow| flow.stream == stream);
        let at = known.unwrap_or_else(|| {
            let (given, delivered) = (Meter::default(), Meter::default());
            self.flows.push(StreamFlow { stream, given, delivered, learned: Learned::default() });
            self.flows.len() - 1
        });
        &mut self.flows[at]
    }
}

/// Mail of one stream from a source to a provider.
#[derive(Debug)]
pub(super) struct StreamFlow {
    /// Number of the stream.
    pub stream: u16,
    pub given: Meter,
    pub delivered: Meter,
    /// The rate that was learned.
    pub learned: Learned,
}

#[derive(Debug)]
pub(super) struct Session {
    pub id: SessionId,
    pub path: u32,
    pub phase: SessionPhase,
    pub in_flight: List,
    /// How many more it was given leave to take.
    pub credit: u32,
    pub given: u32,
    /// Gates of mail that count it as a connection, and how many recipients of each are under way in it.
    pub gates: Vec<(u32, u32)>,
    pub messages_max: u32,
    /// When it was given something or finished something last.
    pub moved_at: Timestamp,
    pub opened_at: Timestamp,
    /// It was able to take work at least once.
    pub established: bool,
    /// It has finished at least one ticket.
    pub worked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionPhase {
    Opening,
    /// Has said what it can take and has nothing.
    Idle,
    Busy,
    Closing,
}

/// Sources, pools and streams by number, as they are configured. Streams of the same priority share a class; class 0
/// leaves first. The last stream is the one for names that are not listed.
pub(super) fn arrange(config: &Config) -> (Vec<SourceState>, Vec<PoolState>, Vec<StreamState>) {
    let sources = config.effective_sources();
    let number_of = |name: &Name| sources.iter().position(|source| source.name == *name).map(|idx| idx as u16);
    let configured = config.all_pools();
    let pool_of = |name: &Name| configured.iter().position(|pool| pool.name == *name).map(|idx| idx as u16);
    let mut pools: Vec<PoolState> = configured
        .iter()
        .map(|pool| {
            let known = || pool.members.iter().filter_map(|member| Some((number_of(&member.source)?, member)));
            PoolState {
                name: pool.name.clone(),
                sources: known().map(|(source, _)| source).collect(),
                weights: known().map(|(_, member)| member.weight).collect(),
                standby: known().map(|(_, member)| member.standby).collect(),
                fallback: pool.fallback.as_ref().and_then(pool_of),
                of_source: false,
            }
        })
        .collect();
    let alone = |(idx, source): (usize, &Source)| PoolState {
        name: source.name.clone(),
        sources: vec![idx as u16],
        weights: vec![1],
        standby: vec![false],
        fallback: None,
        of_source: true,
    };
    pools.extend(sources.iter().enumerate().map(alone));
    let mut priorities: Vec<u8> = config.streams.iter().map(|stream| stream.priority).collect();
    priorities.sort_unstable_by(|a, b| b.cmp(a));
    priorities.dedup();
    let state = |stream: &Stream| StreamState {
        class: priorities.iter().position(|priority| *priority == stream.priority).unwrap_or(0) as u8,
        pool: pools.iter().position(|pool| pool.name == stream.pool).unwrap_or(0) as u16,
        config: stream.clone(),
    };
    let mut streams: Vec<StreamState> = config.streams.iter().map(state).collect();
    let fallback = config.streams.iter().find(|stream| stream.name == config.default_stream);
    streams.push(state(fallback.expect("invariant: the configuration was validated")));
    let sources = sources
        .into_iter()
        .map(|source| SourceState { spec: Arc::new(source), sessions: 0, down: None, check_at: None })
        .collect();
    (sources, pools, streams)
}
