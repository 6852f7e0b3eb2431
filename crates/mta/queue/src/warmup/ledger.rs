//! What the event log tells of the days of warming sources.
//!
//! The counts of a day are kept together with the cursor up to which the log was read for them. After a crash the events
//! behind that cursor are read again, so no mail is counted twice or forgotten: what the log tells is what was counted.
//! (Mail whose end a crash swallowed goes out again, and is counted when the log tells of it.) Complaints come this way
//! alone; they name a recipient, whose route is remembered since its delivery, or an address of ours.
//! Limits: [`DAYS_KEPT`], [`ROUTES_MAX`], [`DOMAINS_MAX`].

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jiff::civil::Date;
use journal::events::Cursor;
use model::event::Event;
use model::id::RecipientId;
use model::name::Name;
use model::route::Source;
use serde::{Deserialize, Serialize};

use super::OTHERS;
use super::plan::Plan;
use super::track::{Kind, Tally, kind_of};
use crate::config::Config;
use crate::providers::Providers;

/// Days kept of each source at each provider: today, and those that a stop of the program left unjudged.
pub const DAYS_KEPT: usize = 3;

/// Deliveries whose route is remembered for complaints.
pub const ROUTES_MAX: usize = 100_000;

/// Domains whose provider is remembered for complaints about other deliveries.
pub const DOMAINS_MAX: usize = 20_000;

/// All plans, by source, and how providers are counted.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    by_source: HashMap<Name, Plan>,
    /// Providers that are counted each by itself.
    known: HashSet<Name>,
}

impl Plans {
    /// The plans of a validated configuration.
    pub fn new(config: &Config, providers: &Providers) -> Plans {
        let plans = config.warm_ups.iter().enumerate();
        Plans {
            by_source: plans.map(|(place, entry)| (entry.source.clone(), Plan::new(entry, place))).collect(),
            known: providers.entries().iter().map(|entry| entry.name.clone()).collect(),
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    /// The plan of a source.
    pub fn of(&self, source: &Name) -> Option<&Plan> {
        self.by_source.get(source)
    }

    /// Under which name a plan counts a provider: its own, or [`OTHERS`].
    pub fn track_name(&self, plan: &Plan, provider: &Name) -> Name {
        if plan.names(provider) || self.known.contains(provider) { provider.clone() } else { Name::from(OTHERS) }
    }
}

/// The counts of some days, as of a place in the event log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Up to where the log was read; absent before anything was.
    pub cursor: Option<Cursor>,
    /// The days.
    pub days: Vec<LedgerDay>,
}

/// One source at one provider on one day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerDay {
    /// The source.
    pub source: Name,
    /// The provider, or [`OTHERS`].
    pub provider: Name,
    /// The day of the plan's calendar.
    pub date: Date,
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Ledger {
    /// What was counted on a day.
    pub fn tally(&self, source: &Name, provider: &Name, date: Date) -> Option<&Tally> {
        let is = |day: &&LedgerDay| day.source == *source && day.provider == *provider && day.date == date;
        self.days.iter().find(is).map(|day| &day.tally)
    }
}

/// A complaint about mail of a warming source.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// The source.
    pub source: Name,
    /// The provider, as the plan counts it.
    pub provider: Name,
    /// The complaint itself.
    pub event: Event,
}

/// Reads events in the order of the log, and counts.
#[derive(Debug)]
pub struct Reader {
    plans: Plans,
    cursor: Option<Cursor>,
    days: BTreeMap<(Name, Name, Date), Tally>,
    by_address: HashMap<String, Name>,
    /// Places in `names`, by recipient.
    routes: HashMap<RecipientId, u32>,
    order: VecDeque<RecipientId>,
    /// Sources at providers; as many as tracks.
    names: Vec<(Name, Name)>,
    domains: HashMap<String, Name>,
}

