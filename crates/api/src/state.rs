//! What the handlers work on: handles of the owners, cheap to clone.

use std::sync::Arc;

use accounts::Accounts;
use campaign::Campaigns;
use intake::Intake;
use monitor::Monitor;
use queue::directory::Directory;
use queue::handle::QueueHandle;
use tokio_util::sync::CancellationToken;

/// Handles of everything behind the API.
#[derive(Clone)]
pub struct ApiState {
    /// Who may come in.
    pub accounts: Accounts,
    /// Contacts, campaigns, tracking, reports.
    pub campaigns: Campaigns,
    /// The one way in for mail.
    pub intake: Intake,
    /// Sources, pools and provider rules as configured.
    pub directory: Arc<Directory>,
    /// What waits for delivery.
    pub queue: QueueHandle,
    /// What happened.
    pub monitor: Monitor,
    /// Where return paths of injected mail are made; without one the author's address is the return path.
    pub bounce_domain: Option<String>,
    /// The session cookie is sent over HTTPS only. True wherever the public URL is one of HTTPS.
    pub secure_cookies: bool,
    /// Cancelled when the program stops: live streams end then.
    pub stopping: CancellationToken,
}
