//! A message whose recipients come line by line (NDJSON): the first line is the content, each other one a recipient.
//!
//! Memory holds the first line, one batch of rows, and a line that is not complete yet. A line that is no recipient is
//! counted, named with its number, and left out. What was committed when a connection breaks is committed; under a key
//! the same lines may be sent again, and those that were committed are passed over.
//!
//! The caller moves it: bytes in with [`Lines::push`], then [`Lines::step`] until it needs more, with [`Lines::open`] and
//! [`Lines::commit`] where it says so; [`Lines::end`] and [`Lines::answer`] at the end.
//! Limits: [`LINE_MAX`], [`super::Config::body_size_max`] for the first line.

use std::sync::Arc;

use mail::program::Program;
use model::submission::{NewMessage, Origin, Refusal, Routing};
use sha2::{Digest as _, Sha256};

use super::content::{Domains, Made, Ways, make};
use super::draft::{Batch, fingerprint, parse};
use super::feed::Feed;
use super::keys::{Busy, KeyHash, KeyTrouble, Keys};
use super::request::InjectionRecipient;
use super::rows::{Rejects, RowMaker};
use super::service::{Accepted, cut_short, note_done};
use super::{Config, InjectionError, Kind, wrong};
use crate::submit::Intake;

/// Longest line of a recipient, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// Letters that are shown of a line that cannot be read.
const SHOWN_MAX: usize = 80;

/// Why a stream ends before its time.
#[derive(Debug, thiserror::Error)]
pub enum StreamTrouble {
    /// The first line is wrong: nothing was committed.
    #[error(transparent)]
    Head(#[from] InjectionError),
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyTrouble),
    /// A part was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`Lines::push`] more bytes, or [`Lines::end`].
    Push,
    /// The first line is there: [`Lines::open`].
    Open,
    /// So many rows are ready: [`Lines::commit`].
    Commit(u64),
}

/// How far a stream was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Lines, the first one included.
    pub lines: u64,
    /// Recipients that were accepted.
    pub accepted: u64,
    /// Recipients that were left out.
    pub rejected: u64,
    /// The fingerprint of these lines: the same lines have the same.
    pub print: u64,
}

/// A message that comes line by line.
pub struct Lines {
    intake: Intake,
    keys: Arc<Keys>,
    head_max: usize,
    ways: Ways,
    origin: Origin,
    key: Option<KeyHash>,
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that are used up.
    used: usize,
    /// Bytes of the buffer in which no line ends.
    scanned: usize,
    /// The rest of a line is thrown away: it is too long.
    is_skipping: bool,
    is_ended: bool,
    /// A recipient stands behind the end of what was committed whole.
    has_more: bool,
    /// Lines that were looked at.
    line: u64,
    digest: Sha256,
    head: Option<Head>,
    open: Option<Open>,
    batch: Batch,
    accepted: u64,
    rejects: Rejects,
}

/// The first line, read.
struct Head {
    message: Option<Box<NewMessage>>,
    routing: Routing,
    program: Option<Program>,
    maker: RowMaker,
    domains: Domains,
    print: u64,
}

/// What was opened for the first line.
struct Open {
    feed: Feed,
    busy: Option<Busy>,
    /// Lines that were committed before.
    before: u64,
    /// Lines and their fingerprint, as they were noted before.
    progress: Option<(u64, u64)>,
    /// Everything was committed before; the fingerprint of all lines, 0 where it is not known.
    done: Option<u64>,
}

impl Lines {
    pub(super) fn new(
        intake: Intake,
        keys: Arc<Keys>,
        config: &Config,
        ways: Ways,
        origin: Origin,
        key: Option<KeyHash>,
    ) -> Lines {
        Lines {
            intake,
            keys,
            head_max: usize::try_from(config.body_size_max.0).unwrap_or(usize::MAX),
            ways,
            origin,
            key,
            buffer: Vec::new(),
            used: 0,
            scanned: 0,
            is_skipping: false,
            is_ended: false,
            has_more: false,
            line: 0,
            digest: Sha256::new(),
            head: None,
            open: None,
            batch: Batch::default(),
            accepted: 0,
            rejects: Rejects::default(),
        }
    }

    /// More bytes have come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.scanned -= self.used;
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes come: what stands behind the last line end is a line.
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// True when no more bytes come.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Bytes that it holds.
    pub fn held(&self) -> u64 {
        (self.buffer.len() + self.batch.bytes()) as u64
    }

    /// How it is to be treated, and in whose name; there from [`Step::Open`] on.
    pub fn routing(&self) -> Option<(&Routing, &Domains)> {
        self.head.as_ref().map(|head| (&head.routing, &head.domains))
    }

