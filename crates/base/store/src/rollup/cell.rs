//! The cells of one hour: what happened in each minute, for each combination of what dashboards ask by.

use std::collections::HashMap;

use minicbor::{Decode, Encode};
use model::category::Category;
use model::event::{Event, EventKind};
use model::name::Name;

use super::histogram::Histogram;

/// Most cells of one hour; what goes beyond is counted without source, stream, campaign and template.
pub const CELLS_PER_HOUR_MAX: usize = 100_000;

/// Most different names of providers, sources and streams; further ones are counted as `(other)`.
pub const NAMES_MAX: usize = 20_000;

const NO_CATEGORY: u8 = u8::MAX;

/// A name as a small number; 0 is no name, 1 is `(other)`.
pub(super) type Symbol = u16;
const OTHER: Symbol = 1;

/// Names to numbers and back; never forgets.
#[derive(Clone, Debug)]
pub(super) struct Names {
    list: Vec<Name>,
    by_name: HashMap<Name, Symbol>,
}

impl Default for Names {
    fn default() -> Self {
        let other = Name::from("(other)");
        Names { list: vec![Name::default(), other.clone()], by_name: HashMap::from([(other, OTHER)]) }
    }
}

impl Names {
    pub fn symbol(&mut self, name: Option<&Name>) -> Symbol {
        let Some(name) = name else { return 0 };
        if let Some(&known) = self.by_name.get(name) {
            return known;
        }
        match Symbol::try_from(self.list.len()) {
            Ok(symbol) if self.list.len() < NAMES_MAX => {
                self.list.push(name.clone());
                self.by_name.insert(name.clone(), symbol);
                symbol
            }
            _ => OTHER,
        }
    }

    pub fn find(&self, name: &Name) -> Option<Symbol> {
        self.by_name.get(name).copied()
    }

    pub fn name(&self, symbol: Symbol) -> Option<Name> {
        (symbol != 0).then(|| self.list.get(usize::from(symbol)).cloned()).flatten()
    }
}

/// What a cell counts: a minute of the hour, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CellKey {
    pub minute: u8,
    pub kind: u8,
    category: u8,
    pub provider: Symbol,
    pub source: Symbol,
    pub stream: Symbol,
    /// 0: none.
    pub campaign: u64,
    /// 0: none. Set for failures only.
    pub template: u32,
}

impl CellKey {
    pub fn of(event: &Event, template: u32, names: &mut Names) -> CellKey {
        let of_attempt = event.attempt.as_ref().and_then(|attempt| attempt.category);
        let category = of_attempt.or_else(|| event.report.as_ref().and_then(|report| report.category));
        let minute = event.at.as_unix_s().div_euclid(60).rem_euclid(60);
        CellKey {
            minute: u8::try_from(minute).expect("invariant: below sixty"),
            kind: event.kind.number(),
            category: category.map_or(NO_CATEGORY, |category| category as u8),
            provider: names.symbol(event.provider.as_ref()),
            source: names.symbol(event.source.as_ref()),
            stream: names.symbol(event.stream.as_ref()),
            campaign: event.campaign.map_or(0, |campaign| campaign.0),
            template: if has_template(event.kind) { template } else { 0 },
        }
    }

    /// The same minute, kind, category and provider, everything else given up.
    fn coarse(self) -> CellKey {
        CellKey { source: OTHER, stream: OTHER, campaign: 0, template: 0, ..self }
    }

    pub fn category(&self) -> Option<Category> {
        Category::ALL.get(usize::from(self.category)).copied()
    }
}

/// Successes differ in queue ids only: their templates tell nothing and would multiply the cells.
fn has_template(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Delivered | EventKind::Received | EventKind::Opened | EventKind::Clicked)
}

/// Sums over the events of a cell, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Totals {
    /// How many events.
    #[n(0)]
    pub count: u64,
    /// Sum of their sizes in bytes.
    #[n(1)]
    pub bytes: u64,
    /// Sum of their times from acceptance to the end of the attempt, in milliseconds.
    #[n(2)]
    pub queued_ms: u64,
    /// Those times.
    #[n(3)]
    pub queued: Histogram,
}

impl Totals {
    fn add(&mut self, event: &Event) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(event.size_bytes.unwrap_or(0));
        if let Some(queued_ms) = event.attempt.as_ref().and_then(|attempt| attempt.queued_ms) {
            self.queued_ms = self.queued_ms.saturating_add(queued_ms);
            self.queued.add(queued_ms);
        }
    }

    /// Adds the sums of others.
    pub fn merge(&mut self, other: &Totals) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.queued_ms = self.queued_ms.saturating_add(other.queued_ms);
        self.queued.merge(&other.queued);
    }
}

/// The cells of one hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hour {
    pub cells: HashMap<CellKey, Totals>,
}

impl Hour {
    pub fn add(&mut self, key: CellKey, event: &Event) {
        if let Some(totals) = self.cells.get_mut(&key) {
            return totals.add(event);
        }
        let key = if self.cells.len() < CELLS_PER_HOUR_MAX { key } else { key.coarse() };
        self.cells.entry(key).or_default().add(event);
    }
}

/// The form of an hour on disk: names once, cells as arrays.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct StoredHour {
    #[n(0)]
    names: Vec<Name>,
    #[n(1)]
    cells: Vec<StoredCell>,
}

#[derive(Debug, Encode, Decode)]
#[cbor(array)]
struct StoredCell {
    #[n(0)]
    minute: u8,
    #[n(1)]
    kind: u8,
    #[n(2)]
    category: u8,
    #[n(3)]
    provider: u32,
    #[n(4)]
    source: u32,
    #[n(5)]
    stream: u32,
    #[n(6)]
    campaign: u64,
    #[n(7)]
    template: u32,
    #[n(8)]
    totals: Totals,
}

impl StoredHour {
    pub fn of(hour: &Hour, all: &Names) -> StoredHour {
        let mut names = Vec::new();
        let mut places: HashMap<Symbol, u32> = HashMap::new();
        let mut place = |symbol: Symbol| match all.name(symbol) {
            None => 0,
            Some(name) => *places.entry(symbol).or_insert_with(|| {
                names.push(name);
                u32::try_from(names.len()).expect("invariant: names are limited")
            }),
        };
        let cells = hour.cells.iter().map(|(key, totals)| StoredCell {
            minute: key.minute,
            kind: key.kind,
            category: key.category,
            provider: place(key.provider),
            source: place(key.source),
            stream: place(key.stream),
            campaign: key.campaign,
            template: key.template,
            totals: totals.clone(),
        });
        let cells = cells.collect();
        StoredHour { names, cells }
    }

    pub fn into_hour(self, all: &mut Names) -> Hour {
        let symbols: Vec<Symbol> = self.names.iter().map(|name| all.symbol(Some(name))).collect();
        let symbol = |place: u32| match (place as usize).checked_sub(1) {
            None => 0,
            Some(place) => symbols.get(place).copied().unwrap_or(OTHER),
        };
        let mut hour = Hour::default();
        for cell in self.cells {
            let key = CellKey {
                minute: cell.minute,
                kind: cell.kind,
                category: cell.category,
                provider: symbol(cell.provider),
                source: symbol(cell.source),
                stream: symbol(cell.stream),
                campaign: cell.campaign,
                template: cell.template,
            };
            hour.cells.entry(key).or_default().merge(&cell.totals);
        }
        hour
    }
}
