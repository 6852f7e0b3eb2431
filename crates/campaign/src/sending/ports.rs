//! What sending needs of the engine: declared here, implemented by the binary.

use futures::future::BoxFuture;
use model::id::{CampaignId, MessageId};
use model::submission::{Receipt, Refusal, Submission};

/// The way into the engine, and what it remembers of a feed. A feed is a campaign; its number is the campaign's.
pub trait Injector: Send + Sync {
    /// Hands over a submission; when it resolves with a receipt, content, recipients and checkpoint are on disk.
    ///
    /// The message of a submission with a checkpoint stays in the spool until [`Injector::finish`].
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, Refusal>>;

    /// The last position of the feed that is on disk; `None` when nothing of it ever was.
    fn checkpoint(&self, feed: u64) -> Option<u64>;

    /// The message of a feed that has a checkpoint and is not finished.
    fn feed_message(&self, feed: u64) -> Option<MessageId>;

    /// The feeds whose position is on disk and that were not forgotten.
    fn feeds(&self) -> Vec<u64>;

    /// The position of a feed that will never go on need not be kept any longer. Repeating it does nothing.
    ///
    /// Only when the feed's end is on disk on the side of the caller: asked for its checkpoint afterwards, the engine
    /// says that nothing was ever handed over.
    fn forget(&self, feed: u64) -> BoxFuture<'_, Result<(), Refusal>>;

    /// No more recipients will be added: the message may go with its last recipient. Repeating it does nothing.
    fn finish(&self, message: MessageId) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// What a person may do with the mails of a campaign that are in the queue already.
pub trait QueueControl: Send + Sync {
    /// Nothing of it is attempted until [`QueueControl::release`].
    fn hold(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Goes on.
    fn release(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Everything of it that was not delivered ends as suppressed, by way of the event log; also what was committed to
    /// the spool before this call and reaches the queue after it.
    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>>;
}
