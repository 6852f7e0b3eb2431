//! Transactions: which tickets go together, what has to be refused before a byte is sent, and the sending itself.

use std::sync::Arc;

use mail::bounce::Failure;
use model::category::Category;
use model::handoff::Ticket;
use model::reply::Phase;
use smtp::client::{Capabilities, ErrorKind, Fate, OutboundRecipient, OutboundTransaction, Sent};

use super::report::What;
use super::{End, Session};
use crate::compose::{Letter, Unsendable};
use crate::config::Config;
use crate::load::Loaded;

impl Session {
    /// Reads some of what is pending and sends it.
    pub(super) async fn send_some(&mut self) -> Result<(), End> {
        let tickets = self.next_tickets();
        let loader = self.shared.loader.clone();
        let loaded = tokio::task::spawn_blocking(move || loader.load(tickets)).await;
        // The runtime is going down, or reading panicked: the tickets were not attempted.
        let mut loaded = loaded.map_err(|_| End::Silent)?;
        let mut rest = loaded.drain(..).peekable();
        let together = self.path.recipients_per_transaction.max(1) as usize;
        while let Some(first) = rest.next() {
            if self.shared.shutdown.is_cancelled() {
                return Ok(());
            }
            let mut group = vec![first];
            while group.len() < together
                && let Some(next) = rest.next_if(|next| group[0].shares_transaction(next))
            {
                group.push(next);
            }
            self.in_hand = group.len() + rest.len();
            self.take_orders();
            self.ask_for_more().await;
            self.send_group(group).await?;
        }
        self.in_hand = 0;
        Ok(())
    }

    /// Tickets from the front, up to the bytes that are read ahead.
    fn next_tickets(&mut self) -> Vec<Ticket> {
        let mut room = self.shared.config.read_ahead.0;
        let fitting = self.pending.iter().take_while(|ticket| {
            let fits = ticket.message.size_bytes <= room;
            room = room.saturating_sub(ticket.message.size_bytes);
            fits
        });
        let count = fitting.count().max(1);
        self.pending.drain(..count.min(self.pending.len())).collect()
    }

    /// Sends to as many of the group as may be written to. Recipients that the server put off because they were too
    /// many for one transaction follow in the next one.
    async fn send_group(&mut self, group: Vec<Loaded>) -> Result<(), End> {
        let mut group = self.without_suppressed(group).await;
        while !group.is_empty() {
            if self.left == 0 || !self.client.is_usable() {
                // More was given than there was room for, or the server is closing: not attempted.
                return Err(End::Silent);
            }
            group = self.transact(group).await?;
        }
        Ok(())
    }

    async fn without_suppressed(&mut self, group: Vec<Loaded>) -> Vec<Loaded> {
        let mut kept = Vec::with_capacity(group.len());
        for loaded in group {
            let routing = &loaded.ticket.message.routing;
            let found = self.shared.suppression.check(routing, &loaded.recipient.address);
            match found {
                None => kept.push(loaded),
                Some(suppressed) => {
                    let verdict = self.shared.judge.failure(Failure::Suppressed);
                    self.done(&loaded, verdict, What::Error(Phase::Route, suppressed.reason)).await;
                }
            }
        }
        kept
    }

    /// One transaction. Returns who has to be tried in another one.
    async fn transact(&mut self, group: Vec<Loaded>) -> Result<Vec<Loaded>, End> {
        let now = self.shared.clock.now();
        let capabilities = self.client.capabilities();
        let letter = match self.composer.compose(&group[0], now) {
            Ok(letter) => letter,
            Err(unsendable) => return Ok(self.unsendable(group, &unsendable).await),
        };
        if let Some(refused) = refusal(&letter, capabilities, &self.shared.config) {
            return Ok(self.unsendable(group, &refused).await);
        }
        let needs: Vec<_> = group.iter().map(|loaded| utf8_need(&letter, &loaded.recipient.address)).collect();
        let needs_utf8 = needs.iter().any(Option::is_some);
        if needs_utf8 && !capabilities.smtputf8 {
            return Ok(self.without_utf8(group, needs).await);
        }
        let recipients: Vec<OutboundRecipient<'_>> = group
            .iter()
            .map(|loaded| OutboundRecipient { address: &loaded.recipient.address, dsn: loaded.recipient.dsn.as_ref() })
            .collect();
        let envelope = &group[0].ticket.message.envelope;
        let transaction = OutboundTransaction {
            sender: &letter.sender,
            eight_bit: letter.eight_bit,
            smtputf8: needs_utf8,
            ret: envelope.ret,
            envid: envelope.envid.as_deref(),
            recipients: &recipients,
            data: &[&letter.signature, letter.message],
        };
        let sent = self.client.send(&transaction).await;
        self.settle(group, sent).await
    }

