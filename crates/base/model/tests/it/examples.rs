//! One event of each kind with every field that its kind can have, as the reference shows it.

use std::net::Ipv4Addr;

use model::category::{Category, Scope};
use model::dialogue::{TlsUse, Wire};
use model::event::{Attempt, Authentication, ControlChange, Event, EventKind, RemoteReport, Touch};
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::submission::{Metadata, Origin, Protocol};
use model::time::Timestamp;

const MESSAGE: u64 = 0x3_1d4a_2c10_0000;

pub struct Example {
    pub event: Event,
    /// Fields of the event that not every one of its kind has.
    pub optional: &'static [&'static str],
}

/// The example of a kind.
pub fn example(kind: EventKind) -> Example {
    match kind {
        EventKind::Received => {
            Example { event: received(), optional: &["job", "campaign", "contact", "tags", "metadata"] }
        }
        EventKind::Rejected => Example { event: rejected(), optional: &["address", "size_bytes"] },
        EventKind::Delivered | EventKind::Deferred | EventKind::Bounced => {
            let optional = &["job", "campaign", "contact", "provider", "source", "tags", "metadata"];
            Example { event: attempted(kind), optional }
        }
        EventKind::Expired | EventKind::Suppressed => {
            let optional = &["job", "campaign", "contact", "provider", "source", "note", "tags", "metadata"];
            Example { event: attempted(kind), optional }
        }
        EventKind::RemoteBounce | EventKind::Complaint => Example {
            event: reported(kind),
            optional: &["message", "address", "tenant", "stream", "job", "campaign", "contact", "authentication"],
        },
        EventKind::Opened | EventKind::Clicked => Example { event: touched(kind), optional: &["campaign", "contact"] },
        EventKind::Unsubscribed => {
            let mail_only = &[
                "message",
                "address",
                "tenant",
                "stream",
                "job",
                "campaign",
                "contact",
                "origin",
                "size_bytes",
                "list",
                "note",
                "authentication",
            ];
            Example { event: unsubscribed(), optional: mail_only }
        }
        EventKind::Throttled | EventKind::Restored => Example { event: changed(kind), optional: &[] },
        EventKind::Control => Example { event: changed(kind), optional: &["provider", "source"] },
        EventKind::ConnectionFailed => Example { event: connection_failed(), optional: &[] },
        EventKind::Inbound => Example {
            event: inbound(),
            optional: &[
                "message",
                "recipient",
                "address",
                "sender",
                "tenant",
                "stream",
                "job",
                "campaign",
                "contact",
                "report",
                "note",
                "authentication",
            ],
        },
    }
}

fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-02T12:00:00.250117Z".parse().unwrap();
    Timestamp(noon.0 + seconds * 1_000_000)
}

