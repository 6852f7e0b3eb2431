//! `ies demo`: a real campaign to ten simulated mailbox providers.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{self, Options};

/// Send a real campaign to ten simulated mailbox providers and watch it in a browser.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies demo\n  ies demo --once --contacts 2000")]
pub(super) struct Demo {
    /// End with the table and an exit code: 0 only if every recipient has one final outcome and all books agree.
    #[arg(long)]
    once: bool,
    /// Contacts in the file.
    #[arg(long, default_value_t = 20_000)]
    contacts: usize,
    /// A scenario of the lab in place of the demo's own.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Where everything is kept; without it a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Written once the campaign is on its way: URL, address and password as JSON.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Demo { once, contacts, scenario, dir, ready_file } = self;
        demo::run(Options { once, contacts, scenario, dir, ready_file }).await
    }
}
