//! What a person may do to the queue: hold, release, cancel mail; suspend, resume routes.
//!
//! The words and their check; `core::control` does the work.

use std::fmt;
use std::str::FromStr;

use model::id::{CampaignId, MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::bulk::REASON_BYTES_MAX;

/// What an order concerns. In JSON `{"kind": "campaign", "name": "0cq2v7m9hk3xa"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Target {
    /// All mail of a campaign, mail that comes in later included.
    Campaign(CampaignId),
    /// All mail of a job.
    Job(Name),
    /// All recipients of a message.
    Message(MessageId),
    /// One recipient.
    Recipient(RecipientId),
    /// All recipients of a domain.
    Domain(Name),
    /// Everything from a source.
    Source(Name),
    /// Everything to a site.
    Site(Name),
    /// Everything to a provider.
    Provider(Name),
    /// Everything from a source to a site, written `source/site`.
    Path(PathName),
}

impl Target {
    /// The word in `kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Target::Campaign(_) => "campaign",
            Target::Job(_) => "job",
            Target::Message(_) => "message",
            Target::Recipient(_) => "recipient",
            Target::Domain(_) => "domain",
            Target::Source(_) => "source",
            Target::Site(_) => "site",
            Target::Provider(_) => "provider",
            Target::Path(_) => "path",
        }
    }

    /// The text in `name`.
    pub fn name(&self) -> String {
        match self {
            Target::Campaign(id) => id.to_string(),
            Target::Message(id) => id.to_string(),
            Target::Recipient(id) => id.to_string(),
            Target::Job(name)
            | Target::Domain(name)
            | Target::Source(name)
            | Target::Site(name)
            | Target::Provider(name) => name.to_string(),
            Target::Path(path) => path.to_string(),
        }
    }

    /// True for mail, which is held and cancelled; false for routes, which are suspended.
    pub const fn is_mail(&self) -> bool {
        matches!(
            self,
            Target::Campaign(_) | Target::Job(_) | Target::Message(_) | Target::Recipient(_) | Target::Domain(_)
        )
    }
}

/// A path as people write it: `source/site`. Source names have no slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathName {
    /// The source.
    pub source: Name,
    /// The site.
    pub site: Name,
}

/// A text that is not `source/site`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path: write source/site")]
pub struct PathNameError;

impl fmt::Display for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.site)
    }
}

impl FromStr for PathName {
    type Err = PathNameError;

    fn from_str(text: &str) -> Result<Self, PathNameError> {
        match text.split_once('/') {
            Some((source, site)) if !source.is_empty() && !site.is_empty() => {
                Ok(PathName { source: Name::from(source), site: Name::from(site) })
            }
            _ => Err(PathNameError),
        }
    }
}

impl Serialize for PathName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PathName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for PathName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A path: source/site"))
            .into()
    }
}

impl ToSchema for PathName {}

model::names! {
    /// What is to be done.
    #[derive(ToSchema)]
    Action {
        /// Keep mail from being attempted. It does not expire while it is held.
        Hold "hold",
        /// Undo a hold. What has passed its time meanwhile expires at once.
        Release "release",
        /// Give mail up; its recipients end as suppressed.
        Cancel "cancel",
        /// Open no connections and send nothing there.
        Suspend "suspend",
        /// Undo a suspension, a learned limit and a rest after failures.
        Resume "resume",
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// What it concerns.
    pub target: Target,
    /// What is to be done.
    pub action: Action,
    /// Only count what it would concern.
    #[serde(default)]
    pub dry_run: bool,
    /// When a suspension ends by itself.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Why; at most 1,000 bytes. Kept with the order and told with its event.
    #[serde(default)]
    pub reason: String,
}

impl Order {
    /// An order of no more than this.
    pub fn new(target: Target, action: Action) -> Self {
        Order { target, action, dry_run: false, until: None, reason: String::new() }
    }

    /// Checks that the action fits the target.
    ///
    /// # Errors
    /// [`OrderError::Unfit`]: the caller chooses another action; [`OrderError::Reason`]: he says it shorter.
    pub fn validate(&self) -> Result<(), OrderError> {
        let routes = matches!(self.action, Action::Suspend | Action::Resume);
        if routes == self.target.is_mail() {
            return Err(OrderError::Unfit { action: self.action.as_str(), kind: self.target.kind() });
        }
        if self.reason.len() > REASON_BYTES_MAX {
            return Err(OrderError::Reason);
        }
        Ok(())
    }
}

/// What an order did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// How many recipients in the queue it concerns.
    pub affected: u64,
    /// It was only counted.
    pub dry_run: bool,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The action does not fit the target: the caller chooses another.
    #[error(
        "a {kind} cannot be told to {action}: mail is held, released or cancelled, routes are suspended or resumed"
    )]
    Unfit {
        /// The action.
        action: &'static str,
        /// The kind of the target.
        kind: &'static str,
    },
    /// The reason is too long.
    #[error("the reason is longer than {REASON_BYTES_MAX} bytes")]
    Reason,
    /// There is no such thing in the queue or in the configuration.
    #[error("the queue knows no {kind} {name:?}")]
    Unknown {
        /// The kind of the target.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// There are as many holds and suspensions as the queue keeps.
    #[error("there are {0} holds and suspensions already: end some first")]
    TooMany(usize),
    /// There are as many cancellations as the queue remembers; they are forgotten some minutes after they were carried
    /// out.
    #[error(
        "there are {0} cancellations of the last minutes already: try again later, or cancel by domain or campaign"
    )]
    TooManyCancels(usize),
}
