//! Pixel, links and the unsubscribe page: sealed tokens, nothing by GET, nothing lost without a count.

use campaign::audience::{ContactStatus, SuppressionSet};
use campaign::sending::CampaignInput;
use campaign::tracking::{HtmlPage, UnsubscribeMethod, Visit};
use db::{PageRequest, params};
use journal::events::Cursor;
use mail::token::{Addressee, Keys, MailRef, Token};
use model::event::{Event, EventKind};
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::submission::Routing;
use tokio_util::sync::CancellationToken;

use crate::fold::handed_over;
use crate::world::{Life, World, letter, people, routing};

const VISIT: Visit<'_> = Visit { client: Some("192.0.2.7"), user_agent: Some("Mail/1.0"), languages: Some("fr") };

/// A mail of this campaign to its first recipient.
async fn mail(life: &Life, world: &World, campaign: CampaignId) -> MailRef {
    let (message, recipient, row) = world.engine.state().recipients[0].clone();
    let _ = life;
    MailRef { message, recipient, contact: row.contact, campaign: Some(campaign) }
}

fn click(world: &World, mail: MailRef, link: u16) -> String {
    world.keys.seal(&Token::Click { mail, link, url: None })
}

/// Everything in the event log of these kinds.
fn events(life: &Life, kinds: &[EventKind]) -> Vec<Event> {
    let batch = life.events.reader(Cursor::default()).poll_batch(10_000).unwrap().unwrap_or_default();
    batch.events.into_iter().filter(|event| kinds.contains(&event.kind)).collect()
}

/// Lets the buffer of opens and clicks run empty.
async fn written(life: &Life) {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    life.campaigns.run(shutdown).await;
}

#[tokio::test]
async fn clicks_lead_where_the_mail_led() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 2).await;
    let mail = mail(&life, &world, id).await;
    let tracking = &life.campaigns.tracking;
    let first = click(&world, mail, 0);
    assert_eq!(tracking.click(&first, &VISIT, true).await.unwrap(), "https://example.com/a");
    assert_eq!(tracking.click(&first, &VISIT, false).await.unwrap(), "https://example.com/a", "HEAD is answered");
    let personal = Token::Click { mail, link: 1, url: Some("https://example.com/b?c=Lyon".into()) };
    let personal = world.keys.seal(&personal);
    assert_eq!(tracking.click(&personal, &VISIT, true).await.unwrap(), "https://example.com/b?c=Lyon");
    for wrong in [click(&world, mail, 99), click(&world, mail, 1), "x".into(), String::new(), format!("{first}x")] {
        assert!(tracking.click(&wrong, &VISIT, true).await.is_err(), "{wrong}");
    }
    let foreign = Keys::new(&[(1, [8; 32])]).unwrap().seal(&Token::Click { mail, link: 0, url: None });
    assert!(tracking.click(&foreign, &VISIT, true).await.is_err(), "sealed by another");
    let other_kind = world.keys.seal(&Token::Open(mail));
    assert!(tracking.click(&other_kind, &VISIT, true).await.is_err());
    let script = world.keys.seal(&Token::Click { mail, link: 0, url: Some("javascript:alert(1)".into()) });
    assert!(tracking.click(&script, &VISIT, true).await.is_err());
    assert!(tracking.open(&other_kind, &VISIT));
    assert!(!tracking.open(&first, &VISIT));
    // `handed_over` has run the background work once; what was buffered since is counted, not lost without a word.
    life.events.clone().close().await;
    let life = world.start().await;
    let tracking = &life.campaigns.tracking;
    assert_eq!(tracking.click(&first, &VISIT, true).await.unwrap(), "https://example.com/a", "after a restart");
    assert!(tracking.open(&other_kind, &VISIT));
    written(&life).await;
    let touches = events(&life, &[EventKind::Clicked, EventKind::Opened]);
    assert_eq!(touches.len(), 2);
    let touch = touches[0].touch.clone().unwrap();
    assert_eq!((touch.link, touch.url.as_deref()), (Some(0), Some("https://example.com/a")));
    assert_eq!((touch.client.as_deref(), touch.user_agent.as_deref()), (Some("192.0.2.7"), Some("Mail/1.0")));
    life.campaigns.reports.catch_up().await.unwrap();
    let report = life.campaigns.reports.report(id).await.unwrap();
    assert_eq!((report.links[0].clicks, report.links[0].unique, report.links[1].clicks), (1, 1, 0));
}

