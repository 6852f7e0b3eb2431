//! Events themselves: pages of a search, and histories.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, ident, lit};
use model::event::Event;
use model::id::EventId;
use model::time::Timestamp;
use tokio::time::Instant;

use super::expr::{address_is, behind, column, filter_expr, time_expr};
use super::{Engine, View, explain, ms_since};
use crate::columns::{COLUMNS, ID_LEAF, ID_ROOT, TRANSCRIPT, events};
use crate::error::QueryError;
use crate::field::Field;
use crate::query::{Cost, EVENTS_PAGE_MAX, EventsPage, EventsQuery, HISTORY_EVENTS_MAX, History, HistoryOf};

/// A place in the order of events: time and id. Opaque to callers; text form `<micros>.<id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: Timestamp,
    id: EventId,
}

impl Place {
    fn read(text: &str) -> Result<Place, QueryError> {
        let parsed = text
            .split_once('.')
            .and_then(|(at, id)| Some(Place { at: Timestamp(at.parse().ok()?), id: id.parse().ok()? }));
        parsed.ok_or_else(|| QueryError::invalid("after", "is not the `next` of an earlier page"))
    }

    fn of(event: &Event) -> Place {
        Place { at: event.at, id: event.id }
    }

    fn text(self) -> String {
        format!("{}.{}", self.at.0, self.id)
    }
}

/// The columns of a place.
const PLACE: [&str; 3] = [Field::At.as_str(), ID_ROOT, ID_LEAF];

/// Segments or hot batches that are looked at together.
struct Part {
    view: View,
    from: i64,
    to: i64,
}

impl Engine {
    /// A page of events.
    ///
    /// First only times and ids are read, the newest (or oldest) parts first and no further than needed to fill the
    /// page; then the events themselves, from the short time that they span.
    pub async fn events(&self, view: View, query: &EventsQuery) -> Result<EventsPage, QueryError> {
        let view = view.between(query.from, query.to);
        let after = check(query)?;
        self.check_rows(&view)?;
        let start = Instant::now();
        let rows_max = query.limit as usize + 1;
        let missing_rows = view.missing_rows();
        let mut wanted = time_expr(query.from, query.to).and(filter_expr(&query.filter)?);
        if let Some(place) = after {
            wanted = wanted.and(behind(place.at, place.id.root, place.id.leaf, query.newest_first));
        }
        let (places, mut cost) = self.places(&view, &wanted, query.newest_first, rows_max).await?;
        let mut items = Vec::new();
        if let (Some(first), Some(last)) =
            (places.iter().map(|place| place.at).min(), places.iter().map(|place| place.at).max())
        {
            let (from, to) = (first, Timestamp(last.0.saturating_add(1)));
            let view = view.between(from, to);
            let wanted = wanted.and(time_expr(from, to));
            let frame = narrowed(self.table(&view)?, wanted, query.newest_first, rows_max, &columns(false))?;
            let (batches, fetch_cost) = self.collect(frame, &view).await?;
            cost.bytes += fetch_cost.bytes;
            add_events(&batches, &mut items)?;
        }
        sort(&mut items, query.newest_first);
        items.truncate(query.limit as usize);
        items.iter_mut().filter_map(|event| event.attempt.as_mut()).for_each(|attempt| attempt.transcript = None);
        let next = items.last().filter(|_| places.len() == rows_max).map(|event| Place::of(event).text());
        (cost.ms, cost.missing_rows) = (ms_since(start), missing_rows);
        Ok(EventsPage { items, next, cost })
    }

    /// Where the first `rows_max` events lie that are wanted.
    async fn places(
        &self,
        view: &View,
        wanted: &Expr,
        newest_first: bool,
        rows_max: usize,
    ) -> Result<(Vec<Place>, Cost), QueryError> {
        let mut parts = parts(view.clone(), newest_first);
        let mut found: Vec<Event> = Vec::new();
        let mut cost = Cost::default();
        let mut take = 1;
        while !parts.is_empty() && !is_full(&found, rows_max, &parts[0], newest_first) {
            let rest = parts.split_off(take.min(parts.len()));
            let mut view = View::default();
            for part in std::mem::replace(&mut parts, rest) {
                view.hot.extend(part.view.hot);
                view.segments.extend(part.view.segments);
            }
            let frame = narrowed(self.table(&view)?, wanted.clone(), newest_first, rows_max, &PLACE)?;
            let (batches, part_cost) = self.collect(frame, &view).await?;
            cost.add(part_cost);
            add_events(&batches, &mut found)?;
            sort(&mut found, newest_first);
            found.truncate(rows_max);
            take *= 2;
        }
        Ok((found.iter().map(Place::of).collect(), cost))
    }

