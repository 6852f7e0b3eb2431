//! The demo: a real campaign to ten mailbox providers that behave like the real ones.
//!
//! The lab runs in this process; the suite is a process of its own ([`child`]), spoken to over its HTTP API as any
//! program would. At the end the books of lab, queue, event store and report are compared ([`numbers`]).

mod campaign;
mod child;
mod numbers;
mod setup;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::campaign::report::CampaignReport;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lab::{Lab, LabConfig, Scenario};
use model::id::CampaignId;
use model::time::SystemClock;
use queue::view::Snapshot;

use self::child::Suite;
use crate::client::Client;

/// How often the report is read.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks between two lines about the progress.
const TELL_EVERY: u64 = 10;
/// Without any progress for so long the demo gives up.
const STALL_MAX: Duration = Duration::from_secs(180);
/// Looks at the books until they have to agree: the last opens and the event store follow the event log by a moment.
const LOOKS: u32 = 20;
/// How long the people may take to read their mail after the last delivery.
const PEOPLE_MAX: Duration = Duration::from_secs(90);

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
    let scenario = match &options.scenario {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => lab::scenario::DEMO.to_owned(),
    };
    let scenario = Scenario::parse(&scenario)?;
    let csv = lab::contacts::csv(options.contacts, scenario.seed, &lab::run::domains(&scenario));
    std::fs::write(ground.dir.join("contacts.csv"), &csv)?;
    let time_scale = scenario.time_scale;
    let lab = Lab::start(scenario, lab_config(&ground)).await?;
    setup::write_config(&ground, &domain, lab.dns(), lab.smtp_port(), time_scale)?;
    let password = setup::account(&ground).await?;
    let (mut suite, client) = Suite::start(&ground.config, &ground.data_dir).await?;
    println!(
        "\n  iES is running: http://{}\n  log in as {} with the one-time password {password}\n",
        ground.http,
        setup::EMAIL
    );
    println!("  suite: process {}, log {}", suite.pid(), child::log_path(&ground.data_dir).display());
    println!("  lab: name server {}, ten providers on 127.0.10.1 to .10, port {}\n", lab.dns(), lab.smtp_port());

    let mut client = client;
    let id = begin(&client, csv).await?;
    if let Some(file) = &options.ready_file {
        let ready = serde_json::json!({ "url": format!("http://{}", ground.http), "email": setup::EMAIL, "password": password });
        std::fs::write(file, ready.to_string())?;
    }
    let report = watch(&mut suite, &mut client, id).await?;
    wait_for_people(&lab).await;
    finish(&suite, &client, id, &lab, &report).await?;
    if !options.once {
        println!("\n  Look around: http://{} — Ctrl-C ends the demo.", ground.http);
        tokio::signal::ctrl_c().await?;
    }
    suite.stop().await?;
    lab.shutdown().await;
    Ok(())
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

/// Imports the contacts, makes the campaign and sends it.
async fn begin(client: &Client, csv: String) -> anyhow::Result<CampaignId> {
    let bar = progress_bar("importing contacts", 0);
    let (list, import) = campaign::import(client, csv, |import| {
        bar.set_length(import.bytes_total);
        bar.set_position(import.bytes_done);
    })
    .await?;
    bar.finish_and_clear();
    println!("  {} contacts imported, {} rows refused:", import.accepted, import.rejected);
    for reason in &import.reasons {
        println!("    {:>5}  {}", reason.rows, reason.reason);
    }
    let (made, check) = campaign::create(client, list.id).await?;
    for undefined in &check.undefined {
        println!("    {} contacts have no {}", undefined.contacts, undefined.variable);
    }
    println!("  sending “{}” to {} contacts", made.name, check.audience.size);
    campaign::send(client, made.id).await?;
    println!("  the campaign is on its way");
    Ok(made.id)
}

/// Shows the progress until every recipient has its final outcome. A suite that dies is started again.
async fn watch(suite: &mut Suite, client: &mut Client, id: CampaignId) -> anyhow::Result<CampaignReport> {
    let bar = progress_bar("delivering", 0);
    // Where nobody sees a bar move (a log, a pipe), a line now and then says the same.
    let tells = !std::io::IsTerminal::is_terminal(&std::io::stdout());
    let (mut last, mut quiet) = (u64::MAX, Duration::ZERO);
    for look in 1_u64.. {
        if let Some(revived) = suite.revive().await? {
            bar.println(format!("  the suite had died and was started again: process {}", suite.pid()));
            *client = revived;
        }
        if let Ok(report) = campaign::report(client, id).await {
            let done = report.delivered + report.bounced + report.expired + report.suppressed;
            bar.set_length(report.audience);
            bar.set_position(done);
            bar.set_message(format!("{} put off now", report.deferred_now));
            if tells && look.is_multiple_of(TELL_EVERY) {
                println!("  {done} of {} done, {} put off now", report.audience, report.deferred_now);
            }
            if report.audience > 0 && report.handed_over == report.audience && done >= report.audience {
                bar.finish_and_clear();
                return Ok(report);
            }
            let moved = done + report.handed_over;
            quiet = if moved == last { quiet + LOOK_EVERY } else { Duration::ZERO };
            last = moved;
            if quiet > STALL_MAX {
                bail!("nothing has moved for {} s: {done} of {} done", STALL_MAX.as_secs(), report.audience);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    unreachable!("invariant: the loop ends by returning")
}

async fn wait_for_people(lab: &Lab) {
    let bar = progress_bar("people read their mail", lab.people_busy());
    let most = lab.people_busy();
    let reading = async {
        while lab.people_busy() > 0 {
            bar.set_position(most.saturating_sub(lab.people_busy()));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // Some read late; the demo does not wait for the last of them.
    let _ = tokio::time::timeout(PEOPLE_MAX, reading).await;
    bar.finish_and_clear();
}

/// Prints the table and compares the books.
async fn finish(
    suite: &Suite,
    client: &Client,
    id: CampaignId,
    lab: &Lab,
    last: &CampaignReport,
) -> anyhow::Result<()> {
    let (mut report, mut found) = (last.clone(), Vec::new());
    for _ in 0..LOOKS {
        report = campaign::report(client, id).await?;
        let queue: Snapshot = client.get("/api/v1/queues").await?;
        let stored = numbers::stored(client, id).await?;
        let lab = lab.report();
        let books = numbers::Books { report: &report, stored, queue: &queue, lab: &lab, restarts: suite.restarts() };
        found = numbers::disagreements(&books);
        if found.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let lab = lab.report();
    println!("{}", table::table(&report, &lab));
    let total = lab.total();
    println!(
        "  the lab saw {} opens, {} clicks, {} unsubscribes, {} complaints, {} scanners, {} late bounces, {} failures",
        total.opened,
        total.clicked,
        total.unsubscribed,
        total.complained,
        total.scanned,
        total.late_bounced,
        total.failed
    );
    if suite.restarts() > 0 {
        println!("  the suite was killed {} times; {} mails were sent twice", suite.restarts(), total.duplicates);
    }
    if !found.is_empty() {
        bail!("the books do not agree:\n  {}", found.join("\n  "));
    }
    println!("  queue, event store, report and lab agree: {} recipients, each with one final outcome", report.audience);
    Ok(())
}

fn progress_bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix} [{bar:40}] {pos}/{len} {msg} ({elapsed})");
    let bar = ProgressBar::new(length).with_prefix(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