#[tokio::test]
async fn links_of_campaigns_not_in_memory_are_read_from_the_database() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 1).await;
    let older = "INSERT INTO link (campaign, place, url) SELECT id, 70, 'https://example.com/old' FROM campaign";
    life.db.execute(older, params![]).await.unwrap();
    let mail = mail(&life, &world, id).await;
    assert!(life.campaigns.tracking.click(&click(&world, mail, 70), &VISIT, true).await.is_err(), "memory rules");
    let forgotten = MailRef { campaign: Some(CampaignId(7)), ..mail };
    assert!(life.campaigns.tracking.click(&click(&world, forgotten, 70), &VISIT, true).await.is_err());
}

fn addressed(address: &str, tenant: &str, stream: &str) -> Option<Addressee> {
    Some(Addressee { address: address.into(), tenant: tenant.into(), stream: stream.into() })
}

/// Where the form that leaves everything leads.
fn everything(page: &HtmlPage) -> String {
    let (_, rest) = page.html.split_once("action=\"").expect("the page offers to leave everything");
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn get_never_unsubscribes_and_post_holds_at_once() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 2).await;
    let mail = mail(&life, &world, id).await;
    let list = life.campaigns.sending.campaign(id).await.unwrap().list;
    let to = addressed("a0@example.org", "", "");
    let token = world.keys.seal(&Token::Unsubscribe { mail, list, to });
    let tracking = &life.campaigns.tracking;
    let set = life.campaigns.audience.suppression_set();
    for _ in 0..3 {
        let page = tracking.unsubscribe_page(&token, &VISIT).await;
        assert_eq!(page.status, 200);
        assert!(page.html.contains("<form method=\"post\">") && page.html.contains("lang=\"fr\""));
        assert!(page.html.contains("plus les messages de cette liste") && !page.html.contains("<script"));
        assert!(page.html.contains("Liste\u{a0}: Everyone") && page.html.contains("a•••@example.org"), "{}", page.html);
        assert_eq!(tracking.unsubscribe_page(&everything(&page), &VISIT).await.status, 200);
    }
    assert!(set.is_empty() && events(&life, &[EventKind::Unsubscribed]).is_empty());

    assert_eq!(tracking.unsubscribe(&token, UnsubscribeMethod::OneClick, &VISIT).await.status, 200);
    let again = tracking.unsubscribe_page(&token, &VISIT).await;
    assert!(again.html.contains("déjà désabonné") && !again.html.contains("<form method=\"post\">"), "{}", again.html);
    let dead = tracking.dead_link(&VISIT);
    assert!(dead.status == 404 && dead.html.contains("lang=\"fr\""));
    let queued = routing("bulk", Some(id));
    assert!(set.check(&queued, "a0@example.org").is_some(), "mail in the queue is not attempted, before any fold");
    assert!(set.check(&queued, "a1@example.org").is_none());
    assert!(set.check(&routing("bulk", None), "a0@example.org").is_none(), "this list alone");
    assert_eq!(tracking.unsubscribe(&token, UnsubscribeMethod::Page, &VISIT).await.status, 200, "again does no harm");
    let told = events(&life, &[EventKind::Unsubscribed]);
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].address.as_deref(), told[0].list), (Some("a0@example.org"), list));
    assert_eq!(told[0].touch.as_ref().unwrap().method.as_deref(), Some("one-click"));

    life.events.append(world.engine.received(crate::world::START)).await.unwrap();
    life.campaigns.reports.catch_up().await.unwrap();
    let suppressions = life.campaigns.audience.suppressions(None, &PageRequest::default()).await.unwrap().items;
    assert_eq!((suppressions.len(), suppressions[0].list), (1, list));
    assert_eq!(suppressions[0].list_name.as_deref(), Some("Everyone"));
    let contact = life.campaigns.audience.contact(mail.contact.unwrap()).await.unwrap();
    assert_eq!((contact.lists[0].state.as_str(), contact.status), ("unsubscribed", ContactStatus::Active));
    assert_eq!(life.campaigns.reports.report(id).await.unwrap().unsubscribes, 1);
}

