//! The file of holds, suspensions and learned limits: written some seconds after a change, whole or not at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RunError;
use crate::core::Memory;

/// Changes are written together after this long.
const SAVE_AFTER: Duration = Duration::from_secs(2);

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where [`Memory`] is kept; without a path nowhere.
pub(super) struct StateFile {
    path: Option<PathBuf>,
    due_at: Option<tokio::time::Instant>,
}

impl StateFile {
    pub fn new(path: Option<PathBuf>) -> Self {
        StateFile { path, due_at: None }
    }

    /// Reads the file; nothing remembered when there is none.
    pub async fn load(&self) -> Result<Memory, RunError> {
        let Some(path) = self.path.clone() else { return Ok(Memory::default()) };
        let refuse = |reason: String| RunError::State { file: path.display().to_string(), reason };
        let bytes = match tokio::fs::metadata(&path).await {
            Ok(found) if found.len() > FILE_BYTES_MAX => return Err(refuse("too large".to_owned())),
            Ok(_) => tokio::fs::read(&path).await.map_err(|error| refuse(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Memory::default()),
            Err(error) => return Err(refuse(error.to_string())),
        };
        serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))
    }

    /// Something to be remembered has changed.
    pub fn changed(&mut self) {
        if self.path.is_some() && self.due_at.is_none() {
            self.due_at = Some(tokio::time::Instant::now() + SAVE_AFTER);
        }
    }

    pub fn is_waiting(&self) -> bool {
        self.due_at.is_some()
    }

    /// Waits until a change is to be written.
    pub async fn due(&self) {
        match self.due_at {
            Some(due_at) => tokio::time::sleep_until(due_at).await,
            None => std::future::pending().await,
        }
    }

    /// Writes the file; a failure is logged and tried again with the next change.
    pub async fn save(&mut self, memory: Memory) {
        self.due_at = None;
        let Some(path) = self.path.clone() else { return };
        let written = tokio::task::spawn_blocking(move || write(&path, &memory)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::error!(%error, "holds and learned limits could not be saved");
        }
    }
}

fn write(path: &Path, memory: &Memory) -> std::io::Result<()> {
    journal::file::replace(path, &serde_json::to_vec(memory)?, 0o644)
}
