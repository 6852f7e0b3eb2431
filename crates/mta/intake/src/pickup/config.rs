//! Configuration of the pickup directory.

use std::path::PathBuf;

use model::config::{Fault, Faults};
use model::name::Name;
use model::units::Span;

/// A directory whose files are mail to be sent. A file is taken as soon as it is there: write it under another name (one
/// that begins with a dot or ends in `.tmp`) or in another directory of the same file system, and rename it when it is
/// whole.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The directory; a relative one is below the data directory. Without it nothing is picked up. In it the suite makes
    /// `work` (what it is working on), `failed` (what it could not take, each file with a `.reason` beside it) and, with
    /// `keep`, `done`.
    pub directory: Option<PathBuf>,
    /// The directory is looked at this often.
    pub poll: Span,
    /// Numbers of the users whose files are taken. Empty: the owner of the directory, the user of the suite, and root.
    pub owners: Vec<u32>,
    /// Files that were taken are moved to `done` in place of being removed.
    pub keep: bool,
    /// Stream of mail that names none.
    pub stream: Option<Name>,
    /// Tenant of mail that names none.
    pub tenant: Option<Name>,
}

impl Default for Config {
    fn default() -> Self {
        Config { directory: None, poll: Span::s(1), owners: Vec::new(), keep: false, stream: None, tenant: None }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.at_least("poll", self.poll, Span(std::time::Duration::from_millis(100)));
        faults.unless(self.directory.as_ref().is_none_or(|directory| !directory.as_os_str().is_empty()), || {
            Fault::new("directory", "must not be empty").example("\"pickup\"")
        });
        faults.result()
    }
}
