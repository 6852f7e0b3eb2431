//! What is done with a mail that came back: its events are written, and a letter goes where somebody reads it.
//!
//! | the mail | what becomes of it |
//! |---|---|
//! | report, unsubscribing with a token | its event |
//! | letter, `inbound.forward_to` is configured | sent on there, with a null return path and unsigned, sealed (ARC) |
//! | letter to the postmaster | a file in the [`crate::inbox`] |
//! | aggregate report, nowhere to send it on | its event |
//! | any other letter | refused (550 5.7.1): nothing that was accepted is lost |
//!
//! Before it is read, `verification` finds out who sent it; letters carry the result in Authentication-Results.
//!
//! Strangers begin all of this, so everything has a bound: [`READERS_MAX`] mails are read at the same time, each once;
//! [`LOOK_UPS_MAX`] addresses are looked up at the same time, for at most [`LOOK_UP_TIME_MAX`]; events and letters of
//! unknown origin keep to `intake.stranger_events`.

use std::sync::PoisonError;
use std::time::Duration;

use journal::events::AppendError;
use model::event::{Event, EventKind};
use model::id::{EventId, MessageId};
use model::name::Name;
use model::reply::Reply;
use model::submission::{
    Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, ReturnPath, Routing, Submission,
};
use model::time::Timestamp;
use smtp::envelope::{Mail, Transaction};
use smtp::server::Context;
use tokio::time::Instant;

use crate::conversation::{Desk, reply_of};
use crate::inbound::{Arrival, Found, Reading};
use crate::inbox::KeepError;
use crate::relay::Mailbox;
use crate::rewrite::{self, Added, Prepared};
use crate::trace::{Trace, date};
use crate::verification::Verdict;

/// Mails that are read at the same time; more wait, with their memory counted.
pub(crate) const READERS_MAX: usize = 4;

/// Addresses that are looked up at the same time: a database that hangs shall not stop mails that need none.
pub(crate) const LOOK_UPS_MAX: usize = 16;

/// Longest time for finding out to whom a mail and its reports were written, waiting for a place included.
const LOOK_UP_TIME_MAX: Duration = Duration::from_secs(10);

/// A mail for us, with all its addresses of ours.
struct Letter<'a> {
    context: &'a Context,
    mail: Mail,
    raw: Vec<u8>,
    mailboxes: Vec<(String, Mailbox)>,
    at: Timestamp,
    verdict: Verdict,
    /// Figures of a provider, which nobody has to read.
    aggregate: bool,
}

impl Desk {
    /// Takes an inbound mail, whole or not at all.
    pub(crate) async fn take_inbound(
        &self,
        context: &Context,
        transaction: Transaction,
        mailboxes: Vec<(String, Mailbox)>,
    ) -> Reply {
        let Transaction { mail, data, .. } = transaction;
        let at = self.intake.now();
        let (raw, verdict) = match self.verifier.check(data, context, &mail, at).await {
            Ok(checked) => checked,
            Err(reply) => return reply,
        };
        let letter = Letter { context, mail, raw, mailboxes, at, verdict, aggregate: false };
        self.inbound(letter).await.unwrap_or_else(|refusal| refusal)
    }

