//! `ies serve`: the suite, until it is asked to stop.

use std::sync::Arc;

use clap::Args;
use model::time::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, set_up_log};
use crate::topology::Suite;

/// Run the suite until SIGINT or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies serve\n  ies serve --config /etc/ies/ies.toml")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.config.read_with_files()?;
        set_up_log(&config.log)?;
        let mut suite = Suite::start(config, Arc::new(SystemClock)).await?;
        tracing::info!(http = %suite.http(), smtp = ?suite.smtp(), "the suite is running");
        if suite.accounts().is_empty().await? {
            eprintln!("Nobody can log in yet. Make the first account: ies user add you@example.org --role admin");
        }
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let broken = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            part = suite.broken() => Some(part),
        };
        tracing::info!("stopping");
        suite.shutdown().await?;
        match broken {
            None => Ok(()),
            Some(part) => anyhow::bail!("{part} ended by itself; the log says why"),
        }
    }
}
