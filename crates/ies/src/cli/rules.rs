//! `ies rules`: the rules about replies of providers, what they do, whether they can fire, and what they would have done.
//!
//! `lint` and `replay` work on files and need no suite; `list` and `show` tell how often a rule was needed where one runs.
//! Exit code of `lint`: 1 when there is an error, with `--strict` also for a warning.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use model::time::{Clock as _, SystemClock};
use model::words::nearest;
use queue::directory::Directory;
use queue::providers::Providers;
use queue::providers::lint::Severity;
use queue::providers::recorded::LINE_BYTES_MAX;
use queue::providers::replay::{Replay, ReplayReport};
use queue::shaping::{RuleDetail, ShapingView};
use serde::Deserialize;

use super::ConfigFile;
use super::queue::time;
use super::table::table;

/// The rules about replies of providers.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies rules list\n  ies rules active\n  ies rules lint data/providers.toml\n  ies rules replay acct.csv --rules new.toml\n  ies rules shadow on yahoo-ts03"
)]
pub(super) struct Rules {
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// All rules, in the order in which they are tried.
    List {
        /// Only those that are tried for this provider.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// What slows or stops mail now, and why: what rules have done, what was learned, shared limits that are waited for.
    Active {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// One rule in full.
    Show {
        /// Its name.
        name: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Find rules that can never fire, and what contradicts.
    Lint {
        /// The rules file; the one in use when left out.
        file: Option<PathBuf>,
        /// Warnings count as errors.
        #[arg(long)]
        strict: bool,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// What the rules would have done with recorded replies.
    #[command(
        after_help = "FILE holds a record a line: own events, logs of KumoMTA (JSON) or Postfix, PowerMTA's acct.csv, or plain\nlines \"[TIME] [PROVIDER] [PHASE] 421 4.7.0 text\". \"-\" reads standard input."
    )]
    Replay {
        /// The recorded replies.
        file: PathBuf,
        /// Try this rules file, and compare it with the one in use.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Put a rule into shadow, where it only counts and tells, or let it act again.
    Shadow {
        /// `on` or `off`.
        switch: Switch,
        /// The rule.
        name: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Deserialize)]
struct Items {
    items: Vec<RuleDetail>,
}

impl Rules {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match &self.order {
            Order::List { provider, json } => self.list(provider.as_deref(), *json).await,
            Order::Active { json } => self.active(*json).await,
            Order::Show { name, json } => self.show(name, *json).await,
            Order::Lint { file, strict, json } => self.lint(file.as_deref(), *strict, *json),
            Order::Replay { file, rules, json } => self.replay(file, rules.as_deref(), *json),
            Order::Shadow { switch, name } => self.shadow(*switch, name).await,
        }
    }

    fn providers(&self) -> anyhow::Result<Providers> {
        Ok(Providers::load(self.config.read()?.queue.providers_file.as_deref())?)
    }

    /// The rules, with what is going on where a suite runs.
    async fn details(&self) -> anyhow::Result<Vec<RuleDetail>> {
        if let Ok(client) = self.config.client() {
            return Ok(client.get::<Items>("/api/v1/rules").await?.items);
        }
        Ok(Directory::new(self.config.read()?.queue.clone(), self.providers()?).rules(None))
    }

    async fn list(&self, provider: Option<&str>, json: bool) -> anyhow::Result<()> {
        let mut rules = self.details().await?;
        if let Some(provider) = provider {
            let providers = self.providers()?;
            let names: Vec<String> = providers.entries().iter().map(|entry| entry.name.to_string()).collect();
            // Providers without a name in the file are called by a domain; the rules for all hold for them.
            if !provider.contains('.') && !names.iter().any(|name| name == provider) {
                let near = nearest(provider, names.iter().map(String::as_str));
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                anyhow::bail!("there is no provider {provider:?} in {}{near}", providers.file());
            }
            rules.retain(|rule| rule.providers.is_empty() || rule.providers.iter().any(|name| **name == *provider));
            // Those that name the provider come first.
            rules.sort_by_key(|rule| rule.providers.is_empty());
        }
        if json {
            println!("{}", serde_json::to_string_pretty(&rules)?);
            return Ok(());
        }
        print!("{}", listed(&rules));
        Ok(())
    }

    async fn active(&self, json: bool) -> anyhow::Result<()> {
        let shaping: ShapingView = self.config.client()?.get("/api/v1/shaping").await?;
        if json {
            println!("{}", serde_json::to_string_pretty(&shaping)?);
        } else {
            print!("{}", in_force(&shaping));
        }
        Ok(())
    }

    async fn show(&self, name: &str, json: bool) -> anyhow::Result<()> {
        let rules = self.details().await?;
        let found = rules.iter().find(|rule| *rule.name == *name);
        let rule = found.with_context(|| {
            let names = rules.iter().map(|rule| rule.name.to_string());
            let names: Vec<String> = names.collect();
            let near = nearest(name, names.iter().map(String::as_str));
            near.map_or_else(
                || format!("there is no rule {name:?}"),
                |near| format!("there is no rule {name:?}; did you mean {near:?}?"),
            )
        })?;
        if json {
            println!("{}", serde_json::to_string_pretty(rule)?);
        } else {
            print!("{}", in_full(rule));
        }
        Ok(())
    }

    fn lint(&self, file: Option<&Path>, strict: bool, json: bool) -> anyhow::Result<()> {
        let providers = match file {
            Some(file) => Providers::load(Some(file))?,
            None => self.providers()?,
        };
        let findings = providers.lint();
        if json {
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            findings.iter().for_each(|finding| println!("{}:{}: {finding}", providers.file(), finding.line));
        }
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let warnings = findings.len() - errors;
        let fine = errors == 0 && (!strict || warnings == 0);
        anyhow::ensure!(fine, "{}: {errors} errors, {warnings} warnings", providers.file());
        if !json {
            println!("{}: {} rules, {warnings} warnings", providers.file(), providers.rules().len());
        }
        Ok(())
    }

    fn replay(&self, file: &Path, rules: Option<&Path>, json: bool) -> anyhow::Result<()> {
        let in_use = replayed(&self.providers()?, file)?;
        let other = match rules {
            Some(_) if file.as_os_str() == "-" => {
                anyhow::bail!("standard input can be read once: give a file to compare")
            }
            Some(rules) => Some(replayed(&Providers::load(Some(rules))?, file)?),
            None => None,
        };
        if json {
            let both = serde_json::json!({ "in_use": in_use, "tried": other });
            println!("{}", serde_json::to_string_pretty(&both)?);
            return Ok(());
        }
        match other {
            None => print!("{}", report_text(&in_use)),
            Some(other) => print!("{}{}", report_text(&other), compared(&in_use, &other)),
        }
        Ok(())
    }

    async fn shadow(&self, switch: Switch, name: &str) -> anyhow::Result<()> {
        let shadow = matches!(switch, Switch::On);
        let client = self.config.client()?;
        let path = format!("/api/v1/rules/{}/shadow", super::form_encode(name));
        let rule: RuleDetail = client.post(&path, &serde_json::json!({ "shadow": shadow })).await?;
        println!("{}", in_a_line(&rule));
        Ok(())
    }
}

/// Runs a record through rules, a line at a time.
fn replayed(providers: &Providers, file: &Path) -> anyhow::Result<ReplayReport> {
    let mut replay = Replay::new(providers, SystemClock.now());
    let input: Box<dyn std::io::Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| file.display().to_string())?)
    };
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte beyond the longest line tells that it is too long; its rest is read as further lines of nothing.
        let most = LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(most).read_until(b'\n', &mut line).with_context(|| file.display().to_string())? == 0 {
            return Ok(replay.end());
        }
        replay.line(&String::from_utf8_lossy(&line));
    }
}