    async fn inbound(&self, letter: Letter<'_>) -> Result<Reply, Reply> {
        let (letter, found) = self.read(letter).await?;
        let (letters, reports): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| found.letter);
        let mut events = Vec::with_capacity(reports.len());
        let of_letter = letters.into_iter().next();
        let alone = reports.is_empty();
        let until = Instant::now() + LOOK_UP_TIME_MAX;
        for Found { event, known, .. } in reports {
            if !known {
                events.push(self.numbered(*event)?);
            } else if !self.was_told(event.id) {
                events.push(self.proven(self.with_routing(*event), until).await?);
            }
        }
        // Reports first: whoever hears that they could not be noted comes again with the letter, too.
        self.tell(events).await?;
        if let Some(Found { event, .. }) = of_letter {
            self.take_letter(letter, *event, alone).await?;
        }
        Ok(Reply::new(250, "2.0.0 Taken"))
    }

    /// What was kept or sent on is taken, whatever becomes of its event: if it came again, it would be there twice.
    async fn take_letter(&self, letter: Letter<'_>, event: Event, alone: bool) -> Result<(), Reply> {
        let event = self.numbered(event)?;
        let kept = self.keep(letter, alone).await?;
        let note = [event.note.as_deref(), Some(&kept)].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let event = Event { note: Some(note), ..self.with_routing(event) };
        if let Err(error) = self.events.append(vec![event]).await {
            tracing::error!(%error, kept, "a letter was taken, and its event could not be written");
        }
        Ok(())
    }

    /// Parsing megabytes of MIME is no work for the threads that serve everybody.
    async fn read<'a>(&self, letter: Letter<'a>) -> Result<(Letter<'a>, Vec<Found>), Reply> {
        let Letter { context, mail, raw, mailboxes, at, verdict, .. } = letter;
        let peer = context.peer.address.ip();
        let (keys, dictionary, known) = (self.keys.clone(), self.dictionary.clone(), verdict.clone());
        let operators = self.verifier.operators.clone();
        let _place = self.readers.acquire().await.map_err(|_| unreadable())?;
        let read = tokio::task::spawn_blocking(move || {
            let reading = Reading::of(&raw, &dictionary, known);
            let found = mailboxes.iter().map(|(recipient, mailbox)| {
                let arrival = Arrival { recipient, mailbox: *mailbox, sender: &mail.sender, peer, at };
                reading.about(&arrival, &keys, &operators)
            });
            let found: Vec<Found> = found.collect();
            (mail, raw, mailboxes, found, reading.is_aggregate())
        });
        let (mail, raw, mailboxes, found, aggregate) = read.await.map_err(|_| unreadable())?;
        Ok((Letter { context, mail, raw, mailboxes, at, verdict, aggregate }, found))
    }

    /// An event that belongs to no recipient's history: with a number, when one more may be written now.
    fn numbered(&self, event: Event) -> Result<Event, Reply> {
        if !self.recorder.allows(event.at) {
            return Err(Reply::new(451, "4.7.1 Too much mail of unknown meaning, try again later"));
        }
        Ok(Event { id: Event::of_engine(event.kind, self.intake.next_number(), event.at).id, ..event })
    }

    /// Adds the address that an event stops us from writing to, where no token names it. A campaign's recipients are
    /// known to the campaign; all others are looked up, because what the report says may be a lie.
    async fn proven(&self, event: Event, until: Instant) -> Result<Event, Reply> {
        let stops = match event.kind {
            EventKind::Complaint | EventKind::Unsubscribed => true,
            EventKind::RemoteBounce => event.report.as_ref().is_some_and(|report| report.suppress),
            _ => false,
        };
        let Some(recipient) = event.recipient.filter(|_| stops && event.address.is_none() && event.campaign.is_none())
        else {
            return Ok(event);
        };
        let look_up = async {
            let _place = self.lookups.acquire().await;
            self.address_book.addressee(recipient).await
        };
        match tokio::time::timeout_at(until, look_up).await {
            Ok(Ok(Some(known))) => {
                let of_leaving =
                    |name: Name| Some(name).filter(|n| event.kind == EventKind::Unsubscribed && !n.is_empty());
                let (tenant, stream) = (of_leaving(known.tenant), of_leaving(known.stream));
                let (tenant, stream) = (event.tenant.or(tenant), event.stream.or(stream));
                Ok(Event { address: Some(known.address), tenant, stream, ..event })
            }
            Ok(Ok(None)) => Ok(event),
            Ok(Err(error)) => {
                tracing::error!(%error, %recipient, "a report has to come again");
                Err(Reply::new(451, "4.3.0 Cannot take the report now, try again later"))
            }
            Err(_) => Err(Reply::new(451, "4.3.0 Cannot take the report now, try again later")),
        }
    }

    /// Adds what the spool still knows of the message.
    fn with_routing(&self, event: Event) -> Event {
        let head = event.message.and_then(|message| self.intake.spool().head(message));
        let Some(head) = head else { return event };
        let job = (!head.routing.job.is_empty()).then(|| head.routing.job.clone());
        let (tenant, stream) = (Some(head.routing.tenant.clone()), Some(head.routing.stream.clone()));
        Event { tenant, stream, job, ..event }
    }

    /// Sees to it that a letter is read by somebody; says how. `alone`: nothing else comes of the mail.
    async fn keep(&self, letter: Letter<'_>, alone: bool) -> Result<String, Reply> {
        if let Some(to) = &self.forward_to {
            self.forward(letter, to).await?;
            return Ok(format!("sent on to {to}"));
        }
        if letter.mailboxes.iter().any(|(_, mailbox)| *mailbox == Mailbox::Postmaster) {
            return self.store(letter).await;
        }
        if letter.aggregate {
            return Ok("its file was not kept".to_owned());
        }
        if alone {
            return Err(Reply::new(550, "5.7.1 Only reports are read here: mail of people is not accepted"));
        }
        Ok("its text was not kept".to_owned())
    }

    /// With a null return path, so that nothing comes of it when it cannot be delivered, and unsigned: our signature
    /// would vouch for a stranger's words.
    async fn forward(&self, letter: Letter<'_>, to: &str) -> Result<(), Reply> {
        let Letter { context, mail, raw, verdict, at, .. } = letter;
        let id = self.intake.next_message_id();
        let prepared = self.prepare(self.verifier.cleaned(raw), &self.trace(context, &mail, id))?;
        let raw = [self.verifier.results(&verdict), prepared.raw].concat();
        let raw = self.verifier.sealed(raw, &verdict, at);
        let envelope = Envelope {
            sender: ReturnPath::Null,
            eight_bit: mail.eight_bit || prepared.eight_bit,
            smtputf8: mail.smtputf8 && (prepared.eight_bit_header || !to.is_ascii()),
            ..Envelope::default()
        };
        let peer = Some(context.peer.address.ip().to_canonical());
        let message = NewMessage {
            content: Content::Raw(raw),
            envelope,
            // What the header says about pools and streams was written by a stranger.
            routing: Routing { signing_domain: Some(Name::default()), ..Routing::default() },
            origin: Origin { protocol: Protocol::Smtp, peer, user: context.user.clone() },
        };
        let recipients = vec![NewRecipient { address: to.to_owned(), ..NewRecipient::default() }];
        let content = ContentSource::New(Box::new(message));
        let submitted = self.intake.submit_as(id, Submission { content, recipients, checkpoint: None }).await;
        submitted.map(drop).map_err(|refusal| reply_of(&refusal))
    }

    async fn store(&self, letter: Letter<'_>) -> Result<String, Reply> {
        let Letter { context, mail, raw, verdict, .. } = letter;
        let id = self.intake.next_message_id();
        let received = self.trace(context, &mail, id).received();
        let mut file = format!("Return-Path: <{}>\r\n", mail.sender).into_bytes();
        file.extend_from_slice(&self.verifier.results(&verdict));
        file.extend_from_slice(received.as_bytes());
        file.extend_from_slice(&self.verifier.cleaned(raw));
        let (inbox, name) = (self.inbox.clone(), format!("{id}.eml"));
        let kept = format!("kept as inbound/{name}");
        match tokio::task::spawn_blocking(move || inbox.keep(&name, &file)).await {
            Ok(Ok(())) => Ok(kept),
            Ok(Err(KeepError::Full)) => Err(Reply::new(452, "4.2.2 The mailbox is full, try again later")),
            Ok(Err(KeepError::Io(error))) => {
                tracing::error!(%error, "a letter to the postmaster could not be kept");
                Err(Reply::new(451, "4.3.0 Cannot take the mail now, try again later"))
            }
            Err(_) => Err(unreadable()),
        }
    }

    /// What is said of how a message came in, without its recipients.
    pub(crate) fn trace<'a>(&'a self, context: &'a Context, mail: &Mail, id: MessageId) -> Trace<'a> {
        let (host_name, at) = (self.host_name.as_str(), self.intake.now());
        Trace { context, host_name, id, only_recipient: None, smtputf8: mail.smtputf8, at }
    }

    /// Puts the trace in front of a message and completes its header.
    pub(crate) fn prepare(&self, raw: Vec<u8>, trace: &Trace<'_>) -> Result<Prepared, Reply> {
        let (received, message_id) = (trace.received(), format!("<{}@{}>", trace.id, self.host_name));
        let added = Added { received: &received, message_id: &message_id, date: &date(trace.at) };
        // What a stranger's header says of its treatment counts for nothing.
        rewrite::prepare(raw, &added, self.hops_max, &[]).map_err(|fault| Reply::new(554, &fault.to_string()))
    }

    fn was_told(&self, event: EventId) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).get(&event).is_some()
    }

    /// Writes the events of reports, and remembers them.
    async fn tell(&self, events: Vec<Event>) -> Result<(), Reply> {
        if events.is_empty() {
            return Ok(());
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        match self.events.append(events).await {
            Ok(_) => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                for id in ids {
                    told.put(id, ());
                }
                Ok(())
            }
            Err(AppendError::NoSpace) => Err(Reply::new(452, "4.3.1 Insufficient system storage, try again later")),
            Err(error) => {
                tracing::error!(%error, "an inbound mail could not be noted");
                Err(Reply::new(451, "4.3.0 Cannot take the mail now, try again later"))
            }
        }
    }
}

fn unreadable() -> Reply {
    Reply::new(451, "4.3.0 The mail could not be read, try again later")
}
