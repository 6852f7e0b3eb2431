//! Random queries over random events: the store answers like the naive evaluation, whatever is in segments and whatever
//! is in memory.

use model::event::Event;
use model::units::Span;
use store::{Cell, Dimension, EventStore, Field, Filter, Measure, Order, Query, QueryError, Scalar};

use crate::naive;
use crate::support::{Dice, PROVIDERS, events, open, second};

/// Two hours around midnight, so that there are several days.
const SPAN_S: u64 = 2 * 86_400;

fn leaf(dice: &mut Dice) -> Filter {
    let number = |dice: &mut Dice, limit| Some(Scalar::Integer(i64::try_from(dice.below(limit)).unwrap()));
    match dice.below(14) {
        0 => Filter::eq(Field::Provider, dice.pick(&PROVIDERS)),
        1 => Filter::one_of(Field::Kind, ["deferred", "bounced"]),
        2 => Filter::contains(Field::Reply, dice.pick(&["unusual", "% of", "time_out", "\\", "user", "ÉTÉ", "x_y"])),
        3 => Filter::Prefix { field: Field::Reply, text: dice.pick(&["mail", "OUR", "[", "no%"]).into() },
        4 => Filter::Exists { field: Field::Error },
        5 => Filter::eq(Field::Address, format!("user{}@EXAMPLE.com", dice.below(60))),
        6 => Filter::eq(Field::Code, 421 + 64 * i64::try_from(dice.below(3)).unwrap()),
        7 => Filter::Range {
            field: Field::QueuedMs,
            gte: number(dice, 200_000),
            gt: None,
            lte: None,
            lt: number(dice, 400_000),
        },
        8 => Filter::Range { field: Field::Attempt, gte: None, gt: number(dice, 5), lte: None, lt: None },
        9 => Filter::eq(Field::Message, model::id::MessageId(dice.below(22)).to_string()),
        10 => Filter::Eq { field: Field::Suppress, value: Scalar::Bool(dice.below(2) == 0) },
        11 => Filter::one_of(Field::Address, ["USER1@example.fr", "user2@example.com"]),
        12 => Filter::eq(Field::Enhanced, dice.pick(&["4.7.28", "5.1.1", "2.0.0"])),
        _ => Filter::eq(Field::Domain, "example.fr"),
    }
}

fn filter(dice: &mut Dice, depth: u32) -> Filter {
    match dice.below(if depth == 0 { 1 } else { 5 }) {
        1 => Filter::And { of: (0..dice.below(4)).map(|_| filter(dice, depth - 1)).collect() },
        2 => Filter::Or { of: (0..dice.below(4)).map(|_| filter(dice, depth - 1)).collect() },
        3 => filter(dice, depth - 1).not(),
        _ => leaf(dice),
    }
}

fn query(dice: &mut Dice) -> Query {
    let from = i64::try_from(dice.below(SPAN_S)).unwrap() - 1_000;
    let to = from + 1 + i64::try_from(dice.below(SPAN_S)).unwrap();
    let dimension = |dice: &mut Dice| match dice.below(7) {
        0 => Dimension::Bucket { span: Span::s(3_600) },
        1 => Dimension::Field { field: Field::Kind },
        2 => Dimension::Field { field: Field::Campaign },
        3 => Dimension::Field { field: Field::Code },
        4 => Dimension::Field { field: Field::Suppress },
        5 => Dimension::Field { field: Field::Domain },
        _ => Dimension::Field { field: Field::Provider },
    };
    let measure = |dice: &mut Dice| match dice.below(5) {
        0 => Measure::Rate { numerator: filter(dice, 1) },
        1 => Measure::Sum { field: Field::SizeBytes },
        2 => Measure::Min { field: Field::QueuedMs },
        3 => Measure::Max { field: Field::SizeBytes },
        _ => Measure::Count,
    };
    Query {
        from: second(from),
        to: second(to),
        filter: (dice.below(4) > 0).then(|| filter(dice, 3)),
        measures: (0..=dice.below(3)).map(|_| measure(dice)).collect(),
        dimensions: (0..dice.below(3)).map(|_| dimension(dice)).collect(),
        order: vec![],
        limit: Some(10_000),
    }
}

fn sorted(mut rows: Vec<Vec<Cell>>) -> Vec<String> {
    let mut rows: Vec<String> = rows.drain(..).map(|row| format!("{row:?}")).collect();
    rows.sort();
    rows
}

