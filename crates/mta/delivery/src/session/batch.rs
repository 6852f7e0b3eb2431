//! Transactions: which tickets go together, what has to be refused before a byte is sent, and the sending itself.
//!
//! While one message is on its way the next is made already, so that its commands can leave with the final dot.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mail::bounce::Failure;
use model::category::Category;
use model::handoff::{FromDelivery, Ticket, Verdict};
use model::reply::Phase;
use smtp::client::{Capabilities, ClientError, ErrorKind, Fate, OutboundRecipient, OutboundTransaction, Sent};
use tokio::time::Instant;

use super::report::What;
use super::{End, Session};
use crate::compose::{Letter, Offered, Unsendable, ascii_form};
use crate::config::{Config, LostAfterDot};
use crate::load::Loaded;
use crate::verdict::UsedUp;

/// A host that has had enough of a connection closes it this soon behind the last message.
const HUNG_UP_WITHIN: Duration = Duration::from_secs(1);

/// A transaction that can be sent.
struct Prepared {
    group: Vec<Loaded>,
    letter: Letter,
    /// Addresses as they are said: in A-labels where the host does not offer SMTPUTF8.
    said: Vec<Option<String>>,
    smtputf8: bool,
}

impl Prepared {
    fn recipients(&self) -> Vec<OutboundRecipient<'_>> {
        let said = self.group.iter().zip(&self.said);
        said.map(|(loaded, said)| OutboundRecipient {
            address: said.as_deref().unwrap_or(&loaded.recipient.address),
            dsn: loaded.recipient.dsn.as_ref(),
        })
        .collect()
    }

    fn transaction<'a>(
        &'a self,
        recipients: &'a [OutboundRecipient<'a>],
        data: &'a [&'a [u8]],
    ) -> OutboundTransaction<'a> {
        let envelope = &self.group[0].ticket.message.envelope;
        OutboundTransaction {
            sender: &self.letter.sender,
            eight_bit: self.letter.eight_bit,
            smtputf8: self.smtputf8,
            ret: envelope.ret,
            envid: envelope.envid.as_deref(),
            recipients,
            data,
        }
    }
}

impl Session {
    /// Reads some of what is pending and sends it.
    pub(super) async fn send_some(&mut self) -> Result<(), End> {
        let tickets = self.next_tickets();
        let loader = self.shared.loader.clone();
        let loaded = self.shared.loader.work().aside(move || loader.load(tickets)).await;
        // The runtime is going down, or reading panicked: the tickets were not attempted.
        let loaded = loaded.map_err(|_| End::Silent)?;
        let mut rest: VecDeque<Loaded> = self.permitted(loaded).await.into();
        let mut next = self.prepare(&mut rest).await;
        while let Some(now) = next.take() {
            let committed = self.client.has_begun_next();
            if self.shared.shutdown.is_cancelled() && !committed {
                return Ok(());
            }
            if self.left == 0 || !self.client.is_usable() {
                // More was given than there was room for, or the server is closing: not attempted.
                return Err(End::Silent);
            }
            self.in_hand = now.group.len() + rest.len();
            self.take_orders();
            self.ask_for_more().await;
            let ahead = self.manners.pipeline_ahead && self.left > 1 && !self.shared.shutdown.is_cancelled();
            next = if ahead { self.prepare(&mut rest).await } else { None };
            let sent = self.send(&now, next.as_ref()).await;
            let converted = now.letter.converted;
            self.composer.recycle(now.letter);
            for again in self.settle(now.group, sent, converted).await?.into_iter().rev() {
                rest.push_front(again);
            }
            if next.is_none() {
                next = self.prepare(&mut rest).await;
            }
        }
        self.in_hand = 0;
        Ok(())
    }

    async fn send(&mut self, now: &Prepared, next: Option<&Prepared>) -> Sent {
        let recipients = now.recipients();
        let data: [&[u8]; 2] = [&now.letter.signature, now.letter.message()];
        let transaction = now.transaction(&recipients, &data);
        let Some(next) = next else { return self.client.send(&transaction).await };
        let next_recipients = next.recipients();
        let next_data: [&[u8]; 2] = [&next.letter.signature, next.letter.message()];
        let next = next.transaction(&next_recipients, &next_data);
        self.client.send_before(&transaction, Some(&next)).await
    }

