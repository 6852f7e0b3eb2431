//! `ies resolve`: where mail to a domain would go, and under which limits.
//!
//! Asks the running suite where there is one, for what is slowed now; else the configuration and the DNS alone.

use clap::Args;
use model::name::Name;
use queue::directory::Directory;
use queue::providers::Providers;
use queue::resolve::{Question, Resolution, SourceResolution};

use super::ConfigFile;

/// Where mail to a domain would go: hosts, provider, pool, sources, and every limit with who set it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies resolve gmail.com\n  ies resolve orange.fr --source ip-1 --stream bulk --all\n  ies resolve provider:orange\n  ies resolve path:ip-1/mx.example.org"
)]
pub(super) struct Resolve {
    /// The recipient domain, or an address of it; or provider:NAME, site:NAME, path:SOURCE/SITE without a domain.
    domain: String,
    /// Only this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Mail of this stream; the default stream when left out.
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Mail of this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Show what lost as well, and the rules about replies.
    #[arg(long)]
    all: bool,
    /// Do not ask a running suite.
    #[arg(long)]
    offline: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Resolve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = match self.config.client() {
            Ok(client) if !self.offline => {
                let mut query = vec![("domain", self.domain.as_str())];
                let options = [("source", &self.source), ("stream", &self.stream), ("tenant", &self.tenant)];
                query.extend(options.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
                let query: Vec<String> =
                    query.into_iter().map(|(key, value)| format!("{key}={}", super::form_encode(value))).collect();
                client.get(&format!("/api/v1/resolve?{}", query.join("&"))).await?
            }
            _ => self.alone().await?,
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&answer)?);
        } else {
            print!("{}", text(&answer, self.all));
        }
        Ok(())
    }

    async fn alone(&self) -> anyhow::Result<Resolution> {
        let config = self.config.read()?;
        let providers = Providers::load(config.queue.providers_file.as_deref())?;
        let directory = Directory::new(config.queue.clone(), providers).with_resolver(dns::Resolver::new(&config.dns)?);
        let name = |text: &Option<String>| text.as_deref().map(Name::from);
        let question = Question {
            domain: self.domain.clone(),
            source: name(&self.source),
            stream: name(&self.stream),
            tenant: name(&self.tenant),
        };
        Ok(directory.resolve(&question, None).await?)
    }
}

fn text(answer: &Resolution, all: bool) -> String {
    let mut out = format!("{}\n", answer.domain);
    let mut line = |key: &str, value: &str| out.push_str(&format!("  {key:<10} {value}\n"));
    for host in &answer.hosts {
        let addresses = host.trouble.clone().unwrap_or_else(|| host.addresses.join(", "));
        line("host", &format!("{} {}  {addresses}", host.preference, host.name));
    }
    answer.trouble.iter().for_each(|trouble| line("hosts", trouble));
    answer.site.iter().for_each(|site| line("site", site));
    answer.provider.iter().for_each(|provider| line("provider", provider));
    answer.origin.iter().for_each(|origin| line("origin", origin));
    let like = answer.stream_as.as_ref().map_or_else(String::new, |like| format!(", not listed: as {like}"));
    line("stream", &format!("{} (priority {}{like})", answer.stream, answer.priority));
    line("given up", &format!("after {}  [{}]", answer.max_age.value, answer.max_age.set_by));
    for (place, retry) in answer.retries.iter().enumerate().take(if all { usize::MAX } else { 1 }) {
        let key = if place == 0 { "retry" } else { "  (lost)" };
        line(key, &format!("{}  [{}]", retry.value, retry.set_by));
    }
    line("pool", &answer.pool);
    for group in &answer.groups {
        let perhaps = if group.perhaps { ", for some of this mail" } else { "" };
        let budget = if group.budget.is_empty() { "one budget for all" } else { &group.budget };
        line("shared", &format!("{}: {}; {budget}{perhaps}  [{}]", group.name, group.limits, group.set_by));
    }
    answer.sources.iter().for_each(|source| out.push_str(&of_source(source, all)));
    if answer.sources_left_out > 0 {
        out.push_str(&format!("\n{} more sources: --source names one\n", answer.sources_left_out));
    }
    if all {
        out.push_str("\nrules about replies, in this order\n");
        for rule in &answer.rules {
            let shadow = if rule.shadow { " (shadow)" } else { "" };
            let (actions, scope) = (rule.actions.join(", "), rule.scope.as_str());
            out.push_str(&format!("  {}{shadow}: {actions} ({scope})  [{}]\n", rule.name, rule.set_by));
        }
    }
    if !answer.live {
        out.push_str("\nNo running suite was asked: what is slowed now is not known.\n");
    }
    out
}

fn of_source(source: &SourceResolution, all: bool) -> String {
    let standby = if source.standby { ", standby" } else { "" };
    let address = source.address.as_deref().unwrap_or("address chosen by the machine");
    let mut out =
        format!("\nsource {} (weight {}{standby}; {address}; {})\n", source.name, source.weight, source.ehlo_name);
    out.push_str(&format!("  {:<28} {:<18} [{}]\n", "tls", source.tls.value, source.tls.set_by));
    for limit in &source.limits {
        out.push_str(&format!("  {:<28} {:<18} [{}]\n", limit.key, limit.value, limit.set_by));
        for lost in limit.lost.iter().filter(|_| all) {
            out.push_str(&format!("  {:<28} {:<18} [{}]\n", "  (lost)", lost.value, lost.set_by));
        }
    }
    if let Some(now) = &source.now {
        let counts = format!("{} ready, {} in flight, {} connections", now.ready, now.in_flight, now.connections);
        out.push_str(&format!("  now: {counts}\n"));
        if let Some(throttle) = &now.throttle {
            let until = throttle.until.map_or_else(String::new, |until| format!(" until {until}"));
            out.push_str(&format!("  now: {}{until}  [{}]\n", throttle.reason, throttle.by));
        }
    }
    out
}
