//! One SMTP connection: who is it, to whom may he write, and what becomes of his messages.
//!
//! One transaction is one submission, or one inbound mail: the two are kept apart, because one commit cannot answer for
//! both. A recipient of the other kind is told to come in another transaction (452), as clients do for any recipient too
//! many.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use journal::events::EventLog;
use lru::LruCache;
use mail::address::Address;
use mail::bounce::Dictionary;
use mail::mime;
use mail::token::Keys;
use model::id::EventId;
use model::name::Name;
use model::reply::Reply;
use model::submission::{
    Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, ReturnPath, Routing,
    Submission,
};
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Credentials, Denied, Handler, Peer};
use tokio::sync::Semaphore;

use crate::door::Door;
use crate::floor::{FloorKind, Pressure};
use crate::hints::Hints;
use crate::inbox::Inbox;
use crate::recorder::{Recorder, Refused};
use crate::relay::{Mailbox, Way};
use crate::rewrite::{self, Added, Prepared};
use crate::submit::Intake;
use crate::trace::{Trace, date};
use crate::verification::Verifier;
use crate::{AddressBook, Authenticator, Exceeded, Grants, Quota};

/// Most mailboxes of ours that one transaction can name; a report has one.
pub(crate) const MAILBOXES_MAX: usize = 10;

/// What the connections of all listeners share.
pub(crate) struct Desk {
    pub(crate) intake: Intake,
    pub(crate) events: EventLog,
    pub(crate) keys: Keys,
    pub(crate) dictionary: Arc<Dictionary>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) host_name: String,
    pub(crate) hops_max: u32,
    /// Events of inbound mail that were written lately: a report that is sent again is not written again.
    pub(crate) told: Mutex<LruCache<EventId, ()>>,
    /// Knows whom we wrote to.
    pub(crate) address_book: Arc<dyn AddressBook>,
    /// Finds out who stands behind inbound mail.
    pub(crate) verifier: Verifier,
    /// Places for inbound mails that are read.
    pub(crate) readers: Semaphore,
    /// Places for addresses that are looked up.
    pub(crate) lookups: Semaphore,
    /// Where letters are sent on.
    pub(crate) forward_to: Option<String>,
    /// Where letters to the postmaster are kept when they are not sent on.
    pub(crate) inbox: Arc<Inbox>,
}

/// The handler of one listener.
pub(crate) struct Reception {
    pub(crate) desk: Arc<Desk>,
    pub(crate) door: Arc<Door>,
}

impl Handler for Reception {
    fn connect<'a>(&'a self, _peer: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        let opened = match self.desk.intake.pressure() {
            // Every connection costs memory: none is begun.
            Some(pressure) if pressure.kind == FloorKind::Memory => {
                Err(Answer::ReplyAndClose(Reply { code: 421, ..reply_under(&pressure) }))
            }
            _ => Ok(Box::new(Visit::new(&self.desk, &self.door)) as Box<dyn Conversation>),
        };
        Box::pin(std::future::ready(opened))
    }

    fn believes(&self, proxy: IpAddr) -> bool {
        self.door.believes(proxy)
    }

    fn closed(&self, peer: &Peer, why: &str) {
        let reply = Reply::new(421, &format!("4.7.1 The connection was closed without a word: {why}"));
        let peer = peer.address.ip();
        self.desk.recorder.refused(&Refused {
            peer,
            user: None,
            sender: "",
            recipient: None,
            reply: &reply,
            size_bytes: None,
        });
    }
}

struct Visit {
    desk: Arc<Desk>,
    door: Arc<Door>,
    /// What the password allows; of a client without one everything.
    grants: Grants,
    quota: Option<Arc<dyn Quota>>,
    /// Whether the recipients of this transaction so far are somebody else's.
    relays: Option<bool>,
    /// Mailboxes of ours among them, in lower case, each once.
    mailboxes: Vec<String>,
}