    /// Looks at what has come.
    ///
    /// # Errors
    /// [`StreamTrouble::Head`]; [`StreamTrouble::Key`] when these are not the lines that came under this key before.
    pub fn step(&mut self) -> Result<Step, StreamTrouble> {
        loop {
            if self.batch.is_full() {
                return Ok(Step::Commit(self.batch.rows.len() as u64));
            }
            let Some((start, end)) = self.next_line()? else { return Ok(Step::Push) };
            self.line += 1;
            self.digest.update(&self.buffer[start..end]);
            self.digest.update(b"\n");
            if self.head.is_none() {
                self.read_head(start, end)?;
                return Ok(Step::Open);
            }
            self.read_row(start, end);
            self.check_progress()?;
        }
    }

    /// Where the next complete line is, without its line end.
    fn next_line(&mut self) -> Result<Option<(usize, usize)>, InjectionError> {
        loop {
            let found = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n');
            let (end, behind) = match found {
                Some(at) => (self.scanned + at, self.scanned + at + 1),
                None if self.is_ended && self.used < self.buffer.len() => (self.buffer.len(), self.buffer.len()),
                None => {
                    self.scanned = self.buffer.len();
                    return self.check_length();
                }
            };
            let start = self.used;
            (self.used, self.scanned) = (behind, behind);
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            // A line that came at once is measured as one that came in pieces.
            if end - start > self.line_max() {
                self.too_long(start)?;
                continue;
            }
            return Ok(Some((start, end)));
        }
    }

    /// A line that does not end: too long is refused, or thrown away.
    fn check_length(&mut self) -> Result<Option<(usize, usize)>, InjectionError> {
        if self.buffer.len() - self.used > self.line_max() || self.is_skipping {
            if !self.is_skipping {
                self.too_long(self.used)?;
                self.is_skipping = true;
            }
            self.buffer.clear();
            (self.used, self.scanned) = (0, 0);
        }
        Ok(None)
    }

    fn line_max(&self) -> usize {
        if self.head.is_none() { self.head_max } else { LINE_MAX }
    }

    /// A line that begins there is too long: the first one ends the stream, any other is left out.
    fn too_long(&mut self, start: usize) -> Result<(), InjectionError> {
        if self.head.is_none() {
            let reason = format!("the first line has more than {} bytes", self.head_max);
            return Err(InjectionError { field: String::new(), reason, kind: Kind::TooMuch });
        }
        self.line += 1;
        // The lines are told apart by their beginning.
        self.digest.update(&self.buffer[start..start + SHOWN_MAX]);
        self.digest.update(b"\n");
        self.reject_line(start, start + SHOWN_MAX, &format!("the line has more than {LINE_MAX} bytes"));
        Ok(())
    }

    fn read_head(&mut self, start: usize, end: usize) -> Result<(), InjectionError> {
        let line = &self.buffer[start..end];
        let request = parse(line)?;
        if request.recipients.is_some() || request.to.is_some() {
            let field = if request.recipients.is_some() { "recipients" } else { "to" };
            return Err(wrong(field, "recipients of a stream are its other lines, one on each"));
        }
        let Made { mut message, program, dsn, domains } =
            make(&request, &self.ways, self.origin.clone(), self.intake.now())?;
        // Which rows have some is not known before the last one.
        message.routing.labels.in_rows = true;
        let maker = RowMaker { dsn, ascii_only: !message.envelope.smtputf8 };
        let print = fingerprint(&Sha256::digest(line));
        let routing = message.routing.clone();
        self.head = Some(Head { message: Some(Box::new(message)), routing, program, maker, domains, print });
        Ok(())
    }

    /// Opens the message of the first line, or finds what came of it before.
    ///
    /// # Errors
    /// [`StreamTrouble::Key`].
    pub async fn open(&mut self) -> Result<(), StreamTrouble> {
        let Some(head) = &mut self.head else { return Ok(()) };
        let Some(content) = head.message.take() else { return Ok(()) };
        let intake = self.intake.clone();
        let feed = |message, content, is_kept| Feed::new(intake, message, content, None, is_kept);
        let Some(key) = self.key else {
            let feed = feed(self.intake.next_message_id(), content, false);
            self.open = Some(Open { feed, busy: None, before: 0, progress: None, done: None });
            return Ok(());
        };
        let (busy, known) = self.keys.take(key, head.print)?;
        let open = match known {
            None => {
                let message = self.intake.next_message_id();
                let left = self.keys.begin(&busy, head.print, message, 0, self.intake.now()).await?;
                self.intake.let_all_go(left).await;
                Open { feed: feed(message, content, true), busy: Some(busy), before: 0, progress: None, done: None }
            }
            Some(known) => {
                let feed = feed(known.message, content, true).resume();
                let done = if known.is_done { Some(known.whole) } else { feed.is_complete().then_some(0) };
                let (before, progress) = (feed.position(), self.keys.progress(&busy));
                Open { feed, busy: Some(busy), before, progress, done }
            }
        };
        self.open = Some(open);
        Ok(())
    }

