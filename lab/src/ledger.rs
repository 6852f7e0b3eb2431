//! What really happened: every mail that a provider took or refused, and what people did with it.
//!
//! Kept apart from the suite's own numbers on purpose: the demo and the end-to-end tests compare the two. What belongs to
//! one mailing (a campaign, as its mails name it) is counted apart, too: others may send to the lab at the same time.
//! Limits: [`MAILINGS_MAX`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::behaviour::Why;

/// Mailings that are counted apart; mails of further ones are counted in the whole only.
pub const MAILINGS_MAX: usize = 1_000;

/// Which mailing a mail says it belongs to: the first part of its Feedback-ID, where senders put the campaign. Empty for
/// mail without one.
pub fn mailing_of(message: &[u8]) -> String {
    let id = mail::mime::header(message, "Feedback-ID").unwrap_or_default();
    id.split(':').next().unwrap_or_default().trim().to_owned()
}

/// The ledger of a running lab.
#[derive(Debug, Default)]
pub struct Ledger {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    all: LabReport,
    mailings: HashMap<String, Mailing>,
    /// How often a message (by its Message-ID) was taken for an address.
    taken: HashMap<(String, String), u32>,
    /// Sessions that are open now, by provider.
    open: HashMap<String, u64>,
}

/// What belongs to one mailing.
#[derive(Debug, Default)]
struct Mailing {
    report: LabReport,
    /// Its mails whose people have not done everything yet.
    unread: u64,
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
    /// A mail of a mailing was taken.
    pub fn accepted(&self, provider: &str, mailing: &str, recipient: &str, message_id: &str) {
        let mut books = self.books();
        let times = books.taken.entry((recipient.to_lowercase(), message_id.to_owned())).or_default();
        *times += 1;
        let again = *times > 1;
        for report in books.reports(mailing) {
            report.distinct += u64::from(!again);
            let provider = report.provider(provider);
            provider.accepted += 1;
            provider.duplicates += u64::from(again);
        }
    }

    /// A step was refused. Whose mail it would have been is not known then.
    pub fn refused(&self, provider: &str, why: Why) {
        *self.books().all.provider(provider).refused.entry(why).or_default() += 1;
    }

    /// A client was let in; [`Ledger::session_closed`] has to follow.
    pub fn session_opened(&self, provider: &str) {
        let mut books = self.books();
        let open = books.open.entry(provider.to_owned()).or_default();
        *open += 1;
        let now = *open;
        let peak = &mut books.all.provider(provider).sessions_peak;
        *peak = now.max(*peak);
    }

    /// A client that was let in is gone.
    pub fn session_closed(&self, provider: &str) {
        if let Some(open) = self.books().open.get_mut(provider) {
            *open = open.saturating_sub(1);
        }
    }

    /// Somebody did something about a mail of a mailing.
    pub fn did(&self, provider: &str, mailing: &str, deed: Deed) {
        for report in self.books().reports(mailing) {
            *report.provider(provider).count(deed) += 1;
        }
    }

    /// Somebody has a mail of a mailing before them; [`Ledger::put_away`] has to follow.
    pub fn taken_up(&self, mailing: &str) {
        self.books().mailing(mailing).into_iter().for_each(|mailing| mailing.unread += 1);
    }

    /// Somebody has done with a mail of a mailing whatever they do.
    pub fn put_away(&self, mailing: &str) {
        if let Some(mailing) = self.books().mailings.get_mut(mailing) {
            mailing.unread = mailing.unread.saturating_sub(1);
        }
    }

    /// Mails of a mailing whose people have not done everything yet.
    pub fn unread(&self, mailing: &str) -> u64 {
        self.books().mailings.get(mailing).map_or(0, |mailing| mailing.unread)
    }

    /// The ledger as it is now.
    pub fn report(&self) -> LabReport {
        self.books().all.clone()
    }

