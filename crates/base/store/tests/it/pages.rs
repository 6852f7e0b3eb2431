//! Pages of events and histories.

use model::event::Event;
use model::id::{MessageId, RecipientId};
use store::{EventStore, EventsQuery, Field, Filter, HistoryOf};

use crate::naive;
use crate::support::{events, open, second};

const SPAN_S: u64 = 3 * 3_600;

async fn filled(store: &EventStore) -> Vec<Event> {
    let mut all = Vec::new();
    for part in 0..6 {
        let part_events = events(part, 10_000 * part, 200, SPAN_S);
        all.extend(part_events.iter().cloned());
        store.ingest(part_events, format!("1:{part}")).await.unwrap();
        if part < 4 {
            store.flush().await.unwrap();
        }
    }
    all
}

fn without_transcript(mut event: Event) -> Event {
    if let Some(attempt) = &mut event.attempt {
        attempt.transcript = None;
    }
    event
}

#[tokio::test]
async fn pages_walk_through_everything_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = filled(&store).await;
    let filter = Filter::eq(Field::Kind, "delivered");
    for newest_first in [true, false] {
        let mut expected: Vec<Event> =
            all.iter().filter(|event| naive::matches(event, &filter)).cloned().map(without_transcript).collect();
        expected.sort_by_key(|event| (event.at, event.id));
        if newest_first {
            expected.reverse();
        }
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let query = EventsQuery {
                from: second(-10),
                to: second(100_000),
                filter: filter.clone(),
                after,
                limit: 47,
                newest_first,
            };
            let page = store.events(query).await.unwrap();
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "newest_first {newest_first}: order or content differs");
    }
}

#[tokio::test]
async fn a_page_of_the_newest_leaves_old_segments_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for hour in 0..8 {
        let mut part = events(hour, 1_000 * hour, 100, 600);
        let shift = i64::try_from(hour).unwrap() * 3_600_000_000;
        part.iter_mut().for_each(|event| event.at.0 += shift);
        store.ingest(part, format!("1:{hour}")).await.unwrap();
        store.flush().await.unwrap();
    }
    let query = EventsQuery {
        from: second(-10),
        to: second(100_000),
        filter: Filter::all(),
        after: None,
        limit: 20,
        newest_first: true,
    };
    let page = store.events(query).await.unwrap();
    assert_eq!(page.items.len(), 20);
    assert_eq!(page.cost.segments, 1);
}

#[tokio::test]
async fn histories_are_complete_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = filled(&store).await;
    let check = async |of: HistoryOf, wanted: &dyn Fn(&Event) -> bool| {
        let history = store.history(of.clone()).await.unwrap();
        let mut expected: Vec<Event> = all.iter().filter(|event| wanted(event)).cloned().collect();
        expected.sort_by_key(|event| (event.at, event.id));
        assert!(!expected.is_empty() && !history.truncated);
        assert!(history.events == expected, "{of:?}");
    };
    check(HistoryOf::Message(MessageId(7)), &|event| event.message == Some(MessageId(7))).await;
    let recipient = all.iter().find_map(|event| event.recipient).unwrap();
    check(HistoryOf::Recipient(recipient), &|event| event.recipient == Some(recipient)).await;
    let address = "USER3@example.fr";
    let same = |event: &Event| event.address.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(address));
    check(HistoryOf::Address(address.into()), &same).await;
    let unknown = store.history(HistoryOf::Recipient(RecipientId(u64::MAX))).await.unwrap();
    assert!(unknown.events.is_empty());
}

#[tokio::test]
async fn what_the_bloom_filters_rule_out_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut part = events(1, 0, 3_000, SPAN_S);
    // Even ids only, so that bounds cannot rule an odd one out.
    part.iter_mut().for_each(|event| event.recipient = event.recipient.map(|id| RecipientId(id.0 * 2)));
    store.ingest(part, "1:1".into()).await.unwrap();
    store.flush().await.unwrap();
    let missing = store.history(HistoryOf::Recipient(RecipientId(1_501))).await.unwrap();
    assert_eq!((missing.events.len(), missing.cost.rows_scanned), (0, 0));
    let nobody = store.history(HistoryOf::Address("nobody@example.fr".into())).await.unwrap();
    assert_eq!((nobody.events.len(), nobody.cost.rows_scanned), (0, 0));
}

#[tokio::test]
async fn what_was_looked_at_is_counted_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let page = async || {
        let query = EventsQuery {
            from: second(-1),
            to: second(4 * 3_600),
            filter: Filter::all(),
            after: None,
            limit: 1_000,
            newest_first: true,
        };
        store.events(query).await.unwrap()
    };
    let check = async |rows: usize, segments: u64| {
        let page = page().await;
        assert_eq!((page.items.len(), page.cost.rows_scanned, page.cost.segments), (rows, rows as u64, segments));
    };
    check(0, 0).await;
    store.ingest(events(1, 0, 200, SPAN_S), "1:1".into()).await.unwrap();
    check(200, 0).await;
    store.flush().await.unwrap();
    check(200, 1).await;
    store.ingest(events(2, 10_000, 150, SPAN_S), "1:2".into()).await.unwrap();
    check(350, 1).await;
    let history = store.history(HistoryOf::Recipient(RecipientId(u64::MAX))).await.unwrap();
    assert_eq!(history.cost.rows_scanned, 150, "the segment is ruled out, what is in memory is looked at");
}
