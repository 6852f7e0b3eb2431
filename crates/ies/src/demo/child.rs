//! The suite as a process of its own: started, waited for, and started again when it dies.
//!
//! The demo keeps it apart on purpose: `kill -9` of the printed process in the middle of the campaign shows that nothing
//! is lost and nothing is sent twice.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::client::{Client, Door};

/// How long the suite may take to open its door.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to stop after it was asked to.
const STOP_MAX: Duration = Duration::from_secs(40);
/// How often the door is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running suite.
pub(super) struct Suite {
    config: PathBuf,
    data_dir: PathBuf,
    child: Child,
    restarts: u32,
}

impl Suite {
    /// Starts `ies serve` with this configuration and waits until it answers.
    pub(super) async fn start(config: &Path, data_dir: &Path) -> anyhow::Result<(Suite, Client)> {
        let child = spawn(config, data_dir)?;
        let mut suite = Suite { config: config.to_owned(), data_dir: data_dir.to_owned(), child, restarts: 0 };
        let client = suite.wait_for_door().await?;
        Ok((suite, client))
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// How often it had to be started again.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Starts it again when it has died; `None` while it lives.
    pub(super) async fn revive(&mut self) -> anyhow::Result<Option<Client>> {
        if self.child.try_wait()?.is_none() {
            return Ok(None);
        }
        self.restarts += 1;
        self.child = spawn(&self.config, &self.data_dir)?;
        self.wait_for_door().await.map(Some)
    }

    /// Asks it to stop and waits; kills it when it does not.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) =
            self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                if !status.success() {
                    bail!("the suite ended with {status}; its log is {}", log_path(&self.data_dir).display());
                }
                Ok(())
            }
            Err(_) => {
                self.child.kill().await?;
                bail!("the suite did not stop within {} s", STOP_MAX.as_secs())
            }
        }
    }

    async fn wait_for_door(&mut self) -> anyhow::Result<Client> {
        let looking = async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    let log = std::fs::read_to_string(log_path(&self.data_dir)).unwrap_or_default();
                    bail!("the suite did not start ({status}):\n{}", last_lines(&log, 20));
                }
                if let Ok(door) = Door::read(&self.data_dir)
                    && door.pid == self.pid()
                    && let Ok(client) = Client::new(&door)
                    && client.get::<serde_json::Value>("/api/v1/queues").await.is_ok()
                {
                    return Ok(client);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(START_MAX, looking).await.context("the suite did not start in time")?
    }
}

fn spawn(config: &Path, data_dir: &Path) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("the program does not know where it lies")?;
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path(data_dir))?;
    let child = Command::new(program)
        .args(["serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Ctrl-C is for the demo, which then stops the suite in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// Where the suite's own log goes.
pub(super) fn log_path(data_dir: &Path) -> PathBuf {
    data_dir.with_file_name("suite.log")
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
