//! How one provider answers, step by step: the pure core of the lab.
//!
//! `step(now, input) -> Decision`. What it remembers of each source address: open connections, the rate of recipients,
//! how many of them do not exist, and whether it is slowed or blocked for that. A source that keeps trying while it is
//! slowed is blocked. Every refusal says why, for the ledger.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use model::time::Timestamp;
use model::units::Rate;
use smtp::server::Answer;

use crate::mailbox::{Mailbox, chance};
use crate::scenario::{Provider, Scenario, split_reply};

/// Recipients before the share of unknown ones is judged.
const JUDGED_AFTER: u32 = 60;
/// Pairs of source and recipient that greylisting remembers; the whole memory is dropped when it is full.
const GREYLIST_MAX: usize = 500_000;

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No such mailbox.
    Unknown,
    /// Full mailbox.
    Full,
    /// Disabled mailbox.
    Disabled,
    /// Greylisted.
    Greylisted,
    /// Too fast.
    Rate,
    /// Too many connections.
    Connections,
    /// Too many messages on one connection.
    Messages,
    /// Slowed for bad reputation.
    Slowed,
    /// Blocked.
    Blocked,
    /// Taken for spam.
    Spam,
    /// A domain that is not served here.
    Relay,
}

/// The answer to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is said.
    pub answer: Answer,
    /// How long the answer takes.
    pub delay: Duration,
    /// Why it was refused; `None` when accepted.
    pub why: Option<Why>,
}

/// One provider with its memory.
#[derive(Debug)]
pub struct Behaviour {
    provider: Provider,
    domains: HashSet<String>,
    seed: u64,
    greylist: Duration,
    slow_for: Duration,
    block_for: Duration,
    sources: HashMap<IpAddr, Source>,
    /// First attempts by the source's network (/24, as greylisters do: pools of senders share one) and recipient.
    greylisted: HashMap<([u8; 3], String), Timestamp>,
    seen_full: HashSet<String>,
    ids: u64,
}

#[derive(Debug, Default)]
struct Source {
    connections: u32,
    /// Theoretical arrival time of the generic cell rate algorithm.
    arrival: Timestamp,
    recipients: u32,
    unknown: u32,
    slowed_until: Option<Timestamp>,
    refused_while_slowed: u32,
    blocked_until: Option<Timestamp>,
}

impl Behaviour {
    /// The provider as it is at the beginning of a scenario. `ascii` makes A-labels of domains.
    pub fn new(scenario: &Scenario, provider: &Provider, ascii: impl Fn(&str) -> String) -> Behaviour {
        Behaviour {
            domains: provider.domains.iter().map(|domain| ascii(&domain.name)).collect(),
            seed: scenario.seed,
            greylist: scenario.scaled(provider.limits.greylist),
            slow_for: scenario.scaled(provider.limits.slow_for),
            block_for: scenario.scaled(provider.limits.block_for),
            provider: provider.clone(),
            sources: HashMap::new(),
            greylisted: HashMap::new(),
            seen_full: HashSet::new(),
            ids: 0,
        }
    }

    /// A client connects. When it is let in, [`Behaviour::disconnect`] has to follow.
    pub fn connect(&mut self, now: Timestamp, source: IpAddr) -> Decision {
        let limits = self.provider.limits.connections;
        let memory = self.sources.entry(source).or_default();
        if memory.blocked_until.is_some_and(|until| now < until) {
            return self.refuse(Why::Blocked, source, "", true);
        }
        if memory.connections >= limits {
            return self.refuse(Why::Connections, source, "", true);
        }
        memory.connections += 1;
        accept(0)
    }

    /// A client that was let in is gone.
    pub fn disconnect(&mut self, source: IpAddr) {
        if let Some(memory) = self.sources.get_mut(&source) {
            memory.connections = memory.connections.saturating_sub(1);
        }
    }

