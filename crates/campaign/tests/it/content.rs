//! Previews, checks, drafts, and the letter of the demo.

use campaign::Error;
use campaign::audience::{Field, FieldKind};
use campaign::content::{Format, RenderRequest};
use campaign::sending::{CampaignInput, CampaignState};
use db::PageRequest;
use model::id::CampaignId;

use crate::world::{Life, World, fixture, letter, people};

async fn render(life: &Life, format: Format, body: &str) -> campaign::content::Rendered {
    let request =
        RenderRequest { format, body: body.into(), subject: "Hi {{ first_name }}".into(), ..Default::default() };
    life.campaigns.content.render(&request).await.unwrap()
}

#[tokio::test]
async fn previews_show_what_is_sent_or_what_is_wrong() {
    let world = World::new();
    let life = world.start().await;
    let mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ contact.last_name }}</mj-text></mj-column>
                </mj-section></mj-body></mjml>";
    let rendered = render(&life, Format::Mjml, mjml).await;
    assert_eq!(rendered.errors, []);
    assert_eq!(rendered.subject, "Hi Camille");
    assert!(rendered.html.contains("Hello Martin") && rendered.text.contains("Hello Martin"));
    let wrong = render(&life, Format::Mjml, "<mjml><mj-body>\n<mj-text>{% if %}</mj-text></mj-body></mjml>").await;
    assert_eq!((wrong.errors[0].part.as_str(), wrong.errors[0].line), ("body", Some(2)), "{:?}", wrong.errors);
    let wrong = render(&life, Format::Mjml, "<mjml>\n<mj-nothing/></mjml>").await;
    assert_eq!(wrong.errors[0].line, Some(2), "{:?}", wrong.errors);
    let wrong = render(&life, Format::Html, "<p>\n  {{ a | nothing }}</p>").await;
    assert_eq!(wrong.errors[0].line, Some(2), "{:?}", wrong.errors);
    let text = render(&life, Format::Text, "Dear {{ name }}").await;
    assert_eq!((text.text.trim(), text.html.as_str()), ("Dear Camille Martin", ""));
}

#[tokio::test]
async fn the_check_counts_the_audience_and_the_gaps() {
    let world = World::new();
    let life = world.start().await;
    let city = Field { name: "city".into(), label: "City".into(), kind: FieldKind::Text, choices: vec![] };
    life.campaigns.audience.create_field(city).await.unwrap();
    let file = "email,first_name,city\na@example.org,A,Lyon\nb@example.org,,Paris\nc@example.org,C,\nd@example.org,,\n";
    let list = life.list_of("Everyone", file).await;
    let none_left = "INSERT INTO suppression (address_key, reason, address, note, created_at)
                     VALUES ('a@example.org', 'bounce', 'a@example.org', '', 1)";
    life.db.execute(none_left, db::params![]).await.unwrap();
    life.db
        .execute(
            "UPDATE membership SET state = 'unsubscribed' WHERE contact = (SELECT MAX(id) FROM contact)",
            db::params![],
        )
        .await
        .unwrap();
    let draft = life.draft(list).await;
    let check = life.campaigns.sending.check(draft.id).await.unwrap();
    assert!(check.ok, "{check:?}");
    let steps: Vec<(&str, u64)> = check.audience.steps.iter().map(|step| (step.step.as_str(), step.contacts)).collect();
    assert_eq!(steps, [("on-list", 4), ("subscribed", 3), ("not-suppressed", 2)]);
    let gaps: Vec<(&str, u64)> = check.undefined.iter().map(|gap| (gap.variable.as_str(), gap.contacts)).collect();
    assert_eq!(gaps, [("first_name", 1), ("city", 1)], "the greeting has a default, the subject has none");
}

