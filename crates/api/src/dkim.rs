//! What the API asks of whoever keeps the DKIM keys; implemented over the key store by the binary. No secret passes here
//! but one that is handed in.

use std::pin::Pin;

use model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One DKIM key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DkimKey {
    /// The signing domain (`d=`).
    pub domain: String,
    /// The selector (`s=`).
    pub selector: String,
    /// `rsa-sha256` or `ed25519-sha256`.
    pub algorithm: String,
    /// `pending`, `active`, `retiring` or `retired`.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it will be retired.
    pub retires_at: Option<Timestamp>,
    /// The name of its TXT record.
    pub record_name: String,
    /// The text of the record; null when the key is gone.
    pub record: Option<String>,
    /// The line for a zone file; null when the key is gone.
    pub zone_line: Option<String>,
    /// When the DNS was last asked for it.
    pub checked_at: Option<Timestamp>,
    /// What the DNS has instead of it; null when it has it, or was not asked.
    pub problem: Option<String>,
}

/// Which keys are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DkimAlgorithm {
    /// RSA with 2,048 bits.
    Rsa2048,
    /// Ed25519.
    Ed25519,
    /// One of each.
    #[default]
    Both,
}

/// What is to be done with the keys of a domain.
#[derive(Clone, Debug)]
pub enum DkimOrder {
    /// Make keys.
    Make {
        /// Which.
        algorithm: DkimAlgorithm,
        /// The name of one key; made of the date when absent.
        selector: Option<String>,
    },
    /// Take a key in.
    Import {
        /// Its name.
        selector: String,
        /// The private key in PEM form.
        pem: String,
    },
    /// Make a successor of each active key.
    Rotate,
    /// Let a pending key sign at once.
    Activate {
        /// Which.
        selector: String,
    },
    /// Erase a key.
    Remove {
        /// Which.
        selector: String,
        /// Also one that is in use.
        force: bool,
    },
    /// Ask the DNS for all keys now.
    Check,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DkimRefusal {
    /// It makes no sense as things are; whoever gave it mends it.
    Refused(String),
    /// The keys cannot be read or written; in words for the log.
    Failed(String),
}

/// What comes of an order: the keys of the domain.
pub type DkimAnswer<'a> = Pin<Box<dyn Future<Output = Result<Vec<DkimKey>, DkimRefusal>> + Send + 'a>>;

/// Keeps the keys.
pub trait DkimDesk: Send + Sync + 'static {
    /// All keys, by domain and selector.
    fn keys(&self) -> DkimAnswer<'_>;

    /// Carries an order out, in force when it is answered. The keys that it made or changed.
    fn order<'a>(&'a self, domain: &'a str, order: DkimOrder, by: &'a str) -> DkimAnswer<'a>;
}
