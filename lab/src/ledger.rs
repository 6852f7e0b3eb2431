//! What really happened: every mail that a provider took or refused, and what people did with it.
//!
//! Kept apart from the suite's own numbers on purpose: the demo and the end-to-end tests compare the two.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::behaviour::Why;

/// The ledger of a running lab.
#[derive(Debug, Default)]
pub struct Ledger {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    providers: BTreeMap<String, ProviderReport>,
    /// How often a message (by its Message-ID) was taken for an address.
    taken: HashMap<(String, String), u32>,
    /// Sessions that are open now, by provider.
    open: HashMap<String, u64>,
}

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Fetched the pixel.
    Opened,
    /// Followed a link.
    Clicked,
    /// Unsubscribed with one click.
    Unsubscribed,
    /// Complained to the provider.
    Complained,
    /// A scanner came upon a mail.
    Scanned,
    /// A scanner followed one of its links.
    ScannerFollowed,
    /// The provider reported a failure after it had taken the mail.
    LateBounced,
    /// A request of a person or a report of a provider did not get through to the suite.
    Failed,
}

/// The numbers of one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProviderReport {
    /// Mails taken, each recipient counted.
    pub accepted: u64,
    /// Of these: taken before for the same recipient.
    pub duplicates: u64,
    /// Refusals, each attempt counted, by reason.
    pub refused: BTreeMap<Why, u64>,
    /// Pixels fetched by people.
    pub opened: u64,
    /// Links followed by people.
    pub clicked: u64,
    /// One-click unsubscribes.
    pub unsubscribed: u64,
    /// Complaints sent.
    pub complained: u64,
    /// Mails whose links a scanner followed.
    pub scanned: u64,
    /// Links that scanners followed.
    pub scanner_followed: u64,
    /// Delivery reports sent after acceptance.
    pub late_bounced: u64,
    /// Requests and reports that did not get through.
    pub failed: u64,
    /// Most sessions that were open at the same time.
    pub sessions_peak: u64,
}

/// The whole ledger at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabReport {
    /// By provider.
    pub providers: BTreeMap<String, ProviderReport>,
    /// Pairs of message and recipient that were taken at least once.
    pub distinct: u64,
}

impl Ledger {
    /// A mail was taken.
    pub fn accepted(&self, provider: &str, recipient: &str, message_id: &str) {
        let mut books = self.books();
        let times = books.taken.entry((recipient.to_lowercase(), message_id.to_owned())).or_default();
        *times += 1;
        let again = *times > 1;
        let report = books.provider(provider);
        report.accepted += 1;
        report.duplicates += u64::from(again);
    }

    /// A step was refused.
    pub fn refused(&self, provider: &str, why: Why) {
        *self.books().provider(provider).refused.entry(why).or_default() += 1;
    }

    /// A client was let in; [`Ledger::session_closed`] has to follow.
    pub fn session_opened(&self, provider: &str) {
        let mut books = self.books();
        let open = books.open.entry(provider.to_owned()).or_default();
        *open += 1;
        let now = *open;
        let peak = &mut books.provider(provider).sessions_peak;
        *peak = now.max(*peak);
    }

    /// A client that was let in is gone.
    pub fn session_closed(&self, provider: &str) {
        if let Some(open) = self.books().open.get_mut(provider) {
            *open = open.saturating_sub(1);
        }
    }

    /// Somebody did something.
    pub fn did(&self, provider: &str, deed: Deed) {
        let mut books = self.books();
        let report = books.provider(provider);
        let count = match deed {
            Deed::Opened => &mut report.opened,
            Deed::Clicked => &mut report.clicked,
            Deed::Unsubscribed => &mut report.unsubscribed,
            Deed::Complained => &mut report.complained,
            Deed::Scanned => &mut report.scanned,
            Deed::ScannerFollowed => &mut report.scanner_followed,
            Deed::LateBounced => &mut report.late_bounced,
            Deed::Failed => &mut report.failed,
        };
        *count += 1;
    }

    /// The ledger as it is now.
    pub fn report(&self) -> LabReport {
        let books = self.books();
        LabReport { providers: books.providers.clone(), distinct: books.taken.len() as u64 }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn provider(&mut self, name: &str) -> &mut ProviderReport {
        if !self.providers.contains_key(name) {
            self.providers.insert(name.to_owned(), ProviderReport::default());
        }
        self.providers.get_mut(name).expect("invariant: just put there")
    }
}

impl LabReport {
    /// All providers together; `sessions_peak` is then the sum of their peaks.
    pub fn total(&self) -> ProviderReport {
        let mut total = ProviderReport::default();
        for report in self.providers.values() {
            total.accepted += report.accepted;
            total.duplicates += report.duplicates;
            total.opened += report.opened;
            total.clicked += report.clicked;
            total.unsubscribed += report.unsubscribed;
            total.complained += report.complained;
            total.scanned += report.scanned;
            total.scanner_followed += report.scanner_followed;
            total.late_bounced += report.late_bounced;
            total.failed += report.failed;
            total.sessions_peak += report.sessions_peak;
            for (why, count) in &report.refused {
                *total.refused.entry(*why).or_default() += count;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_seen() {
        let ledger = Ledger::default();
        ledger.accepted("gmail", "A@gmail.com", "<1@x>");
        ledger.accepted("gmail", "a@gmail.com", "<1@x>");
        ledger.accepted("gmail", "a@gmail.com", "<2@x>");
        ledger.refused("gmail", Why::Rate);
        ledger.session_opened("gmail");
        ledger.session_opened("gmail");
        ledger.session_closed("gmail");
        ledger.session_opened("gmail");
        let report = ledger.report();
        let gmail = &report.providers["gmail"];
        assert_eq!((gmail.accepted, gmail.duplicates, report.distinct), (3, 1, 2));
        assert_eq!(gmail.refused[&Why::Rate], 1);
        assert_eq!((report.total().accepted, report.total().sessions_peak), (3, 2));
    }
}