impl Reader {
    /// Goes on with what was counted before.
    pub fn new(plans: Plans, sources: &[Source], ledger: Ledger) -> Reader {
        let warming = sources.iter().filter(|source| plans.of(&source.name).is_some());
        let addresses = |source: &Source| {
            let all = [source.address.map(|own| own.to_string()), source.address_v6.map(|own| own.to_string())];
            let name = source.name.clone();
            all.into_iter().flatten().map(move |address| (address, name.clone()))
        };
        Reader {
            by_address: warming.flat_map(addresses).collect(),
            plans,
            cursor: ledger.cursor,
            days: ledger.days.into_iter().map(|day| ((day.source, day.provider, day.date), day.tally)).collect(),
            routes: HashMap::new(),
            order: VecDeque::new(),
            names: Vec::new(),
            domains: HashMap::new(),
        }
    }

    /// Up to where the log was read.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Takes some events that the log has up to `next`; returns the complaints among them.
    pub fn take(&mut self, events: &[Event], next: Cursor) -> Vec<Complaint> {
        let complaints = events.iter().filter_map(|event| self.note(event)).collect();
        self.cursor = Some(next);
        complaints
    }

    /// The counts, and how far the log was read for them.
    pub fn ledger(&self) -> Ledger {
        let day = |((source, provider, date), tally): (&(Name, Name, Date), &Tally)| {
            let (source, provider) = (source.clone(), provider.clone());
            LedgerDay { source, provider, date: *date, tally: tally.clone() }
        };
        Ledger { cursor: self.cursor, days: self.days.iter().map(day).collect() }
    }

    fn note(&mut self, event: &Event) -> Option<Complaint> {
        let kind = kind_of(event)?;
        let (source, provider) = match (kind, &event.source, &event.provider) {
            (_, Some(source), Some(provider)) => {
                let plan = self.plans.of(source)?;
                (source.clone(), self.plans.track_name(plan, provider))
            }
            (Kind::Complaint, ..) => self.route_of(event)?,
            _ => return None,
        };
        let date = self.plans.of(&source)?.date(event.at);
        let key = (source, provider);
        if kind == Kind::Delivered {
            self.remember(event, &key);
        }
        self.forget_days(&key, date);
        self.days.entry((key.0.clone(), key.1.clone(), date)).or_default().add(kind, event);
        (kind == Kind::Complaint).then(|| Complaint { source: key.0, provider: key.1, event: event.clone() })
    }

    /// Where the mail of a complaint went.
    fn route_of(&self, event: &Event) -> Option<(Name, Name)> {
        if let Some(&place) = event.recipient.and_then(|recipient| self.routes.get(&recipient)) {
            return self.names.get(place as usize).cloned();
        }
        let address = event.report.as_ref()?.source_address.as_deref()?;
        let source = self.by_address.get(address.trim_matches(['[', ']']))?;
        let provider = self.domains.get(&domain_of(event)?)?;
        Some((source.clone(), provider.clone()))
    }

    fn remember(&mut self, event: &Event, key: &(Name, Name)) {
        let Some(recipient) = event.recipient else { return };
        let place = self.names.iter().position(|known| known == key).unwrap_or_else(|| {
            self.names.push(key.clone());
            self.names.len() - 1
        });
        if self.routes.insert(recipient, place as u32).is_none() {
            self.order.push_back(recipient);
        }
        if self.order.len() > ROUTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.routes.remove(&oldest);
        }
        if let Some(domain) = domain_of(event)
            && (self.domains.len() < DOMAINS_MAX || self.domains.contains_key(&domain))
        {
            self.domains.insert(domain, key.1.clone());
        }
    }

    fn forget_days(&mut self, (source, provider): &(Name, Name), date: Date) {
        let of_track = (source.clone(), provider.clone(), Date::MIN)..=(source.clone(), provider.clone(), Date::MAX);
        let kept: Vec<Date> = self.days.range(of_track).map(|((_, _, known), _)| *known).collect();
        if kept.len() >= DAYS_KEPT && !kept.contains(&date) {
            self.days.remove(&(source.clone(), provider.clone(), kept[0]));
        }
    }
}

fn domain_of(event: &Event) -> Option<String> {
    let (_, domain) = event.address.as_deref()?.rsplit_once('@')?;
    Some(domain.to_ascii_lowercase())
}