/// A line for each rule, as many columns as a suite that runs can fill.
fn listed(rules: &[RuleDetail]) -> String {
    let row = |rule: &RuleDetail| {
        let providers: Vec<&str> = rule.providers.iter().map(|name| &**name).collect();
        let counts = rule.counts.as_ref();
        let shadow = if rule.shadow { ", shadow" } else { "" };
        let in_force = match rule.active.len() {
            0 => "-".to_owned(),
            places => places.to_string(),
        };
        vec![
            rule.name.to_string(),
            if providers.is_empty() { "all".to_owned() } else { providers.join(",") },
            rule.threshold.map_or_else(|| "at once".to_owned(), |threshold| threshold.to_string()),
            format!("{} ({}{shadow})", rule.actions.join(", "), rule.scope.as_str()),
            rule.duration.to_string(),
            counts.map_or_else(|| "-".to_owned(), |counts| counts.hits.to_string()),
            counts.map_or_else(|| "-".to_owned(), |counts| counts.fired.to_string()),
            in_force,
        ]
    };
    let heads = ["rule", "providers", "after", "does", "for", "replies", "fired", "now"];
    table(&heads, &rules.iter().map(row).collect::<Vec<_>>())
}

/// What slows or stops mail now: lines for people, the cause below each.
fn in_force(shaping: &ShapingView) -> String {
    let mut out = String::new();
    for effect in &shaping.active {
        let host = effect.host.as_ref().map_or_else(String::new, |host| format!(" ({host})"));
        let (target, name, action, rule) = (&effect.target, &effect.name, &effect.action, &effect.rule);
        out.push_str(&format!("{target} {name}: {action}{host} until {}, by rule {rule}\n", time(effect.until)));
        out.push_str(&format!("  because of: {}\n", effect.reply));
    }
    for learned in &shaping.learned {
        let place = learned.site.as_ref().or(learned.stream.as_ref()).map_or("", |name| &**name);
        let (source, provider, value) = (&learned.source, &learned.provider, &learned.value);
        let until = time(learned.until);
        out.push_str(&format!("{source} to {provider}, {place}: {value}, learned, rises by itself from {until}\n"));
        learned.reply.iter().for_each(|reply| out.push_str(&format!("  because of: {reply}\n")));
    }
    for limit in shaping.shared.iter().filter(|limit| limit.waiting > 0) {
        let until = limit.opens_at.map_or_else(String::new, |at| format!(" until {}", time(at)));
        out.push_str(&format!("{} paths wait for the limit {}{until}  [{}]\n", limit.waiting, limit.of, limit.set_by));
    }
    if out.is_empty() {
        "nothing is slowed or stopped by rules, by the controller or at shared limits\n".to_owned()
    } else {
        out
    }
}

