//! DKIM keys on disk, and their life: made, published, signing, replaced, gone.
//!
//! | state | signs | next |
//! |---|---|---|
//! | pending | no | active, when the DNS has carried it for [`Rules::settle`], or by order |
//! | active | yes | retiring, when another key that was made to replace it is active |
//! | retiring | no; its record must stay for mail on its way | retired, after [`Rules::retire_after`] |
//! | retired | no; the private key is erased, the record may go | – |
//!
//! One file (mode 0600) with keys and states, replaced whole under a lock, so that the suite and a subcommand may both
//! change it. Every change of state is kept with its time and author until the suite has told it as an event. Blocking;
//! time comes in. Private keys leave this module as [`DkimKey`]s alone.
//! Limits: [`KEYS_MAX`], [`CHANGES_MAX`], [`FILE_MAX`].

mod keeper;

pub use keeper::{Keeper, Rules, published};

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::dkim::{DkimKey, KeyError, KeyKind, zone_line};
use model::event::{ControlChange, Event, EventKind};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Most keys in the file, retired ones included.
pub const KEYS_MAX: usize = 10_000;
/// Changes kept of one key; of more, the oldest that were told go.
pub const CHANGES_MAX: usize = 50;
/// A larger file is not read, in bytes.
pub const FILE_MAX: u64 = 64 << 20;
/// Retired keys are forgotten after so long.
const RETIRED_KEPT: Duration = Duration::from_secs(365 * 86_400);

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Made; waits until the DNS carries it.
    Pending,
    /// Signs.
    Active,
    /// Replaced; its record stays for mail on its way.
    Retiring,
    /// Gone.
    Retired,
}

impl KeyState {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyState::Pending => "pending",
            KeyState::Active => "active",
            KeyState::Retiring => "retiring",
            KeyState::Retired => "retired",
        }
    }
}

/// One key as it may be shown: no secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// The signing domain.
    pub domain: String,
    /// The selector.
    pub selector: String,
    /// RSA or Ed25519.
    pub kind: KeyKind,
    /// Where it is in its life.
    pub state: KeyState,
    /// Since when.
    pub since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it will be retired.
    pub retires_at: Option<Timestamp>,
    /// The name of its TXT record.
    pub record_name: String,
    /// The text of the record; absent when the key is gone.
    pub record: Option<String>,
    /// The line for a zone file.
    pub zone_line: Option<String>,
    /// When the DNS was last asked.
    pub checked_at: Option<Timestamp>,
    /// What the DNS has instead of this key; absent when it has it, or was not asked.
    pub problem: Option<String>,
}

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The order makes no sense; whoever gave it mends it.
    #[error("{0}")]
    Refused(String),
    /// Name or text of a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file cannot be read or written.
    #[error("the file of DKIM keys {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is damaged: it is left as it is.
    #[error("the file of DKIM keys {path} cannot be understood: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where and why; never what stands there.
        reason: String,
    },
}

/// The file of keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyStore {
    path: PathBuf,
    /// When the DNS was asked, by the name of the record: goes into the file with the next change that is worth one.
    asked: Arc<Mutex<HashMap<String, Asked>>>,
}

/// When the DNS was asked for a key by this process.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Timestamp,
    /// The last time that it answered.
    answered_at: Option<Timestamp>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    keys: Vec<Stored>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    domain: String,
    selector: String,
    kind: KeyKind,
    state: KeyState,
    created_at: Timestamp,
    since: Timestamp,
    #[serde(default)]
    retires_at: Option<Timestamp>,
    /// Active keys of this kind and domain retire when it is active.
    #[serde(default)]
    replaces: bool,
    /// Since when the DNS carries it without a break.
    #[serde(default)]
    seen_since: Option<Timestamp>,
    #[serde(default)]
    checked_at: Option<Timestamp>,
    #[serde(default)]
    problem: Option<String>,
    /// Empty when it is retired.
    private_key: String,
    record: String,
    changes: Vec<Change>,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    to: String,
    at: Timestamp,
    by: String,
    told: bool,
}

