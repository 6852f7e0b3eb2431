//! Any event goes through columns, and through a segment, unchanged.

use super::*;
use crate::field::Field;
use model::category::{Category, Scope};
use model::event::{Attempt, ControlChange, EventKind, RemoteReport, Touch};
use model::id::{CampaignId, ContactId, EventId, ListId, MessageId, RecipientId};
use model::name::Name;
use model::reply::{EnhancedStatus, Phase, Reply};
use model::submission::{Origin, Protocol};
use model::time::Timestamp;
use proptest::option;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Option<Name>> {
    option::of(prop_oneof!["[a-z]{0,8}", "\\PC{0,12}"].prop_map(Name::from))
}

fn text() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{0,20}")
}

fn at() -> impl Strategy<Value = Option<Timestamp>> {
    option::of(any::<i64>().prop_map(Timestamp))
}

fn reply() -> impl Strategy<Value = Option<Reply>> {
    let enhanced = option::of((any::<u8>(), any::<u16>(), any::<u16>()))
        .prop_map(|numbers| numbers.map(|(class, subject, detail)| EnhancedStatus { class, subject, detail }));
    option::of((any::<u16>(), enhanced, "\\PC{0,30}").prop_map(|(code, enhanced, text)| Reply { code, enhanced, text }))
}

fn category() -> impl Strategy<Value = Option<Category>> {
    option::of(prop::sample::select(Category::ALL))
}

prop_compose! {
    fn attempt()(
        number: u16, site in name(), mx_host in name(), mx_address in text(), source_address in text(),
        phase in option::of(prop::sample::select(vec![Phase::Route, Phase::RcptTo, Phase::Dot, Phase::Idle])),
        reply in reply(), error in text(), category in category(),
        scope in option::of(prop::sample::select(Scope::ALL)),
        (suppress, tls, next_attempt, transcript) in (any::<bool>(), text(), at(), text()),
        (queued_ms, connect_ms, tls_ms, transaction_ms) in
            (any::<Option<u64>>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>()),
    ) -> Attempt {
        Attempt {
            number, site, mx_host, mx_address, source_address, phase, reply, error, category, scope, suppress, tls,
            next_attempt, queued_ms, connect_ms, tls_ms, transaction_ms, transcript,
            wire: queued_ms.map(|bytes| model::dialogue::Wire {
                session: None, sent_bytes: Some(bytes), rcpt_ms: tls_ms, chunked: suppress, ..Default::default()
            }),
            tls_use: connect_ms.map(|_| model::dialogue::TlsUse { verified: suppress, ..Default::default() }),
        }
    }
}

prop_compose! {
    fn report()(
        what in "[a-z]{0,6}", reporter in text(), reply in reply(), category in category(), suppress: bool,
        source_address in text(),
    ) -> RemoteReport {
        RemoteReport { what, reporter, reply, category, suppress, source_address }
    }
}

prop_compose! {
    fn touch()(link: Option<u16>, url in text(), client in text(), user_agent in text(), method in text()) -> Touch {
        Touch { link, url, client, user_agent, method }
    }
}

prop_compose! {
    fn control()(
        target in "[a-z]{0,5}", name in "[a-z]{0,5}", action in "[a-z]{0,5}", value in text(), until in at(),
        by in "[a-z]{0,5}", reply in reply(),
    ) -> ControlChange {
        ControlChange { target, name, action, value, until, by, reply }
    }
}

const PROTOCOLS: &[Protocol] =
    &[Protocol::Smtp, Protocol::Http, Protocol::Campaign, Protocol::Internal, Protocol::Pickup];

prop_compose! {
    fn origin()(
        protocol in prop::sample::select(PROTOCOLS.to_vec()),
        peer: Option<std::net::IpAddr>, user in name(),
    ) -> Origin {
        Origin { protocol, peer, user }
    }
}

prop_compose! {
    fn event()(
        (v, root, leaf, at) in (any::<u8>(), any::<u64>(), any::<u32>(), any::<i64>()),
        kind in prop::sample::select(EventKind::ALL),
        (message, recipient, campaign, contact, list, size_bytes) in
            (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>(),
             any::<Option<u64>>(), any::<Option<u64>>()),
        (address, sender, note) in (text(), text(), text()),
        (tenant, stream, job, provider, source) in (name(), name(), name(), name(), name()),
        origin in option::of(origin()),
        attempt in option::weighted(0.7, attempt()),
        report in option::weighted(0.2, report()),
        touch in option::weighted(0.2, touch()),
        control in option::weighted(0.2, control()),
        tags in prop::collection::vec("[a-z ,\n]{0,4}", 0..3),
        metadata in prop::collection::btree_map("[a-z=\n]{0,3}", "[a-z=\n]{0,3}", 0..3),
        authentication in option::weighted(0.2, Just(model::event::Authentication::default())),
    ) -> Event {
        Event {
            v, id: EventId { root, leaf }, at: Timestamp(at), kind,
            message: message.map(MessageId), recipient: recipient.map(RecipientId), address, sender, tenant, stream,
            job, campaign: campaign.map(CampaignId), contact: contact.map(ContactId), provider, source, origin,
            attempt, report, touch, control, size_bytes, list: list.map(ListId), note, authentication,
            tags: tags.iter().map(|tag| Name::from(tag.as_str())).collect(), metadata,
        }
    }
}

fn rows(events: &[Event]) -> Vec<Row> {
    events.iter().enumerate().map(|(at, event)| Row { event: event.clone(), template: at as u32 }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_event_goes_through_columns_unchanged(given in prop::collection::vec(event(), 1..20)) {
        let batch = batch(&rows(&given)).unwrap();
        prop_assert_eq!(events(&batch).unwrap(), given);
    }
}

#[test]
fn every_field_is_a_column() {
    let schema = schema();
    for field in Field::ALL {
        assert!(schema.field_with_name(field.as_str()).is_ok(), "{field}");
    }
    for name in [ID_ROOT, ID_LEAF, ADDRESS_HASH, TRANSCRIPT] {
        assert!(schema.field_with_name(name).is_ok(), "{name}");
    }
}

#[test]
fn columns_that_are_not_there_read_as_empty() {
    let given = Event::of_recipient(EventKind::Opened, RecipientId(3), 1, Timestamp(5));
    let whole = batch(&rows(std::slice::from_ref(&given))).unwrap();
    let some = whole.project(&[0, 2, 3, 4, 5, 8]).unwrap();
    assert_eq!(events(&some).unwrap(), [given]);
}

#[test]
fn addresses_are_indexed_without_regard_to_case() {
    assert_eq!(address_hash("Zoë@Example.FR"), address_hash("zoë@example.fr"));
    assert_ne!(address_hash("zoe@example.fr"), address_hash("zoe@example.com"));
}