#[tokio::test]
async fn who_leaves_a_list_gets_no_later_campaign_to_it_whatever_is_imported() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 3).await;
    let list = life.campaigns.sending.campaign(id).await.unwrap().list.unwrap();
    let other = life.list_of("Others", &people(3)).await;
    let mail = mail(&life, &world, id).await;
    let to = addressed("a0@example.org", "", "");
    let token = world.keys.seal(&Token::Unsubscribe { mail, list: Some(list), to });
    life.campaigns.tracking.unsubscribe(&token, UnsubscribeMethod::OneClick, &VISIT).await;
    life.campaigns.reports.catch_up().await.unwrap();
    // Neither an import nor a new contact with the old address brings it back.
    assert_eq!(life.import(list, people(3).into_bytes()).await.held_back, 1);
    life.campaigns.audience.delete_contact(mail.contact.unwrap()).await.unwrap();
    assert_eq!(life.import(list, people(3).into_bytes()).await.held_back, 1);
    let size = async |list| {
        let campaign = life.draft(list).await;
        life.campaigns.sending.check(campaign.id).await.unwrap().audience.size
    };
    assert_eq!(size(list).await, 2);
    life.import(other, people(3).into_bytes()).await;
    assert_eq!(size(other).await, 3, "the other list is not left");
    let set = life.campaigns.audience.suppression_set();
    assert!(set.check(&routing("bulk", Some(id)), "a0@example.org").is_some());

    // The set says the same after a restart, and when the list is gone.
    life.campaigns.audience.delete_list(list).await.unwrap();
    life.events.clone().close().await;
    let life = world.start().await;
    let set = life.campaigns.audience.suppression_set();
    assert!(set.check(&routing("bulk", Some(id)), "a0@example.org").is_some());

    let page = life.campaigns.tracking.unsubscribe_page(&token, &VISIT).await;
    let all = everything(&page);
    let done = life.campaigns.tracking.unsubscribe(&all, UnsubscribeMethod::Page, &VISIT).await;
    assert!(done.status == 200 && !done.html.contains("<form"));
    assert!(set.check(&routing("news", None), "a0@example.org").is_some(), "everything, at once");
    assert!(set.check(&routing("transactional", None), "a0@example.org").is_none());
    life.campaigns.reports.catch_up().await.unwrap();
    let campaign = life.draft(other).await;
    assert_eq!(life.campaigns.sending.check(campaign.id).await.unwrap().audience.size, 2);
}

#[tokio::test]
async fn a_recipient_who_is_no_contact_unsubscribes_within_tenant_and_stream() {
    let world = World::new();
    let life = world.start().await;
    let mail = MailRef { message: MessageId(1), recipient: RecipientId(2), contact: None, campaign: None };
    let to = addressed("Stranger@example.org", "default", "alerts");
    let token = world.keys.seal(&Token::Unsubscribe { mail, list: None, to });
    let tracking = &life.campaigns.tracking;
    let page = tracking.unsubscribe_page(&token, &VISIT).await;
    assert!(page.html.contains("de ce type") && !page.html.contains("action="));
    let set = life.campaigns.audience.suppression_set();
    assert!(set.is_empty());
    // Not a single statement: the database is closed.
    life.db.close().await;
    assert_eq!(tracking.unsubscribe(&token, UnsubscribeMethod::OneClick, &VISIT).await.status, 200);
    let check = |set: &SuppressionSet| {
        let at = |tenant: &str, stream: &str| {
            let routing = Routing { tenant: tenant.into(), ..routing(stream, None) };
            set.check(&routing, "stranger@example.org").is_some()
        };
        assert_eq!(
            [at("default", "alerts"), at("default", "transactional"), at("shop", "alerts")],
            [true, false, false]
        );
    };
    check(&set);
    let told = &events(&life, &[EventKind::Unsubscribed])[0];
    assert_eq!((told.tenant.as_deref(), told.stream.as_deref()), (Some("default"), Some("alerts")));

    // From the log into the table, and from there into the set of the next life.
    life.events.clone().close().await;
    let life = world.start().await;
    check(&life.campaigns.audience.suppression_set());
    let items = life.campaigns.audience.suppressions(Some("stranger"), &PageRequest::default()).await.unwrap().items;
    assert_eq!((items[0].tenant.as_deref(), items[0].stream.as_deref()), (Some("default"), Some("alerts")));
    // It holds for campaigns on that stream, should the address become a contact.
    let list = life.list_of("Late", "email\nstranger@example.org\nzoe@example.org\n").await;
    for (stream, size) in [("alerts", 1), ("bulk", 2)] {
        let input = CampaignInput { stream: Some(stream.into()), ..letter(list) };
        let campaign = life.campaigns.sending.create(input).await.unwrap();
        assert_eq!(life.campaigns.sending.check(campaign.id).await.unwrap().audience.size, size, "{stream}");
    }
}

