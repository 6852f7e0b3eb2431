//! What goes over the wire: signatures, merge programs, return paths, needs that the host does not meet.

use delivery::{Config, DkimKeys};
use mail::dkim::{DkimKey, KeyKind, Policy};
use mail::program::{Author, Source};
use model::id::{CampaignId, RecipientId};
use model::submission::{Content, Envelope, ReturnPath, Routing};
use smtp::server::ServerConfig;

use crate::kit::{Setup, Stage, raw, show};

fn keys(domain: &str) -> DkimKeys {
    let keys = DkimKeys::new();
    keys.replace(vec![DkimKey::generate(KeyKind::Ed25519, domain, "s1").unwrap()]);
    keys
}

fn program() -> Content {
    let source = Source {
        subject: "Hello".to_owned(),
        from: Author { name: "Us".to_owned(), address: "news@mail.out.test".to_owned() },
        text: Some("Hello you".to_owned()),
        base_url: "https://click.out.test".to_owned(),
        ..Source::default()
    };
    Content::Merge(source.to_bytes())
}

#[tokio::test]
async fn raw_messages_are_signed_for_the_domain_in_from() {
    let mut stage = Stage::new(Setup { dkim: keys("out.test"), ..Setup::default() }).await;
    let tickets = stage.admit(raw("one"), &["a@x.test", "b@x.test"]).await;
    stage.deliver(tickets).await;
    let received = stage.host.received.lock().unwrap();
    let text = String::from_utf8_lossy(&received[0].data);
    assert!(text.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.test;\r\n"), "{text}");
    assert!(text.ends_with("\r\nFrom: a@out.test\r\nSubject: one\r\n\r\none\r\n"), "{text}");
}

/// A From that one reader takes for this domain and another one for that is not vouched for.
#[tokio::test]
async fn nothing_is_signed_in_the_name_of_a_from_that_is_not_clear() {
    let mut stage = Stage::new(Setup { dkim: keys("out.test"), ..Setup::default() }).await;
    for (from, signed) in [
        ("ceo@out.test <a@else.test>", false),
        ("<ceo@out.test> <a@else.test>", false),
        ("ceo@out.test\r\nFrom: a@else.test", false),
        ("\"ceo@out.test\" <a@else.test>", false),
        ("ceo..x@out.test", true),
        ("\"a@else.test\" <ceo@out.test>", true),
    ] {
        let mail = Content::Raw(format!("From: {from}\r\nSubject: x\r\n\r\nx\r\n").into_bytes());
        let tickets = stage.admit(mail, &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        assert_eq!(show(&outcomes), ["a@x.test: delivered recipient - Dot 250 2.0.0 OK"], "{from}");
        let seen = stage.host.seen();
        assert_eq!(seen.last().unwrap().contains("DKIM-Signature"), signed, "{from}: {seen:?}");
    }
}

#[tokio::test]
async fn the_signing_domain_of_the_message_comes_first() {
    let mut stage = Stage::new(Setup { dkim: keys("other.test"), ..Setup::default() }).await;
    let routing = Routing { signing_domain: Some("other.test".into()), ..Routing::default() };
    let mut tickets = stage.admit_with(raw("one"), Envelope::default(), routing, &["a@x.test"]).await;
    tickets.extend(stage.admit(raw("unsigned"), &["b@x.test"]).await);
    stage.deliver(tickets).await;
    let seen = stage.host.seen();
    assert!(seen[0].starts_with(" -> a@x.test: DKIM-Signature: ") && seen[0].contains("d=other.test;"), "{seen:?}");
    assert!(!seen[1].contains("DKIM-Signature"), "{seen:?}");
}

#[tokio::test]
async fn mail_that_must_be_signed_waits_for_a_key() {
    let dkim = keys("other.test");
    dkim.set_policy(Policy { required: vec!["transactional".into()], ..Policy::default() });
    let mut stage = Stage::new(Setup { dkim: dkim.clone(), ..Setup::default() }).await;
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    let shown = show(&outcomes);
    let reason = "DKIM: mail of the stream transactional leaves signed only, and there is no key for out.test";
    assert!(shown[0].starts_with("a@x.test: deferred") && shown[0].ends_with(reason), "{shown:?}");
    // The key comes while the suite runs.
    dkim.replace(vec![DkimKey::generate(KeyKind::Ed25519, "out.test", "s1").unwrap()]);
    let tickets = stage.admit(raw("two"), &["b@x.test"]).await;
    stage.deliver(tickets).await;
    assert!(stage.host.seen()[0].contains("d=out.test;"), "{:?}", stage.host.seen());
}

#[tokio::test]
async fn merge_programs_are_rendered_for_each_recipient_and_bounces_name_it() {
    let mut stage = Stage::new(Setup { dkim: keys("out.test"), ..Setup::default() }).await;
    let campaign = Some(CampaignId(9));
    let routing = Routing { campaign, ..Routing::default() };
    let sender = ReturnPath::PerRecipient("bounce.out.test".to_owned());
    let envelope = Envelope { sender, ..Envelope::default() };
    let tickets = stage.admit_with(program(), envelope, routing, &["a@x.test", "b@x.test"]).await;
    let first = tickets[0].recipient;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(show(&outcomes)[1], "b@x.test: delivered recipient - Dot 250 2.0.0 OK");
    let received = stage.host.received.lock().unwrap();
    assert_eq!(received.len(), 2);
    for (mail, recipient) in received.iter().zip([first, RecipientId(first.0 + 1)]) {
        let (local, domain) = mail.mail.sender.split_once('@').unwrap();
        assert_eq!(domain, "bounce.out.test");
        let token = stage.tokens.open_return(local).unwrap();
        assert_eq!(token, mail::token::Token::Return { recipient, campaign });
    }
    let text = String::from_utf8_lossy(&received[0].data);
    // Signed by the nearest domain above the one in From that has keys.
    assert!(text.contains(" d=out.test;") && text.contains("Hello you"), "{text}");
    assert!(text.contains("a@x.test") && !text.contains("b@x.test"), "{text}");
}

#[tokio::test]
async fn a_program_that_does_not_compile_bounces() {
    let mut stage = Stage::new(Setup::default()).await;
    let mut tickets = stage.admit(Content::Merge(b"nonsense".to_vec()), &["a@x.test"]).await;
    tickets.extend(stage.admit(raw("two"), &["b@x.test"]).await);
    let (outcomes, _) = stage.deliver(tickets).await;
    let shown = show(&outcomes);
    assert!(shown[0].starts_with("a@x.test: bounced message other Route merge program: "), "{shown:?}");
    assert!(shown[1].starts_with("b@x.test: delivered"), "{shown:?}");
}

#[tokio::test]
async fn a_row_that_is_gone_bounces() {
    let mut stage = Stage::new(Setup::default()).await;
    let mut tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    tickets[0].row.segment += 7;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(show(&outcomes), [": bounced message other Route spool: not in the spool"]);
    assert!(stage.path().exists());
}

fn host_without(change: impl FnOnce(&mut smtp::server::Extensions)) -> ServerConfig {
    let mut server = ServerConfig::new("mx.test");
    change(&mut server.policy.extensions);
    server
}

#[tokio::test]
async fn an_address_that_needs_smtputf8_bounces_where_it_is_not_offered() {
    let mut stage =
        Stage::new(Setup { server: host_without(|offered| offered.smtputf8 = false), ..Setup::default() }).await;
    let tickets = stage.admit(raw("one"), &["zoë@x.test", "b@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    let reason = "5.6.7: the address needs SMTPUTF8, which the host does not offer";
    assert_eq!(
        show(&outcomes),
        [
            format!("zoë@x.test: bounced recipient content-related Route {reason}"),
            "b@x.test: delivered recipient - Dot 250 2.0.0 OK".to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_code_says_what_needs_smtputf8() {
    for (sender, header, expected) in [
        ("zoë@out.test", "one", "5.6.7: the return path"),
        ("sender@out.test", "grüße", "5.6.9: the header of the message"),
    ] {
        let mut stage =
            Stage::new(Setup { server: host_without(|offered| offered.smtputf8 = false), ..Setup::default() }).await;
        let sender = ReturnPath::Fixed(sender.to_owned());
        let envelope = Envelope { sender, smtputf8: true, ..Envelope::default() };
        let tickets = stage.admit_with(raw(header), envelope, Routing::default(), &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        let rest = "needs SMTPUTF8, which the host does not offer";
        assert_eq!(show(&outcomes), [format!("a@x.test: bounced recipient content-related Route {expected} {rest}")]);
        assert!(stage.host.seen().is_empty());
    }
}

#[tokio::test]
async fn smtputf8_is_said_where_it_is_needed() {
    let mut stage = Stage::new(Setup::default()).await;
    let tickets = stage.admit(raw("one"), &["zoë@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(show(&outcomes), ["zoë@x.test: delivered recipient - Dot 250 2.0.0 OK"]);
    assert!(stage.host.received.lock().unwrap()[0].mail.smtputf8);
}

#[tokio::test]
async fn eight_bit_messages_to_a_host_that_does_not_offer_it() {
    for (assume_8bit, delivered) in [(true, true), (false, false)] {
        let setup = Setup {
            server: host_without(|offered| offered.eight_bit_mime = false),
            config: Config { assume_8bit, ..Config::default() },
            ..Setup::default()
        };
        let mut stage = Stage::new(setup).await;
        let tickets = stage.admit(raw("grüße"), &["a@x.test"]).await;
        let (outcomes, _) = stage.deliver(tickets).await;
        let expected = match delivered {
            true => "a@x.test: delivered recipient - Dot 250 2.0.0 OK",
            false => {
                "a@x.test: bounced connection content-related Route 5.6.3: the message needs 8BITMIME, which the host does not offer"
            }
        };
        assert_eq!(show(&outcomes), [expected]);
    }
}

#[tokio::test]
async fn messages_larger_than_the_host_takes_are_not_sent() {
    let mut server = ServerConfig::new("mx.test");
    server.policy.limits.message_bytes_max = 60;
    let mut stage = Stage::new(Setup { server, ..Setup::default() }).await;
    let mut tickets = stage.admit(raw("this one is too long"), &["a@x.test"]).await;
    tickets.extend(stage.admit(raw("ok"), &["b@x.test"]).await);
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(
        show(&outcomes),
        [
            "a@x.test: bounced message content-related Route 5.3.4: 73 bytes are more than the 60 that the host takes",
            "b@x.test: delivered recipient - Dot 250 2.0.0 OK",
        ]
    );
}
