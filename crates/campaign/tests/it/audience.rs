//! Lists, contacts and fields by hand: pages, searches, conflicts, wrong input.

use campaign::Error;
use campaign::audience::{ContactChange, ContactFilter, Field, FieldKind, ListChange, NewContact, NewList};
use db::PageRequest;
use model::id::{ContactId, ListId};
use model::value::{Fields, Value};

use crate::world::{Life, World, people};

async fn addresses(life: &Life, list: Option<ListId>, q: &str) -> Vec<String> {
    let filter = ContactFilter { list, q: Some(q.into()) };
    let mut request = PageRequest { after: None, limit: Some(2) };
    let mut found = Vec::new();
    loop {
        let page = life.campaigns.audience.contacts(&filter, &request).await.unwrap();
        found.extend(page.items.into_iter().map(|contact| contact.address));
        request.after = page.next;
        if request.after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn contacts_are_found_by_address_name_and_domain() {
    let world = World::new();
    let life = world.start().await;
    let file =
        "email,first_name,last_name\nada@example.org,Ada,Byron\nbob@example.com,Bob,Ada\nzoe@example.com,Zoë,X\n";
    let list = life.list_of("Everyone", file).await;
    assert_eq!(addresses(&life, None, "ada").await, ["ada@example.org"], "names are searched from their beginning");
    assert_eq!(addresses(&life, Some(list), "BOB").await, ["bob@example.com"]);
    assert_eq!(addresses(&life, None, "zoë").await, ["zoe@example.com"]);
    assert_eq!(addresses(&life, None, "@example.com").await, ["zoe@example.com", "bob@example.com"]);
    assert_eq!(addresses(&life, None, "").await.len(), 3);
    assert!(addresses(&life, Some(ListId(1)), "").await.is_empty());
    let wrong = PageRequest { after: Some("x".into()), limit: None };
    assert!(life.campaigns.audience.contacts(&ContactFilter::default(), &wrong).await.is_err());
}

#[tokio::test]
async fn lists_are_made_renamed_counted_and_removed() {
    let world = World::new();
    let life = world.start().await;
    let audience = &life.campaigns.audience;
    let list = life.list_of("Everyone", &people(3)).await;
    assert_eq!(audience.list(list).await.unwrap().contacts, 3);
    let twice = NewList { name: " Everyone ".into(), ..NewList::default() };
    assert!(matches!(audience.create_list(twice).await, Err(Error::Conflict { .. })));
    assert!(matches!(audience.create_list(NewList::default()).await, Err(Error::Invalid { .. })));
    let change = ListChange { name: Some("All".into()), description: Some("everybody".into()), version: None };
    assert_eq!(audience.change_list(list, change, "ada@example.com").await.unwrap().name, "All");
    assert_eq!(audience.lists(&PageRequest::default()).await.unwrap().items.len(), 1);
    audience.delete_list(list).await.unwrap();
    assert!(matches!(audience.list(list).await, Err(Error::NotFound { .. })));
    assert_eq!(addresses(&life, None, "").await.len(), 3, "contacts stay");
}

#[tokio::test]
async fn fields_are_checked() {
    let world = World::new();
    let life = world.start().await;
    let audience = &life.campaigns.audience;
    let tier = Field {
        name: "tier".into(),
        label: String::new(),
        kind: FieldKind::Choice,
        choices: vec!["Gold".into(), "Tin".into()],
    };
    assert_eq!(audience.create_field(tier.clone()).await.unwrap().label, "tier");
    assert!(matches!(audience.create_field(tier).await, Err(Error::Conflict { .. })));
    let fields = |name: &str, value: Value| Fields::from_iter([(name.to_owned(), value)]);
    let contact = |fields| NewContact { address: "a@example.org".into(), fields, ..NewContact::default() };
    for (fields, at) in [
        (fields("tier", "Iron".into()), "fields.tier"),
        (fields("tier", Value::Int(3)), "fields.tier"),
        (fields("shoe", "42".into()), "fields.shoe"),
    ] {
        let error = audience.create_contact(contact(fields)).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid { field, .. } if field == at), "{error:?}");
    }
    let made = audience.create_contact(contact(fields("tier", "gold".into()))).await.unwrap();
    assert_eq!(made.fields.get("tier"), Some(&"Gold".into()));
    let clear = ContactChange { fields: Some(fields("tier", Value::Null)), ..ContactChange::default() };
    assert_eq!(audience.change_contact(made.id, clear, "ada@example.com").await.unwrap().fields, Fields::default());
}

