//! Whole mails.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::token::{Addressee, MailRef, SECRET_LEN, Token};

fn keys() -> Keys {
    Keys::new(&[(1, [9; SECRET_LEN])]).unwrap()
}

fn source() -> Source {
    Source {
        subject: "Hello {{ contact.first_name | default: 'friend' }}".into(),
        preheader: "New <shoes> for {{ contact.city }}".into(),
        from: Author { name: "Café News".into(), address: "news@example.com".into() },
        to_name: "{{ contact.first_name }}".into(),
        reply_to: Some("help@example.com".into()),
        html: Some(
            "<html><head><title>T</title></head><body><h1>Hi {{ contact.first_name }}</h1>\n\
             <a href=\"https://shop.example/?a=1&amp;b=2\">Shop</a>\n\
             {% for p in products %}<a href=\"https://shop.example/{{ p.id }}\">{{ p.title }}</a>{% endfor %}\n\
             <a href=\"{{ unsubscribe_url }}\">Leave</a></body></html>"
                .into(),
        ),
        text: None,
        headers: vec![ExtraHeader { name: "X-Segment".into(), value: "{{ contact.segment }}".into() }],
        tracking: TrackingSwitches { opens: true, clicks: true },
        base_url: "https://click.example/".into(),
        campaign: Some(CampaignId(55)),
        list: Some(ListId(66)),
        list_id: Some("Customers <customers.example.com>".into()),
        unsubscribe: Some(UnsubscribeWays { mailto_domain: Some("bounce.example.com".into()) }),
        feedback_id: Some("55:customers:ies".into()),
        attachments: Vec::new(),
        slots: Vec::new(),
        own_unsubscribe: None,
    }
}

fn root() -> Value {
    serde_json::from_value(json!({
        "contact": { "first_name": "Zoë", "city": "Lyon", "segment": "a\r\nBcc: everyone@example.com" },
        "products": [{ "id": 1, "title": "Shoe & co" }, { "id": 2, "title": "Hat" }]
    }))
    .unwrap()
}

fn personal<'a>(values: &'a [Value], keys: Option<&'a Keys>) -> Personal<'a> {
    Personal {
        message: MessageId(7_000_000_000),
        recipient: RecipientId(7_000_000_001),
        contact: Some(ContactId(44)),
        address: "zoe@example.net",
        tenant: "default",
        stream: "bulk",
        values,
        at: Timestamp::from_unix_s(1_790_000_000),
        keys,
    }
}

fn mail_ref() -> MailRef {
    let Personal { message, recipient, contact, .. } = personal(&[], None);
    MailRef { message, recipient, contact, campaign: Some(CampaignId(55)) }
}

fn render(source: &Source, root: &Value) -> Vec<u8> {
    let program = source.compile().unwrap();
    let mut out = Vec::new();
    program.render(&personal(&program.values(root), Some(&keys())), &mut out).unwrap();
    out
}

/// Tokens in links, by the text before them.
fn tokens(text: &str, before: &str) -> Vec<Token> {
    let keys = keys();
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.split(before).skip(1).map(|rest| keys.open(rest.split(ends).next().unwrap()).unwrap()).collect()
}

#[test]
fn without_a_list_the_right_to_leave_is_about_the_stream() {
    let source = Source { list: None, campaign: None, list_id: None, ..source() };
    let html = String::from_utf8(render(&source, &root())).unwrap().replace("=\r\n", "");
    let to = Addressee { address: "zoe@example.net".into(), tenant: "default".into(), stream: "bulk".into() };
    let mail = MailRef { campaign: None, ..mail_ref() };
    let leave = Token::Unsubscribe { mail, list: None, to: Some(to) };
    assert_eq!(tokens(&html, "List-Unsubscribe: <https://click.example/u/"), [leave]);
}

