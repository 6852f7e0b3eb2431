//! The whole way on PostgreSQL: the same statements, run by a server that reads them more strictly.

use campaign::audience::{ContactFilter, Field, FieldKind, NewSuppressions};
use campaign::report::RecipientFilter;
use campaign::sending::CampaignState;
use campaign::tracking::{UnsubscribeMethod, Visit};
use db::PageRequest;
use mail::token::{MailRef, Token};
use model::event::{Attempt, Event, EventKind};
use model::name::Name;
use tokio_util::sync::CancellationToken;

use crate::fold::handed_over;
use crate::world::{START, World, people};

#[tokio::test]
async fn the_whole_way() {
    let Some(server) = db::testing::Server::start() else { return };
    let world = World::new();
    let life = world.start_on(server.database("suite").await.unwrap()).await;
    let city = Field { name: "city".into(), label: "City".into(), kind: FieldKind::Text, choices: vec![] };
    life.campaigns.audience.create_field(city).await.unwrap();
    let id = handed_over(&world, &life, 5).await;
    assert_eq!(world.engine.state().recipients.len(), 5);
    let again =
        life.import(life.campaigns.sending.campaign(id).await.unwrap().list.unwrap(), people(5).into_bytes()).await;
    assert_eq!(again.updated, 5);

    let received = world.engine.received(START);
    let mut events = received.clone();
    for one in &received {
        let attempt = Attempt { number: 1, queued_ms: Some(700), ..Attempt::default() };
        let recipient = one.recipient.unwrap();
        events.push(Event {
            campaign: one.campaign,
            contact: one.contact,
            provider: Some(Name::from("gmail")),
            attempt: Some(attempt),
            ..Event::of_recipient(EventKind::Delivered, recipient, 1, START)
        });
    }
    life.events.append(events).await.unwrap();
    let row = world.engine.state().recipients[0].clone();
    let mail = MailRef { message: row.0, recipient: row.1, contact: row.2.contact, campaign: Some(id) };
    let token = world.keys.seal(&Token::Unsubscribe { mail, list: None, to: None });
    let visit = Visit::default();
    assert_eq!(life.campaigns.tracking.unsubscribe(&token, UnsubscribeMethod::Page, &visit).await.status, 200);
    life.campaigns.reports.catch_up().await.unwrap();

    let report = life.campaigns.reports.report(id).await.unwrap();
    assert_eq!((report.delivered, report.unsubscribes, report.by_provider[0].p50_s), (5, 1, Some(0.68)));
    assert_eq!(life.campaigns.sending.campaign(id).await.unwrap().state, CampaignState::Sent);
    let page = PageRequest { after: None, limit: Some(2) };
    let filter = Some(RecipientFilter::Delivered);
    assert!(life.campaigns.reports.recipients(id, filter, &page).await.unwrap().next.is_some());
    let check = life.campaigns.sending.check(id).await.unwrap();
    assert_eq!(check.audience.size, 4);
    assert_eq!(check.undefined[0].contacts, 4, "{:?}", check.undefined);
    let new = NewSuppressions { addresses: vec!["a1@example.org".into()], note: String::new() };
    assert_eq!(life.campaigns.audience.suppress(new).await.unwrap().added, 1);
    assert_eq!(life.campaigns.audience.suppressions(Some("a"), &page).await.unwrap().items.len(), 2);
    life.campaigns.audience.unsuppress("a1@example.org").await.unwrap();
    let filter = ContactFilter { list: None, q: Some("@example.org".into()) };
    assert_eq!(life.campaigns.audience.contacts(&filter, &page).await.unwrap().items.len(), 2);
    world.rebuild(&life).await;
    assert_eq!(life.campaigns.reports.report(id).await.unwrap(), report);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    life.campaigns.run(shutdown).await;
}