#[tokio::test]
async fn contacts_change_their_address_and_go() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(2)).await;
    let audience = &life.campaigns.audience;
    let filter = ContactFilter { list: Some(list), q: Some("a0@".into()) };
    let id = audience.contacts(&filter, &PageRequest::default()).await.unwrap().items[0].id;
    let to = |address: &str| ContactChange { address: Some(address.into()), ..ContactChange::default() };
    assert!(matches!(
        audience.change_contact(id, to("A1@example.org"), "ada@example.com").await,
        Err(Error::Conflict { .. })
    ));
    assert!(matches!(audience.change_contact(id, to("nobody"), "ada@example.com").await, Err(Error::Invalid { .. })));
    let moved = audience.change_contact(id, to("new@bücher.example"), "ada@example.com").await.unwrap();
    assert_eq!(moved.address, "new@xn--bcher-kva.example");
    assert_eq!(moved.lists.len(), 1, "lists that are not spoken of stay");
    audience.delete_contact(id).await.unwrap();
    assert!(matches!(audience.delete_contact(id).await, Err(Error::NotFound { .. })));
    assert!(matches!(audience.contact(ContactId(9)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn editing_the_lists_of_a_contact_keeps_what_it_has_left() {
    let world = World::new();
    let life = world.start().await;
    let (left, other) = (life.list_of("Left", &people(1)).await, life.list_of("Other", &people(1)).await);
    let sql = "UPDATE membership SET state = 'unsubscribed' WHERE list = $1";
    life.db.execute(sql, db::params![left]).await.unwrap();
    let audience = &life.campaigns.audience;
    let filter = ContactFilter { list: Some(left), q: None };
    let id = audience.contacts(&filter, &PageRequest::default()).await.unwrap().items[0].id;
    for (lists, expected) in [
        (vec![other], vec![(left, "unsubscribed"), (other, "subscribed")]),
        (vec![], vec![(left, "unsubscribed")]),
        (vec![left, other], vec![(left, "unsubscribed"), (other, "subscribed")]),
    ] {
        let change = ContactChange { lists: Some(lists), ..ContactChange::default() };
        let contact = audience.change_contact(id, change, "ada@example.com").await.unwrap();
        let found: Vec<_> = contact.lists.iter().map(|one| (one.id, one.state.as_str())).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_change_that_is_based_on_an_older_version_is_refused() {
    let world = World::new();
    let life = world.start().await;
    let (list, audience) = (life.list_of("Everyone", &people(1)).await, &life.campaigns.audience);
    let version = audience.list(list).await.unwrap().version;
    let described = ListChange { description: Some("all".into()), version: Some(version), ..ListChange::default() };
    let after = audience.change_list(list, described, "ada@example.com").await.unwrap();
    assert_eq!((after.version, after.changed_by.as_str()), (version + 1, "ada@example.com"));
    let renamed = ListChange { name: Some("Most".into()), version: Some(version), ..ListChange::default() };
    let error = audience.change_list(list, renamed.clone(), "bob@example.com").await.unwrap_err();
    assert!(matches!(&error, Error::Stale { what: "list", by, .. } if by == "ada@example.com"), "{error:?}");
    let blind = ListChange { version: None, ..renamed };
    assert_eq!(audience.change_list(list, blind, "bob@example.com").await.unwrap().description, "all");

    let contact = audience.contacts(&ContactFilter::default(), &PageRequest::default()).await.unwrap().items.remove(0);
    let based = |name: &str, version| ContactChange {
        name: Some(name.into()),
        version: Some(version),
        ..ContactChange::default()
    };
    audience.change_contact(contact.id, based("Ada", contact.version), "ada@example.com").await.unwrap();
    let error = audience.change_contact(contact.id, based("Bob", contact.version), "b").await.unwrap_err();
    assert!(matches!(&error, Error::Stale { what: "contact", .. }), "{error:?}");
    life.import(list, b"email,first_name\na0@example.org,Zoe\n".to_vec()).await;
    let error = audience.change_contact(contact.id, based("Bob", contact.version + 1), "b").await.unwrap_err();
    assert!(matches!(&error, Error::Stale { by, .. } if by.is_empty()), "an import changed it: {error:?}");
}
