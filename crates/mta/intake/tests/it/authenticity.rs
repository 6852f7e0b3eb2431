//! Who is believed: reports and letters of senders who authenticate, of those who do not, and of forgers.

use dns::{Resolver, Zone};
use intake::Config;
use intake::config::DnsTrouble;
use mail::auth::{ArcResult, Letter, arc};
use mail::dkim::{DkimKey, KeyKind, Keyring};
use model::event::{Event, EventKind};
use model::submission::Content;

use crate::kit::*;

/// The tests come from 127.0.0.1: it may send for the operator and for `example.com`, and for nobody else.
const ZONE: &str = r#"{
    "operator.test": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
    "example.com": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"], "A": ["192.0.2.1"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    "other.test": {"TXT": ["v=spf1 -all"]}
}"#;

const COMPLAINT: &str = "From: fbl@operator.test\nSubject: complaint\nMIME-Version: 1.0\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
    --b\nContent-Type: message/feedback-report\n\n\
    Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nOriginal-Rcpt-To: <zoe@example.net>\n\n\
    --b\nContent-Type: text/rfc822-headers\n\nSubject: x\n\n--b--";

fn checking() -> Config {
    let mut config = strangers();
    config.inbound.feedback_operators = vec!["operator.test".to_owned()];
    config
}

async fn house(config: Config, keys: Keyring) -> House {
    House::open_checking(config, Resolver::zone(Zone::parse(ZONE).unwrap()), keys).await
}

/// The reply to a mail from this return path, and the events of this kind that came of it.
async fn outcome(config: Config, from: &str, to: &str, mail: &str, kind: EventKind) -> (String, Vec<Event>) {
    let house = house(config, Keyring::new()).await;
    let mut client = house.client().await;
    client.expect("EHLO mx.example.com", "250").await;
    let reply = client.send(from, &[to], mail).await;
    (reply, house.close(kind).await)
}

#[tokio::test]
async fn a_complaint_without_a_token_counts_only_from_an_operator() {
    let fbl = "fbl@example.org";
    let (reply, events) = outcome(checking(), "a@operator.test", fbl, COMPLAINT, EventKind::Complaint).await;
    assert_eq!((reply.as_str(), events.len()), ("250 2.0.0 Taken", 1));
    assert_eq!(events[0].address.as_deref(), Some("zoe@example.net"));
    let found = events[0].authentication.clone().unwrap();
    assert_eq!((found.authentic, found.by.as_deref(), found.spf.as_deref()), (true, Some("operator"), Some("pass")));
    // The operator's name in From alone, SPF of somebody else, and an operator who is not on the list.
    let plain = Config { inbound: strangers().inbound, ..checking() };
    for (config, from) in [(checking(), "a@example.com"), (checking(), "a@other.test"), (plain, "a@operator.test")] {
        let (reply, events) = outcome(config, from, fbl, COMPLAINT, EventKind::Inbound).await;
        assert_eq!((reply.as_str(), events.len()), ("250 2.0.0 Taken", 1), "{from}");
        let found = events[0].authentication.clone().unwrap();
        assert_eq!((found.authentic, found.by), (false, None), "{from}");
        assert!(events[0].note.as_deref().unwrap().starts_with("complaint report about zoe@example.net without"));
    }
}

#[tokio::test]
async fn whoever_leaves_by_mail_proves_his_address() {
    let letter = |from: &str| format!("From: Zoe <{from}>\nSubject: stop\n\nplease");
    let to = "unsubscribe@bounce.example.org";
    let kind = EventKind::Unsubscribed;
    let (reply, events) = outcome(checking(), "zoe@example.com", to, &letter("Zoe@Example.com"), kind).await;
    assert_eq!((reply.as_str(), events.len()), ("250 2.0.0 Taken", 1));
    assert_eq!(events[0].address.as_deref(), Some("zoe@example.com"));
    assert_eq!(events[0].authentication.clone().unwrap().by.as_deref(), Some("dmarc"));
    for (sender, author) in
        [("zoe@example.com", "victim@other.test"), ("zoe@other.test", "zoe@example.com"), ("", "zoe@nowhere.test")]
    {
        let (reply, events) = outcome(checking(), sender, to, &letter(author), kind).await;
        let passes = author == "zoe@example.com" && sender == "zoe@example.com";
        assert!(!passes && reply.starts_with("550 5.7.1"), "{sender} {author}: {reply}");
        assert_eq!(events, [], "{sender} {author}");
    }
}