/// Two segments' worth on disk, some in batches, some in the tail.
async fn filled(store: &EventStore) -> Vec<Event> {
    let mut all = Vec::new();
    for (part, count) in [(0, 700), (1, 300), (2, 5_000), (3, 40)] {
        let part_events = events(part, 10_000 * part, count, SPAN_S);
        all.extend(part_events.iter().cloned());
        store.ingest(part_events, format!("1:{part}")).await.unwrap();
        if part < 2 {
            store.flush().await.unwrap();
        }
    }
    all
}

#[tokio::test]
async fn random_queries_agree_with_the_naive_evaluation() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = filled(&store).await;
    let mut with_rows = 0;
    for seed in 0..150 {
        let query = query(&mut Dice::new(1_000 + seed));
        let found = store.query(query.clone()).await.unwrap_or_else(|error| panic!("seed {seed}: {error} {query:?}"));
        let expected = naive::answer(&all, &query);
        with_rows += usize::from(!naive::selected(&all, &query).is_empty());
        assert_eq!(sorted(found.rows), sorted(expected), "seed {seed}: {query:?}");
    }
    assert!(with_rows > 75, "only {with_rows} of 150 queries found anything");
}

#[tokio::test]
async fn sketches_are_near_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = filled(&store).await;
    let query = Query {
        from: second(-1),
        to: second(10 * 86_400),
        filter: Some(Filter::eq(Field::Kind, "delivered")),
        measures: vec![
            Measure::DistinctRecipients,
            Measure::Percentile { field: Field::QueuedMs, p: 0.5 },
            Measure::Percentile { field: Field::QueuedMs, p: 0.95 },
        ],
        dimensions: vec![],
        order: vec![],
        limit: None,
    };
    let answer = store.query(query.clone()).await.unwrap();
    let delivered = naive::selected(&all, &query);
    let mut queued: Vec<u64> = delivered.iter().filter_map(|event| event.attempt.as_ref()?.queued_ms).collect();
    queued.sort_unstable();
    let [Cell::Integer(distinct), Cell::Number(p50), Cell::Number(p95)] = answer.rows[0][..] else {
        panic!("{:?}", answer.rows)
    };
    let near = |found: f64, exact: u64| (found - exact as f64).abs() <= exact as f64 * 0.03;
    assert!(near(distinct as f64, delivered.len() as u64), "{distinct} of {}", delivered.len());
    assert!(near(p50, queued[queued.len() / 2]) && near(p95, queued[queued.len() * 95 / 100]), "{p50} {p95}");
    assert!(answer.cost.rows_scanned > 0 && answer.cost.segments > 0 && answer.cost.bytes > 0);
}

#[tokio::test]
async fn order_limit_and_truncation() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let all = filled(&store).await;
    let mut query = Query {
        from: second(-1),
        to: second(10 * 86_400),
        filter: None,
        measures: vec![Measure::Count, Measure::Rate { numerator: Filter::eq(Field::Kind, "bounced") }],
        dimensions: vec![Dimension::Field { field: Field::Provider }],
        order: vec![],
        limit: Some(2),
    };
    let answer = store.query(query.clone()).await.unwrap();
    let counts: Vec<i64> =
        answer.rows.iter().map(|row| if let Cell::Integer(count) = row[1] { count } else { -1 }).collect();
    assert!(answer.truncated && counts.len() == 2 && counts[0] >= counts[1], "{counts:?}");
    query.limit = None;
    query.order = vec![Order { by: "rate".into(), descending: true }];
    let answer = store.query(query).await.unwrap();
    let rates: Vec<f64> =
        answer.rows.iter().map(|row| if let Cell::Rate(rate) = &row[2] { rate.rate } else { -1.0 }).collect();
    assert!(!answer.truncated && rates.len() == PROVIDERS.len() + 1);
    assert!(rates.is_sorted_by(|a, b| a >= b), "{rates:?}");
    assert!(!all.is_empty());
}

#[tokio::test]
async fn an_empty_store_answers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let query = Query {
        from: second(0),
        to: second(1),
        filter: None,
        measures: vec![Measure::Count, Measure::Sum { field: Field::SizeBytes }],
        dimensions: vec![],
        order: vec![],
        limit: None,
    };
    assert_eq!(store.query(query.clone()).await.unwrap().rows, [[Cell::Integer(0), Cell::Null]]);
    let wrong = Query { to: second(0), ..query };
    assert!(matches!(store.query(wrong).await, Err(QueryError::Invalid { path, .. }) if path == "to"));
}