    /// Everything about one message, recipient or address.
    pub async fn history(&self, view: &View, of: &HistoryOf) -> Result<History, QueryError> {
        let start = Instant::now();
        let wanted = match of {
            HistoryOf::Message(id) => column(Field::Message).eq(lit(id.0)),
            HistoryOf::Recipient(id) => column(Field::Recipient).eq(lit(id.0)),
            HistoryOf::Address(address) => address_is(address),
        };
        let newest_first = matches!(of, HistoryOf::Address(_));
        let frame = narrowed(self.table(view)?, wanted, newest_first, HISTORY_EVENTS_MAX + 1, &columns(true))?;
        let (batches, mut cost) = self.collect(frame, view).await?;
        let mut found = Vec::new();
        add_events(&batches, &mut found)?;
        sort(&mut found, newest_first);
        let truncated = found.len() > HISTORY_EVENTS_MAX;
        found.truncate(HISTORY_EVENTS_MAX);
        sort(&mut found, false);
        (cost.ms, cost.missing_rows) = (ms_since(start), view.missing_rows());
        Ok(History { events: found, truncated, cost })
    }
}

fn check(query: &EventsQuery) -> Result<Option<Place>, QueryError> {
    if query.from >= query.to {
        return Err(QueryError::invalid("to", "must be later than from"));
    }
    if query.limit == 0 || query.limit > EVENTS_PAGE_MAX {
        return Err(QueryError::invalid("limit", format!("must lie between 1 and {EVENTS_PAGE_MAX}")));
    }
    query.filter.check("filter")?;
    query.after.as_deref().map(Place::read).transpose()
}

/// The view cut into pieces, in the order in which they are looked at.
fn parts(view: View, newest_first: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for segment in view.segments {
        let (from, to) = (segment.entry.from, segment.entry.to);
        parts.push(Part { view: View { segments: vec![segment], ..View::default() }, from, to });
    }
    for batch in view.hot {
        let (from, to) = (batch.from.0, batch.to.0);
        parts.push(Part { view: View { hot: vec![batch], ..View::default() }, from, to });
    }
    if newest_first {
        parts.sort_by_key(|part| std::cmp::Reverse(part.to));
    } else {
        parts.sort_by_key(|part| part.from);
    }
    parts
}

/// True when nothing in the remaining parts can come before the last event found.
fn is_full(found: &[Event], wanted_rows: usize, next: &Part, newest_first: bool) -> bool {
    match found.last() {
        Some(last) if found.len() >= wanted_rows => {
            if newest_first {
                next.to < last.at.0
            } else {
                next.from > last.at.0
            }
        }
        _ => false,
    }
}

/// Every column, the transcript where it is wanted.
fn columns(with_transcript: bool) -> Vec<&'static str> {
    COLUMNS.iter().map(|column| column.name).filter(|name| with_transcript || *name != TRANSCRIPT).collect()
}

/// The first wanted events in the order of time and id.
fn narrowed(
    table: DataFrame,
    wanted: Expr,
    newest_first: bool,
    rows_max: usize,
    names: &[&str],
) -> Result<DataFrame, QueryError> {
    let columns: Vec<Expr> = names.iter().copied().map(ident).collect();
    let order: Vec<Sort> =
        [column(Field::At), ident(ID_ROOT), ident(ID_LEAF)].map(|key| key.sort(!newest_first, false)).to_vec();
    let frame = table.filter(wanted).and_then(|frame| frame.select(columns));
    let frame = frame.and_then(|frame| frame.sort(order)).and_then(|frame| frame.limit(0, Some(rows_max)));
    frame.map_err(|error| explain(&error))
}

fn add_events(batches: &[RecordBatch], found: &mut Vec<Event>) -> Result<(), QueryError> {
    for batch in batches {
        found.extend(events(batch).map_err(|error| QueryError::Failed(error.to_string()))?);
    }
    Ok(())
}

fn sort(events: &mut [Event], newest_first: bool) {
    events.sort_by(|a, b| {
        let order = (a.at, a.id).cmp(&(b.at, b.id));
        if newest_first { order.reverse() } else { order }
    });
}
