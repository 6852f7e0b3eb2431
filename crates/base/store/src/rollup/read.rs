//! Questions to the roll-ups.

use std::collections::HashMap;
use std::sync::Arc;

use model::category::Category;
use model::event::EventKind;
use model::id::CampaignId;
use model::name::Name;
use model::time::Timestamp;

use super::cell::{CellKey, Hour, Names, Symbol, Totals};
use super::{Rollups, hour_of, load};
use crate::disk::StoredFile;
use crate::error::QueryError;

/// Most rows of an answer: more means that the question was too fine.
pub const ROLLUP_ROWS_MAX: usize = 100_000;

/// What to sum up, by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupQuery {
    /// From the minute of this time.
    pub from: Timestamp,
    /// To the minute before this time; a begun minute counts whole.
    pub to: Timestamp,
    /// Which events.
    pub filter: RollupFilter,
    /// By what.
    pub by: Vec<RollupKey>,
    /// Length of time buckets in minutes; one bucket when absent.
    pub step_minutes: Option<u32>,
}

/// Which events; absent means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Of this provider.
    pub provider: Option<Name>,
    /// From this source.
    pub source: Option<Name>,
    /// Of this stream.
    pub stream: Option<Name>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of one of these kinds; empty means any.
    pub kinds: Vec<EventKind>,
}

/// By what roll-ups can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollupKey {
    /// Provider.
    Provider,
    /// Source.
    Source,
    /// Stream.
    Stream,
    /// Campaign.
    Campaign,
    /// Kind of event.
    Kind,
    /// Bounce category.
    Category,
    /// Reply template (failures only).
    Template,
}

/// Sums for one combination; what was not asked by is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RollupRow {
    /// Begin of the time bucket.
    pub at: Option<Timestamp>,
    /// Provider.
    pub provider: Option<Name>,
    /// Source.
    pub source: Option<Name>,
    /// Stream.
    pub stream: Option<Name>,
    /// Campaign.
    pub campaign: Option<CampaignId>,
    /// Kind of event.
    pub kind: Option<EventKind>,
    /// Bounce category.
    pub category: Option<Category>,
    /// Reply template; 0 is none.
    pub template: Option<u32>,
    /// The sums.
    pub totals: Totals,
}

/// The hours of a question, as they are at one moment.
pub(crate) struct Snapshot {
    names: Arc<Names>,
    hours: Vec<(i64, Part)>,
}

enum Part {
    Memory(Arc<Hour>),
    Disk(Arc<StoredFile>),
}

impl Rollups {
    /// What is needed to answer questions from `from` to `to`. Cheap: nothing is copied or read.
    pub fn snapshot(&self, from: Timestamp, to: Timestamp) -> Snapshot {
        let (first, last) = (hour_of(from), hour_of(to));
        let range = if first <= last { self.hours.range(first..=last) } else { self.hours.range(0..0) };
        let part = |(hour, slot): (&i64, &super::Slot)| {
            let part = match (&slot.hour, &slot.file) {
                (Some(hour), _) => Part::Memory(Arc::clone(hour)),
                (None, Some(file)) => Part::Disk(Arc::clone(file)),
                (None, None) => return None,
            };
            Some((*hour, part))
        };
        Snapshot { names: Arc::clone(&self.names), hours: range.filter_map(part).collect() }
    }
}

/// What tells rows apart; parts that are not asked by are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Group {
    bucket: i64,
    provider: Symbol,
    source: Symbol,
    stream: Symbol,
    campaign: u64,
    kind: u8,
    category: Option<Category>,
    template: u32,
}

/// The filter with names as symbols.
struct Wanted {
    provider: Option<Symbol>,
    source: Option<Symbol>,
    stream: Option<Symbol>,
    campaign: Option<u64>,
    kinds: u64,
}