fn name(text: &str) -> Option<Name> {
    Some(Name::from(text))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An event about the recipient of the examples, a contact of a campaign.
fn mail(kind: EventKind, ordinal: u16, seconds: i64) -> Event {
    Event {
        message: Some(MessageId(MESSAGE)),
        tenant: name("default"),
        stream: name("bulk"),
        job: name("spring"),
        campaign: Some(CampaignId(MESSAGE - 9)),
        contact: Some(ContactId(MESSAGE - 4_711)),
        ..Event::of_recipient(kind, RecipientId(MESSAGE + 1), ordinal, at(seconds))
    }
}

fn smtp(peer: Ipv4Addr, user: Option<Name>) -> Option<Origin> {
    Some(Origin { protocol: Protocol::Smtp, peer: Some(peer.into()), user })
}

fn metadata() -> Metadata {
    Metadata::from([("order".to_owned(), "4711".to_owned())])
}

fn received() -> Event {
    Event {
        address: text("zoe@example.org"),
        sender: text("@bounce.example.com"),
        origin: smtp(Ipv4Addr::new(192, 0, 2, 44), name("shop")),
        size_bytes: Some(18_204),
        tags: vec![Name::from("receipt")],
        metadata: metadata(),
        ..mail(EventKind::Received, 0, 0)
    }
}

fn rejected() -> Event {
    Event {
        address: text("someone@example.net"),
        sender: text("stranger@example.net"),
        origin: smtp(Ipv4Addr::new(198, 51, 100, 7), None),
        size_bytes: Some(2_048),
        note: text("550 5.7.1 Relaying denied"),
        ..Event::of_engine(EventKind::Rejected, MESSAGE + 500, at(-60))
    }
}

fn attempted(kind: EventKind) -> Event {
    let (attempt, seconds, note) = match kind {
        EventKind::Delivered => (delivered(), 901, None),
        EventKind::Deferred => (deferred(), 1, None),
        EventKind::Bounced => (bounced(), 901, None),
        EventKind::Expired => (expired(), 345_600, text("No further attempt fits before its time is up.")),
        _ => (suppressed(), 1, text("Cancelled by zoe@example.com.")),
    };
    Event {
        address: text("zoe@example.org"),
        sender: text("@bounce.example.com"),
        provider: name("orange"),
        source: name("ip-3"),
        size_bytes: Some(18_204),
        attempt: Some(attempt),
        note,
        tags: vec![Name::from("receipt")],
        metadata: metadata(),
        ..mail(kind, if kind == EventKind::Delivered { 2 } else { 1 }, seconds)
    }
}

/// An attempt at the host of the examples; `reply` to the phase in which it ended.
fn attempt(number: u16, phase: Phase, reply: Reply) -> Attempt {
    Attempt {
        number,
        site: name("smtp-in.orange.fr"),
        mx_host: name("smtp-in.orange.fr"),
        mx_address: text("193.252.22.65"),
        source_address: text("192.0.2.10"),
        phase: Some(phase),
        reply: Some(reply),
        tls: text("TLSv1.3 TLS13_AES_256_GCM_SHA384"),
        tls_use: Some(TlsUse {
            version: Name::from("TLSv1.3"),
            cipher: Name::from("TLS13_AES_256_GCM_SHA384"),
            policy: name("opportunistic"),
            verified: false,
            failure: name("certificate-expired"),
        }),
        wire: Some(wire()),
        ..Attempt::default()
    }
}

fn wire() -> Wire {
    Wire {
        session: name("0ckgm4x9f8w2t"),
        message_number: Some(1),
        banner: name("smtp-in.orange.fr ESMTP"),
        extensions: name("PIPELINING SIZE=44336640 8BITMIME"),
        sent_bytes: Some(18_702),
        dns_ms: Some(12),
        greeting_ms: Some(18),
        ehlo_ms: Some(36),
        mail_ms: Some(20),
        ..Wire::default()
    }
}

fn delivered() -> Attempt {
    let dialogue = "S: 220 smtp-in.orange.fr ESMTP\nC: EHLO mta3.example.com\n…\nC: .\nS: 250 2.0.0 OK\n";
    Attempt {
        queued_ms: Some(901_420),
        connect_ms: Some(21),
        tls_ms: Some(34),
        transaction_ms: Some(180),
        transcript: text(dialogue),
        wire: Some(Wire { rcpt_ms: Some(2), data_ms: Some(19), dot_ms: Some(139), ..wire() }),
        ..attempt(2, Phase::Dot, Reply::new(250, "2.0.0 OK"))
    }
}

fn deferred() -> Attempt {
    Attempt {
        category: Some(Category::RateLimited),
        scope: Some(Scope::Source),
        next_attempt: Some(at(901)),
        queued_ms: Some(1_120),
        transaction_ms: Some(64),
        transcript: text("…\nC: MAIL FROM:<b.token@bounce.example.com>\nS: 421 4.7.1 Service refused, try later\n"),
        ..attempt(1, Phase::MailFrom, Reply::new(421, "4.7.1 Service refused, try later"))
    }
}

fn bounced() -> Attempt {
    Attempt {
        category: Some(Category::BadMailbox),
        scope: Some(Scope::Recipient),
        suppress: true,
        queued_ms: Some(901_420),
        transaction_ms: Some(70),
        transcript: text("…\nC: RCPT TO:<zoe@example.org>\nS: 550 5.1.1 User unknown\n"),
        ..attempt(1, Phase::RcptTo, Reply::new(550, "5.1.1 User unknown"))
    }
}

fn expired() -> Attempt {
    Attempt {
        number: 27,
        site: name("smtp-in.orange.fr"),
        phase: Some(Phase::Connect),
        error: text("connection timed out"),
        category: Some(Category::MessageExpired),
        scope: Some(Scope::Connection),
        queued_ms: Some(345_600_000),
        ..Attempt::default()
    }
}

fn suppressed() -> Attempt {
    Attempt {
        site: name("smtp-in.orange.fr"),
        category: Some(Category::Suppressed),
        scope: Some(Scope::Recipient),
        queued_ms: Some(1_020),
        ..Attempt::default()
    }
}

fn reported(kind: EventKind) -> Event {
    let report = match kind {
        EventKind::RemoteBounce => RemoteReport {
            what: "failed".to_owned(),
            reporter: text("mx7.example.org"),
            reply: Some(Reply::new(552, "5.2.2 Mailbox full")),
            category: Some(Category::QuotaIssues),
            suppress: false,
            source_address: None,
        },
        _ => RemoteReport {
            what: "abuse".to_owned(),
            reporter: text("Example-Feedback/1.0"),
            source_address: text("192.0.2.10"),
            ..RemoteReport::default()
        },
    };
    Event {
        address: text("zoe@example.org"),
        origin: smtp(Ipv4Addr::new(203, 0, 113, 25), None),
        size_bytes: Some(6_310),
        report: Some(report),
        authentication: Some(authenticated("token")),
        ..mail(kind, 0, 7_200)
    }
}

fn authenticated(by: &str) -> Authentication {
    Authentication {
        authentic: true,
        by: text(by),
        spf: text("pass"),
        spf_domain: text("mx7.example.org"),
        dkim: text("pass"),
        dkim_domains: vec!["example.org".to_owned()],
        dmarc: text("pass"),
        from_domain: text("example.org"),
        arc: None,
    }
}

fn touched(kind: EventKind) -> Event {
    let clicked = kind == EventKind::Clicked;
    let touch = Touch {
        link: clicked.then_some(2),
        url: clicked.then(|| "https://shop.example.com/spring".to_owned()),
        client: text("203.0.113.80"),
        user_agent: text("Mozilla/5.0 (X11; Linux x86_64)"),
        method: None,
    };
    Event {
        tenant: None,
        stream: None,
        job: None,
        touch: Some(touch),
        ..mail(kind, 40_211, if clicked { 4_010 } else { 4_000 })
    }
}

fn unsubscribed() -> Event {
    Event {
        address: text("zoe@example.org"),
        origin: smtp(Ipv4Addr::new(203, 0, 113, 25), None),
        touch: Some(Touch { method: text("mail"), ..Touch::default() }),
        size_bytes: Some(1_790),
        list: Some(ListId(MESSAGE - 80_000)),
        note: text("subject: unsubscribe"),
        authentication: Some(authenticated("dmarc")),
        ..mail(EventKind::Unsubscribed, 0, 9_000)
    }
}

fn changed(kind: EventKind) -> Event {
    let reply = Reply::new(421, "4.7.1 Service refused, try later");
    let control = match kind {
        EventKind::Throttled => ControlChange {
            target: "path".to_owned(),
            name: "ip-3/smtp-in.orange.fr".to_owned(),
            action: "limit".to_owned(),
            value: text("10/min"),
            until: Some(at(1_801)),
            by: "rule orange-refused (providers.toml, line 412)".to_owned(),
            reply: Some(reply),
        },
        EventKind::Restored => ControlChange {
            target: "path".to_owned(),
            name: "ip-3/smtp-in.orange.fr".to_owned(),
            action: "restore".to_owned(),
            by: "rule orange-refused (providers.toml, line 412)".to_owned(),
            reply: Some(reply),
            ..ControlChange::default()
        },
        _ => ControlChange {
            target: "campaign".to_owned(),
            name: CampaignId(MESSAGE - 9).to_string(),
            action: "hold".to_owned(),
            value: text("11804 recipients"),
            by: "zoe@example.com".to_owned(),
            ..ControlChange::default()
        },
    };
    let (provider, source) = (name("orange"), name("ip-3"));
    let event = Event::of_engine(kind, MESSAGE + 900, at(if kind == EventKind::Restored { 1_801 } else { 1 }));
    Event { provider, source, control: Some(control), ..event }
}

fn connection_failed() -> Event {
    let attempt = Attempt {
        site: name("smtp-in.orange.fr"),
        mx_host: name("smtp-in.orange.fr"),
        mx_address: text("193.252.22.65"),
        phase: Some(Phase::Connect),
        error: text("connection refused"),
        category: Some(Category::NoAnswerFromHost),
        scope: Some(Scope::Connection),
        connect_ms: Some(20),
        ..Attempt::default()
    };
    let event = Event::of_engine(EventKind::ConnectionFailed, MESSAGE + 950, at(30));
    Event { provider: name("orange"), source: name("ip-3"), attempt: Some(attempt), ..event }
}

fn inbound() -> Event {
    Event {
        address: text("zoe@example.org"),
        sender: text("mailer-daemon@example.org"),
        origin: smtp(Ipv4Addr::new(203, 0, 113, 25), None),
        report: Some(RemoteReport {
            what: "delayed".to_owned(),
            reporter: text("mx7.example.org"),
            ..RemoteReport::default()
        }),
        size_bytes: Some(3_920),
        note: text("automatic answer (Auto-Submitted): Out of office"),
        authentication: Some(authenticated("token")),
        ..mail(EventKind::Inbound, 0, 600)
    }
}
