//! What the handlers work on: handles of the owners, cheap to clone.

use std::sync::Arc;

use accounts::Accounts;
use campaign::Campaigns;
use intake::Intake;
use intake::injection::Injections;
use journal::events::EventLog;
use journal::spool::Spool;
use model::time::Clock;
use monitor::Monitor;
use queue::directory::Directory;
use queue::handle::QueueHandle;
use tokio_util::sync::CancellationToken;

use crate::dkim::DkimDesk;
use crate::proxies::Proxies;
use crate::transcripts::TranscriptDesk;

/// Handles of everything behind the API.
#[derive(Clone)]
pub struct ApiState {
    /// Who may come in.
    pub accounts: Accounts,
    /// Contacts, campaigns, tracking, reports.
    pub campaigns: Campaigns,
    /// The one way in for mail.
    pub intake: Intake,
    /// Messages waiting for delivery: asked how it is, never written to.
    pub spool: Spool,
    /// Damaged places that were found in the spool when the program started.
    pub spool_damaged: u64,
    /// Everything that happened: asked how it is, never written to.
    pub events: EventLog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Sources, pools and provider rules as configured.
    pub directory: Arc<Directory>,
    /// What waits for delivery.
    pub queue: QueueHandle,
    /// What happened.
    pub monitor: Monitor,
    /// Mail of programs.
    pub injections: Injections,
    /// The DKIM keys.
    pub dkim: Arc<dyn DkimDesk>,
    /// The dialogues that are recorded on demand.
    pub transcripts: Arc<dyn TranscriptDesk>,
    /// The session cookie is sent over HTTPS only. True wherever the public URL is one of HTTPS.
    pub secure_cookies: bool,
    /// Whose word about the address of a client is taken.
    pub proxies: Arc<Proxies>,
    /// Cancelled when the program stops: live streams end then.
    pub stopping: CancellationToken,
}
