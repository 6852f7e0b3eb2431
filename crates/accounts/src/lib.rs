//! Who may come in: people with a password and a role, programs with an API key and scopes.
//!
//! Knows nothing of HTTP or SMTP: those hand in what they were given and get an [`Account`], an [`ApiKey`] or a
//! refusal back. What a role or scope allows is decided where the doors are (`api`'s table, intake's listeners).
//!
//! Secrets: passwords are kept as argon2id hashes; session tokens and API keys are 256 random bits and kept as SHA-256,
//! so a stolen database opens no door. Nothing secret is ever logged or shown twice.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accounts;
mod api_keys;
mod guard;
mod key_limits;
mod password;
mod quota;
mod role;
mod secret;
mod sessions;

pub use accounts::{Account, AccountChange, AccountError, Accounts, NewAccount, OwnAccountChange};
pub use api_keys::{ApiKey, ApiKeyChange, NewApiKey, NewApiKeySecret};
pub use guard::{CLIENT_FAILURES_MAX, FAILURES_MAX, GUARD_WINDOW};
pub use key_limits::{KeyLimits, NAMES_MAX};
pub use password::{HASHES_AT_ONCE, HASHES_WAITING_MAX, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN};
pub use quota::{Allowance, Exceeded, SAVED_EVERY};
pub use role::{Role, Scope};
pub use secret::Secret;
pub use sessions::{SESSION_AGE_MAX, SESSION_IDLE_MAX};
