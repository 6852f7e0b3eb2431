//! Orders about many recipients at a time: what is to be done to those whom a filter means, and what became of it.
//!
//! The words and their check; `core::bulk` does the work. How long an order holds:
//!
//! | order | holds for | outlives a restart by |
//! |---|---|---|
//! | hold | mail that is there and mail that comes in, until it is released | the state file |
//! | cancel, expire, reroute, prioritise | mail that was accepted before the order, until none is left | the state file |
//! | the same with passing terms (source, state …) | cancel and expire only: who is there and not in flight | their ends, in the event log |
//! | requeue | who waits for its time now | the spool, with the next commit |

use std::fmt;
use std::str::FromStr;

use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::select::{Filter, FilterError};
use crate::view::RecipientView;

/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 1_000;

/// Most bulk orders in force at a time, holds included.
pub const STANDING_MAX: usize = 64;

/// Most recipients shown as examples of what an order concerns.
pub const EXAMPLES_MAX: usize = 10;

/// Most values of one property that are counted apart; the rest is added up as `(others)`.
pub const GROUPS_MAX: usize = 20;

model::names! {
    /// What is to be done to recipients.
    #[derive(ToSchema)]
    Work {
        /// Keep them from being attempted. They do not expire while they are held.
        Hold "hold",
        /// End a hold, by its number (see [`BulkOrder::hold`]).
        Release "release",
        /// Try them now: the time of the next attempt is forgotten, limits are not.
        Requeue "requeue",
        /// Send them from another pool, or from one source.
        Reroute "reroute",
        /// Let them leave with another priority.
        Prioritise "prioritise",
        /// Give them up; they end as suppressed.
        Cancel "cancel",
        /// Give them up as if their time were over; they end as expired.
        Expire "expire",
    }
}

/// An order about many recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkOrder {
    /// What is to be done.
    pub action: Work,
    /// Whom it concerns. Empty means everybody, and has to be said with `everything`.
    #[serde(default)]
    pub filter: Filter,
    /// An empty filter is meant as such.
    #[serde(default)]
    pub everything: bool,
    /// Why; kept with the order and told with its event.
    #[serde(default)]
    pub reason: String,
    /// Only count whom it would concern.
    #[serde(default)]
    pub dry_run: bool,
    /// For `reroute`: the pool, or none where `source` is given.
    #[serde(default)]
    pub pool: Option<Name>,
    /// For `reroute`: the one source to use.
    #[serde(default)]
    pub source: Option<Name>,
    /// For `prioritise`: 0 to 100, as for streams.
    #[serde(default)]
    pub priority: Option<u8>,
    /// For `cancel` and `expire`: whether senders get a failure notice.
    #[serde(default)]
    pub notify: bool,
    /// For `release`: the number of the hold; without it all holds with this very filter end.
    #[serde(default)]
    pub hold: Option<u32>,
}

impl BulkOrder {
    /// An order without any of what only some actions have.
    pub fn new(action: Work, filter: Filter) -> Self {
        BulkOrder {
            action,
            filter,
            everything: false,
            reason: String::new(),
            dry_run: false,
            pool: None,
            source: None,
            priority: None,
            notify: false,
            hold: None,
        }
    }

    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// [`BulkError`] says what to write instead.
    pub fn validate(&self) -> Result<(), BulkError> {
        self.filter.validate()?;
        if self.reason.len() > REASON_BYTES_MAX {
            return Err(BulkError::Reason);
        }
        if self.filter.is_empty() && !self.everything && !(self.action == Work::Release && self.hold.is_some()) {
            return Err(BulkError::Everything);
        }
        let passing = self.filter.passing();
        let stays = matches!(self.action, Work::Hold | Work::Reroute | Work::Prioritise);
        if stays && !passing.is_empty() {
            return Err(BulkError::Passing { action: self.action.as_str(), terms: passing.join(", ") });
        }
        let routed = usize::from(self.pool.is_some()) + usize::from(self.source.is_some());
        match self.action {
            Work::Reroute if routed != 1 => {
                Err(BulkError::Needs { action: "reroute", what: "either a pool or a source" })
            }
            Work::Prioritise if self.priority.is_none_or(|priority| priority > 100) => {
                Err(BulkError::Needs { action: "prioritise", what: "a priority from 0 to 100" })
            }
            _ => Ok(()),
        }
    }
}

