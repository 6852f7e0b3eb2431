//! The demo: a real campaign to ten mailbox providers that behave like the real ones.
//!
//! The lab runs in this process; the suite is a process of its own ([`child`]), spoken to over its HTTP API as any
//! program would. At the end the books of lab, queue, event store and report are compared ([`numbers`]). What goes wrong
//! with the campaign is told and, where the demo serves on, ends nothing: `--once` makes an exit code of it.

mod campaign;
mod child;
mod hint;
mod numbers;
mod setup;
mod show;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use lab::{Lab, LabConfig, Scenario};
use model::time::SystemClock;
use tokio::signal::unix::{SignalKind, signal};

use self::child::Suite;
use self::show::Show;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    /// End with the table instead of serving on.
    pub once: bool,
    /// Contacts in the file.
    pub contacts: usize,
    /// The scenario; the demo's own when absent.
    pub scenario: Option<PathBuf>,
    /// Where everything is kept; a fresh directory that is removed at the end when absent.
    pub dir: Option<PathBuf>,
    /// Written once the campaign is on its way: URL, address and password as JSON.
    pub ready_file: Option<PathBuf>,
}

/// Runs the demo.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let kept = options.dir.is_some();
    let dir =
        options.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("ies-demo-{}", std::process::id())));
    // What is printed shall hold in any directory.
    let dir = std::path::absolute(&dir).with_context(|| dir.display().to_string())?;
    if dir.join("data").exists() {
        bail!("{} holds an earlier demo: remove it or name another directory", dir.display());
    }
    let result = demo(&options, &dir).await;
    match (&result, kept) {
        (Ok(()), false) => std::fs::remove_dir_all(&dir)?,
        (Err(_), false) => eprintln!("what is left of the demo: {}", dir.display()),
        (_, true) => {}
    }
    result
}

async fn demo(options: &Options, dir: &Path) -> anyhow::Result<()> {
    let domain = campaign::sending_domain()?;
    let ground = setup::prepare(dir, &domain, options.contacts)?;
    let scenario = scenario(options.scenario.as_deref())?;
    let csv = lab::contacts::csv(options.contacts, scenario.seed, &lab::run::domains(&scenario));
    std::fs::write(ground.dir.join("contacts.csv"), &csv)?;
    let time_scale = scenario.time_scale;
    let lab = Lab::start(scenario, lab_config(&ground)).await?;
    setup::write_config(&ground, &domain, lab.dns(), lab.smtp_port(), time_scale)?;
    let password = setup::account(&ground).await?;
    let (suite, client) = Suite::start(&ground.config, &ground.data_dir).await?;
    println!(
        "\n  iES is running: http://{}\n  log in as {} with the one-time password {password}\n",
        ground.http,
        setup::EMAIL
    );
    println!("  suite: process {}, log {}", suite.pid(), child::log_path(&ground.data_dir).display());
    println!("  lab: name server {}, ten providers on 127.0.10.1 to .10, port {}\n", lab.dns(), lab.smtp_port());

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut show = Show { ground, lab, suite, client };
    let ended = tokio::select! {
        ended = show.run(options, csv, &password) => ended,
        _ = interrupt.recv() => asked_to_end(options),
        _ = terminate.recv() => asked_to_end(options),
    };
    let stopped = show.suite.stop().await;
    show.lab.shutdown().await;
    ended.and(stopped)
}

/// The scenario in this file; the demo's own without one.
pub(crate) fn scenario(file: Option<&Path>) -> anyhow::Result<Scenario> {
    let Some(file) = file else { return Ok(Scenario::parse(lab::scenario::DEMO)?) };
    let named = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(named)?;
    Scenario::parse(&text).with_context(named)
}

/// Somebody has seen enough. Whoever waits for the exit code has to know that there is no result.
fn asked_to_end(options: &Options) -> anyhow::Result<()> {
    if options.once { bail!("ended before the books were compared") } else { Ok(()) }
}

fn lab_config(ground: &setup::Ground) -> LabConfig {
    LabConfig {
        http_base: format!("http://{}", ground.http),
        inbound_smtp: ground.smtp,
        feedback_address: ground.feedback_address.clone(),
        dns_port: 0,
        smtp_port: 0,
        records: ground.records.clone(),
        tls_dir: Some(ground.dir.join("lab")),
        clock: Arc::new(SystemClock),
    }
}