#[test]
fn a_whole_mail() {
    let bytes = render(&source(), &root());
    expect_test::expect_file!["testdata/whole.eml"]
        .assert_eq(&String::from_utf8(bytes.clone()).unwrap().replace("\r\n", "\n"));
    for line in bytes.split(|&byte| byte == b'\n') {
        assert!(line.is_empty() || line.ends_with(b"\r"), "every line ends with CRLF");
        assert!(line.len() <= 200);
    }
    let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.subject(), Some("Hello Zoë"));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("zoe@example.net"));
    assert_eq!(mail.header("X-Segment").unwrap().as_text(), Some("a Bcc: everyone@example.com"));
    assert!(mail.header("Bcc").is_none());
    let (local, _) = mail.message_id().unwrap().split_once('@').unwrap();
    assert_eq!(keys().open_word(local), Ok(Token::Ref(mail_ref())));
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("<h1>Hi Zoë</h1>") && html.contains(">Shoe &amp; co</a>"));
    assert!(html.contains("New &lt;shoes&gt; for Lyon&#847;"));
    let product = |id: u32| Token::Click { mail: mail_ref(), link: 1, url: Some(format!("https://shop.example/{id}")) };
    let first = Token::Click { mail: mail_ref(), link: 0, url: None };
    assert_eq!(tokens(&html, "https://click.example/c/"), [first.clone(), product(1), product(2)]);
    let to = Addressee { address: "zoe@example.net".into(), ..Addressee::default() };
    let leave = Token::Unsubscribe { mail: mail_ref(), list: Some(ListId(66)), to: Some(to) };
    assert_eq!(tokens(&html, "https://click.example/u/"), std::slice::from_ref(&leave));
    assert_eq!(tokens(&html, "https://click.example/o/"), [Token::Open(mail_ref())]);
    let text = mail.body_text(0).unwrap();
    assert_eq!(tokens(&text, "https://click.example/c/"), [first, product(1), product(2)]);
    let header = mail.header_raw("List-Unsubscribe").unwrap();
    assert_eq!(tokens(header, "https://click.example/u/"), std::slice::from_ref(&leave));
    assert_eq!(tokens(header, "subject=u."), [leave]);
}