    /// The next transaction of those who wait. Whoever cannot be written to has got his answer before.
    async fn prepare(&mut self, rest: &mut VecDeque<Loaded>) -> Option<Prepared> {
        let together = self.path.recipients_per_transaction.max(1) as usize;
        while let Some(first) = rest.pop_front() {
            let mut group = vec![first];
            while group.len() < together
                && let Some(next) = rest.pop_front_if(|next| group[0].shares_transaction(next))
            {
                group.push(next);
            }
            let group = self.without_suppressed(group).await;
            if let Some(first) = group.first() {
                let now = self.shared.clock.now();
                let offered = self.offered(&first.ticket.message.routing.stream);
                match self.composer.compose(first, offered, now) {
                    Ok(letter) => {
                        if let Some(prepared) = self.fitting(group, letter).await {
                            return Some(prepared);
                        }
                    }
                    Err(unsendable) => self.unsendable(group, &unsendable).await,
                }
            }
        }
        None
    }

    fn offered(&self, stream: &str) -> Offered {
        let capabilities = self.client.capabilities();
        let convert = self.manners.convert_8bit(stream);
        Offered { eight_bit: capabilities.eight_bit_mime, smtputf8: capabilities.smtputf8, convert }
    }

    /// The transaction with those whom the host can be given this letter for.
    async fn fitting(&mut self, group: Vec<Loaded>, letter: Letter) -> Option<Prepared> {
        if let Some(refused) = refusal(&letter, self.client.capabilities(), &self.shared.config) {
            self.unsendable(group, &refused).await;
            return None;
        }
        let offered = self.client.capabilities().smtputf8;
        let (mut fit, mut said, mut smtputf8) = (Vec::with_capacity(group.len()), Vec::new(), false);
        for loaded in group {
            let ascii = if offered { None } else { ascii_form(&loaded.recipient.address) };
            let address = ascii.as_deref().unwrap_or(&loaded.recipient.address);
            let need = utf8_need(&letter, address);
            match need {
                Some(need) if !offered => {
                    let reason = format!("{need} needs SMTPUTF8, which the host does not offer");
                    let unsendable = Unsendable { failure: Failure::NoSmtputf8, permanent: true, reason };
                    self.unsendable(vec![loaded], &unsendable).await;
                }
                need => {
                    smtputf8 |= need.is_some();
                    said.push(ascii);
                    fit.push(loaded);
                }
            }
        }
        (!fit.is_empty()).then_some(Prepared { group: fit, letter, said, smtputf8 })
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

    /// Nothing is sent to these.
    async fn unsendable(&mut self, group: Vec<Loaded>, unsendable: &Unsendable) {
        for loaded in group {
            let judge = &self.shared.judge;
            let verdict = match unsendable.permanent {
                true => judge.permanent_failure(unsendable.failure),
                false => judge.failure(unsendable.failure),
            };
            self.done(&loaded, verdict, What::Error(Phase::Route, unsendable.reason.clone())).await;
        }
    }

    /// Says what became of each recipient. Returns those whom the server put off because they were too many for one
    /// transaction: they follow in another one.
    async fn settle(&mut self, group: Vec<Loaded>, sent: Sent, converted: bool) -> Result<Vec<Loaded>, End> {
        if let Some(end) = self.not_attempted(&sent).await {
            return Err(end);
        }
        let alone = group.len() == 1;
        let some_taken = sent.fates.iter().flatten().any(|fate| fate.phase != Phase::RcptTo);
        let provider = self.path.site.provider.clone();
        let shared = Arc::clone(&self.shared);
        let mut again = Vec::new();
        let dialogue = self.dialogue(&sent, converted);
        self.transactions += 1;
        self.left -= 1;
        self.last_at = Instant::now();
        for (loaded, fate) in group.into_iter().zip(sent.fates) {
            let (verdict, what) = match (fate, &sent.trouble) {
                (Some(fate), _) => {
                    let verdict = shared.judge.reply(fate.phase, &fate.reply, &provider, alone);
                    if some_taken && is_one_too_many(&fate, verdict.category) {
                        again.push(loaded);
                        continue;
                    }
                    shared.lessons.forget_lost(loaded.ticket.recipient);
                    (verdict, What::Reply(fate.phase, fate.reply))
                }
                (None, Some(error)) if error.dot_sent => self.lost(&loaded, error),
                (None, Some(error)) => {
                    (shared.judge.error(error, &provider, alone), What::Error(error.phase, error.to_string()))
                }
                // BDAT was not understood: the message follows by DATA over another connection.
                (None, None) => continue,
            };
            self.report(&loaded, verdict, what, &dialogue).await;
        }
        match sent.trouble {
            None if sent.chunking_refused => Err(End::Trouble(self.no_chunking())),
            None => Ok(again),
            Some(error) => Err(End::Trouble(self.trouble(&error))),
        }
    }

    /// The whole message was sent and no reply came: whether the recipient has it, nobody knows.
    fn lost(&self, loaded: &Loaded, error: &ClientError) -> (Verdict, What) {
        let shared = &self.shared;
        let policy = self.manners.lost_after_dot(&loaded.ticket.message.routing.stream);
        let times = shared.lessons.note_lost(loaded.ticket.recipient);
        let verdict = shared.judge.lost_after_dot(policy, times);
        let retries = shared.config.lost_after_dot_retries;
        let what_now = match policy {
            LostAfterDot::AssumeDelivered => "; taken for delivered".to_owned(),
            LostAfterDot::Retry if times > retries => format!("; lost {times} times, not sent again"),
            LostAfterDot::Retry => format!("; it may have arrived, sent again {times} of {retries} times"),
        };
        (verdict, What::Lost(format!("message sent, no reply to it: {error}{what_now}")))
    }

    /// The server had closed, or closes at once, a connection that has been in use, or takes no more on it: these
    /// recipients were never named, or named to nobody. They go back to the queue without having been attempted.
    ///
    /// Never when the message is out: with BDAT it leaves in one group with RSET and MAIL, so that a server may have
    /// taken it whatever we were waiting for.
    async fn not_attempted(&mut self, sent: &Sent) -> Option<End> {
        if self.transactions == 0 {
            return None;
        }
        if let Some(error) = &sent.trouble {
            let gone = matches!(error.kind, ErrorKind::Closed | ErrorKind::Io(_)) && !sent.answered;
            let refused = error.phase == Phase::Idle;
            return if error.dot_sent {
                None
            } else if gone {
                self.hung_up().await;
                Some(End::Silent)
            } else if refused {
                Some(End::Trouble(self.trouble(error)))
            } else {
                None
            };
        }
        let first = sent.fates.first()?.as_ref()?;
        if !matches!(first.phase, Phase::Idle | Phase::MailFrom) {
            return None;
        }
        let Fate { phase, reply } = first.clone();
        let used_up = self.shared.judge.used_up(&reply, &self.path.site.provider);
        if reply.code != 421 && used_up.is_none() {
            return None;
        }
        if used_up == Some(UsedUp::Messages) {
            self.host_limit().await;
        }
        Some(End::Trouble(self.trouble_of_reply(phase, reply)))
    }

    /// The host has had enough of this connection, without a word: the queue may learn from it.
    ///
    /// Only when it did so right behind a message: whoever closes an idle connection tells nothing about messages.
    pub(super) async fn hung_up(&mut self) {
        if self.last_at.elapsed() > HUNG_UP_WITHIN {
            return;
        }
        self.host_limit().await;
    }

    /// So many messages does the host take on one connection.
    async fn host_limit(&self) {
        let said = FromDelivery::HostLimit { session: self.id, messages: self.transactions };
        let _ = self.shared.to_queue.send(said).await;
    }
}

/// 452 to one of many recipients while others were taken (RFC 5321 4.5.3.1.10).
fn is_one_too_many(fate: &Fate, category: Option<Category>) -> bool {
    fate.phase == Phase::RcptTo && fate.reply.code == 452 && category == Some(Category::TooManyRecipients)
}

/// What of a mail needs SMTPUTF8, with the code that its refusal has (RFC 6531 3.5): 5.6.7 for an address, 5.6.9 for a
/// header.
fn utf8_need(letter: &Letter, recipient: &str) -> Option<&'static str> {
    if !recipient.is_ascii() {
        Some("5.6.7: the address")
    } else if !letter.sender.is_ascii() {
        Some("5.6.7: the return path")
    } else {
        letter.smtputf8.then_some("5.6.9: the header of the message")
    }
}

/// What the host's extensions forbid.
fn refusal(letter: &Letter, offered: &Capabilities, config: &Config) -> Option<Unsendable> {
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
