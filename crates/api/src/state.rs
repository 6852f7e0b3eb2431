//! What the handlers work on: handles of the owners, cheap to clone.

use accounts::Accounts;

/// Handles of everything behind the API.
#[derive(Clone)]
pub struct ApiState {
    /// Who may come in.
    pub accounts: Accounts,
    /// The session cookie is sent over HTTPS only. True wherever the public URL is one of HTTPS.
    pub secure_cookies: bool,
}