#[tokio::test]
async fn what_cannot_be_sent_says_why() {
    let world = World::new();
    let life = world.start().await;
    let sending = &life.campaigns.sending;
    assert!(matches!(sending.create(CampaignInput::default()).await, Err(Error::Invalid { .. })));
    let name_only = CampaignInput { name: Some("x".into()), ..CampaignInput::default() };
    let id = sending.create(name_only).await.unwrap().id;
    let check = sending.check(id).await.unwrap();
    let parts: Vec<&str> = check.errors.iter().map(|issue| issue.part.as_str()).collect();
    for part in ["subject", "body", "from_address", "list"] {
        assert!(parts.contains(&part), "{part} in {parts:?}");
    }
    assert!(matches!(sending.send(id).await, Err(Error::Invalid { .. })));
    let list = life.list_of("Nobody", "email\n").await;
    sending.change(id, letter(list), "ada@example.com").await.unwrap();
    let error = sending.send(id).await.unwrap_err();
    assert!(error.to_string().contains("nobody on this list"), "{error}");
    let broken = CampaignInput { body: Some("\n{% if x %}".into()), ..CampaignInput::default() };
    sending.change(id, broken, "ada@example.com").await.unwrap();
    let error = sending.send(id).await.unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    assert_eq!(sending.campaign(id).await.unwrap().state, CampaignState::Draft);
    let foreign = CampaignInput { list: Some(Some(model::id::ListId(5))), ..CampaignInput::default() };
    assert!(matches!(sending.change(id, foreign, "ada@example.com").await, Err(Error::Invalid { .. })));
    assert!(matches!(sending.campaign(CampaignId(5)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn only_drafts_are_changed_or_deleted() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(2)).await;
    let sending = &life.campaigns.sending;
    let (draft, sent) = (life.draft(list).await.id, life.draft(list).await.id);
    let running = sending.send(sent).await.unwrap();
    assert_eq!((running.state, running.counts.unwrap().audience), (CampaignState::Sending, 2));
    assert!(matches!(sending.change(sent, letter(list), "ada@example.com").await, Err(Error::Conflict { .. })));
    assert!(matches!(sending.delete(sent).await, Err(Error::Conflict { .. })));
    sending.delete(draft).await.unwrap();
    let page = sending.campaigns(&PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].body, "", "bodies are not part of lists");
    assert_eq!(sending.progress().await.unwrap().len(), 1);
    let none: CampaignInput = serde_json::from_str(r#"{"name":"y","list":null}"#).unwrap();
    assert_eq!(none.list, Some(None));
}

/// The letter of the demo, with its fields.
async fn demo(life: &Life) -> CampaignInput {
    let text = std::fs::read_to_string(fixture("demo/campaign.toml")).unwrap();
    let mut table: toml::Table = text.parse().unwrap();
    for field in table.remove("field").unwrap().as_array().unwrap() {
        let field: Field = field.clone().try_into().unwrap();
        if field.name != "first_name" {
            life.campaigns.audience.create_field(field).await.unwrap();
        }
    }
    let mut input: CampaignInput = toml::Value::Table(table).try_into().unwrap();
    input.body = Some(std::fs::read_to_string(fixture("demo").join(input.body.unwrap())).unwrap());
    input
}

#[tokio::test]
async fn the_letter_of_the_demo_can_be_sent_and_reads_well() {
    let world = World::new();
    let life = world.start().await;
    let mut input = demo(&life).await;
    let file = "email,first_name,city,language,vip,points\ncamille@example.fr,Camille,Lyon,fr,oui,120\n\
                jo@example.com,Jo,Utrecht,en,no,\nanon@example.com,,,,,\n";
    let list = life.list_of("Readers", file).await;
    input.list = Some(Some(list));
    let campaign = life.campaigns.sending.create(input).await.unwrap();
    let check = life.campaigns.sending.check(campaign.id).await.unwrap();
    assert!(check.ok && check.warnings.is_empty() && check.undefined.is_empty(), "{check:#?}");
    let filter = campaign::audience::ContactFilter::default();
    let contacts = life.campaigns.audience.contacts(&filter, &PageRequest::default()).await.unwrap().items;
    let mut shown = String::new();
    for contact in contacts.iter().rev() {
        let request = RenderRequest {
            format: campaign.format,
            body: campaign.body.clone(),
            subject: campaign.subject.clone(),
            preheader: campaign.preheader.clone(),
            text: String::new(),
            contact: Some(contact.id),
        };
        let rendered = life.campaigns.content.render(&request).await.unwrap();
        assert_eq!(rendered.errors, []);
        assert!(rendered.size_bytes < 90_000, "{} bytes", rendered.size_bytes);
        assert!(rendered.html.contains("69001 Lyon"), "a postal address");
        shown.push_str(&format!(
            "== {}\n{}\n{}\n\n{}\n",
            contact.address, rendered.subject, rendered.preheader, rendered.text
        ));
    }
    expect_test::expect_file!["../testdata/demo_letter.txt"].assert_eq(&shown);
    life.campaigns.sending.send(campaign.id).await.unwrap();
    let links = life.campaigns.reports.report(campaign.id).await.unwrap().links;
    assert!(links.len() >= 6, "{links:?}");
}

#[tokio::test]
async fn a_save_that_is_based_on_an_older_version_is_refused() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(1)).await;
    let (draft, sending) = (life.draft(list).await, &life.campaigns.sending);
    let body = "<p>Whole</p>";
    let first = CampaignInput { body: Some(body.into()), version: Some(draft.version), ..CampaignInput::default() };
    let saved = sending.change(draft.id, first, "ada@example.com").await.unwrap();
    assert_eq!((saved.version, saved.changed_by.as_str()), (draft.version + 1, "ada@example.com"));
    let second = CampaignInput { version: Some(draft.version), ..letter(list) };
    let error = sending.change(draft.id, second.clone(), "bob@example.com").await.unwrap_err();
    assert!(matches!(&error, Error::Stale { what: "campaign", by, .. } if by == "ada@example.com"), "{error:?}");
    assert_eq!(sending.campaign(draft.id).await.unwrap().body, body, "nothing was written");
    let again = CampaignInput { version: Some(saved.version), ..second };
    sending.change(draft.id, again, "bob@example.com").await.unwrap();
}

