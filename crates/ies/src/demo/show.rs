//! The demo while it runs: the campaign is made and watched to its end, the books are compared, the suite serves on.

use std::time::Duration;

use anyhow::bail;
use campaign::report::CampaignReport;
use indicatif::{ProgressBar, ProgressStyle};
use lab::Lab;
use model::id::CampaignId;
use queue::view::Snapshot;

use super::child::Suite;
use super::{Options, campaign as sent, hint, numbers, setup, table};
use crate::client::Client;

/// How often the report is read.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks between two lines about the progress.
const TELL_EVERY: u64 = 10;
/// Without any progress for so long the campaign is given up.
const STALL_MAX: Duration = Duration::from_secs(180);
/// Looks at the books until they have to agree: the last opens and the event store follow the event log by a moment.
const LOOKS: u32 = 20;
/// How long the people may take to read their mail after the last delivery.
const PEOPLE_MAX: Duration = Duration::from_secs(90);
/// Refused rows that are shown; all are in the error file.
const REFUSED_SHOWN: usize = 5;

/// A running demo.
pub(super) struct Show {
    pub ground: setup::Ground,
    pub lab: Lab,
    pub suite: Suite,
    pub client: Client,
}

impl Show {
    /// Everything that is shown. Without `--once` it ends only when the suite cannot be kept alive.
    pub(super) async fn run(&mut self, options: &Options, csv: String, password: &str) -> anyhow::Result<()> {
        let put_off = self.put_off(&csv).map(str::to_owned);
        let id = self.begin(csv).await?;
        if let Some(address) = put_off {
            let trace = hint::trace(&self.ground.config, &address)?;
            println!("  the history of one recipient, from the first attempt on, in another terminal:\n    {trace}");
        }
        if let Some(file) = &options.ready_file {
            let url = format!("http://{}", self.ground.http);
            let ready = serde_json::json!({ "url": url, "email": setup::EMAIL, "password": password });
            std::fs::write(file, ready.to_string())?;
        }
        let mut wrong: Vec<String> = self.watch(id).await?.into_iter().collect();
        self.wait_for_people(id).await;
        wrong.extend(self.finish(id).await?);
        if options.once {
            if !wrong.is_empty() {
                bail!("{}", wrong.join("\n"));
            }
            return Ok(());
        }
        for what in wrong {
            println!("\n  !! {what}");
        }
        println!("\n  Look around: http://{} — Ctrl-C ends the demo.", self.ground.http);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.revive().await? {
                println!("  the suite had died and was started again: process {}", self.suite.pid());
            }
        }
    }

    /// A contact whose history will be worth a look: put off at first, delivered later. Plain enough for a command line.
    fn put_off<'c>(&self, csv: &'c str) -> Option<&'c str> {
        let mut addresses = csv.lines().skip(1).filter_map(|row| row.split(';').next());
        let plain = |address: &&str| address.is_ascii();
        addresses
            .clone()
            .filter(plain)
            .find(|address| self.lab.has_no_room_at_first(address))
            .or_else(|| addresses.find(plain))
    }

    /// True when the suite had died and was started again.
    async fn revive(&mut self) -> anyhow::Result<bool> {
        let revived = self.suite.revive().await?;
        let died = revived.is_some();
        if let Some(client) = revived {
            self.client = client;
        }
        Ok(died)
    }

    /// Imports the contacts, makes the campaign and sends it.
    async fn begin(&self, csv: String) -> anyhow::Result<CampaignId> {
        let bar = progress_bar("importing contacts", 0);
        let (list, import) = sent::import(&self.client, csv, |import| {
            bar.set_length(import.bytes_total);
            bar.set_position(import.bytes_done);
        })
        .await?;
        bar.finish_and_clear();
        let rows = if import.rejected == 1 { "row" } else { "rows" };
        println!("  {} contacts imported, {} {rows} refused", import.accepted, import.rejected);
        if import.rejected > 0 {
            let (file, refused) = sent::refused(&self.client, &import, REFUSED_SHOWN).await?;
            for row in refused {
                let column = if row.column.is_empty() { String::new() } else { format!(", {}", row.column) };
                println!("    line {}{column}: {}", row.line, row.reason);
            }
            let path = self.ground.dir.join("contacts-refused.csv");
            std::fs::write(&path, file)?;
            println!("    all of them, with their cells: {}", path.display());
        }
        let (made, check) = sent::create(&self.client, list.id).await?;
        for undefined in &check.undefined {
            println!("    {} contacts have no {}", undefined.contacts, undefined.variable);
        }
        println!("  sending “{}” to {} contacts", made.name, check.audience.size);
        sent::send(&self.client, made.id).await?;
        println!("  the campaign is on its way");
        Ok(made.id)
    }

    /// Shows the progress until every recipient has its final outcome, or nothing moves any more: then a sentence about
    /// that. A suite that dies is started again.
    async fn watch(&mut self, id: CampaignId) -> anyhow::Result<Option<String>> {
        let bar = progress_bar("delivering", 0);
        // Where nobody sees a bar move (a log, a pipe), a line now and then says the same.
        let tells = !std::io::IsTerminal::is_terminal(&std::io::stdout());
        let (mut looks, mut last, mut quiet) = (0_u64, None, Duration::ZERO);
        loop {
            if self.revive().await? {
                bar.println(format!("  the suite had died and was started again: process {}", self.suite.pid()));
            }
            let report = sent::report(&self.client, id).await.ok();
            let state = report.as_ref().map(|report| (done(report), report.handed_over));
            looks += 1;
            if let Some(report) = &report {
                bar.set_length(report.audience);
                bar.set_position(done(report));
                bar.set_message(format!("{} put off now", report.deferred_now));
                if tells && looks.is_multiple_of(TELL_EVERY) {
                    println!("  {} of {} done, {} put off now", done(report), report.audience, report.deferred_now);
                }
                if is_over(report) {
                    bar.finish_and_clear();
                    return Ok(None);
                }
            }
            quiet = if state == last { quiet + LOOK_EVERY } else { Duration::ZERO };
            last = state;
            if quiet > STALL_MAX {
                bar.finish_and_clear();
                let done = state.map_or(0, |(done, _)| done);
                return Ok(Some(format!("nothing has moved for {} s: {done} done", STALL_MAX.as_secs())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn wait_for_people(&self, id: CampaignId) {
        let unread = || self.lab.unread(&id.to_string());
        let most = unread();
        let bar = progress_bar("people read their mail", most);
        let reading = async {
            while unread() > 0 {
                bar.set_position(most.saturating_sub(unread()));
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Some read late; the demo does not wait for the last of them.
        let _ = tokio::time::timeout(PEOPLE_MAX, reading).await;
        bar.finish_and_clear();
    }

    /// Compares the books and prints the table: a sentence about what does not agree.
    async fn finish(&mut self, id: CampaignId) -> anyhow::Result<Option<String>> {
        let (mut shown, mut found) = (None, Vec::new());
        for _ in 0..LOOKS {
            self.revive().await?;
            match self.books(id).await {
                Ok((report, disagreements)) => (shown, found) = (Some(report), disagreements),
                Err(error) => found = vec![format!("{error:#}")],
            }
            if found.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if let Some(report) = &shown {
            println!("{}", table::table(report));
        }
        let total = self.lab.report_of(&id.to_string()).total();
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
        let restarts = self.suite.restarts();
        if restarts > 0 {
            println!("  the suite was killed {restarts} times; {} mails were sent twice", total.duplicates);
        }
        // A nicety: a suite that does not answer now has been told of above.
        if let Ok(Some(address)) = sent::eventful(&self.client, id).await {
            println!("  what happened to one recipient:\n    {}", hint::trace(&self.ground.config, &address)?);
        }
        if !found.is_empty() {
            return Ok(Some(format!("the books do not agree:\n  {}", found.join("\n  "))));
        }
        let audience = shown.map_or(0, |report| report.audience);
        println!("  queue, event store, report and lab agree: {audience} recipients, each with one final outcome");
        Ok(None)
    }

    /// The report, and where the books differ from each other now.
    async fn books(&self, id: CampaignId) -> anyhow::Result<(CampaignReport, Vec<String>)> {
        let report = sent::report(&self.client, id).await?;
        let queue: Snapshot = self.client.get("/api/v1/queues").await?;
        let stored = numbers::stored(&self.client, id).await?;
        let lab = self.lab.report_of(&id.to_string());
        let restarts = self.suite.restarts();
        let books = numbers::Books { report: &report, stored, queue: &queue, lab: &lab, restarts };
        let found = numbers::disagreements(&books);
        Ok((report, found))
    }
}

/// Recipients with a final outcome.
fn done(report: &CampaignReport) -> u64 {
    report.delivered + report.bounced + report.expired + report.suppressed
}

/// Everybody was handed over or skipped, and whoever was handed over has a final outcome.
fn is_over(report: &CampaignReport) -> bool {
    report.audience > 0 && report.handed_over + report.skipped >= report.audience && done(report) >= report.handed_over
}

fn progress_bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix} [{bar:40}] {pos}/{len} {msg} ({elapsed})");
    let bar = ProgressBar::new(length).with_prefix(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