#[tokio::test]
async fn figures_count_only_from_those_who_made_them() {
    let report = |from: &str| {
        format!(
            "From: reports@{from}\nSubject: Report domain: example.org Submitter: example.com Report-ID: <1>\n\
             MIME-Version: 1.0\nContent-Type: application/xml\nContent-Disposition: attachment; filename=r.xml\n\n\
             <?xml version=\"1.0\"?><feedback><report_metadata><org_name>Big</org_name><email>r@example.com</email>\
             <report_id>1</report_id><date_range><begin>1790000000</begin><end>1790086400</end></date_range>\
             </report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published><record>\
             <row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><dkim>pass</dkim><spf>fail</spf>\
             </policy_evaluated></row></record></feedback>"
        )
    };
    let check = async |from: &str, authentic: bool, note: &str| {
        let mail = report(from);
        let (reply, events) =
            outcome(checking(), &format!("a@{from}"), "fbl@example.org", &mail, EventKind::Inbound).await;
        assert_eq!(reply, "250 2.0.0 Taken", "{from}");
        assert_eq!(events[0].authentication.clone().unwrap().authentic, authentic, "{from}");
        let found = events[0].note.clone().unwrap();
        assert!(found.contains(note), "{from}: {found}");
        assert_eq!(events[0].report.clone().unwrap().what, "dmarc-aggregate");
    };
    check("example.com", true, "report of Big about example.org").await;
    check("operator.test", false, "unverified").await;
}

#[tokio::test]
async fn a_letter_is_sent_on_with_what_we_found_and_sealed() {
    let key = DkimKey::generate(KeyKind::Rsa, "example.org", "arc").unwrap();
    let ring = Keyring::new();
    ring.replace(vec![key.clone()]);
    let mut config = checking();
    config.inbound.forward_to = Some("office@example.net".to_owned());
    config.inbound.seal_domain = Some("example.org".to_owned());
    let mut house = house(config, ring).await;
    let mut client = house.client().await;
    client.expect("EHLO mx.example.com", "250").await;
    let forged = "Authentication-Results: mx.example.org;\n\tdmarc=pass header.from=bank.test\n";
    let letter =
        format!("{forged}Authentication-Results: other.test; spf=fail\nFrom: zoe@example.com\nSubject: Hi\n\nHello");
    assert_eq!(client.send("zoe@example.com", &["postmaster"], &letter).await, "250 2.0.0 Taken");
    let admitted = house.admitted.try_recv().unwrap();
    let Content::Raw(raw) = (*house.spool.read_content(admitted.message.id).unwrap()).clone() else { panic!() };
    let text = String::from_utf8(raw.clone()).unwrap();
    assert!(text.starts_with("ARC-Seal: i=1; a=rsa-sha256;") && !text.contains("bank.test"), "{text}");
    let ours = "\r\nAuthentication-Results: mx.example.org;\r\n\tspf=pass smtp.mailfrom=zoe@example.com;\r\n\tdkim=none;\r\n\
                \tdmarc=pass (p=reject) header.from=example.com\r\n";
    assert!(text.contains(ours) && text.contains("\r\nAuthentication-Results: other.test; spf=fail\r\n"), "{text}");
    let zone = format!("{{\"{}\": {{\"TXT\": [\"{}\"]}}}}", key.record_name(), key.record_text().unwrap());
    let resolver = Resolver::zone(Zone::parse(&zone).unwrap());
    let letter = Letter::parse(&raw).unwrap();
    let chain = resolver.settle(|answers| arc(&letter, NOW, answers)).await;
    assert_eq!(chain.result, ArcResult::Pass, "{chain:?}");
    house.close(EventKind::Inbound).await;
}

#[tokio::test]
async fn what_the_dns_does_not_say_is_noted_or_asked_again() {
    let broken = |trouble: DnsTrouble| {
        let mut config = checking();
        config.inbound.on_dns_trouble = trouble;
        config
    };
    // A host that does not answer: the time of the check is over.
    let mut config = broken(DnsTrouble::Defer);
    config.inbound.verify_timeout = model::units::Span::s(1);
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let servers = vec![silent.local_addr().unwrap()];
    let dns = dns::resolver::Config { servers, ..dns::resolver::Config::default() };
    let resolver = Resolver::new(&dns).unwrap();
    let house = House::open_checking(config, resolver.clone(), Keyring::new()).await;
    let mut client = house.client().await;
    client.expect("EHLO mx.example.com", "250").await;
    let reply = client.send("a@operator.test", &["fbl@example.org"], COMPLAINT).await;
    assert!(reply.starts_with("451 4.4.3"), "{reply}");
    house.close(EventKind::Inbound).await;
    let mut config = broken(DnsTrouble::Note);
    config.inbound.verify_timeout = model::units::Span::s(1);
    let house = House::open_checking(config, resolver, Keyring::new()).await;
    let mut client = house.client().await;
    client.expect("EHLO mx.example.com", "250").await;
    let reply = client.send("a@operator.test", &["fbl@example.org"], COMPLAINT).await;
    assert_eq!(reply, "250 2.0.0 Taken");
    let events = house.close(EventKind::Inbound).await;
    assert_eq!(events[0].authentication.clone().unwrap().dmarc.as_deref(), Some("temperror"));
}