impl Conversation for Visit {
    fn auth<'a>(
        &'a mut self,
        context: &'a Context,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Name, Denied>> {
        Box::pin(async move {
            let Some(authenticator) = &self.desk.authenticator else { return Err(Denied::Wrong) };
            match authenticator.verify(&credentials.user, &credentials.password).await {
                Ok(Some(submitter)) if !self.door.admits(&submitter.name) => {
                    Err(Denied::Reply(Reply::new(535, "5.7.8 This user may not submit here")))
                }
                Ok(Some(submitter)) => {
                    self.grants = submitter.grants;
                    self.quota = submitter.quota;
                    Ok(submitter.name)
                }
                Ok(None) => {
                    tracing::info!(peer = %context.peer.address, "wrong user or password");
                    Err(Denied::Wrong)
                }
                Err(error) => {
                    tracing::error!(%error, "SMTP authentication");
                    Err(Denied::Reply(Reply::new(454, "4.7.0 Temporary authentication failure")))
                }
            }
        })
    }

    fn mail<'a>(&'a mut self, context: &'a Context, mail: &'a Mail) -> BoxFuture<'a, Answer> {
        self.relays = None;
        self.mailboxes.clear();
        Box::pin(std::future::ready(self.check_mail(context, mail)))
    }

    fn rcpt<'a>(&'a mut self, context: &'a Context, mail: &'a Mail, recipient: &'a Recipient) -> BoxFuture<'a, Answer> {
        Box::pin(std::future::ready(self.check_recipient(context, mail, recipient)))
    }

    fn message<'a>(&'a mut self, context: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        Box::pin(self.take(context, transaction))
    }
}

impl Visit {
    fn new(desk: &Arc<Desk>, door: &Arc<Door>) -> Self {
        let (desk, door) = (Arc::clone(desk), Arc::clone(door));
        Visit { desk, door, grants: Grants::default(), quota: None, relays: None, mailboxes: Vec::new() }
    }

    /// What the client's password allows; a new handshake has made it forgotten (RFC 3207 4.2).
    fn grants(&self, context: &Context) -> Grants {
        if context.user.is_some() { self.grants.clone() } else { Grants::default() }
    }

    fn check_mail(&self, context: &Context, mail: &Mail) -> Answer {
        let checked = self
            .door
            .check_entry(context)
            .and_then(|()| self.desk.check_room())
            .and_then(|()| self.check_sender(context, mail))
            .and_then(|()| self.door.count_message(context, self.desk.intake.now()));
        let Err(reply) = checked else { return Answer::Accept };
        self.note(context, &mail.sender, None, &reply, mail.size);
        Answer::Reply(reply)
    }

    /// Whoever may write to everyone must be answerable himself. Strangers come with reports only; theirs is not used.
    fn check_sender(&self, context: &Context, mail: &Mail) -> Result<(), Reply> {
        if mail.sender.is_empty() || !self.door.rules.may_relay(self.door.client(context)) {
            return Ok(());
        }
        let parsed = Address::parse(&mail.sender);
        let address = parsed.map_err(|error| Reply::new(553, &format!("5.1.7 Bad sender address: {error}")))?;
        let domain = address.domain().to_owned();
        self.door.check_sender(self.door.user(context), &self.grants(context), "MAIL FROM", &[domain])
    }

    fn check_recipient(&mut self, context: &Context, mail: &Mail, recipient: &Recipient) -> Answer {
        let relays = match self.door.rules.way(self.door.client(context), &recipient.address) {
            Way::Relay(_) => Ok(true),
            // Whoever guesses gets no reader for what he sends.
            Way::Inbound(Mailbox::ReturnPath) if !self.desk.made(&recipient.address) => Err(no_such_mailbox()),
            Way::Inbound(_) => Ok(false),
            Way::Refused(reply) => Err(reply),
        };
        let relays = match relays {
            Ok(relays) => relays,
            Err(reply) => {
                self.note(context, &mail.sender, Some(&recipient.address), &reply, mail.size);
                return Answer::Reply(reply);
            }
        };
        if self.relays.is_some_and(|before| before != relays) {
            return Answer::reply(452, "4.5.3 Recipients here and elsewhere: use another transaction");
        }
        if !relays && !self.add_mailbox(&recipient.address) {
            return Answer::reply(452, "4.5.3 Too many recipients: use another transaction");
        }
        self.relays = Some(relays);
        Answer::Accept
    }

    /// False when there are too many.
    fn add_mailbox(&mut self, address: &str) -> bool {
        let name = address.to_lowercase();
        if self.mailboxes.contains(&name) {
            return true;
        }
        let fits = self.mailboxes.len() < MAILBOXES_MAX;
        if fits {
            self.mailboxes.push(name);
        }
        fits
    }