    /// The host does not offer SMTPUTF8: who can be written to without it.
    async fn without_utf8(&mut self, group: Vec<Loaded>, needs: Vec<Option<&'static str>>) -> Vec<Loaded> {
        let mut fit = Vec::with_capacity(group.len());
        for (loaded, need) in group.into_iter().zip(needs) {
            let Some(need) = need else {
                fit.push(loaded);
                continue;
            };
            let reason = format!("{need} needs SMTPUTF8, which the host does not offer");
            let unsendable = Unsendable { failure: Failure::NoSmtputf8, permanent: true, reason };
            self.unsendable(vec![loaded], &unsendable).await;
        }
        fit
    }

    /// Nothing is sent to these.
    async fn unsendable(&mut self, group: Vec<Loaded>, unsendable: &Unsendable) -> Vec<Loaded> {
        for loaded in group {
            let judge = &self.shared.judge;
            let verdict = match unsendable.permanent {
                true => judge.permanent_failure(unsendable.failure),
                false => judge.failure(unsendable.failure),
            };
            self.done(&loaded, verdict, What::Error(Phase::Route, unsendable.reason.clone())).await;
        }
        Vec::new()
    }

    /// Says what became of each recipient.
    async fn settle(&mut self, group: Vec<Loaded>, sent: Sent) -> Result<Vec<Loaded>, End> {
        if let Some(end) = self.not_attempted(&sent) {
            return Err(end);
        }
        let alone = group.len() == 1;
        let some_taken = sent.fates.iter().flatten().any(|fate| fate.phase != Phase::RcptTo);
        let provider = self.path.site.provider.clone();
        let shared = Arc::clone(&self.shared);
        let mut again = Vec::new();
        let times = self.times(sent.transaction_ms);
        self.transactions += 1;
        self.left -= 1;
        for (loaded, fate) in group.into_iter().zip(sent.fates) {
            let (verdict, what) = match (fate, &sent.trouble) {
                (Some(fate), _) => {
                    let verdict = shared.judge.reply(fate.phase, &fate.reply, &provider, alone);
                    if some_taken && is_one_too_many(&fate, verdict.category) {
                        again.push(loaded);
                        continue;
                    }
                    (verdict, What::Reply(fate.phase, fate.reply))
                }
                (None, Some(error)) => {
                    let verdict = shared.judge.error(error, &provider, alone);
                    let sentence = match error.dot_sent {
                        true => format!("message sent, no reply to it: {error}"),
                        false => error.to_string(),
                    };
                    (verdict, What::Error(error.phase, sentence))
                }
                (None, None) => unreachable!("invariant: without trouble every recipient has a reply"),
            };
            self.report(&loaded, verdict, what, times).await;
        }
        match sent.trouble {
            None => Ok(again),
            Some(error) => Err(End::Trouble(self.trouble(&error))),
        }
    }

    /// The server had closed, or closes at once, a connection that has been in use: these recipients were never named,
    /// or named to nobody. They go back to the queue without having been attempted.
    fn not_attempted(&mut self, sent: &Sent) -> Option<End> {
        if self.transactions == 0 {
            return None;
        }
        if let Some(error) = &sent.trouble {
            let gone = matches!(error.kind, ErrorKind::Closed | ErrorKind::Io(_)) && !sent.answered && !error.dot_sent;
            let refused = error.phase == Phase::Idle;
            return if gone {
                Some(End::Silent)
            } else if refused {
                Some(End::Trouble(self.trouble(error)))
            } else {
                None
            };
        }
        let first = sent.fates.first()?.as_ref()?;
        if first.phase == Phase::MailFrom && first.reply.code == 421 {
            let fate = first.clone();
            return Some(End::Trouble(self.trouble_of_reply(fate.phase, fate.reply)));
        }
        None
    }
}

/// 452 to one of many recipients while others were taken (RFC 5321 4.5.3.1.10).
fn is_one_too_many(fate: &Fate, category: Option<Category>) -> bool {
    fate.phase == Phase::RcptTo && fate.reply.code == 452 && category == Some(Category::TooManyRecipients)
}

/// What of a mail needs SMTPUTF8, with the code that its refusal has (RFC 6531 3.5): 5.6.7 for an address, 5.6.9 for a
/// header.
fn utf8_need(letter: &Letter<'_>, recipient: &str) -> Option<&'static str> {
    if !recipient.is_ascii() {
        Some("5.6.7: the address")
    } else if !letter.sender.is_ascii() {
        Some("5.6.7: the return path")
    } else {
        letter.smtputf8.then_some("5.6.9: the header of the message")
    }
}

/// What the host's extensions forbid.
fn refusal(letter: &Letter<'_>, offered: &Capabilities, config: &Config) -> Option<Unsendable> {
    if let Some(max) = offered.size_bytes_max.filter(|max| letter.size() > *max) {
        let reason = format!("5.3.4: {} bytes are more than the {max} that the host takes", letter.size());
        return Some(Unsendable { failure: Failure::TooLarge, permanent: true, reason });
    }
    if letter.eight_bit && !offered.eight_bit_mime && !config.assume_8bit {
        let reason = "5.6.3: the message needs 8BITMIME, which the host does not offer".to_owned();
        return Some(Unsendable { failure: Failure::No8bitmime, permanent: true, reason });
    }
    None
}
