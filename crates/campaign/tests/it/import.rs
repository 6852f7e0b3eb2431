//! Imports: what files become, what is refused and why, who is not subscribed again.

use campaign::Error;
use campaign::audience::{
    ContactChange, ContactFilter, Field, FieldKind, Import, ImportState, NewContact, NewList, NewSuppressions,
};
use db::PageRequest;
use model::id::ListId;

use crate::world::{Life, World, fixture, people, routing};

async fn fields(life: &Life) {
    let field = |name: &str, label: &str, kind| Field { name: name.into(), label: label.into(), kind, choices: vec![] };
    for field in [
        field("city", "City", FieldKind::Text),
        field("balance", "Solde", FieldKind::Number),
        field("loyal", "Client fidèle", FieldKind::Boolean),
        field("born", "Né le", FieldKind::Date),
    ] {
        life.campaigns.audience.create_field(field).await.unwrap();
    }
}

async fn new_list(life: &Life) -> ListId {
    life.campaigns.audience.create_list(NewList { name: "New".into(), ..NewList::default() }).await.unwrap().id
}

/// What an import made, as text: numbers, contacts, the error file.
async fn shown(life: &Life, list: ListId, import: &Import) -> String {
    let mut text = format!(
        "{} rows: {} accepted, {} updated, {} rejected, {} held back\n",
        import.rows, import.accepted, import.updated, import.rejected, import.held_back
    );
    let filter = ContactFilter { list: Some(list), q: None };
    let page = PageRequest { after: None, limit: Some(200) };
    let contacts = life.campaigns.audience.contacts(&filter, &page).await.unwrap().items;
    for contact in contacts.iter().rev() {
        let fields = serde_json::to_string(&contact.fields).unwrap();
        text.push_str(&format!("{} | {} | {fields}\n", contact.address, contact.name));
    }
    text.push_str("---\n");
    text.push_str(&life.campaigns.audience.import_errors(import.id).await.unwrap());
    text
}

#[tokio::test]
async fn own_files() {
    for case in ["excel-fr", "excel-unicode", "mac", "rough", "no-header", "world"] {
        let world = World::new();
        let life = world.start().await;
        fields(&life).await;
        let file = std::fs::read(fixture(&format!("csv/own/{case}.csv"))).unwrap();
        let list = new_list(&life).await;
        let preview = life.campaigns.audience.preview_import(&file).await.unwrap();
        let import = life.import(list, file).await;
        assert_eq!(import.state, ImportState::Done, "{case}");
        let found = format!("{} {:?}\n{}", preview.encoding, preview.delimiter, shown(&life, list, &import).await);
        expect_test::expect_file![fixture(&format!("csv/own/{case}.expected"))].assert_eq(&found);
    }
}

#[tokio::test]
async fn spectrum_files_have_no_addresses_and_say_so() {
    let world = World::new();
    let life = world.start().await;
    let list = new_list(&life).await;
    for entry in std::fs::read_dir(fixture("csv/csv-spectrum/csvs")).unwrap() {
        let file = std::fs::read(entry.unwrap().path()).unwrap();
        let preview = life.campaigns.audience.preview_import(&file).await.unwrap();
        assert!(preview.columns.iter().all(|column| column.suggested.as_deref() != Some("address")));
        let refused = life.campaigns.audience.start_import(list, file, None).await;
        assert!(matches!(refused, Err(Error::Invalid { field, .. }) if field == "map"));
    }
}

#[tokio::test]
async fn importing_again_updates_and_changes_nothing() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(2_500)).await;
    let again = life.import(list, people(2_500).into_bytes()).await;
    assert_eq!((again.accepted, again.updated, again.rejected), (0, 2_500, 0));
    let file = "email,first_name,last_name\na1@example.org,,Smith\nA2@EXAMPLE.org,Zoe,\n".to_owned();
    let changed = life.import(list, file.into_bytes()).await;
    assert_eq!((changed.accepted, changed.updated), (0, 2));
    let filter = ContactFilter { list: Some(list), q: Some("a1@example.org".into()) };
    let contact = life.campaigns.audience.contacts(&filter, &PageRequest::default()).await.unwrap().items.remove(0);
    let fields = serde_json::to_string(&contact.fields).unwrap();
    assert_eq!(fields, r#"{"first_name":"Name1","last_name":"Smith"}"#, "a blank cell leaves what is there");
}

#[tokio::test]
async fn who_left_is_not_subscribed_again() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(4)).await;
    let tables = "UPDATE membership SET state = 'unsubscribed' WHERE contact = (
                      SELECT id FROM contact WHERE address = 'a0@example.org')";
    life.db.execute(tables, db::params![]).await.unwrap();
    let sql = "INSERT INTO suppression (address_key, reason, address, note, created_at)
               VALUES ('a1@example.org', 'complaint', 'a1@example.org', '', 1)";
    life.db.execute(sql, db::params![]).await.unwrap();
    life.events.clone().close().await;
    let life = world.start().await;
    let again = life.import(list, people(4).into_bytes()).await;
    assert_eq!((again.updated, again.held_back), (4, 2));
    let other = life.list_of("Other", &people(4)).await;
    let sql = "SELECT COUNT(*) AS n FROM membership WHERE list = $1 AND state = 'subscribed'";
    let subscribed =
        async |list: ListId| life.db.query_one(sql, db::params![list]).await.unwrap().get::<i64>("n").unwrap();
    assert_eq!(subscribed(list).await, 3, "who left the list stays away; a complaint is no membership");
    assert_eq!(subscribed(other).await, 3, "who complained is not subscribed anywhere");
}