#[test]
fn slots_links_and_preview() {
    let mut source = source();
    let program = source.compile().unwrap();
    assert_eq!(program.slots(), ["contact.first_name", "contact.city", "contact.segment", "products"]);
    assert_eq!(
        program.links(),
        [
            Link { url: "https://shop.example/?a=1&b=2".into(), personal: false },
            Link { url: "https://shop.example/{{ p.id }}".into(), personal: true },
        ]
    );
    let preview = program.preview(&personal(&program.values(&root()), Some(&keys()))).unwrap();
    assert_eq!(preview.subject, "Hello Zoë");
    assert_eq!(preview.preheader, "New <shoes> for Lyon");
    assert!(preview.html.contains("<a href=\"https://shop.example/?a=1&amp;b=2\">Shop</a>"));
    assert!(preview.html.contains("<a href=\"https://shop.example/2\">Hat</a>"));
    assert!(!preview.html.contains("click.example"));
    expect![[r#"
        Hi Zoë

        Shop (https://shop.example/?a=1&b=2) Shoe & co (https://shop.example/1)Hat (https://shop.example/2) Leave (#)
    "#]]
    .assert_eq(&preview.text);
    assert_eq!(preview.undefined, Vec::<String>::new());
    let nobody = program.values(&Value::Null);
    let undefined = program.undefined(&personal(&nobody, Some(&keys()))).unwrap();
    assert_eq!(undefined, ["contact.first_name", "contact.city", "contact.segment", "products"]);
    assert_eq!(program.undefined(&personal(&[], Some(&keys()))).unwrap(), undefined, "a short row is a row of nothing");

    // A frozen source keeps the meaning of its rows, whatever is found in which order later.
    source.freeze().unwrap();
    source.slots.reverse();
    assert_eq!(
        source.compile().unwrap().slots(),
        ["products", "contact.segment", "contact.city", "contact.first_name"]
    );
    let preview =
        source.compile().unwrap().preview(&personal(&source.compile().unwrap().values(&root()), None)).unwrap();
    assert_eq!(preview.subject, "Hello Zoë");
}

#[test]
fn a_program_is_shared_between_tasks() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
    shared::<Keys>();
}

#[test]
fn what_is_switched_off_is_not_there() {
    let mut plain = source();
    plain.tracking = TrackingSwitches::default();
    plain.unsubscribe = None;
    plain.preheader = String::new();
    plain.base_url = String::new();
    plain.html = Some("<p><a href=\"https://x.example/?a=1&amp;b=2\">x</a></p>".into());
    let text = String::from_utf8(render(&plain, &root())).unwrap();
    assert!(text.contains("<p><a href=3D\"https://x.example/?a=3D1&amp;b=3D2\">x</a></p>"));
    assert!(!text.contains("Unsubscribe") && !text.contains("<img") && !text.contains("<div"));
    plain.html = None;
    plain.text = Some("Just {{ contact.city }}\n".into());
    let text = String::from_utf8(render(&plain, &root())).unwrap();
    assert!(text.contains(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nJust=20Lyon\r\n"
    ));
    assert!(!text.contains("multipart"));
}

#[test]
fn addresses_made_of_values_lead_nowhere_else() {
    let mut source = source();
    source.html = Some("{% for u in urls %}<a href=\"{{ u }}\">x</a>\n{% endfor %}".into());
    source.text = Some(String::new());
    let long = format!("https://x.example/{}", "x".repeat(3_000));
    let urls = json!({ "urls": ["javascript:alert(1)", "https://x.example/a b\"<", "mailto:a@example.com", " ", long, "HTTP://y.example/"] });
    let bytes = render(&source, &serde_json::from_value(urls).unwrap());
    let html = mail_parser::MessageParser::default().parse(&bytes).unwrap().body_html(0).unwrap().into_owned();
    let hrefs: Vec<&str> = html.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!((hrefs[0], hrefs[2], hrefs[3], hrefs[4]), ("#", "mailto:a@example.com", "#", &*long));
    let sealed = tokens(&html, "https://click.example/c/");
    assert!(matches!(&sealed[0], Token::Click { url: Some(url), .. } if url == "https://x.example/a%20b%22%3C"));
    assert!(matches!(&sealed[1], Token::Click { url: Some(url), .. } if url == "HTTP://y.example/"));
}

#[test]
fn files_travel_with_the_mail() {
    let mut source = source();
    let file = |name: &str, kind: &str, id: Option<&str>| Attachment {
        filename: name.into(),
        content_type: kind.into(),
        content_id: id.map(Into::into),
        bytes: (0..200).collect(),
    };
    source.attachments = vec![file("Größe.pdf", "application/pdf", None), file("logo.png", "image/png", Some("logo"))];
    let bytes = render(&source, &root());
    let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    let shape: Vec<String> = mail
        .parts
        .iter()
        .map(|part| {
            use mail_parser::MimeHeaders as _;
            let kind = part.content_type().unwrap();
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        shape,
        [
            "multipart/mixed",
            "multipart/related",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "image/png",
            "application/pdf"
        ]
    );
    use mail_parser::MimeHeaders as _;
    assert_eq!(mail.parts[6].attachment_name(), Some("Größe.pdf"));
    assert_eq!(mail.parts[6].contents(), (0..200).collect::<Vec<u8>>());
    assert_eq!(mail.parts[5].content_id(), Some("logo"));
}

#[track_caller]
fn check_faults(change: impl FnOnce(&mut Source), expected: &Expect) {
    let mut source = source();
    change(&mut source);
    expected.assert_eq(
        &source.compile().unwrap_err().faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    );
}

#[test]
fn faults_name_part_and_place() {
    check_faults(
        |source| {
            source.subject = "a {{ b".into();
            source.html = Some("x\n{% if %}".into());
            source.from.address = "nobody".into();
            source.headers =
                ["Bcc", "X: y", "X-Ok"].map(|name| ExtraHeader { name: name.into(), value: "{{".into() }).into();
        },
        &expect![[r#"
            subject line 1 column 3: `{{` without `}}` behind it
            from line 1 column 1: `nobody` is not an address: there is no @
            settings line 1 column 1: `Bcc` is written by the program itself
            settings line 1 column 1: a header's name must be 1 to 70 printable ASCII letters without colon
            header X-Ok line 1 column 1: `{{` without `}}` behind it
            html line 2 column 6: expected a value"#]],
    );
    check_faults(
        |source| {
            source.preheader = "{% endif %}".into();
            source.base_url = "ftp://x".into();
            source.list_id = Some("x".into());
            source.feedback_id = Some("a b".into());
            source.reply_to = Some("a\r\nb@example.com".into());
            source.unsubscribe = Some(UnsubscribeWays { mailto_domain: Some("a b".into()) });
            source.attachments =
                vec![Attachment { filename: "x".into(), content_type: "x".into(), ..Attachment::default() }];
        },
        &expect![[r#"
            preheader line 1 column 3: `endif` without `if`
            reply-to line 1 column 1: `a\r\nb@example.com` is not an address: what stands before the @ must be 1 to 64 letters, digits and signs
            settings line 1 column 1: `unsubscribe@a b` is not an address: what stands behind the @ is not a domain
            settings line 1 column 1: List-Id must look like `Customers <customers.example.com>`
            settings line 1 column 1: Feedback-ID must be plain letters joined by colons
            settings line 1 column 1: the file `x` needs a media type such as application/pdf
            settings line 1 column 1: the base URL must be https://host or http://host, not `ftp://x`"#]],
    );
    check_faults(
        |source| source.html = Some("{% if x %}<a href=\"{% if y %}https://a\">x</a>{% endif %}{% endif %}".into()),
        &expect!["html line 1 column 22: a block is opened inside of a link's address and closed outside"],
    );
    check_faults(
        |source| source.html = Some("<p>a</p><div style=\"display:none\">{% if x %}</div>b{% endif %}".into()),
        &expect![
            "html line 1 column 1: no text can be made of this HTML, because Liquid blocks and hidden parts overlap: write a text part"
        ],
    );
    check_faults(
        |source| {
            source.html = None;
            source.text = None;
        },
        &expect!["html line 1 column 1: a mail needs an HTML part or a text part"],
    );
}

#[test]
fn a_rendering_that_runs_away_is_stopped() {
    let mut source = source();
    source.text = Some("{% for i in (1..9999999) %}{{ i }}{% endfor %}".into());
    let program = source.compile().unwrap();
    let mut out = b"before".to_vec();
    let error = program.render(&personal(&[], Some(&keys())), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "text line 1 column 3: stopped at the limit of 20000 loop rounds");
    assert_eq!(out, b"before");
}

#[test]
fn stored_form() {
    let mut source = source();
    source.freeze().unwrap();
    source.attachments.push(Attachment { bytes: vec![1, 2], ..Attachment::default() });
    let bytes = source.to_bytes();
    assert_eq!(Source::from_bytes(&bytes).unwrap(), source);
    assert!(matches!(Source::from_bytes(&[2, 0]), Err(SourceError::Version(2))));
    assert!(matches!(Source::from_bytes(&[]), Err(SourceError::Damaged(_))));
    assert!(matches!(Source::from_bytes(&bytes[..40]), Err(SourceError::Damaged(_))));
    let json = serde_json::to_string(&source).unwrap();
    assert_eq!(serde_json::from_str::<Source>(&json).unwrap(), source);
}

proptest! {
    #[test]
    fn no_value_changes_the_frame(name in any::<String>(), segment in "([ -~]|\\PC|[\r\n]){0,80}", address in "[a-z<>\r\n@ ]{1,30}") {
        let root = json!({ "contact": { "first_name": name, "city": name, "segment": segment }, "products": [{ "id": segment, "title": name }] });
        let program = source().compile().unwrap();
        let values = program.values(&serde_json::from_value(root).unwrap());
        let mut out = Vec::new();
        let keys = keys();
        program.render(&Personal { address: &address, ..personal(&values, Some(&keys)) }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect();
        prop_assert_eq!(names, ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "X-Segment", "MIME-Version", "Content-Type"]);
        prop_assert_eq!(text.matches("\r\n--=_alternative").count(), 3);
    }
}

#[test]
fn own_ways_to_unsubscribe_stay_in_their_brackets() {
    let check = |own: OwnUnsubscribe, expected: &Expect| {
        let source = Source { unsubscribe: None, own_unsubscribe: Some(own), ..source() };
        let root = serde_json::from_value(json!({ "id": "7>, <https://evil.example\r\nBcc: x" })).unwrap();
        let found = match source.compile() {
            Ok(_) => String::from_utf8(render(&source, &root)).unwrap(),
            Err(error) => error.faults.iter().map(|fault| format!("List-Unsubscribe: {}\n", fault.message)).collect(),
        };
        let unfolded = found.replace("\r\n ", " ");
        let lines = unfolded.lines().filter(|line| line.starts_with("List-Unsub")).map(|line| format!("{line}\n"));
        expected.assert_eq(&lines.collect::<String>());
    };
    let own = |url: &str, mailto: &str, one_click| OwnUnsubscribe { url: url.into(), mailto: mailto.into(), one_click };
    check(
        own("https://shop.example/u?id={{ id }}", "mailto:leave@shop.example?subject={{ id }}", true),
        &expect![[r#"
            List-Unsubscribe: <https://shop.example/u?id=7%3E,%20%3Chttps://evil.example%0D%0ABcc:%20x>, <mailto:leave@shop.example?subject=7%3E,%20%3Chttps://evil.example%0D%0ABcc:%20x>
            List-Unsubscribe-Post: List-Unsubscribe=One-Click
        "#]],
    );
    check(
        own("", "mailto:leave@shop.example", false),
        &expect![[r#"
        List-Unsubscribe: <mailto:leave@shop.example>
    "#]],
    );
    check(
        own("", "", false),
        &expect![[r#"
        List-Unsubscribe: give "url", "mailto" or both
    "#]],
    );
    check(
        own("http://shop.example/", "", false),
        &expect![[r#"
        List-Unsubscribe: "url" must begin with https://
    "#]],
    );
    check(
        own("", "mailto:a@b.example", true),
        &expect![[r#"
        List-Unsubscribe: one click needs "url" (RFC 8058)
    "#]],
    );
    check(
        own("https://shop.example/>, <https://evil.example/", "", false),
        &expect![[r#"
        List-Unsubscribe: "url" is no address: at most 400 ASCII letters, no spaces or angle brackets
    "#]],
    );
}
