//! A whole mail: HTML with links, compiled and rendered.
//!
//! The first byte chooses what is observed; behind a NUL stands the subject. Holds: a mail that compiles is rendered to
//! whole lines of ASCII with a well-formed header, and its parts decode; where no Liquid stands in the HTML, the page of the
//! recipient is the author's, byte for byte but for the addresses of links; every link leads to where the author's led.

use std::cell::RefCell;
use std::sync::LazyLock;

use crate::bytes::{assert_mail_lines, choice, text};
use lol_html::{RewriteStrSettings, element, rewrite_str};
use mail::mime;
use mail::program::{Author, ExtraHeader, Personal, Source, TrackingSwitches, UnsubscribeWays};
use mail::token::Keys;
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::time::Timestamp;
use model::value::Value;

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&[(1, [1; 32])]).expect("keys"));

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (options, rest) = choice(data);
    let input = text(rest);
    let (html, subject) = input.split_once('\0').unwrap_or((&input, "Hello {{ name }}"));
    let source = source(options, html, subject);
    let program = match source.compile() {
        Ok(program) => program,
        Err(error) => {
            assert!(!error.faults.is_empty());
            return;
        }
    };
    let values = vec![Value::from("Zoë <z> \"&\r\nBcc: x"); program.slots().len()];
    let personal = Personal {
        message: MessageId(1 << 50),
        recipient: RecipientId((1 << 50) + 5),
        contact: Some(ContactId(1 << 49)),
        address: "zoe@example.org",
        tenant: "default",
        stream: "marketing",
        values: &values,
        at: Timestamp::from_unix_s(1_790_000_000),
        keys: Some(&KEYS),
    };
    let mut mail = Vec::new();
    if program.render(&personal, &mut mail).is_err() {
        assert!(mail.is_empty());
        return;
    }
    check_mail(&mail);
    let preview = program.preview(&personal).expect("what was rendered can be shown");
    let stored = Source::from_bytes(&source.to_bytes()).expect("what was stored is read");
    assert_eq!(stored, source);
    if !html.contains(['{', '}']) && source.preheader.is_empty() {
        same_page(html, &preview.html, program.links().len());
    }
}

fn source(options: u8, html: &str, subject: &str) -> Source {
    let flag = |bit: u8| options & (1 << bit) != 0;
    Source {
        subject: subject.to_owned(),
        preheader: if flag(0) { "Look: {{ name }} <b>".to_owned() } else { String::new() },
        from: Author { name: "{{ name }}".to_owned(), address: "shop@example.com".to_owned() },
        to_name: "{{ contact.name }}".to_owned(),
        html: Some(html.to_owned()),
        text: flag(1).then(|| "Hello {{ name }}".to_owned()),
        headers: vec![ExtraHeader { name: "X-More".to_owned(), value: "{{ name | upcase }}".to_owned() }],
        tracking: TrackingSwitches { opens: flag(2), clicks: !flag(3) },
        base_url: "https://click.example.com".to_owned(),
        campaign: Some(CampaignId(3)),
        list: flag(4).then_some(ListId(4)),
        unsubscribe: flag(5).then(|| UnsubscribeWays { mailto_domain: flag(6).then(|| "b.example.com".to_owned()) }),
        ..Source::default()
    }
}

fn check_mail(mail: &[u8]) {
    assert_mail_lines(mail, 1_000);
    assert!(mail.is_ascii(), "a byte beyond ASCII");
    let looked = mime::check(mail);
    assert!(looked.well_formed_header && looked.has_from && looked.has_date && looked.has_message_id);
    let fields = mime::fields(mail);
    for (name, count) in [("From", 1), ("To", 1), ("Subject", 1), ("X-More", 1), ("Bcc", 0), ("MIME-Version", 1)] {
        assert_eq!(fields.all(name).count(), count, "{name}");
    }
    let tree = mime::parse(mail);
    let html = tree.find("text/html").expect("the HTML part").text();
    let plain = tree.find("text/plain").expect("the text part").text();
    assert!(!html.contains('\u{fffd}') || !plain.is_empty() || !html.is_empty());
}

/// Elements, attributes and the rest of the text, addresses of links left out.
fn same_page(written: &str, shown: &str, links: usize) {
    let (before, hrefs) = without_links(written);
    let (after, shown_hrefs) = without_links(shown);
    assert_eq!(after, before, "the page was changed");
    assert_eq!(shown_hrefs, hrefs, "a link was lost");
    assert!(links <= hrefs);
}

fn without_links(html: &str) -> (String, usize) {
    let found = RefCell::new(0);
    let settings =
        RewriteStrSettings::new().append_element_content_handler(element!("a[href], area[href]", |element| {
            *found.borrow_mut() += 1;
            element.set_attribute("href", "x")?;
            Ok(())
        }));
    let text = rewrite_str(html, settings).unwrap_or_default();
    let found = *found.borrow();
    (text, found)
}