    /// MAIL, after `messages` messages on this connection.
    pub fn mail(&mut self, source: IpAddr, messages: u32) -> Decision {
        if messages >= self.provider.limits.messages_per_connection {
            return self.refuse(Why::Messages, source, "", true);
        }
        accept(0)
    }

    /// RCPT.
    pub fn rcpt(&mut self, now: Timestamp, source: IpAddr, recipient: &str) -> Decision {
        let domain = recipient.rsplit('@').next().unwrap_or_default().to_lowercase();
        if !self.domains.contains(&domain) {
            let answer = Answer::reply(550, &format!("5.7.1 <{recipient}>: Relay access denied"));
            return Decision { answer, delay: Duration::ZERO, why: Some(Why::Relay) };
        }
        if let Some(decision) = self.reputation(now, source, recipient) {
            return decision;
        }
        if !self.within_rate(now, source) {
            return self.refuse(Why::Rate, source, recipient, true);
        }
        let mailbox = Mailbox::of(self.seed, recipient, &self.provider.mailboxes);
        self.remember(now, source, mailbox == Mailbox::Unknown);
        match mailbox {
            Mailbox::Unknown => self.refuse(Why::Unknown, source, recipient, false),
            Mailbox::Disabled => self.refuse(Why::Disabled, source, recipient, false),
            Mailbox::Full => self.refuse(Why::Full, source, recipient, false),
            Mailbox::FullAtFirst if self.seen_full.insert(recipient.to_lowercase()) => {
                self.refuse(Why::Full, source, recipient, false)
            }
            _ if self.must_wait(now, source, recipient) => self.refuse(Why::Greylisted, source, recipient, false),
            _ => accept(self.provider.latency_ms.rcpt),
        }
    }

    /// The message is complete.
    pub fn message(&mut self, source: IpAddr, recipient: &str) -> Decision {
        if Mailbox::of(self.seed, recipient, &self.provider.mailboxes) == Mailbox::Spam {
            return self.refuse(Why::Spam, source, recipient, false);
        }
        let text = self.provider.replies.accepted.clone();
        let answer = self.filled(&text, source, recipient);
        Decision {
            answer: Answer::Reply(answer),
            delay: Duration::from_millis(self.provider.latency_ms.dot),
            why: None,
        }
    }

    /// True when the connection ends without a word after so many messages.
    pub fn hangs_up_after(&self, messages: u32) -> bool {
        self.provider.limits.closes_silently && messages >= self.provider.limits.messages_per_connection
    }

    /// The provider.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// A source that is slowed or blocked is refused; one that goes on while slowed is blocked.
    fn reputation(&mut self, now: Timestamp, source: IpAddr, recipient: &str) -> Option<Decision> {
        let (patience, block_for) = (self.provider.limits.patience, self.block_for);
        let memory = self.sources.entry(source).or_default();
        if memory.blocked_until.is_some_and(|until| now < until) {
            return Some(self.refuse(Why::Blocked, source, recipient, true));
        }
        if memory.slowed_until.is_none_or(|until| now >= until) {
            return None;
        }
        memory.refused_while_slowed += 1;
        if memory.refused_while_slowed > patience {
            memory.blocked_until = Some(now.plus(block_for));
            (memory.slowed_until, memory.refused_while_slowed) = (None, 0);
            return Some(self.refuse(Why::Blocked, source, recipient, true));
        }
        Some(self.refuse(Why::Slowed, source, recipient, true))
    }

    fn remember(&mut self, now: Timestamp, source: IpAddr, unknown: bool) {
        let (share_max, slow_for) = (self.provider.limits.unknown_share_max, self.slow_for);
        let memory = self.sources.entry(source).or_default();
        memory.recipients += 1;
        memory.unknown += u32::from(unknown);
        if memory.recipients < JUDGED_AFTER {
            return;
        }
        if f64::from(memory.unknown) > share_max * f64::from(memory.recipients) {
            memory.slowed_until = Some(now.plus(slow_for));
            memory.refused_while_slowed = 0;
        }
        // Half of the memory fades, so that a source can mend its ways.
        if memory.recipients >= JUDGED_AFTER * 4 || memory.slowed_until.is_some_and(|until| now < until) {
            (memory.recipients, memory.unknown) = (memory.recipients / 2, memory.unknown / 2);
        }
    }