impl KeyStore {
    /// In this directory, which is made when missing, readable by the owner only.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("dkim.json");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| StoreError::File { path: path.clone(), source })?;
        Ok(KeyStore { path, asked: Arc::default() })
    }

    /// All keys, by domain and selector.
    ///
    /// # Errors
    /// [`StoreError::File`], [`StoreError::Damaged`].
    pub fn list(&self) -> Result<Vec<KeyInfo>, StoreError> {
        let mut keys: Vec<KeyInfo> = self.read()?.keys.iter().map(Stored::info).collect();
        let mut asked = self.asked();
        for key in &mut keys {
            let answered_at = asked.get(&key.record_name).and_then(|asked| asked.answered_at);
            key.checked_at = key.checked_at.max(answered_at);
        }
        // Names are never used again.
        if asked.len() > keys.len() {
            asked.retain(|name, _| keys.iter().any(|key| key.record_name == *name));
        }
        drop(asked);
        keys.sort_by(|a, b| (&a.domain, &a.selector).cmp(&(&b.domain, &b.selector)));
        Ok(keys)
    }

    /// The keys that sign now.
    ///
    /// # Errors
    /// As [`KeyStore::list`]; [`StoreError::Key`] for a private key that cannot be read.
    pub fn signing_keys(&self) -> Result<Vec<DkimKey>, StoreError> {
        let contents = self.read()?;
        let active = contents.keys.iter().filter(|key| key.state == KeyState::Active);
        active.map(|key| Ok(DkimKey::from_pem(&key.private_key, &key.domain, &key.selector)?)).collect()
    }

    /// Makes keys for a domain that has none of these kinds; they wait for the DNS. `selector` names one key; without it
    /// names are made of the date.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is such a key already, and the errors of reading and writing.
    pub fn make(
        &self,
        domain: &str,
        kinds: &[KeyKind],
        selector: Option<&str>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<KeyInfo>, StoreError> {
        if selector.is_some() && kinds.len() != 1 {
            return Err(StoreError::Refused("a selector names one key: choose one algorithm".to_owned()));
        }
        self.change(|contents| {
            let domain = contents.named(domain);
            for &kind in kinds {
                let lives =
                    |key: &&Stored| key.is(&domain, kind) && matches!(key.state, KeyState::Pending | KeyState::Active);
                if let Some(key) = contents.keys.iter().find(lives) {
                    let (state, selector) = (key.state.as_str(), &key.selector);
                    let kind = kind.algorithm();
                    return Err(StoreError::Refused(format!(
                        "{domain} has the {state} key {selector} ({kind}) already: rotate it, or remove it first"
                    )));
                }
            }
            contents.add(&domain, kinds, selector, false, by, now)
        })
    }

    /// Makes a successor of each active key of a domain; they sign, and the old ones retire, when the DNS carries them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no active key, or a successor waits already.
    pub fn rotate(&self, domain: &str, by: &str, now: Timestamp) -> Result<Vec<KeyInfo>, StoreError> {
        self.change(|contents| {
            let domain = contents.named(domain);
            let of = |kind: KeyKind, state: KeyState| {
                contents.keys.iter().find(|key| key.is(&domain, kind) && key.state == state)
            };
            let both = [KeyKind::Rsa, KeyKind::Ed25519];
            let kinds: Vec<KeyKind> = both.into_iter().filter(|kind| of(*kind, KeyState::Active).is_some()).collect();
            if kinds.is_empty() {
                return Err(StoreError::Refused(format!("{domain} has no active key to rotate")));
            }
            if let Some(waiting) = kinds.iter().find_map(|kind| of(*kind, KeyState::Pending)) {
                let selector = &waiting.selector;
                return Err(StoreError::Refused(format!("{domain} rotates already: {selector} waits for the DNS")));
            }
            contents.add(&domain, &kinds, None, true, by, now)
        })
    }

    /// Takes a key in that was made elsewhere. It waits for the DNS as a new one does, and replaces none.
    ///
    /// # Errors
    /// [`StoreError::Key`] for what is no key, [`StoreError::Refused`] for a selector that is taken.
    pub fn import(
        &self,
        domain: &str,
        selector: &str,
        pem: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<KeyInfo>, StoreError> {
        let key = DkimKey::from_pem(pem, domain, selector)?;
        self.change(|contents| Ok(vec![contents.take(&key, false, by, now)?]))
    }

    /// Lets a pending key sign at once, whatever the DNS has.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such pending key.
    pub fn activate(
        &self,
        domain: &str,
        selector: &str,
        by: &str,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|contents| {
            let place = contents.place(domain, selector)?;
            if contents.keys[place].state != KeyState::Pending {
                let state = contents.keys[place].state.as_str();
                return Err(StoreError::Refused(format!(
                    "{selector} of {domain} is {state}: only a pending key can begin"
                )));
            }
            contents.begin(place, rules, by, now);
            Ok(())
        })
    }

    /// Forgets a key. One that signs or is still needed for mail on its way goes only with `force`.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no such key, or it is in use.
    pub fn remove(
        &self,
        domain: &str,
        selector: &str,
        force: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|contents| {
            let place = contents.place(domain, selector)?;
            let key = &mut contents.keys[place];
            if matches!(key.state, KeyState::Active | KeyState::Retiring) && !force {
                let state = key.state.as_str();
                return Err(StoreError::Refused(format!(
                    "{selector} of {domain} is {state}: mail that it signed is on its way; rotate it, or force its removal"
                )));
            }
            key.enter(KeyState::Retired, by, now);
            Ok(())
        })
    }

    /// Notes what the DNS has in the place of a key; none: the key itself.
    ///
    /// # Errors
    /// As [`KeyStore::remove`].
    pub fn note_dns(
        &self,
        domain: &str,
        selector: &str,
        problem: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|contents| {
            let place = contents.place(domain, selector)?;
            contents.keys[place].note(problem, now);
            Ok(())
        })
    }

    /// The same of many keys in one write; those that were removed meanwhile are passed over.
    fn note_all(&self, found: &[(KeyInfo, Option<String>)], now: Timestamp) -> Result<(), StoreError> {
        self.change(|contents| {
            for (key, problem) in found {
                if let Ok(place) = contents.place(&key.domain, &key.selector) {
                    contents.keys[place].note(problem.as_deref(), now);
                }
            }
            Ok(())
        })
    }

    /// The DNS was asked for a key.
    fn note_asked(&self, record_name: &str, answered: bool, now: Timestamp) {
        let mut asked = self.asked();
        let before = asked.get(record_name).and_then(|asked| asked.answered_at);
        let answered_at = if answered { Some(now) } else { before };
        asked.insert(record_name.to_owned(), Asked { at: now, answered_at });
    }

    /// When the DNS was asked for a key the last time.
    fn asked_at(&self, key: &KeyInfo) -> Option<Timestamp> {
        let asked = self.asked().get(&key.record_name).map(|asked| asked.at);
        asked.max(key.checked_at)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<String, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves every key on whose time has come. True when one has changed its state.
    ///
    /// # Errors
    /// Of reading and writing.
    pub fn advance(&self, rules: &Rules, now: Timestamp) -> Result<bool, StoreError> {
        if !self.read()?.is_due(rules, now) {
            return Ok(false);
        }
        self.change(|contents| Ok(contents.advance(rules, now)))
    }

    /// The changes that were not told yet, as events. Their ids are stable: told twice, they are the same.
    ///
    /// # Errors
    /// Of reading.
    pub fn untold(&self) -> Result<Vec<Event>, StoreError> {
        let contents = self.read()?;
        let each = contents.keys.iter().flat_map(|key| {
            let untold = key.changes.iter().filter(|change| !change.told);
            untold.map(|change| event(key, change))
        });
        Ok(each.collect())
    }

    /// These changes were told.
    ///
    /// # Errors
    /// Of reading and writing.
    pub fn note_told(&self, events: &[Event]) -> Result<(), StoreError> {
        self.change(|contents| {
            for key in &mut contents.keys {
                let name = key.name();
                for change in &mut key.changes {
                    let is_it = |event: &Event| event.id.root == change_number(&name, change);
                    change.told |= events.iter().any(is_it);
                }
            }
            Ok(())
        })
    }

    /// When the file was last changed; None when there is none.
    pub fn changed_at(&self) -> Option<std::time::SystemTime> {
        fs::metadata(&self.path).and_then(|found| found.modified()).ok()
    }

    fn read(&self) -> Result<Contents, StoreError> {
        let file_error = |source| StoreError::File { path: self.path.clone(), source };
        let text = match fs::metadata(&self.path) {
            Ok(found) if found.len() > FILE_MAX => {
                let reason = format!("it has more than {FILE_MAX} bytes");
                return Err(StoreError::Damaged { path: self.path.clone(), reason });
            }
            Ok(_) => fs::read(&self.path).map_err(file_error)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(file_error(error)),
        };
        serde_json::from_slice(&text).map_err(|error| {
            // The library's words may quote what stands there.
            let reason = format!("line {}, column {}", error.line(), error.column());
            StoreError::Damaged { path: self.path.clone(), reason }
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let file_error = |source| StoreError::File { path: self.path.clone(), source };
        let _lock = self.lock().map_err(file_error)?;
        let mut contents = self.read()?;
        let result = change(&mut contents)?;
        {
            let asked = self.asked();
            for key in &mut contents.keys {
                let answered_at = asked.get(&key.name()).and_then(|asked| asked.answered_at);
                key.checked_at = key.checked_at.max(answered_at);
            }
        }
        let text = serde_json::to_vec_pretty(&contents).map_err(|error| file_error(error.into()))?;
        journal::file::replace_durably(&self.path, &text, 0o600).map_err(file_error)?;
        Ok(result)
    }

    /// Held until it is dropped; another process waits.
    fn lock(&self) -> io::Result<File> {
        let path = self.path.with_extension("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(lock)
    }
}

impl Contents {
    /// The domain as keys carry it; one that is none stays as it is, and is refused later.
    fn named(&self, domain: &str) -> String {
        domain.trim().trim_end_matches('.').to_ascii_lowercase()
    }

    fn place(&self, domain: &str, selector: &str) -> Result<usize, StoreError> {
        let (domain, selector) = (self.named(domain), selector.to_ascii_lowercase());
        let found = self
            .keys
            .iter()
            .position(|key| key.domain == domain && key.selector == selector && key.state != KeyState::Retired);
        found.ok_or_else(|| StoreError::Refused(format!("{domain} has no key {selector}")))
    }

    fn add(
        &mut self,
        domain: &str,
        kinds: &[KeyKind],
        selector: Option<&str>,
        replaces: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<KeyInfo>, StoreError> {
        let mut made = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            let selector = selector.map_or_else(|| self.free_selector(domain, kind, now), str::to_owned);
            let key = DkimKey::generate(kind, domain, &selector)?;
            made.push(self.take(&key, replaces, by, now)?);
        }
        Ok(made)
    }

    /// `ies20260921r`, and a number behind it when that is taken. A retired key's name is never used again: its record
    /// may still be in caches.
    fn free_selector(&self, domain: &str, kind: KeyKind, now: Timestamp) -> String {
        let letter = match kind {
            KeyKind::Rsa => 'r',
            KeyKind::Ed25519 => 'e',
        };
        let day = now.to_jiff().strftime("%Y%m%d").to_string();
        let taken = |name: &str| self.keys.iter().any(|key| key.domain == domain && key.selector == name);
        let plain = format!("ies{day}{letter}");
        let numbered = (2..).map(|number| format!("{plain}{number}"));
        std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(plain)
    }

    fn take(&mut self, key: &DkimKey, replaces: bool, by: &str, now: Timestamp) -> Result<KeyInfo, StoreError> {
        let (domain, selector) = (key.domain(), key.selector());
        if self.keys.iter().any(|known| known.domain == domain && known.selector == selector) {
            return Err(StoreError::Refused(format!("{domain} has or had a key {selector}: choose another selector")));
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(StoreError::Refused(format!("there are {KEYS_MAX} keys already")));
        }
        let mut stored = Stored {
            domain: domain.to_owned(),
            selector: selector.to_owned(),
            kind: key.kind(),
            state: KeyState::Pending,
            created_at: now,
            since: now,
            retires_at: None,
            replaces,
            seen_since: None,
            checked_at: None,
            problem: None,
            private_key: key.to_pem()?,
            record: zone_line(key)?,
            changes: Vec::new(),
        };
        stored.enter(KeyState::Pending, by, now);
        let info = stored.info();
        self.keys.push(stored);
        Ok(info)
    }

    /// A key signs from now on; those it replaces do not any more.
    fn begin(&mut self, place: usize, rules: &Rules, by: &str, now: Timestamp) {
        let (domain, kind) = (self.keys[place].domain.clone(), self.keys[place].kind);
        if self.keys[place].replaces {
            let old = self.keys.iter_mut().filter(|key| key.is(&domain, kind) && key.state == KeyState::Active);
            for key in old {
                key.enter(KeyState::Retiring, by, now);
                key.retires_at = Some(now.plus(rules.retire_after));
            }
        }
        self.keys[place].enter(KeyState::Active, by, now);
    }

    fn is_due(&self, rules: &Rules, now: Timestamp) -> bool {
        self.keys.iter().any(|key| key.begins(rules, now) || key.ends(now) || key.is_forgotten(now))
    }

    fn advance(&mut self, rules: &Rules, now: Timestamp) -> bool {
        const BY: &str = "rotation";
        let mut changed = false;
        for place in 0..self.keys.len() {
            if self.keys[place].begins(rules, now) {
                self.begin(place, rules, BY, now);
                changed = true;
            } else if self.keys[place].ends(now) {
                self.keys[place].enter(KeyState::Retired, BY, now);
                changed = true;
            }
        }
        self.keys.retain(|key| !key.is_forgotten(now));
        changed
    }
}

impl Stored {
    fn is(&self, domain: &str, kind: KeyKind) -> bool {
        self.domain == domain && self.kind == kind
    }

    /// What the DNS has in its place; none: the key itself.
    fn note(&mut self, problem: Option<&str>, now: Timestamp) {
        (self.checked_at, self.problem) = (Some(now), problem.map(str::to_owned));
        self.seen_since = if problem.is_none() { self.seen_since.or(Some(now)) } else { None };
    }

    fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    fn begins(&self, rules: &Rules, now: Timestamp) -> bool {
        self.state == KeyState::Pending && self.seen_since.is_some_and(|since| since.plus(rules.settle) <= now)
    }

    fn ends(&self, now: Timestamp) -> bool {
        self.state == KeyState::Retiring && self.retires_at.is_some_and(|at| at <= now)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        let told = self.changes.iter().all(|change| change.told);
        self.state == KeyState::Retired && told && self.since.plus(RETIRED_KEPT) <= now
    }

    fn enter(&mut self, state: KeyState, by: &str, now: Timestamp) {
        (self.state, self.since) = (state, now);
        if state == KeyState::Retired {
            self.private_key.clear();
            self.retires_at = None;
        }
        if self.changes.len() >= CHANGES_MAX {
            self.changes.remove(0);
        }
        self.changes.push(Change { to: state.as_str().to_owned(), at: now, by: by.to_owned(), told: false });
    }

    fn info(&self) -> KeyInfo {
        let gone = self.state == KeyState::Retired;
        let strings = self.record.split('"').skip(1).step_by(2).collect::<String>();
        KeyInfo {
            domain: self.domain.clone(),
            selector: self.selector.clone(),
            kind: self.kind,
            state: self.state,
            since: self.since,
            created_at: self.created_at,
            retires_at: self.retires_at,
            record_name: self.name(),
            record: (!gone).then_some(strings),
            zone_line: (!gone).then(|| self.record.clone()),
            checked_at: self.checked_at,
            problem: self.problem.clone(),
        }
    }
}

/// What changed, for an id that is the same however often it is told.
fn change_number(name: &str, change: &Change) -> u64 {
    let bytes = name.bytes().chain(change.to.bytes()).chain(change.at.0.to_be_bytes());
    model::hash::fnv1a(bytes)
}

fn event(key: &Stored, change: &Change) -> Event {
    let name = key.name();
    let control = ControlChange {
        target: "dkim-key".to_owned(),
        action: change.to.clone(),
        value: Some(key.kind.algorithm().to_owned()),
        until: key.retires_at.filter(|_| change.to == KeyState::Retiring.as_str()),
        by: change.by.clone(),
        reply: None,
        name: name.clone(),
    };
    Event { control: Some(control), ..Event::of_engine(EventKind::Control, change_number(&name, change), change.at) }
}

#[cfg(test)]
mod tests;
