//! The letter of the demo, from MJML to the mail of one recipient.

use mail::program::{Author, Personal, Program, Source, TrackingSwitches, UnsubscribeWays};
use mail::token::{Keys, SECRET_LEN, Token};
use model::id::{CampaignId, ContactId, MessageId, RecipientId};
use model::time::Timestamp;
use model::value::Value;

fn demo(file: &str) -> String {
    std::fs::read_to_string(format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/demo/{}"), file)).unwrap()
}

fn source() -> Source {
    let campaign: toml::Table = toml::from_str(&demo("campaign.toml")).unwrap();
    let text = |key: &str| campaign[key].as_str().unwrap().to_owned();
    let rendered = mail::mjml::render(&demo("campaign.mjml")).unwrap();
    assert_eq!(rendered.warnings, []);
    Source {
        subject: text("subject"),
        preheader: text("preheader"),
        from: Author { name: text("from_name"), address: text("from_address") },
        reply_to: Some(text("reply_to")),
        html: Some(rendered.html),
        tracking: TrackingSwitches { opens: true, clicks: true },
        base_url: "https://click.maison-aubepine.example".into(),
        campaign: Some(CampaignId(1)),
        unsubscribe: Some(UnsubscribeWays { mailto_domain: Some("retour.maison-aubepine.example".into()) }),
        ..Source::default()
    }
}

fn render(program: &Program, root: &serde_json::Value, keys: &Keys) -> Vec<u8> {
    let values = program.values(&serde_json::from_value::<Value>(root.clone()).unwrap());
    let personal = Personal {
        message: MessageId(1 << 40),
        recipient: RecipientId((1 << 40) + 5),
        contact: Some(ContactId(77)),
        address: "amelie@example.net",
        tenant: "default",
        stream: "bulk",
        values: &values,
        at: Timestamp::from_unix_s(1_790_000_000),
        keys: Some(keys),
    };
    let mut out = Vec::new();
    program.render(&personal, &mut out).unwrap();
    out
}

#[test]
fn the_letter_goes_from_mjml_to_a_mail() {
    let program = source().compile().unwrap();
    let keys = Keys::new(&[(1, [1; SECRET_LEN])]).unwrap();
    let root =
        serde_json::json!({ "first_name": "Amélie", "city": "Lyon", "language": "fr", "vip": true, "points": 120 });
    let bytes = render(&program, &root, &keys);
    let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.subject(), Some("Amélie, l’automne infuse lentement"));
    let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
    for part in [&html, &text] {
        assert!(part.contains("Amélie") && part.contains("120 feuilles"), "{part}");
        assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
        assert!(!part.contains("href=\"https://www."), "every link leads over our endpoint");
    }
    let tokens = html.split("/c/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut count = 0;
    for token in tokens {
        let Token::Click { link, url, .. } = keys.open(token).unwrap() else { panic!("{token}") };
        let known = &program.links()[usize::from(link)];
        assert_eq!(known.personal, url.is_some());
        assert!(url.unwrap_or(known.url.clone()).starts_with("https://"));
        count += 1;
    }
    assert!(count >= 5, "{count} links");
    let nobody = render(&program, &serde_json::json!({}), &keys);
    assert!(mail_parser::MessageParser::default().parse(&nobody).unwrap().subject().unwrap().starts_with("Hello,"));
}