    async fn take(&self, context: &Context, transaction: Transaction) -> Answer {
        let sender = transaction.mail.sender.clone();
        let size = transaction.data.len() as u64;
        let reply = match self.sort(context, &transaction.recipients) {
            Ok(Sorted::Relay(addresses)) => self.submit(context, transaction, addresses).await,
            Ok(Sorted::Inbound(mailboxes)) => self.desk.take_inbound(context, transaction, mailboxes).await,
            Err(reply) => reply,
        };
        if !reply.is_positive() {
            self.note(context, &sender, None, &reply, Some(size));
        }
        Answer::Reply(reply)
    }

    fn sort(&self, context: &Context, recipients: &[Recipient]) -> Result<Sorted, Reply> {
        let (mut relayed, mut inbound): (_, Vec<(String, Mailbox)>) = (Vec::new(), Vec::new());
        for recipient in recipients {
            match self.door.rules.way(self.door.client(context), &recipient.address) {
                Way::Relay(address) => relayed.push(address),
                Way::Inbound(_) if inbound.iter().any(|(known, _)| known.eq_ignore_ascii_case(&recipient.address)) => {}
                Way::Inbound(mailbox) => inbound.push((recipient.address.clone(), mailbox)),
                Way::Refused(reply) => return Err(reply),
            }
        }
        match (relayed.is_empty(), inbound.is_empty()) {
            (false, true) => Ok(Sorted::Relay(relayed)),
            (true, _) => Ok(Sorted::Inbound(inbound)),
            (false, false) => Err(Reply::new(451, "4.5.3 Recipients here and elsewhere: send one copy to each")),
        }
    }

    async fn submit(&self, context: &Context, transaction: Transaction, addresses: Vec<Address>) -> Reply {
        let Transaction { mail, recipients, data } = transaction;
        let desk = &*self.desk;
        let id = desk.intake.next_message_id();
        let only_recipient = match addresses.as_slice() {
            [only] => Some(only.as_str()),
            _ => None,
        };
        let trace = Trace { only_recipient, ..desk.trace(context, &mail, id) };
        let (prepared, routing) = match self.prepare_relay(context, data, &mail, &trace).await {
            Ok(prepared) => prepared,
            Err(reply) => return reply,
        };
        let Prepared { raw, hints: Hints { envid, .. }, eight_bit, eight_bit_header } = prepared;
        let beyond_ascii = |address: &Address| address.needs_smtputf8();
        let smtputf8 = eight_bit_header || !mail.sender.is_ascii() || addresses.iter().any(beyond_ascii);
        let envelope = Envelope {
            sender: if mail.sender.is_empty() { ReturnPath::Null } else { ReturnPath::Fixed(mail.sender) },
            eight_bit: mail.eight_bit || eight_bit,
            smtputf8: mail.smtputf8 && smtputf8,
            envid: mail.envid.or(envid),
            ret: mail.ret,
            notify: recipients
                .iter()
                .filter_map(|recipient| recipient.dsn.as_ref())
                .any(|dsn| dsn.success || dsn.delay),
        };
        let peer = Some(context.peer.address.ip().to_canonical());
        let new = NewMessage {
            content: Content::Raw(raw),
            envelope,
            routing,
            origin: Origin { protocol: Protocol::Smtp, peer, user: self.door.user(context).cloned() },
        };
        let recipients = recipients.into_iter().zip(addresses).map(|(recipient, address)| NewRecipient {
            address: address.as_str().to_owned(),
            dsn: recipient.dsn,
            ..NewRecipient::default()
        });
        let content = ContentSource::New(Box::new(new));
        let submission = Submission { content, recipients: recipients.collect(), checkpoint: None };
        let count = submission.recipients.len() as u32;
        // What a password allowed is forgotten by a new handshake.
        let quota = self.quota.as_ref().filter(|_| context.user.is_some());
        if let Some(quota) = quota
            && let Err(exceeded) = quota.take(count).await
        {
            return reply_over(&exceeded);
        }
        let submitted = desk.intake.submit_as(id, submission).await;
        if let (Err(_), Some(quota)) = (&submitted, quota) {
            quota.give_back(count);
        }
        match submitted {
            Ok(receipt) => Reply::new(250, &format!("2.0.0 Queued as {}", receipt.message)),
            // Which floor it was is told as at MAIL.
            Err(refusal) => desk.check_room().err().unwrap_or_else(|| reply_of(&refusal)),
        }
    }