/// Whom a filter means, counted by what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueueGroups)]
pub struct Groups {
    /// By domain, most first; so below.
    pub domains: Vec<Group>,
    /// By provider; those whose provider is not known yet are left out.
    pub providers: Vec<Group>,
    /// By tenant.
    pub tenants: Vec<Group>,
    /// By stream.
    pub streams: Vec<Group>,
    /// By job; those without one are left out.
    pub jobs: Vec<Group>,
    /// By campaign; those without one are left out.
    pub campaigns: Vec<Group>,
    /// By state.
    pub states: Vec<Group>,
}

/// So many of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueueGroup)]
pub struct Group {
    /// What they have in common; `(others)` for the rest of a long list.
    pub name: Name,
    /// How many.
    pub recipients: u64,
}

/// What a search is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Whom.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Only behind this place, for the next page.
    pub after: Option<Place>,
    /// Most recipients in full, at most [`crate::core::FOUND_MAX`].
    pub limit: usize,
}

model::names! {
    /// The order of a list of recipients.
    #[derive(Default, ToSchema)]
    Sort {
        /// The next attempt that is due first.
        #[default]
        Due "due",
        /// Who was accepted first.
        Age "age",
    }
}

/// A place in a sorted list: the next page begins behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time that is sorted by.
    pub at: Timestamp,
    /// Who, among those of one time.
    pub recipient: RecipientId,
}

/// As it stands in `next` of a page and in `after` of the question for the next one.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.recipient)
    }
}

/// A text that is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list: give `next` of the page before")]
pub struct PlaceError;

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (at, recipient) = text.split_once('.').ok_or(PlaceError)?;
        let at = Timestamp(at.parse().map_err(|_| PlaceError)?);
        Ok(Place { at, recipient: recipient.parse().map_err(|_| PlaceError)? })
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueueSearchResult)]
pub struct SearchResult {
    /// How many match in all.
    pub total: u64,
    /// The page.
    pub items: Vec<RecipientView>,
    /// Give this as `after` for the next page; absent on the last.
    pub next: Option<String>,
    /// Everybody who matches, counted.
    pub groups: Groups,
}

/// What a bulk order did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkDone {
    /// Number of the order, where it stays in force or goes on working.
    pub order: Option<u32>,
    /// How many recipients it concerns.
    pub affected: u64,
    /// Of those, given to sessions at this moment: an attempt under way is not broken off. An order with lasting terms
    /// takes hold of them when they come back; one with passing terms leaves them alone.
    pub in_flight: u64,
    /// It was only counted.
    pub dry_run: bool,
    /// The first of them.
    pub examples: Vec<RecipientView>,
    /// All of them, counted.
    pub groups: Groups,
}

/// A bulk order that is in force or at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkView {
    /// Its number.
    pub order: u32,
    /// What.
    pub action: Work,
    /// Whom, as a filter is written.
    pub filter: String,
    /// Where to, or which priority.
    pub value: Option<String>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How many it concerned when it was given.
    pub affected: u64,
    /// How many of them it has dealt with.
    pub done: u64,
    /// Whether it is still walking over the queue.
    pub at_work: bool,
}

/// Why a bulk order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BulkError {
    /// The filter is wrong.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// An empty filter that is perhaps a slip.
    #[error("no term is given, which would concern the whole queue: say so explicitly (`everything`)")]
    Everything,
    /// The reason is too long.
    #[error("the reason is longer than {REASON_BYTES_MAX} bytes")]
    Reason,
    /// The order stays in force, and the terms do not.
    #[error(
        "{action} stays in force, and {terms} may be another in a second: use what the mail is (tenant, campaign, domain …); a source is suspended as such"
    )]
    Passing {
        /// The action.
        action: &'static str,
        /// The terms.
        terms: String,
    },
    /// Something is missing.
    #[error("{action} needs {what}")]
    Needs {
        /// The action.
        action: &'static str,
        /// What.
        what: &'static str,
    },
    /// There is no such pool, source or hold.
    #[error("there is no {kind} {name:?}")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// There are as many as the queue keeps.
    #[error(
        "there are {STANDING_MAX} bulk orders in force already: end some holds, or wait until others are carried out"
    )]
    TooMany,
    /// Too many searches and orders are at work.
    #[error("{0} searches and orders are at work already: try again in some seconds")]
    Busy(usize),
    /// Too many rows would have to be read to find an address.
    #[error("{domain} has {rows} recipients in the queue, more than the {rows_max} that are read to find one address")]
    AddressTooWide {
        /// The domain.
        domain: String,
        /// Its recipients.
        rows: u64,
        /// Most that are read.
        rows_max: usize,
    },
}