    fn within_rate(&mut self, now: Timestamp, source: IpAddr) -> bool {
        let Rate { count, period, burst } = self.provider.limits.rate;
        let memory = self.sources.entry(source).or_default();
        let interval = period.div_f64(count as f64);
        let arrival = memory.arrival.max(now);
        if arrival.since(now) > interval.mul_f64(burst as f64 - 1.0) {
            return false;
        }
        memory.arrival = arrival.plus(interval);
        true
    }

    fn must_wait(&mut self, now: Timestamp, source: IpAddr, recipient: &str) -> bool {
        if self.greylist.is_zero() {
            return false;
        }
        if self.greylisted.len() >= GREYLIST_MAX {
            self.greylisted.clear();
        }
        let first = *self.greylisted.entry((network_of(source), recipient.to_lowercase())).or_insert(now);
        now.since(first) < self.greylist
    }

    fn refuse(&mut self, why: Why, source: IpAddr, recipient: &str, close: bool) -> Decision {
        let replies = &self.provider.replies;
        let text = match why {
            Why::Unknown => &replies.unknown,
            Why::Full => &replies.full,
            Why::Disabled => &replies.disabled,
            Why::Greylisted => &replies.greylisted,
            Why::Rate => &replies.rate,
            Why::Connections => &replies.connections,
            Why::Messages => &replies.messages,
            Why::Slowed => &replies.slowed,
            Why::Blocked => &replies.blocked,
            Why::Spam | Why::Relay => &replies.spam,
        };
        let text = text.clone();
        let reply = self.filled(&text, source, recipient);
        // 421 announces the end of the connection (RFC 5321 3.8); other refusals leave it open unless asked.
        let ends = close && (reply.code == 421 || matches!(why, Why::Blocked | Why::Connections));
        let answer = if ends { Answer::ReplyAndClose(reply) } else { Answer::Reply(reply) };
        Decision { answer, delay: Duration::from_millis(self.provider.latency_ms.rcpt), why: Some(why) }
    }

    fn filled(&mut self, text: &str, source: IpAddr, recipient: &str) -> model::reply::Reply {
        self.ids += 1;
        let number = (chance(self.seed, "id", &self.ids.to_string()) * 1e15) as u64;
        let (_, domain) = recipient.rsplit_once('@').unwrap_or(("", ""));
        let (code, text) = split_reply(text).expect("invariant: replies were checked when the scenario was read");
        let text = text
            .replace("{ip}", &source.to_string())
            .replace("{rcpt}", recipient)
            .replace("{domain}", domain)
            .replace("{id}", &format!("{number:x}"));
        model::reply::Reply::new(code, &text)
    }
}

/// The first three bytes of an IPv4 address; the lab has no other sources.
fn network_of(source: IpAddr) -> [u8; 3] {
    match source {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [a, b, c]
        }
        IpAddr::V6(_) => [0; 3],
    }
}