    /// The message as it goes into the spool, under a seal where the listener gives one, and how it is to be treated.
    async fn prepare_relay(
        &self,
        context: &Context,
        data: Vec<u8>,
        mail: &Mail,
        trace: &Trace<'_>,
    ) -> Result<(Prepared, Routing), Reply> {
        if !self.door.seals {
            return self.prepare(context, data, trace);
        }
        let verifier = &self.desk.verifier;
        // As it came in: what is put in front of it or taken out of it is ours.
        let (data, verdict) = verifier.check_relayed(data, context, mail, trace.at).await?;
        let (mut prepared, routing) = self.prepare(context, verifier.cleaned(data), trace)?;
        let is_user = self.door.user(context).is_some();
        let raw = std::mem::take(&mut prepared.raw);
        prepared.raw = verifier.sealed_relay(raw, &verdict, is_user, trace.at).await?;
        Ok((prepared, routing))
    }

    /// The message as it goes into the spool, and how it is to be treated.
    fn prepare(&self, context: &Context, data: Vec<u8>, trace: &Trace<'_>) -> Result<(Prepared, Routing), Reply> {
        let (user, grants) = (self.door.user(context), self.grants(context));
        if self.door.limits_senders(user, &grants) {
            let domains = mime::author_domains(&data).map_err(|fault| {
                Reply::new(550, &format!("5.7.1 You may send as certain domains only, and {fault}"))
            })?;
            self.door.check_sender(user, &grants, "From", &domains)?;
        }
        let (received, message_id) = (trace.received(), format!("<{}@{}>", trace.id, trace.host_name));
        let added = Added { received: &received, message_id: &message_id, date: &date(trace.at) };
        let prepared = rewrite::prepare(data, &added, self.desk.hops_max, &self.door.honoured);
        let mut prepared = prepared.map_err(|fault| Reply::new(554, &fault.to_string()))?;
        let envid = prepared.hints.envid.take();
        let routing = self.door.routing(user, &grants, std::mem::take(&mut prepared.hints))?;
        prepared.hints.envid = envid;
        Ok((prepared, routing))
    }

    fn note(&self, context: &Context, sender: &str, recipient: Option<&str>, reply: &Reply, size_bytes: Option<u64>) {
        let (peer, user) = (context.peer.address.ip(), self.door.user(context));
        self.desk.recorder.refused(&Refused { peer, user, sender, recipient, reply, size_bytes });
    }
}

impl Desk {
    /// Whether there is room for new mail.
    fn check_room(&self) -> Result<(), Reply> {
        let pressure = self.intake.pressure();
        self.recorder.floors_changed();
        pressure.map_or(Ok(()), |pressure| Err(reply_under(&pressure)))
    }

    /// Whether a return path is one that we made.
    fn made(&self, address: &str) -> bool {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        self.keys.open_return(local).is_ok()
    }
}

fn no_such_mailbox() -> Reply {
    Reply::new(550, "5.1.1 No such mailbox here")
}

/// The recipients of one transaction.
enum Sorted {
    /// Somebody else's.
    Relay(Vec<Address>),
    /// Ours, each once, with the addresses as given.
    Inbound(Vec<(String, Mailbox)>),
}

/// 452: the same again later (RFC 3463 3.4: 4.3.1 the store is full, 4.3.2 the system takes nothing).
fn reply_under(pressure: &Pressure) -> Reply {
    let enhanced = match pressure.kind {
        FloorKind::Disk | FloorKind::Inodes => "4.3.1",
        FloorKind::Memory | FloorKind::Queue => "4.3.2",
    };
    Reply::new(452, &format!("{enhanced} {}", pressure.reason))
}

fn reply_over(exceeded: &Exceeded) -> Reply {
    match exceeded {
        Exceeded::Later(reason) => Reply::new(451, &format!("4.7.1 {reason}")),
        Exceeded::Never(reason) => Reply::new(554, &format!("5.7.1 {reason}")),
    }
}

pub(crate) fn reply_of(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Invalid { reason } => Reply::new(554, &format!("5.6.0 {reason}")),
        Refusal::Unknown { reason, .. } => Reply::new(550, &format!("5.3.5 {reason}")),
        Refusal::UnknownMessage(_) => Reply::new(554, &format!("5.6.0 {refusal}")),
        Refusal::Unavailable { reason } => Reply::new(452, &format!("4.3.1 {reason}")),
    }
}