    /// What belongs to one mailing. Refusals do not: they come before the mail. The peaks of sessions are those of all
    /// mailings together.
    pub fn report_of(&self, mailing: &str) -> LabReport {
        let books = self.books();
        let mut report = books.mailings.get(mailing).map(|mailing| mailing.report.clone()).unwrap_or_default();
        for (name, all) in &books.all.providers {
            report.provider(name).sessions_peak = all.sessions_peak;
        }
        report
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// The mailing's book; none for mail without a mailing and beyond [`MAILINGS_MAX`].
    fn mailing(&mut self, name: &str) -> Option<&mut Mailing> {
        let known = self.mailings.contains_key(name);
        if name.is_empty() || (!known && self.mailings.len() >= MAILINGS_MAX) {
            return None;
        }
        Some(self.mailings.entry(name.to_owned()).or_default())
    }

    /// The books into which goes what belongs to a mailing.
    fn reports(&mut self, mailing: &str) -> impl Iterator<Item = &mut LabReport> {
        self.mailing(mailing);
        let own = self.mailings.get_mut(mailing).map(|mailing| &mut mailing.report);
        std::iter::once(&mut self.all).chain(own)
    }
}

impl ProviderReport {
    fn count(&mut self, deed: Deed) -> &mut u64 {
        match deed {
            Deed::Opened => &mut self.opened,
            Deed::Clicked => &mut self.clicked,
            Deed::Unsubscribed => &mut self.unsubscribed,
            Deed::Complained => &mut self.complained,
            Deed::Scanned => &mut self.scanned,
            Deed::ScannerFollowed => &mut self.scanner_followed,
            Deed::LateBounced => &mut self.late_bounced,
            Deed::Failed => &mut self.failed,
        }
    }
}

impl LabReport {
    fn provider(&mut self, name: &str) -> &mut ProviderReport {
        if !self.providers.contains_key(name) {
            self.providers.insert(name.to_owned(), ProviderReport::default());
        }
        self.providers.get_mut(name).expect("invariant: just put there")
    }

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
        ledger.accepted("gmail", "", "A@gmail.com", "<1@x>");
        ledger.accepted("gmail", "", "a@gmail.com", "<1@x>");
        ledger.accepted("gmail", "", "a@gmail.com", "<2@x>");
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

    #[test]
    fn what_belongs_to_a_mailing_is_told_apart() {
        let ledger = Ledger::default();
        ledger.session_opened("gmail");
        for (mailing, recipient) in [("c1", "a@gmail.com"), ("c1", "b@gmail.com"), ("c2", "a@gmail.com"), ("", "a@b.c")]
        {
            ledger.accepted("gmail", mailing, recipient, &format!("<{mailing}.{recipient}>"));
            ledger.did("gmail", mailing, Deed::Opened);
            ledger.taken_up(mailing);
        }
        ledger.accepted("gmail", "c1", "a@gmail.com", "<c1.a@gmail.com>");
        ledger.put_away("c1");
        let check = |mailing: &str, expected: (u64, u64, u64, u64, u64)| {
            let report = ledger.report_of(mailing);
            let total = report.total();
            let found = (total.accepted, total.duplicates, report.distinct, total.opened, ledger.unread(mailing));
            assert_eq!(found, expected, "{mailing}");
            assert_eq!(total.sessions_peak, 1, "{mailing}");
        };
        check("c1", (3, 1, 2, 2, 1));
        check("c2", (1, 0, 1, 1, 1));
        check("c3", (0, 0, 0, 0, 0));
        check("", (0, 0, 0, 0, 0));
        assert_eq!((ledger.report().distinct, ledger.report().total().accepted), (4, 5));
    }

    #[test]
    fn mailings_are_limited_and_what_is_beyond_still_counts() {
        let ledger = Ledger::default();
        for number in 0..=MAILINGS_MAX {
            ledger.accepted("gmail", &format!("c{number}"), "a@gmail.com", &format!("<{number}>"));
        }
        assert_eq!(ledger.report_of(&format!("c{}", MAILINGS_MAX - 1)).distinct, 1);
        assert_eq!(ledger.report_of(&format!("c{MAILINGS_MAX}")).distinct, 0);
        assert_eq!(ledger.report().distinct, MAILINGS_MAX as u64 + 1);
    }

    #[test]
    fn a_mail_names_its_mailing() {
        let check = |head: &str, expected: &str| assert_eq!(mailing_of(format!("{head}\r\nx").as_bytes()), expected);
        check("From: a@b.c\r\nFeedback-ID: c1:list:bulk:b.c\r\n", "c1");
        check("From: a@b.c\r\n", "");
        check("Feedback-ID:\r\n", "");
    }
}