#[tokio::test]
async fn tokens_of_the_first_form_still_unsubscribe() {
    let world = World::new();
    let life = world.start().await;
    let id = handed_over(&world, &life, 1).await;
    let mail = mail(&life, &world, id).await;
    let list = life.campaigns.sending.campaign(id).await.unwrap().list;
    let token = world.keys.seal(&Token::Unsubscribe { mail, list, to: None });
    let page = life.campaigns.tracking.unsubscribe_page(&token, &VISIT).await;
    let set = life.campaigns.audience.suppression_set();
    assert_eq!(life.campaigns.tracking.unsubscribe(&token, UnsubscribeMethod::OneClick, &VISIT).await.status, 200);
    assert!(set.check(&routing("bulk", Some(id)), "a0@example.org").is_some());
    let all = everything(&page);
    assert_eq!(life.campaigns.tracking.unsubscribe(&all, UnsubscribeMethod::Page, &VISIT).await.status, 200);
    assert!(set.check(&routing("news", None), "a0@example.org").is_some());
}

#[tokio::test]
async fn foreign_unsubscribe_links_do_nothing() {
    let world = World::new();
    let life = world.start().await;
    let mail = MailRef {
        message: MessageId(1),
        recipient: RecipientId(2),
        contact: Some(ContactId(3)),
        campaign: Some(CampaignId(4)),
    };
    let tracking = &life.campaigns.tracking;
    for token in ["".to_owned(), "abc".to_owned(), world.keys.seal(&Token::Open(mail))] {
        assert_eq!(tracking.unsubscribe_page(&token, &VISIT).await.status, 404);
        assert_eq!(tracking.unsubscribe(&token, UnsubscribeMethod::OneClick, &VISIT).await.status, 404);
    }
    // Ours, but the contact is long gone: kept in the log all the same.
    let gone = world.keys.seal(&Token::Unsubscribe { mail, list: Some(ListId(5)), to: None });
    assert_eq!(tracking.unsubscribe(&gone, UnsubscribeMethod::Page, &VISIT).await.status, 200);
    assert_eq!(events(&life, &[EventKind::Unsubscribed]).len(), 1);
    life.campaigns.reports.catch_up().await.unwrap();
    assert_eq!(life.campaigns.reports.stats().await.unwrap().unmatched, 1);
}

#[tokio::test]
async fn what_does_not_fit_the_buffer_is_counted() {
    let mut world = World::new();
    world.config.touches_max = 2;
    let life = world.start().await;
    let mail = MailRef { message: MessageId(1), recipient: RecipientId(2), contact: None, campaign: None };
    let token = world.keys.seal(&Token::Open(mail));
    for _ in 0..5 {
        assert!(life.campaigns.tracking.open(&token, &VISIT), "the pixel is served all the same");
    }
    assert_eq!(life.campaigns.tracking.stats().lost, 3);
    written(&life).await;
    assert_eq!(life.campaigns.tracking.stats().appended, 2);
    assert_eq!(events(&life, &[EventKind::Opened]).len(), 2);
}