impl Snapshot {
    /// The answer, ordered by time and names. Reads files: not for async threads.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`] beyond [`ROLLUP_ROWS_MAX`]; [`QueryError::Failed`] when a file cannot be read.
    pub fn answer(mut self, query: &RollupQuery) -> Result<Vec<RollupRow>, QueryError> {
        let mut groups: HashMap<Group, Totals> = HashMap::new();
        for (number, part) in std::mem::take(&mut self.hours) {
            let hour = match part {
                Part::Memory(hour) => hour,
                Part::Disk(file) => {
                    let loaded = load(&file, Arc::make_mut(&mut self.names));
                    let path = file.path().display();
                    Arc::new(loaded.map_err(|error| QueryError::Failed(format!("{path} cannot be read: {error}")))?)
                }
            };
            let Some(wanted) = Wanted::of(&query.filter, &self.names) else { continue };
            sum_hour(number, &hour, query, &wanted, &mut groups);
            if groups.len() > ROLLUP_ROWS_MAX {
                let message = format!("more than {ROLLUP_ROWS_MAX} rows: ask for fewer groups or a shorter time");
                return Err(QueryError::TooMuch { limit: "ROLLUP_ROWS_MAX", message });
            }
        }
        let mut rows: Vec<(Group, Totals)> = groups.into_iter().collect();
        rows.sort_unstable_by_key(|(group, _)| *group);
        let mut rows: Vec<RollupRow> = rows.into_iter().map(|(group, totals)| self.row(query, group, totals)).collect();
        rows.sort_by(|a, b| {
            a.at.cmp(&b.at).then_with(|| a.provider.cmp(&b.provider)).then_with(|| a.source.cmp(&b.source))
        });
        Ok(rows)
    }

    fn row(&self, query: &RollupQuery, group: Group, totals: Totals) -> RollupRow {
        let asked = |key: RollupKey| query.by.contains(&key);
        let kind = || EventKind::ALL.iter().copied().find(|kind| kind.number() == group.kind);
        RollupRow {
            at: query.step_minutes.map(|_| Timestamp::from_unix_s(group.bucket * 60)),
            provider: self.names.name(group.provider),
            source: self.names.name(group.source),
            stream: self.names.name(group.stream),
            campaign: (group.campaign != 0).then_some(CampaignId(group.campaign)),
            kind: asked(RollupKey::Kind).then(kind).flatten(),
            category: group.category,
            template: asked(RollupKey::Template).then_some(group.template),
            totals,
        }
    }
}

impl Wanted {
    /// None when a name of the filter was never seen: nothing can match.
    fn of(filter: &RollupFilter, names: &Names) -> Option<Wanted> {
        let symbol = |name: &Option<Name>| match name {
            Some(name) => names.find(name).map(Some),
            None => Some(None),
        };
        Some(Wanted {
            provider: symbol(&filter.provider)?,
            source: symbol(&filter.source)?,
            stream: symbol(&filter.stream)?,
            campaign: filter.campaign.map(|campaign| campaign.0),
            kinds: match filter.kinds.as_slice() {
                [] => u64::MAX,
                kinds => kinds.iter().fold(0, |bits, kind| bits | 1 << kind.number()),
            },
        })
    }

    fn matches(&self, key: &CellKey) -> bool {
        self.kinds & (1 << key.kind.min(63)) != 0
            && self.provider.is_none_or(|wanted| wanted == key.provider)
            && self.source.is_none_or(|wanted| wanted == key.source)
            && self.stream.is_none_or(|wanted| wanted == key.stream)
            && self.campaign.is_none_or(|wanted| wanted == key.campaign)
    }
}

