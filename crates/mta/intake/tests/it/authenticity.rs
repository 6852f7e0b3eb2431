//! Who is believed: reports and letters of senders who authenticate, of those who do not, and of forgers.

use dns::{Resolver, Zone};
use intake::Config;
use intake::config::DnsTrouble;
use mail::auth::{ArcResult, ArcVerdict, Letter, arc};
use mail::dkim::{DkimKey, KeyKind, Keyring, Sealing, seal};
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

/// A gateway that passes on what others wrote, and a key for our seals; both keys are in the DNS.
struct Passage {
    ours: DkimKey,
    list: DkimKey,
}

impl Passage {
    fn new() -> Self {
        let key = |domain: &str| DkimKey::generate(KeyKind::Rsa, domain, "arc").unwrap();
        Passage { ours: key("example.org"), list: key("list.test") }
    }

    fn resolver(&self) -> Resolver {
        let record =
            |key: &DkimKey| format!("\"{}\": {{\"TXT\": [\"{}\"]}}", key.record_name(), key.record_text().unwrap());
        let more = format!(", {}, {}}}", record(&self.ours), record(&self.list));
        Resolver::zone(Zone::parse(&format!("{}{more}", ZONE.trim_end().trim_end_matches('}'))).unwrap())
    }

    async fn chain(&self, raw: &str) -> ArcVerdict {
        let letter = Letter::parse(raw.as_bytes()).unwrap();
        self.resolver().settle(|answers| arc(&letter, NOW, answers)).await
    }

    /// As the list passes it on: with one more set, by its key.
    async fn through_the_list(&self, letter: &str) -> String {
        let raw = letter.replace("\r\n", "\n").replace('\n', "\r\n");
        let chain = self.chain(&raw).await;
        let sealing = Sealing { key: &self.list, results: "list.test; spf=pass", chain: &chain, at: NOW };
        let set = seal(raw.as_bytes(), &sealing).unwrap();
        (String::from_utf8(set).unwrap() + &raw).replace("\r\n", "\n")
    }

    /// What comes out of a house when this comes in.
    async fn passed_on(&self, change: impl FnOnce(&mut Config), keys: Keyring, letter: &str) -> String {
        let mut config = Config { seal_relayed: true, ..config() };
        config.inbound.seal_domain = Some("example.org".to_owned());
        change(&mut config);
        let mut house = House::open_checking(config, self.resolver(), keys).await;
        let mut client = house.client().await;
        client.expect("EHLO gateway.example.com", "250").await;
        let reply = client.send("zoe@example.com", &["u@example.net"], letter).await;
        assert!(reply.starts_with("250 2.0.0 Queued"), "{reply}");
        let (_, raw) = house.taken().await;
        house.close(EventKind::Inbound).await;
        raw
    }

    fn ring(&self) -> Keyring {
        let ring = Keyring::new();
        ring.replace(vec![self.ours.clone()]);
        ring
    }
}

const RELAYED: &str = "From: Zoe <zoe@example.com>\nTo: u@example.net\nDate: Mon, 21 Sep 2026 14:13:20 +0000\n\
    Message-ID: <1@example.com>\nSubject: Hi\n\nHello";

#[tokio::test]
async fn mail_that_is_passed_on_is_sealed() {
    let passage = Passage::new();
    let once = passage.through_the_list(RELAYED).await;
    let check = async |letter: &str, first: &str, result: ArcResult, sets: usize| {
        let raw = passage.passed_on(|_| (), passage.ring(), letter).await;
        assert!(raw.starts_with(first), "{first}: {raw}");
        let chain = passage.chain(&raw).await;
        assert_eq!((chain.result, chain.instances.len()), (result, sets), "{chain:?} {raw}");
        chain
    };
    let forged = "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.test\n";
    let chain =
        check(&format!("{forged}{RELAYED}"), "ARC-Seal: i=1; a=rsa-sha256; t=1790000000; cv=none;", ArcResult::Pass, 1)
            .await;
    assert_eq!(
        chain.instances[0].results,
        "i=1; mx.example.org; spf=pass smtp.mailfrom=zoe@example.com; dkim=none; dmarc=pass (p=reject) \
         header.from=example.com"
    );
    let chain = check(&once, "ARC-Seal: i=2; a=rsa-sha256; t=1790000000; cv=pass;", ArcResult::Pass, 2).await;
    assert!(chain.instances[1].results.ends_with("; arc=pass"), "{chain:?}");
    // What somebody changed behind the list: told once, and never again.
    let changed = once.replace("Hello", "Send money");
    let chain = check(&changed, "ARC-Seal: i=2; a=rsa-sha256; t=1790000000; cv=fail;", ArcResult::Fail, 2).await;
    assert!(chain.instances[1].results.ends_with("; arc=fail"), "{chain:?}");
    let twice = passage.passed_on(|_| (), passage.ring(), &changed).await.replace("\r\n", "\n");
    check(twice.trim_end(), "Received: ", ArcResult::Fail, 2).await;
    // A set that has lost a header.
    let start = once.find("ARC-Authentication-Results").unwrap();
    let end = start + once[start..].find("\nFrom:").unwrap() + 1;
    let torn = format!("{}{}", &once[..start], &once[end..]);
    assert!(
        passage.passed_on(|_| (), passage.ring(), &torn).await.contains("i=2; a=rsa-sha256; t=1790000000; cv=fail;")
    );
}

#[tokio::test]
async fn a_chain_has_fifty_sets_at_most() {
    let passage = Passage::new();
    let mut letter = RELAYED.to_owned();
    for _ in 0..50 {
        letter = passage.through_the_list(&letter).await;
    }
    let raw = passage.passed_on(|_| (), passage.ring(), &letter).await;
    assert!(raw.starts_with("Received: ") && !raw.contains("i=51"), "{raw}");
    let chain = passage.chain(&raw).await;
    assert_eq!((chain.result, chain.instances.len()), (ArcResult::Pass, 50), "{:?}", chain.reason);
}

#[tokio::test]
async fn what_is_not_to_be_sealed_is_passed_on_as_it_came() {
    let passage = Passage::new();
    let forged = format!("Authentication-Results: mx.example.org; spf=pass\n{RELAYED}");
    let check = async |change: fn(&mut Config), ring: Keyring| {
        let raw = passage.passed_on(change, ring, &forged).await;
        assert!(raw.starts_with("Received: ") && !raw.contains("ARC-"), "{raw}");
    };
    check(|config| config.seal_relayed = false, passage.ring()).await;
    check(|config| config.listeners[0].seal_relayed = Some(false), passage.ring()).await;
    check(|_| (), Keyring::new()).await;
    // The listener's word holds; the checks of mail that comes back have their own switch.
    let own = |config: &mut Config| {
        config.seal_relayed = false;
        config.listeners[0].seal_relayed = Some(true);
        config.inbound.verify = false;
    };
    let raw = passage.passed_on(own, passage.ring(), RELAYED).await;
    assert!(raw.starts_with("ARC-Seal: i=1;"), "{raw}");
}
