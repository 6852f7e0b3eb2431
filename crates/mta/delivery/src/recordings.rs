//! Which dialogues are kept whole although they went well: what operators asked for, for a time and a number.
//!
//! A session asks for every mail that it delivers ([`Recordings::wants`]): while nothing is recorded that is one atomic
//! load. What is asked for stands in a small file before it is in force, so it goes on after a restart; how many dialogues
//! were taken is written down now and then, so a crash may let a recording take some more than it was asked for. Must not:
//! keep dialogues (they go out with the attempts), tell events (whoever gives the orders does).
//! Limits: [`RECORDINGS_MAX`], those of [`model::recording`].

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::address::Address;
use model::handoff::Ticket;
use model::name::Name;
use model::recording::{LATEST_MAX, NewRecording, RECORDINGS_MAX, Recording, RecordingError, Subject};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the file in delivery's directory.
const FILE: &str = "recordings.json";

/// What is being recorded. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many there are: the whole question, when there are none.
    count: AtomicUsize,
    state: Mutex<State>,
    /// One writer of the file at a time; never waited for by a session.
    writing: Mutex<()>,
    /// Dialogues were taken that the file does not count.
    unsaved: AtomicBool,
    file: Option<PathBuf>,
}

/// As the file has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The last number that was given.
    last: u32,
    recordings: Vec<Recording>,
}

/// A mail that was sent, as recordings look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub ticket: &'a Ticket,
    pub address: &'a str,
    pub provider: &'a str,
    pub source: &'a str,
}