fn in_a_line(rule: &RuleDetail) -> String {
    let providers: Vec<&str> = rule.providers.iter().map(|name| &**name).collect();
    let providers = if providers.is_empty() { "all".to_owned() } else { providers.join(",") };
    let threshold = rule.threshold.map_or_else(|| "at once".to_owned(), |threshold| threshold.to_string());
    let shadow = if rule.shadow { "  (shadow)" } else { "" };
    let counts = rule.counts.as_ref().map_or_else(String::new, |counts| {
        format!("  {} replies, fired {}, would have {}", counts.hits, counts.fired, counts.would_have_fired)
    });
    let active = if rule.active.is_empty() { String::new() } else { format!("  in force {}x", rule.active.len()) };
    let (actions, scope) = (rule.actions.join(", "), rule.scope.as_str());
    format!(
        "{:<34} {providers:<24} {threshold:<8} {actions} ({scope}) for {}{shadow}{counts}{active}",
        rule.name, rule.duration
    )
}

fn in_full(rule: &RuleDetail) -> String {
    let mut out = format!("{}\n  set by     {}\n", in_a_line(rule), rule.set_by);
    let mut line = |key: &str, value: &str| out.push_str(&format!("  {key:<10} {value}\n"));
    rule.patterns.iter().for_each(|pattern| line("match", pattern));
    if !rule.codes.is_empty() {
        line("code", &rule.codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", "));
    }
    rule.origin.iter().for_each(|origin| line("origin", origin));
    rule.samples.iter().for_each(|sample| line("sample", sample));
    for effect in &rule.active {
        line("in force", &format!("{} {}: {} until {}", effect.target, effect.name, effect.action, effect.until));
    }
    if let Some(reply) = rule.counts.as_ref().and_then(|counts| counts.last_reply.as_ref()) {
        line("last", &reply.to_string());
    }
    out
}

fn report_text(report: &ReplayReport) -> String {
    let time = |at: Option<model::time::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let mut out = format!(
        "{} lines, {} replies ({} delivered) from {} to {}\n{} taken by rules, {} would not have come, {} lines unread\n",
        report.lines,
        report.replies,
        report.delivered,
        time(report.from),
        time(report.to),
        report.known,
        report.avoided,
        report.unread
    );
    if report.timeless {
        out.push_str("The record has no times: a second was taken for each line.\n");
    }
    for unread in &report.unread_lines {
        out.push_str(&format!("  unread line {}: {}\n", unread.line, unread.text));
    }
    let used = report.rules.iter().filter(|rule| rule.hits > 0);
    for rule in used {
        let shadow = if rule.in_shadow > 0 { format!(" ({} in shadow)", rule.in_shadow) } else { String::new() };
        let in_force = model::units::Span::s(rule.in_force_s);
        out.push_str(&format!(
            "\n{}: {} replies, fires {}x{shadow}, in force {in_force}\n",
            rule.name, rule.hits, rule.fired
        ));
        for firing in rule.firings.iter().take(5) {
            let actions = firing.actions.join(", ");
            out.push_str(&format!("  {}  {}: {actions} until {}\n", firing.at, firing.target, firing.until));
        }
    }
    for (title, wordings) in
        [("failures that no rule takes", &report.unknown), ("most frequent failures", &report.wordings)]
    {
        out.push_str(&format!("\n{title}\n"));
        for wording in wordings.iter().take(20) {
            out.push_str(&format!("  {:>7}  {:<14} {}\n", wording.count, wording.provider, wording.template));
        }
    }
    out
}

/// What a rule did in a replay: replies it took, how often it fired, seconds in force.
type Played = (u64, u64, u64);

/// Rules of which the two files make something else.
fn compared(in_use: &ReplayReport, tried: &ReplayReport) -> String {
    let mut rules: BTreeMap<&str, [Option<Played>; 2]> = BTreeMap::new();
    for (place, report) in [in_use, tried].into_iter().enumerate() {
        for rule in &report.rules {
            rules.entry(&rule.name).or_default()[place] = Some((rule.hits, rule.fired, rule.in_force_s));
        }
    }
    let words = |found: Option<Played>| match found {
        None => "not there".to_owned(),
        Some((hits, fired, s)) => format!("{hits} replies, {fired}x, {}", model::units::Span::s(s)),
    };
    let mut out = "\ncompared with the rules in use\n".to_owned();
    let mut differ = false;
    for (name, [before, after]) in rules.into_iter().filter(|(_, [before, after])| before != after) {
        differ = true;
        out.push_str(&format!("  {name}: {} → {}\n", words(before), words(after)));
    }
    if !differ {
        out.push_str("  no difference with this record\n");
    }
    out
}
