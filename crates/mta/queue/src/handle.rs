//! How the rest of the program talks to the running queue: questions and orders through one bounded channel.
//!
//! Cheap to clone. Every call is answered by the driver between two steps of the core, so an answer is a state that
//! really was.

use std::fmt;

use model::id::{CampaignId, RecipientId};
use model::name::Name;
use tokio::sync::{mpsc, oneshot};

use crate::bulk::{BulkDone, BulkError, BulkOrder, BulkView, Search, SearchResult};
use crate::control::{Done, Order, OrderError, Target};
use crate::directory::Doing;
use crate::select::Filter;
use crate::shaping::ShapingView;
use crate::view::{Explanation, Found, PathView, Progress, Snapshot};
use crate::warmup::{self, view::WarmUpView};

/// Calls waiting for the driver; more wait in line.
const COMMANDS_MAX: usize = 256;

/// The queue, from outside.
#[derive(Clone)]
pub struct QueueHandle {
    commands: mpsc::Sender<Command>,
}

/// The driver's end of a [`QueueHandle`].
#[derive(Debug)]
pub struct Commands(pub(crate) mpsc::Receiver<Command>);

/// The queue has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is not running")]
pub struct Stopped;

/// Why an order was not carried out, or not for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The order is not one that can be carried out.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// The bulk order is not one that can be carried out.
    #[error(transparent)]
    Bulk(#[from] BulkError),
    /// The order about a warm-up is not one that can be carried out.
    #[error(transparent)]
    WarmUp(#[from] warmup::OrderError),
    /// The order is in force, but the file that remembers it could not be written: the next restart would forget it. The
    /// operator makes room or mends the disk, the caller repeats the order.
    #[error("the order is in force, but it could not be saved, and the next restart would forget it: {reason}")]
    Unsaved {
        /// The file, and what is wrong.
        reason: String,
    },
    /// The queue has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// How much of the queue is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show {
    /// Most paths.
    pub paths: usize,
    /// Most domains.
    pub domains: usize,
    /// Most campaigns.
    pub campaigns: usize,
}

impl Default for Show {
    fn default() -> Self {
        Show { paths: 200, domains: 20, campaigns: 100 }
    }
}

type Answer<T> = oneshot::Sender<T>;

#[derive(Debug)]
pub(crate) enum Command {
    Snapshot(Show, Answer<Snapshot>),
    Doing(Answer<Doing>),
    Path { source: Name, site: Name, answer: Answer<Option<PathView>> },
    Shaping(Answer<ShapingView>),
    Shadow { rule: Name, shadow: bool, by: String, answer: Answer<Result<bool, ControlError>> },
    Find { target: Target, limit: usize, answer: Answer<Found> },
    Explain(RecipientId, Answer<Option<Explanation>>),
    Progress(CampaignId, Answer<Progress>),
    Control { order: Order, by: String, answer: Answer<Result<Done, ControlError>> },
    Search { search: Box<Search>, answer: Answer<Result<SearchResult, ControlError>> },
    Bulk { order: Box<BulkOrder>, by: String, answer: Answer<Result<BulkDone, ControlError>> },
    Orders(Answer<Vec<BulkView>>),
    WarmUps(Answer<Vec<WarmUpView>>),
    WarmUp { source: Name, order: warmup::Order, by: String, answer: Answer<Result<(), ControlError>> },
    Address { address: String, answer: Answer<Result<Vec<RecipientId>, BulkError>> },
}

/// A handle, and the end that goes to [`crate::driver::run`].
pub fn channel() -> (QueueHandle, Commands) {
    let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
    (QueueHandle { commands: sender }, Commands(receiver))
}

impl QueueHandle {
    /// The whole queue at one moment.
    ///
    /// # Errors
    /// [`Stopped`]; so for every call below.
    pub async fn snapshot(&self, show: Show) -> Result<Snapshot, Stopped> {
        self.ask(|answer| Command::Snapshot(show, answer)).await
    }

    /// What every source and provider is doing, added up over all paths.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn doing(&self) -> Result<Doing, Stopped> {
        self.ask(Command::Doing).await
    }

    /// One path; `None` when nothing has been sent there lately.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn path(&self, source: Name, site: Name) -> Result<Option<PathView>, Stopped> {
        self.ask(|answer| Command::Path { source, site, answer }).await
    }

    /// What slows mail now: effects of rules, learned limits, shared budgets, and how often rules were needed.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn shaping(&self) -> Result<ShapingView, Stopped> {
        self.ask(Command::Shaping).await
    }

    /// Puts a rule into shadow, where it only counts and tells, or lets it act again. When it resolves, the order is on
    /// disk. False when there is no such rule.
    ///
    /// # Errors
    /// [`ControlError::Unsaved`]: in force until the next restart; [`ControlError::Stopped`].
    pub async fn shadow(&self, rule: Name, shadow: bool, by: &str) -> Result<bool, ControlError> {
        let by = by.to_owned();
        self.ask(|answer| Command::Shadow { rule, shadow, by, answer }).await?
    }

    /// The recipients that a target concerns, the first `limit` of them in full.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn find(&self, target: Target, limit: usize) -> Result<Found, Stopped> {
        self.ask(|answer| Command::Find { target, limit, answer }).await
    }

    /// Why a recipient is where it is; `None` when it is not in the queue (any more).
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn explain(&self, recipient: RecipientId) -> Result<Option<Explanation>, Stopped> {
        self.ask(|answer| Command::Explain(recipient, answer)).await
    }

    /// How far a campaign has come; all zero for one the queue does not know (any more).
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn progress(&self, campaign: CampaignId) -> Result<Progress, Stopped> {
        self.ask(|answer| Command::Progress(campaign, answer)).await
    }

    /// Carries out an order; `by` names the person for the event and for whoever asks why. When it resolves with
    /// [`Done`], the order is on disk: no crash undoes it.
    ///
    /// # Errors
    /// [`ControlError::Refused`] says what is wrong with the order; [`ControlError::Unsaved`]: it is in force until the
    /// next restart; [`ControlError::Stopped`].
    pub async fn control(&self, order: Order, by: &str) -> Result<Done, ControlError> {
        let by = by.to_owned();
        self.ask(|answer| Command::Control { order, by, answer }).await?
    }

    /// Searches the queue: a page of those whom a filter means, and all of them counted. Walks in portions while mail
    /// goes on, so the answer takes some milliseconds for each hundred thousand recipients that have to be looked at,
    /// and for an address the reading of its domain's rows.
    ///
    /// # Errors
    /// [`ControlError::Bulk`] says what is wrong with the filter; [`ControlError::Stopped`].
    pub async fn search(&self, mut search: Search) -> Result<SearchResult, ControlError> {
        search.filter.validate().map_err(BulkError::from)?;
        match self.without_address(search.filter).await? {
            Some(filter) => search.filter = filter,
            None => return Ok(SearchResult::default()),
        }
        self.ask(|answer| Command::Search { search: Box::new(search), answer }).await?
    }

    /// Carries out a bulk order, or counts whom it would concern; `by` names the person. When it resolves, no crash
    /// undoes the order (see [`crate::bulk`] for what that means of each).
    ///
    /// # Errors
    /// As [`QueueHandle::control`], with [`ControlError::Bulk`] for what is wrong with the order.
    pub async fn bulk(&self, mut order: BulkOrder, by: &str) -> Result<BulkDone, ControlError> {
        order.validate()?;
        match self.without_address(order.filter).await? {
            Some(filter) => order.filter = filter,
            None => return Ok(BulkDone { dry_run: order.dry_run, ..BulkDone::default() }),
        }
        let by = by.to_owned();
        self.ask(|answer| Command::Bulk { order: Box::new(order), by, answer }).await?
    }

    /// The bulk orders in force or at work.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn bulk_orders(&self) -> Result<Vec<BulkView>, Stopped> {
        self.ask(Command::Orders).await
    }

    /// The warm-ups of all sources that have a plan.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn warm_ups(&self) -> Result<Vec<WarmUpView>, Stopped> {
        self.ask(Command::WarmUps).await
    }

    /// Carries out an order about the plan of a source; `by` names the person. When it resolves, the order is on disk.
    ///
    /// # Errors
    /// [`ControlError::WarmUp`] says what is wrong with the order; [`ControlError::Unsaved`]: it is in force until the
    /// next restart; [`ControlError::Stopped`].
    pub async fn order_warm_up(&self, source: Name, order: warmup::Order, by: &str) -> Result<(), ControlError> {
        let by = by.to_owned();
        self.ask(|answer| Command::WarmUp { source, order, by, answer }).await?
    }

    /// The filter with the recipients that have its address in the place of it; `None` when nobody has.
    async fn without_address(&self, mut filter: Filter) -> Result<Option<Filter>, ControlError> {
        let Some(address) = filter.address.take() else { return Ok(Some(filter)) };
        let mut found = self.ask(|answer| Command::Address { address, answer }).await??;
        if !filter.recipient.is_empty() {
            found.retain(|recipient| filter.recipient.contains(recipient));
        }
        filter.recipient = found;
        filter.validate().map_err(BulkError::from)?;
        Ok((!filter.recipient.is_empty()).then_some(filter))
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, Stopped> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(command(sender)).await.map_err(|_| Stopped)?;
        receiver.await.map_err(|_| Stopped)
    }
}

impl fmt::Debug for QueueHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueHandle")
    }
}