fn accept(delay_ms: u64) -> Decision {
    Decision { answer: Answer::Accept, delay: Duration::from_millis(delay_ms), why: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::DEMO;
    use std::net::Ipv4Addr;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 20, 1));
    const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn provider(name: &str) -> Behaviour {
        let scenario = Scenario::parse(DEMO).unwrap();
        let provider = scenario.providers.iter().find(|provider| provider.name == name).unwrap();
        Behaviour::new(&scenario, provider, str::to_owned)
    }

    /// The first address at this domain whose mailbox is such.
    fn address(behaviour: &Behaviour, domain: &str, wanted: Mailbox) -> String {
        (0..)
            .map(|n| format!("someone{n}@{domain}"))
            .find(|address| Mailbox::of(behaviour.seed, address, &behaviour.provider.mailboxes) == wanted)
            .unwrap()
    }

    fn text(decision: &Decision) -> String {
        match &decision.answer {
            Answer::Reply(reply) | Answer::ReplyAndClose(reply) => reply.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn orange_takes_two_connections() {
        let mut orange = provider("orange");
        assert_eq!(orange.connect(START, SOURCE).why, None);
        assert_eq!(orange.connect(START, SOURCE).why, None);
        let third = orange.connect(START, SOURCE);
        assert!(text(&third).contains("OFR004_104"), "{}", text(&third));
        assert!(matches!(third.answer, Answer::ReplyAndClose(_)));
        orange.disconnect(SOURCE);
        assert_eq!(orange.connect(START, SOURCE).why, None);
    }

    #[test]
    fn yahoo_hangs_up_after_twenty_messages() {
        let yahoo = provider("yahoo");
        assert!(!yahoo.hangs_up_after(19) && yahoo.hangs_up_after(20));
    }

    #[test]
    fn free_greylists_for_a_while() {
        let mut free = provider("free");
        let rcpt = address(&free, "free.fr", Mailbox::Open);
        assert_eq!(free.rcpt(START, SOURCE, &rcpt).why, Some(Why::Greylisted));
        assert_eq!(free.rcpt(START.plus(Duration::from_secs(1)), SOURCE, &rcpt).why, Some(Why::Greylisted));
        assert_eq!(free.rcpt(START.plus(Duration::from_secs(5)), SOURCE, &rcpt).why, None, "5 min / time_scale 60");
    }

    #[test]
    fn mailboxes_answer_in_their_providers_words() {
        let mut gmail = provider("gmail");
        let mut check = |mailbox, expected: &str| {
            let rcpt = address(&gmail, "gmail.com", mailbox);
            let found = text(&gmail.rcpt(START, SOURCE, &rcpt));
            assert!(found.starts_with(expected), "{found}");
        };
        check(Mailbox::Unknown, "550 5.1.1 The email account that you tried to reach does not exist");
        check(Mailbox::FullAtFirst, "452 4.2.2 The recipient's inbox");
        check(Mailbox::FullAtFirst, "Accept");
        check(Mailbox::Disabled, "550 5.2.1");
    }

    #[test]
    fn too_fast_is_told_with_the_address() {
        let mut outlook = provider("outlook");
        let rcpt = address(&outlook, "hotmail.fr", Mailbox::Open);
        let refused =
            (0..200).map(|_| outlook.rcpt(START, SOURCE, &rcpt)).find(|decision| decision.why.is_some()).unwrap();
        assert_eq!(refused.why, Some(Why::Rate));
        assert!(text(&refused).contains("[127.0.20.1]") && text(&refused).contains("S775"), "{}", text(&refused));
        assert_eq!(outlook.rcpt(START.plus(Duration::from_secs(5)), SOURCE, &rcpt).why, None);
    }

    #[test]
    fn a_dirty_list_is_slowed_then_blocked_then_forgiven() {
        let mut sfr = provider("sfr");
        let unknown = address(&sfr, "sfr.fr", Mailbox::Unknown);
        let mut seen = Vec::new();
        let mut now = START;
        for _ in 0..120 {
            now = now.plus(Duration::from_millis(200));
            seen.extend(sfr.rcpt(now, SOURCE, &unknown).why);
        }
        seen.dedup();
        assert_eq!(seen, [Why::Unknown, Why::Slowed, Why::Blocked]);
        assert_eq!(sfr.connect(now, SOURCE).why, Some(Why::Blocked));
        let later = now.plus(Duration::from_secs(60));
        assert_eq!(sfr.connect(later, SOURCE).why, None, "15 min / time_scale 60");
    }

    #[test]
    fn others_mail_is_not_relayed() {
        assert_eq!(provider("gmail").rcpt(START, SOURCE, "a@elsewhere.example").why, Some(Why::Relay));
    }
}
