//! From tickets to what is needed for sending them: rows and contents from the spool, merge programs compiled once.
//!
//! Blocks (page cache, now and then the disk; compiling a program takes milliseconds): called on the blocking pool, for
//! several tickets at a time.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use journal::Work;
use journal::spool::{ReadError, Spool};
use lru::LruCache;
use mail::program::{Program, Source};
use model::handoff::Ticket;
use model::id::MessageId;
use model::submission::{Content, NewRecipient, ReturnPath};

/// A ticket with what the spool knows of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub ticket: Ticket,
    pub recipient: NewRecipient,
    pub body: Body,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A complete message; always [`Content::Raw`].
    Raw(Arc<Content>),
    /// To be rendered.
    Program(Arc<Program>),
    /// Cannot be sent now.
    Unusable(Unusable),
}

/// Why there is nothing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// It will not be better at the next attempt.
    pub permanent: bool,
    pub reason: String,
}

impl Loaded {
    /// Whether this one can be a recipient in the same transaction as `other`.
    pub fn shares_transaction(&self, other: &Loaded) -> bool {
        let (Body::Raw(_), Body::Raw(_)) = (&self.body, &other.body) else { return false };
        let head = &self.ticket.message;
        head.id == other.ticket.message.id && !matches!(head.envelope.sender, ReturnPath::PerRecipient(_))
    }
}

/// Reads from the spool.
#[derive(Clone)]
pub(crate) struct Loader {
    spool: Spool,
    programs: Arc<Programs>,
}

impl Loader {
    pub fn new(spool: Spool, programs_max: usize) -> Self {
        Loader { spool, programs: Arc::new(Programs::new(programs_max)) }
    }

    /// Who reads.
    pub fn work(&self) -> &Work {
        self.spool.work()
    }

    /// Reads what is needed for these tickets. Blocks.
    pub fn load(&self, tickets: Vec<Ticket>) -> Vec<Loaded> {
        // Most batches are of one message, or each of its own: the last one is worth remembering, more is not.
        let mut last: Option<(MessageId, Body)> = None;
        let mut loaded = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let id = ticket.message.id;
            let body = match &last {
                Some((known, body)) if *known == id => body.clone(),
                _ => self.body(id),
            };
            last = Some((id, body.clone()));
            loaded.push(match self.spool.read_row(ticket.row) {
                Ok(recipient) => Loaded { ticket, recipient, body },
                Err(error) => {
                    Loaded { ticket, recipient: NewRecipient::default(), body: Body::Unusable(unusable(&error)) }
                }
            });
        }
        loaded
    }

    fn body(&self, id: MessageId) -> Body {
        if let Some(program) = self.programs.known(id) {
            return program.into();
        }
        match self.spool.read_content(id) {
            Err(error) => Body::Unusable(unusable(&error)),
            Ok(content) => match &*content {
                Content::Raw(_) => Body::Raw(content),
                Content::Merge(bytes) => self.programs.compile(id, bytes).into(),
            },
        }
    }
}

fn unusable(error: &ReadError) -> Unusable {
    let permanent = match error {
        ReadError::Gone | ReadError::Damaged { .. } => true,
        ReadError::Io(_) => false,
    };
    Unusable { permanent, reason: format!("spool: {error}") }
}

type Compiled = Result<Arc<Program>, Unusable>;

impl From<Compiled> for Body {
    fn from(compiled: Compiled) -> Self {
        compiled.map_or_else(Body::Unusable, Body::Program)
    }
}

/// Compiled programs of the messages used lately; each is compiled once, by whoever needs it first.
struct Programs(Mutex<LruCache<MessageId, Arc<OnceLock<Compiled>>>>);

impl Programs {
    fn new(max: usize) -> Self {
        Programs(Mutex::new(LruCache::new(NonZeroUsize::new(max).unwrap_or(NonZeroUsize::MIN))))
    }

    fn known(&self, id: MessageId) -> Option<Compiled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id)?.get().cloned()
    }

    fn compile(&self, id: MessageId, bytes: &[u8]) -> Compiled {
        let cell = {
            let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(programs.get_or_insert(id, || Arc::new(OnceLock::new())))
        };
        cell.get_or_init(|| compile(bytes)).clone()
    }
}

fn compile(bytes: &[u8]) -> Compiled {
    let broken = |reason: String| Unusable { permanent: true, reason: format!("merge program: {reason}") };
    let source = Source::from_bytes(bytes).map_err(|error| broken(error.to_string()))?;
    source.compile().map(Arc::new).map_err(|error| broken(error.to_string()))
}