/// Why an order about recordings is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// What is asked for makes no sense.
    #[error(transparent)]
    Wrong(#[from] RecordingError),
    /// There are [`RECORDINGS_MAX`] already: end one.
    #[error("{RECORDINGS_MAX} recordings are in force: end one before another is begun")]
    TooMany,
    /// The file cannot be written; nothing has changed.
    #[error("the recordings cannot be written down")]
    File(#[source] std::io::Error),
}

impl Recordings {
    /// What is in force according to the file in this directory, which is made when it is missing. A file that cannot be
    /// read is told of and begun anew. Blocks.
    pub fn open(dir: PathBuf) -> Self {
        let file = dir.join(FILE);
        let read = std::fs::create_dir_all(&dir).and_then(|()| std::fs::read(&file));
        let state = match read {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %file.display(), %error, "what was being recorded is forgotten");
                State::default()
            }),
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!(path = %file.display(), %error, "what was being recorded is forgotten");
                }
                State::default()
            }
        };
        let mut state: State = state;
        state.recordings.truncate(RECORDINGS_MAX);
        let count = AtomicUsize::new(state.recordings.len());
        Recordings(Arc::new(Inner { count, state: Mutex::new(state), file: Some(file), ..Inner::default() }))
    }

    /// What is in force, the oldest first.
    pub fn list(&self, now: Timestamp) -> Vec<Recording> {
        let state = self.state();
        state.recordings.iter().filter(|recording| recording.is_on(now)).cloned().collect()
    }

    /// A recording as it would be. It is not in force, and takes no place yet.
    ///
    /// # Errors
    /// [`OrderError::Wrong`], [`OrderError::TooMany`].
    pub fn prepare(&self, new: NewRecording, by: &str, now: Timestamp) -> Result<Recording, OrderError> {
        new.validate()?;
        let about = canonical(new.about)?;
        let mut state = self.state();
        if state.recordings.iter().filter(|recording| recording.is_on(now)).count() >= RECORDINGS_MAX {
            return Err(OrderError::TooMany);
        }
        state.last = state.last.wrapping_add(1);
        Ok(Recording {
            id: state.last,
            about,
            reason: new.reason,
            by: by.to_owned(),
            since: now,
            until: now.plus(new.lasts.0),
            count_max: new.count_max,
            taken: 0,
            latest: Vec::new(),
        })
    }

    /// Puts a prepared recording in force; it is on disk when this returns. Blocks.
    ///
    /// # Errors
    /// [`OrderError::TooMany`], [`OrderError::File`].
    pub fn begin(&self, recording: &Recording) -> Result<(), OrderError> {
        let _writing = self.writing();
        let mut next = self.state().clone();
        next.recordings.retain(|other| other.is_on(recording.since));
        if next.recordings.len() >= RECORDINGS_MAX {
            return Err(OrderError::TooMany);
        }
        next.recordings.push(recording.clone());
        self.write(&next)?;
        let mut state = self.state();
        state.recordings.push(recording.clone());
        self.0.count.store(state.recordings.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Ends a recording; its end is on disk when this returns. `None` when there is none of this number. Blocks.
    ///
    /// # Errors
    /// [`OrderError::File`]: it goes on.
    pub fn end(&self, id: u32) -> Result<Option<Recording>, OrderError> {
        let mut ended = self.take_out(|recording| recording.id == id)?;
        Ok(ended.pop())
    }

    /// Takes out those whose time or number is over. Blocks for the file when there are some.
    ///
    /// # Errors
    /// [`OrderError::File`]: they are told again.
    pub fn take_ended(&self, now: Timestamp) -> Result<Vec<Recording>, OrderError> {
        self.take_out(|recording| !recording.is_on(now))
    }

    /// Writes down how many dialogues were taken, when that has changed. Blocks.
    ///
    /// # Errors
    /// [`OrderError::File`].
    pub fn save(&self) -> Result<(), OrderError> {
        if !self.0.unsaved.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let _writing = self.writing();
        let state = self.state().clone();
        self.write(&state).inspect_err(|_| self.0.unsaved.store(true, Ordering::Relaxed))
    }

    /// Whether the dialogue of this mail is to be kept; counts it.
    pub(crate) fn wants(&self, sent: Sent<'_>, now: impl FnOnce() -> Timestamp) -> bool {
        self.0.count.load(Ordering::Relaxed) > 0 && self.take(sent, now())
    }

    fn take(&self, sent: Sent<'_>, now: Timestamp) -> bool {
        let mut wanted = false;
        for recording in &mut self.state().recordings {
            if recording.is_on(now) && matches(&recording.about, sent) {
                wanted = true;
                recording.taken += 1;
                recording.latest.insert(0, sent.ticket.recipient);
                recording.latest.truncate(LATEST_MAX);
            }
        }
        if wanted {
            self.0.unsaved.store(true, Ordering::Relaxed);
        }
        wanted
    }

    fn take_out(&self, is_out: impl Fn(&Recording) -> bool) -> Result<Vec<Recording>, OrderError> {
        if self.0.count.load(Ordering::Relaxed) == 0 {
            return Ok(Vec::new());
        }
        let _writing = self.writing();
        let mut next = self.state().clone();
        let (out, rest): (Vec<Recording>, Vec<Recording>) = next.recordings.into_iter().partition(is_out);
        if out.is_empty() {
            return Ok(out);
        }
        next.recordings = rest;
        self.write(&next)?;
        let mut state = self.state();
        let is_out = |recording: &Recording| out.iter().any(|out| out.id == recording.id);
        // As it is now: a session may have taken one more meanwhile.
        let ended = state.recordings.iter().filter(|recording| is_out(recording)).cloned().collect();
        state.recordings.retain(|recording| !is_out(recording));
        self.0.count.store(state.recordings.len(), Ordering::Relaxed);
        Ok(ended)
    }

    fn write(&self, state: &State) -> Result<(), OrderError> {
        let Some(file) = &self.0.file else { return Ok(()) };
        let mut state = state.clone();
        state.recordings.iter_mut().for_each(|recording| recording.latest.clear());
        let written = serde_json::to_vec(&state).map_err(std::io::Error::other);
        written.and_then(|bytes| journal::file::replace_durably(file, &bytes, 0o600)).map_err(OrderError::File)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Domains and addresses as mail has them: A-labels, in lower case but for the local part.
fn canonical(mut subject: Subject) -> Result<Subject, RecordingError> {
    let wrong = |term: &str, text: &Name, error: mail::address::AddressError| RecordingError {
        field: "about",
        reason: format!("{term}:{text} cannot be read: {error}"),
    };
    if let Some(text) = &subject.domain {
        let address = Address::parse(&format!("a@{text}")).map_err(|error| wrong("domain", text, error))?;
        subject.domain = Some(Name::from(address.domain()));
    }
    if let Some(text) = &subject.address {
        let address = Address::parse(text).map_err(|error| wrong("address", text, error))?;
        subject.address = Some(Name::from(address.key()));
    }
    Ok(subject)
}

fn matches(about: &Subject, sent: Sent<'_>) -> bool {
    let head = &sent.ticket.message;
    let is = |wanted: &Option<Name>, found: &str| wanted.as_ref().is_none_or(|wanted| **wanted == *found);
    // Rows hold addresses as intake has made them: the domain behind the last sign, in A-labels.
    let domain = || sent.address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let key = || Address::parse(sent.address).map(|address| address.key()).unwrap_or_default();
    about.recipient.is_none_or(|recipient| recipient == sent.ticket.recipient)
        && about.message.is_none_or(|message| message == head.id)
        && is(&about.provider, sent.provider)
        && is(&about.source, sent.source)
        && is(&about.job, &head.routing.job)
        && about.campaign.is_none_or(|campaign| head.routing.campaign == Some(campaign))
        && about.domain.as_ref().is_none_or(|wanted| domain().eq_ignore_ascii_case(wanted))
        && about.address.as_ref().is_none_or(|wanted| **wanted == *key())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::handoff::{MessageHead, RowRef};
    use model::id::{CampaignId, MessageId, RecipientId};
    use model::submission::{Envelope, Origin, Protocol, Routing};
    use model::units::Span;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn at(s: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(s))
    }

    fn ticket(recipient: u64) -> Ticket {
        let head = MessageHead {
            id: MessageId(7),
            envelope: Envelope::default(),
            routing: Routing { job: Name::from("news"), campaign: Some(CampaignId(9)), ..Routing::default() },
            origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
            received_at: NOW,
            size_bytes: 0,
        };
        Ticket {
            recipient: RecipientId(recipient),
            message: Arc::new(head),
            row: RowRef { segment: 1, offset: 64, row: 0 },
            contact: None,
            attempt: 1,
        }
    }

    fn wants(recordings: &Recordings, recipient: u64, address: &str, now: Timestamp) -> bool {
        let ticket = ticket(recipient);
        recordings.wants(Sent { ticket: &ticket, address, provider: "gmail", source: "ip-1" }, || now)
    }

    fn order(words: &[&str], lasts_s: u64, count_max: u32) -> NewRecording {
        let about = Subject::parse(words).unwrap();
        NewRecording { lasts: Span::s(lasts_s), count_max, reason: "ticket 7".to_owned(), ..NewRecording::new(about) }
    }

    fn begun(recordings: &Recordings, words: &[&str], lasts_s: u64, count_max: u32) -> Recording {
        let recording = recordings.prepare(order(words, lasts_s, count_max), "ann", NOW).unwrap();
        recordings.begin(&recording).unwrap();
        recording
    }

    #[test]
    fn every_term_has_to_hold() {
        let check = |words: &[&str], address: &str, expected: bool| {
            let recordings = Recordings::default();
            assert!(!wants(&recordings, 5, address, NOW));
            begun(&recordings, words, 60, 10);
            assert_eq!(wants(&recordings, 5, address, NOW), expected, "{words:?} {address}");
        };
        check(&["domain:Example.org"], "a@example.org", true);
        check(&["domain:example.org"], "a@sub.example.org", false);
        check(&["domain:example.org"], "\"a@example.org\"@other.test", false);
        check(&["domain:bücher.example"], "a@xn--bcher-kva.example", true);
        check(&["address:A@Example.org"], "a@example.org", true);
        check(&["address:b@example.org"], "a@example.org", false);
        check(&["provider:gmail"], "a@example.org", true);
        check(&["provider:yahoo"], "a@example.org", false);
        check(&["source:ip-1", "job:news", "domain:example.org"], "a@example.org", true);
        check(&["source:ip-2", "job:news", "domain:example.org"], "a@example.org", false);
        let (five, six) = (format!("recipient:{}", RecipientId(5)), format!("recipient:{}", RecipientId(6)));
        check(&[&five], "a@example.org", true);
        check(&[&six], "a@example.org", false);
        check(&[&format!("message:{}", MessageId(7)), &format!("campaign:{}", CampaignId(9))], "a@example.org", true);
        check(&[&format!("campaign:{}", CampaignId(8))], "a@example.org", false);
    }

    #[test]
    fn it_ends_with_its_number_or_its_time() {
        let recordings = Recordings::default();
        let first = begun(&recordings, &["domain:example.org"], 60, 2);
        let found: Vec<bool> = (1..=4).map(|id| wants(&recordings, id, "a@example.org", NOW)).collect();
        assert_eq!(found, [true, true, false, false]);
        assert_eq!(recordings.list(NOW), []);
        let ended = recordings.take_ended(NOW).unwrap();
        assert_eq!(
            (ended[0].id, ended[0].taken, &*ended[0].latest),
            (first.id, 2, &[RecipientId(2), RecipientId(1)][..])
        );
        assert_eq!(recordings.take_ended(NOW).unwrap(), []);
        begun(&recordings, &["domain:example.org"], 60, 2);
        assert!(wants(&recordings, 5, "a@example.org", at(59)));
        assert!(!wants(&recordings, 6, "a@example.org", at(60)));
    }

    #[test]
    fn a_restart_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::open(dir.path().join("delivery"));
        let recording = begun(&recordings, &["domain:example.org"], 600, 3);
        let other = begun(&recordings, &["job:news"], 600, 3);
        assert!(wants(&recordings, 5, "a@example.org", NOW));
        recordings.save().unwrap();
        assert_eq!(recordings.end(other.id).unwrap().map(|ended| ended.taken), Some(1));
        assert_eq!(recordings.end(other.id).unwrap().map(|ended| ended.id), None);
        drop(recordings);
        let again = Recordings::open(dir.path().join("delivery"));
        assert_eq!(again.list(NOW), [Recording { taken: 1, ..recording.clone() }]);
        assert!(wants(&again, 6, "a@example.org", NOW));
        assert!(begun(&again, &["job:x"], 60, 1).id > other.id, "numbers are not given again");
        // A file that cannot be read keeps nobody from starting.
        std::fs::write(dir.path().join("delivery").join(FILE), b"{\"last\": 1, \"recor").unwrap();
        assert_eq!(Recordings::open(dir.path().join("delivery")).list(NOW), []);
    }

    #[test]
    fn what_cannot_be_written_down_is_not_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let recordings = Recordings::open(dir.path().join("delivery"));
        let kept = begun(&recordings, &["job:news"], 600, 3);
        std::fs::remove_dir_all(dir.path()).unwrap();
        let recording = recordings.prepare(order(&["domain:example.org"], 60, 1), "ann", NOW).unwrap();
        assert!(matches!(recordings.begin(&recording), Err(OrderError::File(_))));
        assert!(matches!(recordings.end(kept.id), Err(OrderError::File(_))));
        assert_eq!(recordings.list(NOW), [kept]);
    }

    #[test]
    fn there_are_not_too_many() {
        let recordings = Recordings::default();
        for number in 0..RECORDINGS_MAX {
            begun(&recordings, &[&format!("job:{number}")], 60, 1);
        }
        let more = || order(&["job:more"], 60, 1);
        assert!(matches!(recordings.prepare(more(), "ann", NOW), Err(OrderError::TooMany)));
        // Those that are over make room, told or not.
        let recording = recordings.prepare(more(), "ann", at(60)).unwrap();
        recordings.begin(&recording).unwrap();
        let wrong = order(&["domain:two words"], 60, 1);
        assert!(matches!(recordings.prepare(wrong, "ann", at(60)), Err(OrderError::Wrong(_))));
    }
}