#[tokio::test]
async fn maps_are_obeyed_and_limits_kept() {
    let mut world = World::new();
    world.config.import_max = model::units::Size(100);
    let life = world.start().await;
    let list = new_list(&life).await;
    let audience = &life.campaigns.audience;
    let file = b"a,b\nx,me@example.org\n".to_vec();
    let import = audience.start_import(list, file.clone(), Some("1:address,a:last_name")).await.unwrap();
    assert_eq!(import.state, ImportState::Running);
    assert!(matches!(audience.start_import(list, file.clone(), Some("5:address")).await, Err(Error::Invalid { .. })));
    assert!(matches!(audience.start_import(list, vec![b'x'; 101], None).await, Err(Error::Invalid { .. })));
    assert!(matches!(audience.start_import(ListId(1), file, None).await, Err(Error::NotFound { .. })));
    assert!(matches!(audience.preview_import(b"").await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn an_import_that_was_stopped_says_so() {
    let world = World::new();
    let life = world.start().await;
    let list = new_list(&life).await;
    let import = life.import(list, people(1).into_bytes()).await;
    life.db.execute("UPDATE import SET state = 'running'", db::params![]).await.unwrap();
    life.events.close().await;
    let life = world.start().await;
    let found = life.campaigns.audience.import(import.id).await.unwrap();
    assert_eq!(found.state, ImportState::Failed);
    assert!(found.error.is_some_and(|error| error.contains("import the file again")));
}

#[tokio::test]
async fn contacts_by_hand_and_suppressions() {
    let world = World::new();
    let life = world.start().await;
    let audience = &life.campaigns.audience;
    let list = new_list(&life).await;
    let ada = NewContact { address: "Ada@Example.org".into(), lists: vec![list], ..NewContact::default() };
    let ada = audience.create_contact(ada).await.unwrap();
    let twice = NewContact { address: "ADA@example.org".into(), ..NewContact::default() };
    assert!(matches!(audience.create_contact(twice).await, Err(Error::Conflict { .. })));
    let new = NewSuppressions { addresses: vec!["ada@example.org".into(), "x".into()], note: "asked by phone".into() };
    let added = audience.suppress(new.clone()).await.unwrap();
    assert_eq!((added.added, added.already, added.rejected.len()), (1, 0, 1));
    assert_eq!(audience.suppress(new).await.unwrap().already, 1);
    let status = audience.contact(ada.id).await.unwrap().status;
    assert_eq!(status, campaign::audience::ContactStatus::Suppressed);
    assert!(audience.suppression_set().check(&routing("transactional", None), "ADA@example.org").is_some());
    audience.unsuppress("Ada@example.org").await.unwrap();
    assert!(audience.suppression_set().is_empty());
    assert!(matches!(audience.unsuppress("ada@example.org").await, Err(Error::NotFound { .. })));
    let change = ContactChange { lists: Some(vec![]), name: Some("Ada L.".into()), ..ContactChange::default() };
    let changed = audience.change_contact(ada.id, change, "ada@example.com").await.unwrap();
    assert_eq!((changed.name.as_str(), changed.lists.len()), ("Ada L.", 0));
}

#[tokio::test]
async fn a_column_of_dates_is_read_one_way() {
    let check = async |dates: [&str; 3], month_first: bool, expected: [Option<&str>; 3]| {
        let world = World::new();
        let life = world.start().await;
        fields(&life).await;
        let list = new_list(&life).await;
        let rows: Vec<String> =
            dates.iter().enumerate().map(|(n, date)| format!("a{n}@example.org,{date}\n")).collect();
        let file = format!("email,born\n{}", rows.concat()).into_bytes();
        let preview = life.campaigns.audience.preview_import(&file).await.unwrap();
        assert_eq!(preview.columns[1].month_first, month_first, "{dates:?}");
        life.import(list, file).await;
        let page = life.campaigns.audience.contacts(&ContactFilter::default(), &PageRequest::default()).await.unwrap();
        for (n, expected) in expected.into_iter().enumerate() {
            let address = format!("a{n}@example.org");
            let contact = page.items.iter().find(|contact| contact.address == address);
            let found = contact.map(|contact| contact.fields.get("born").unwrap().as_text().unwrap());
            assert_eq!(found, expected, "{dates:?}: {}", dates[n]);
        }
    };
    let march = Some("1980-03-04");
    check(["03/04/1980", "05/31/1980", "1980-03-04"], true, [march, Some("1980-05-31"), march]).await;
    check(["04/03/1980", "31/05/1980", "1980-03-04"], false, [march, Some("1980-05-31"), march]).await;
    check(["04/03/1980", "04.03.1980", "1980-03-20"], false, [march, march, Some("1980-03-20")]).await;
    check(["31/05/1980", "05/31/1980", "04/03/1980"], false, [Some("1980-05-31"), None, march]).await;
}