#[tokio::test]
async fn a_variable_that_is_no_field_is_named_and_blocks() {
    let world = World::new();
    let life = world.start().await;
    let list = life.list_of("Everyone", &people(3)).await;
    let sending = &life.campaigns.sending;
    for (body, expected) in [
        (
            "<p>Hi</p>\n <b>{{ first_nme }}</b>",
            Some(("no contact field is called first_nme; did you mean first_name?", 2, 8)),
        ),
        (
            "<p>{{ contact.shoe_size }}</p>",
            Some(("no contact field is called shoe_size; make it a field of contacts", 1, 7)),
        ),
        ("<p>{{ first_name }} {{ contact.email }} {{ first_nme | default: \"you\" }}</p>", None),
    ] {
        let input = CampaignInput { body: Some(body.into()), subject: Some("Hi".into()), ..letter(list) };
        let draft = sending.create(input).await.unwrap();
        let check = sending.check(draft.id).await.unwrap();
        assert_eq!(check.ok, expected.is_none(), "{body}: {check:?}");
        if let Some((message, line, column)) = expected {
            let found = &check.errors[0];
            assert!(found.message.starts_with(message), "{found:?}");
            assert_eq!((found.part.as_str(), found.line, found.column), ("body", Some(line), Some(column)));
            assert!(check.undefined.is_empty(), "not told twice: {:?}", check.undefined);
        }
    }
}

#[tokio::test]
async fn a_broken_body_hides_no_other_error() {
    let world = World::new();
    let life = world.start().await;
    let request = RenderRequest {
        body: "<mjml><mj-body></mjml>".into(),
        subject: "{{ first_name".into(),
        ..RenderRequest::default()
    };
    let errors = life.campaigns.content.render(&request).await.unwrap().errors;
    let parts: Vec<&str> = errors.iter().map(|error| error.part.as_str()).collect();
    assert_eq!(parts, ["body", "subject"], "{errors:?}");
}
