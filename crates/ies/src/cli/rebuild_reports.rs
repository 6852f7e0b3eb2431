//! `ies rebuild-reports`: the numbers of all campaigns once more, out of the event log.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use db::Db;
use journal::events::EventLog;
use model::time::{Clock, SystemClock};

use super::{ConfigFile, set_up_log};

/// Build the reports of all campaigns again from the event log. The suite must be stopped.
///
/// For reports that cannot be right: after an older copy of the database was put back, or when events were left out.
/// Contacts, lists and suppressions stay; suppressions that were missing are added. Refused, before anything is changed,
/// when the event log does not reach back to the first campaign (`events.keep`, `events.size_max`). Broken off, it is to
/// be started again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  systemctl stop ies && ies rebuild-reports --config /etc/ies/ies.toml && systemctl start ies"
)]
pub(super) struct RebuildReports {
    #[command(flatten)]
    config: ConfigFile,
}

impl RebuildReports {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.read()?;
        set_up_log(&config.log)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dir = config.data_dir.join("events");
        anyhow::ensure!(dir.is_dir(), "there is no event log: looked {}", self.config.used(&config.data_dir));
        // Its lock keeps a suite out as long as this lasts, and this out while there is a suite.
        let options = config.events.options(clock.clone());
        let events = tokio::task::spawn_blocking(move || EventLog::open(&dir, options)).await?;
        let events = events.context("stop the suite first")?;
        let db = Db::open(&config.database_url()).await.context("database")?;
        // Where the suite would listen does not matter: nothing is mailed.
        let settings = config.campaign_settings(SocketAddr::from(([127, 0, 0, 1], 0)));
        let done = campaign::report::rebuild(settings, db.clone(), clock, events.clone()).await;
        events.close().await;
        db.close().await;
        let done = done?;
        println!("{} events read, {} of them about nobody on record", done.events, done.unmatched);
        if done.unreadable > 0 {
            println!("{} places of the event log could not be read", done.unreadable);
        }
        Ok(())
    }
}