    fn read_row(&mut self, start: usize, end: usize) {
        let line = self.buffer[start..end].trim_ascii();
        let Some(head) = self.head.as_ref().filter(|_| !line.is_empty()) else { return };
        let made = match serde_json::from_slice::<InjectionRecipient>(line) {
            Ok(recipient) => head.maker.row(head.program.as_ref(), recipient),
            Err(error) => {
                let text = error.to_string();
                let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
                return self.reject_line(start, end, &reason);
            }
        };
        self.batch.end = self.line;
        match made {
            Ok(row) => {
                self.accepted += 1;
                let (before, done) = self.open.as_ref().map_or((0, None), |open| (open.before, open.done));
                if done.is_none() && self.line > before {
                    self.batch.push(row);
                }
                self.has_more |= done == Some(0) && self.line > before;
            }
            Err((given, reason)) => self.rejects.add(self.line, &given, reason),
        }
    }

    fn reject_line(&mut self, start: usize, end: usize, reason: &str) {
        let shown = &self.buffer[start..end.min(start + SHOWN_MAX * 4)];
        self.rejects.add(self.line, &String::from_utf8_lossy(shown), reason.to_owned());
        self.batch.end = self.line;
    }

    /// Lines that were committed before must be those that come again.
    fn check_progress(&self) -> Result<(), KeyTrouble> {
        let Some(open) = &self.open else { return Ok(()) };
        let differs = matches!(open.progress, Some((lines, print)) if lines == self.line && print != self.print());
        if differs || self.has_more { Err(KeyTrouble::OtherBody) } else { Ok(()) }
    }

    fn print(&self) -> u64 {
        fingerprint(&self.digest.clone().finalize())
    }

    /// Commits the rows that are ready. What has begun is ended also when the caller goes away.
    ///
    /// # Errors
    /// [`StreamTrouble::Refused`]: nothing of these rows is committed, and the stream is over; under its key it may be
    /// sent again.
    pub async fn commit(&mut self) -> Result<(), StreamTrouble> {
        self.part(false).await
    }

    async fn part(&mut self, is_last: bool) -> Result<(), StreamTrouble> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        self.batch.end = self.line;
        let (keys, line, print) = (self.keys.clone(), self.line, self.print());
        let commit = async move {
            let bytes = batch.bytes();
            let done = open.feed.part(batch.rows, bytes, 0, line, is_last).await;
            if let (Ok(()), Some(busy), false) = (&done, &open.busy, is_last) {
                keys.note_progress(busy, line, print).await;
            }
            (open, done)
        };
        let (open, done) =
            tokio::spawn(commit).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let refused = |refusal| cut_short(refusal, open.feed.count(), self.accepted, open.busy.is_some());
        done.map_err(refused)?;
        self.open = Some(open);
        Ok(())
    }

    /// How far it was looked at.
    pub fn seen(&self) -> Seen {
        Seen { lines: self.line, accepted: self.accepted, rejected: self.rejects.count, print: self.print() }
    }

    /// How many rows are ready for the last [`Lines::commit`], which [`Lines::answer`] does.
    pub fn ready(&self) -> u64 {
        self.batch.rows.len() as u64
    }

    /// Commits the last rows and says what was taken.
    ///
    /// # Errors
    /// As [`Lines::commit`]; [`StreamTrouble::Head`] when there was no recipient at all, and nothing was committed.
    pub async fn answer(mut self) -> Result<Accepted, StreamTrouble> {
        if self.head.is_none() {
            return Err(wrong("", "the first line must be the message").into());
        }
        if self.accepted == 0 {
            let reason = self.rejects.named.first().map_or("there is none", |one| one.reason.as_str());
            return Err(wrong("recipients", format!("not one of them can be written to: {reason}")).into());
        }
        let whole = self.print();
        match self.open.as_ref().and_then(|open| open.done) {
            Some(before) if before != 0 && before != whole => return Err(KeyTrouble::OtherBody.into()),
            Some(_) => {}
            None => self.part(true).await?,
        }
        let Some(Open { feed, busy, before, done, .. }) = self.open.take() else {
            return Err(wrong("", "the first line must be the message").into());
        };
        let accepted = Accepted {
            message: feed.message(),
            first_recipient: None,
            recipients: self.accepted,
            rejected: std::mem::take(&mut self.rejects.named),
            rejected_count: self.rejects.count,
            lines: Some(self.line),
            resumed_after: (before > 0 && done.is_none()).then_some(before),
        };
        match busy {
            // It was noted before.
            Some(_) if done.is_some_and(|before| before != 0) => {}
            Some(busy) => note_done(self.keys.clone(), busy, feed, whole),
            None => {
                tokio::spawn(async move { feed.forget().await });
            }
        }
        Ok(accepted)
    }
}