fn sum_hour(number: i64, hour: &Hour, query: &RollupQuery, wanted: &Wanted, groups: &mut HashMap<Group, Totals>) {
    let first = query.from.as_unix_s().div_euclid(60);
    let end = query.to.0.div_euclid(60_000_000) + i64::from(query.to.0.rem_euclid(60_000_000) != 0);
    let step = query.step_minutes.map(|step| i64::from(step.max(1)));
    let asked = |key: RollupKey| query.by.contains(&key);
    let by = (
        asked(RollupKey::Provider),
        asked(RollupKey::Source),
        asked(RollupKey::Stream),
        asked(RollupKey::Campaign),
        asked(RollupKey::Kind),
        asked(RollupKey::Category),
        asked(RollupKey::Template),
    );
    for (key, totals) in &hour.cells {
        let minute = number * 60 + i64::from(key.minute);
        if minute < first || minute >= end || !wanted.matches(key) {
            continue;
        }
        let group = Group {
            bucket: step.map_or(0, |step| minute.div_euclid(step) * step),
            provider: if by.0 { key.provider } else { 0 },
            source: if by.1 { key.source } else { 0 },
            stream: if by.2 { key.stream } else { 0 },
            campaign: if by.3 { key.campaign } else { 0 },
            kind: if by.4 { key.kind } else { 0 },
            category: if by.5 { key.category() } else { None },
            template: if by.6 { key.template } else { 0 },
        };
        groups.entry(group).or_default().merge(totals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::event::{Attempt, Event};
    use model::id::RecipientId;

    fn event(kind: EventKind, minute: i64, provider: &str, queued_ms: u64) -> Event {
        let mut event = Event::of_recipient(kind, RecipientId(1), 1, Timestamp::from_unix_s(minute * 60 + 7));
        event.provider = Some(provider.into());
        event.size_bytes = Some(1_000);
        event.attempt = Some(Attempt { queued_ms: Some(queued_ms), ..Attempt::default() });
        event
    }

    fn rollups(dir: &std::path::Path) -> Rollups {
        let mut rollups = Rollups::new(dir, &[], 1_000);
        rollups.add(&event(EventKind::Delivered, 600, "gmail", 100), 3);
        rollups.add(&event(EventKind::Delivered, 600, "gmail", 300), 4);
        rollups.add(&event(EventKind::Deferred, 601, "gmail", 500), 5);
        rollups.add(&event(EventKind::Delivered, 665, "orange", 700), 3);
        rollups
    }

    fn question(from: i64, to: i64, by: &[RollupKey], step_minutes: Option<u32>) -> RollupQuery {
        RollupQuery {
            from: Timestamp::from_unix_s(from * 60),
            to: Timestamp::from_unix_s(to * 60),
            filter: RollupFilter::default(),
            by: by.to_vec(),
            step_minutes,
        }
    }

    fn check(rollups: &Rollups, query: &RollupQuery, expected: &[(&str, u64)]) {
        let rows = rollups.snapshot(query.from, query.to).answer(query).unwrap();
        let name = |row: &RollupRow| {
            let mut name = row.provider.as_ref().map_or(String::new(), |name| name.to_string());
            if let Some(kind) = row.kind {
                name += &format!(" {}", kind.as_str());
            }
            if let Some(at) = row.at {
                name += &format!(" @{}", at.as_unix_s() / 60);
            }
            name
        };
        let found: Vec<(String, u64)> = rows.iter().map(|row| (name(row), row.totals.count)).collect();
        let found: Vec<(&str, u64)> = found.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sums_by_what_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let rollups = rollups(dir.path());
        check(&rollups, &question(600, 700, &[], None), &[("", 4)]);
        check(&rollups, &question(600, 601, &[], None), &[("", 2)]);
        check(&rollups, &question(601, 665, &[], None), &[("", 1)]);
        check(&rollups, &question(0, 600, &[], None), &[]);
        check(&rollups, &question(600, 700, &[RollupKey::Provider], None), &[("gmail", 3), ("orange", 1)]);
        let by = [RollupKey::Provider, RollupKey::Kind];
        let expected = [("gmail delivered @600", 2), ("gmail deferred @600", 1), ("orange delivered @660", 1)];
        check(&rollups, &question(600, 700, &by, Some(10)), &expected);
        let mut only = question(600, 700, &[RollupKey::Provider], None);
        only.filter.provider = Some("orange".into());
        check(&rollups, &only, &[("orange", 1)]);
        only.filter.provider = Some("never-seen".into());
        check(&rollups, &only, &[]);
    }

    #[test]
    fn hours_on_disk_answer_like_hours_in_memory_and_take_late_events() {
        let dir = tempfile::tempdir().unwrap();
        let mut rollups = rollups(dir.path());
        let before = question(0, 10_000, &[RollupKey::Provider, RollupKey::Kind, RollupKey::Template], Some(1));
        let expected = rollups.snapshot(before.from, before.to).answer(&before).unwrap();
        let changes = rollups.take_changes();
        let mut number = 0;
        let written = changes.write(dir.path(), || {
            number += 1;
            number
        });
        let written = written.unwrap();
        let entries = rollups.entries_with(&written);
        rollups.committed(written);
        assert_eq!(entries.len(), 2);

        let mut reopened = Rollups::new(dir.path(), &entries, 1_000);
        assert_eq!(reopened.snapshot(before.from, before.to).answer(&before).unwrap(), expected);
        reopened.add(&event(EventKind::Delivered, 600, "gmail", 100), 3);
        check(&reopened, &question(600, 601, &[], None), &[("", 3)]);
    }

    #[test]
    fn old_hours_leave_memory_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut rollups = Rollups::new(dir.path(), &[], 5);
        for hour in 0..10 {
            rollups.add(&event(EventKind::Delivered, hour * 60, "gmail", 1), 0);
            rollups.add(&event(EventKind::Delivered, hour * 60 + 1, "gmail", 1), 0);
        }
        let mut number = 0;
        let written = rollups.take_changes().write(dir.path(), || {
            number += 1;
            number
        });
        rollups.committed(written.unwrap());
        assert_eq!(rollups.counts(), (4, 10, 0));
        check(&rollups, &question(0, 600, &[], None), &[("", 20)]);
    }
}
