//! The keys that sign messages as they leave; see [`mail::dkim::Keyring`].

/// The keys by the domain in `d=`, and how they are chosen. They may change while delivery runs.
pub use mail::dkim::Keyring as DkimKeys;
