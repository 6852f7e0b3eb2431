//! Makes what the tests put into the queue: messages, recipients, outcomes.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use model::category::{Category, Disposition, Scope};
use model::event::Attempt;
use model::handoff::{Admitted, MessageHead, Outcome, RowRef, SpooledRecipient, Verdict};
use model::id::{CampaignId, IdGenerator, MessageId, RecipientId, SessionId};
use model::name::Name;
use model::reply::{Phase, Reply};
use model::route::MxHost;
use model::submission::{Envelope, Origin, Protocol, ReturnPath, Routing};
use model::time::Timestamp;
use queue::config::Config;
use queue::core::{Input, NoRoute, QueueCore, SiteAnswer};
use queue::providers::Providers;

pub const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

pub fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

pub fn config(text: &str) -> Config {
    let config: Config = toml::from_str(text).unwrap();
    config.validate().unwrap();
    config
}

/// The built-in rules, compiled once for all tests of a process.
pub fn providers() -> Providers {
    static BUILTIN: LazyLock<Providers> = LazyLock::new(Providers::builtin);
    BUILTIN.clone()
}

pub fn core(text: &str) -> QueueCore {
    QueueCore::new(config(text), providers(), START)
}

/// Hands out messages and recipients.
pub struct Maker {
    ids: IdGenerator,
    position: u64,
}

impl Maker {
    pub fn new() -> Self {
        Maker { ids: IdGenerator::new(1), position: 0 }
    }

    pub fn message(&mut self, now: Timestamp, routing: Routing) -> Arc<MessageHead> {
        Arc::new(MessageHead {
            id: MessageId(self.ids.next(now)),
            envelope: Envelope { sender: ReturnPath::Fixed("news@example.com".to_owned()), ..Envelope::default() },
            routing,
            origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
            received_at: now,
            size_bytes: 1_000,
        })
    }

    pub fn admitted(&mut self, now: Timestamp, message: &Arc<MessageHead>, domains: &[&str]) -> Admitted {
        let first = self.ids.next_range(now, domains.len() as u64);
        self.position += 1;
        let recipient = |(row, domain): (usize, &&str)| SpooledRecipient {
            id: RecipientId(first + row as u64),
            row: RowRef { segment: 1, offset: self.position as u32, row: row as u16 },
            domain: Name::from(*domain),
            contact: None,
            attempts: 0,
            due: now,
            address: Some(format!("r{row}@{domain}").into()),
        };
        let recipients = domains.iter().enumerate().map(recipient).collect();
        Admitted { position: self.position, message: message.clone(), recipients }
    }
}

pub fn admit(admitted: Admitted) -> Input {
    Input::Admitted { admitted, told: false }
}

pub fn bulk() -> Routing {
    Routing { stream: Name::from("bulk"), ..Routing::default() }
}

pub fn campaign(number: u64) -> Routing {
    Routing { campaign: Some(CampaignId(number)), job: Name::from(format!("job-{number}")), ..bulk() }
}

/// Every domain has one host of its own, `mx.<domain>`.
pub fn resolved(domain: &Name) -> Input {
    site(domain, &format!("mx.{domain}"))
}

pub fn site(domain: &Name, host: &str) -> Input {
    let host = MxHost { name: Name::from(host), preference: 10 };
    Input::Resolved { domain: domain.clone(), answer: Ok(SiteAnswer { name: host.name.clone(), hosts: vec![host] }) }
}

pub fn no_route(domain: &Name, failure: NoRoute) -> Input {
    Input::Resolved { domain: domain.clone(), answer: Err(failure) }
}

pub fn verdict(disposition: Disposition, scope: Scope, category: Option<Category>) -> Verdict {
    Verdict { disposition, scope, category, suppress: false, wait_s: None }
}

pub fn delivered() -> (Verdict, Option<Reply>) {
    (verdict(Disposition::Delivered, Scope::Recipient, None), Some(Reply::new(250, "2.0.0 ok")))
}

pub fn deferred() -> (Verdict, Option<Reply>) {
    let verdict = verdict(Disposition::Deferred, Scope::Recipient, Some(Category::QuotaIssues));
    (verdict, Some(Reply::new(452, "4.2.2 mailbox full")))
}

pub fn bounced() -> (Verdict, Option<Reply>) {
    let verdict = verdict(Disposition::Bounced, Scope::Recipient, Some(Category::BadMailbox));
    (verdict, Some(Reply::new(550, "5.1.1 no such user")))
}

pub fn slow_down() -> (Verdict, Option<Reply>) {
    let verdict = verdict(Disposition::Deferred, Scope::Source, Some(Category::RateLimited));
    (verdict, Some(Reply::new(421, "4.7.0 slow down")))
}

pub fn outcome(
    now: Timestamp,
    session: SessionId,
    recipient: RecipientId,
    (verdict, reply): (Verdict, Option<Reply>),
) -> Outcome {
    let attempt = Attempt { phase: Some(Phase::Dot), reply, ..Attempt::default() };
    Outcome { recipient, session, at: now, address: format!("{recipient}@known.example"), verdict, attempt }
}
