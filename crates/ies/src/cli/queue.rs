//! `ies queue` and `ies status`: what waits in the queue of a running suite, and where; what came in and left.

use clap::{Args, Subcommand};
use model::time::Timestamp;
use queue::bulk::{BulkView, Group, SearchResult};
use queue::select::Filter;
use queue::view::{Amount, FlowView, RecipientView, Snapshot};
use serde::Deserialize;

use super::ConfigFile;
use super::table::{count, table};
use crate::client::Client;

/// What waits in the queue, and where.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies queue\n  ies queue paths\n  ies queue domains tenant:shop\n  \
                        ies queue list domain:gmail.com older:2h --sort age --limit 20\n  ies queue orders")]
pub(super) struct Queue {
    #[command(subcommand)]
    what: Option<What>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Totals, and the busiest paths and domains (what comes without a word).
    Summary,
    /// The busiest paths: a source towards a site.
    Paths,
    /// The domains with most recipients.
    Domains(Whom),
    /// The providers with most recipients.
    Providers(Whom),
    /// The jobs with most recipients.
    Jobs(Whom),
    /// The campaigns with most recipients.
    Campaigns(Whom),
    /// The tenants with most recipients.
    Tenants(Whom),
    /// The streams.
    Streams(Whom),
    /// Recipients, one by one.
    List(List),
    /// Bulk orders in force or at work: holds, and what is being cancelled or rerouted.
    Orders,
}

#[derive(Debug, Args)]
struct Whom {
    /// Only mail for which these terms hold, such as `tenant:shop`, `older:2h` or `"job:spring sale"`.
    #[arg(value_name = "TERM:VALUE")]
    filter: Vec<String>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    whom: Whom,
    /// `due`: the next attempt first; `age`: the oldest first.
    #[arg(long, default_value = "due", value_parser = ["due", "age"])]
    sort: String,
    /// At most so many (1,000 at a time).
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long, default_value = "")]
    after: String,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct Orders {
    items: Vec<BulkView>,
}

impl Queue {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.config.client()?;
        let text = match &self.what {
            None | Some(What::Summary) => self.snapshot(&client, summary).await?,
            Some(What::Paths) => self.snapshot(&client, paths).await?,
            Some(What::Orders) => {
                let orders: Orders = client.get("/api/v1/queues/orders").await?;
                self.shown(&orders, |orders| orders_table(&orders.items))?
            }
            Some(What::Domains(whom)) => self.groups(&client, whom, "domain", |found| &found.groups.domains).await?,
            Some(What::Providers(whom)) => {
                self.groups(&client, whom, "provider", |found| &found.groups.providers).await?
            }
            Some(What::Jobs(whom)) => self.groups(&client, whom, "job", |found| &found.groups.jobs).await?,
            Some(What::Campaigns(whom)) => {
                self.groups(&client, whom, "campaign", |found| &found.groups.campaigns).await?
            }
            Some(What::Tenants(whom)) => self.groups(&client, whom, "tenant", |found| &found.groups.tenants).await?,
            Some(What::Streams(whom)) => self.groups(&client, whom, "stream", |found| &found.groups.streams).await?,
            Some(What::List(list)) => {
                let found = search(&client, &list.whom.filter, &list.sort, list.limit.into(), &list.after).await?;
                self.shown(&found, |found| {
                    let next = found.next.as_ref().map(|next| format!("next page: --after {next}\n"));
                    format!("{}{} in all\n{}", recipients(&found.items), count(found.total), next.unwrap_or_default())
                })?
            }
        };
        print!("{text}");
        Ok(())
    }

    async fn snapshot(&self, client: &Client, text: fn(&Snapshot) -> String) -> anyhow::Result<String> {
        let snapshot: Snapshot = client.get("/api/v1/queues").await?;
        self.shown(&snapshot, text)
    }

    async fn groups(
        &self,
        client: &Client,
        whom: &Whom,
        name: &str,
        pick: fn(&SearchResult) -> &Vec<Group>,
    ) -> anyhow::Result<String> {
        let found = search(client, &whom.filter, "due", 0, "").await?;
        self.shown(pick(&found), |groups: &Vec<Group>| {
            let rows: Vec<Vec<String>> =
                groups.iter().map(|group| vec![group.name.to_string(), count(group.recipients)]).collect();
            format!("{}{} recipients in all\n", table(&[name, "recipients"], &rows), count(found.total))
        })
    }

    /// As JSON where that is wanted.
    fn shown<T: serde::Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<String> {
        if self.json { Ok(format!("{}\n", serde_json::to_string_pretty(value)?)) } else { Ok(text(value)) }
    }
}

/// Asks the suite for recipients; a wrong filter is refused before.
pub(super) async fn search(
    client: &Client,
    words: &[String],
    sort: &str,
    limit: usize,
    after: &str,
) -> anyhow::Result<SearchResult> {
    // What is wrong with it is said before anybody is asked.
    let filter = Filter::parse(words)?;
    let text = if filter.is_empty() { String::new() } else { format!("{filter:#}") };
    let mut query = vec![("filter", text.as_str()), ("sort", sort)];
    let limit = limit.to_string();
    query.push(("limit", &limit));
    if !after.is_empty() {
        query.push(("after", after));
    }
    let pairs: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", super::form_encode(value))).collect();
    client.get(&format!("/api/v1/queues/recipients?{}", pairs.join("&"))).await
}

fn summary(snapshot: &Snapshot) -> String {
    let totals = &snapshot.totals;
    let waiting = totals.scheduled - totals.held.min(totals.scheduled);
    let head = format!(
        "waiting {}   held {}   ready {}   in flight {}   connections {}   look-ups {}   done since the start {}\n",
        count(waiting),
        count(totals.held),
        count(totals.ready),
        count(totals.in_flight),
        snapshot.connections,
        snapshot.lookups,
        count(totals.done)
    );
    let rows: Vec<Vec<String>> = snapshot
        .domains
        .iter()
        .take(10)
        .map(|domain| {
            let name =
                |name: &Option<model::name::Name>| name.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            vec![domain.domain.to_string(), count(domain.recipients), name(&domain.provider), name(&domain.site)]
        })
        .collect();
    let controls: Vec<Vec<String>> = snapshot
        .controls
        .iter()
        .map(|control| {
            let until = control.until.map_or_else(|| "-".to_owned(), time);
            vec![
                control.action.to_string(),
                control.target.kind().to_owned(),
                control.target.name(),
                control.by.clone(),
                until,
                control.reason.clone(),
            ]
        })
        .collect();
    let controls = match controls.is_empty() {
        true => String::new(),
        false => format!("\n{}", table(&["held or suspended", "what", "name", "by", "until", "reason"], &controls)),
    };
    format!("{head}\n{}\n{}{controls}", table(&["domain", "recipients", "provider", "site"], &rows), paths(snapshot))
}

fn paths(snapshot: &Snapshot) -> String {
    let row = |path: &queue::view::PathView| {
        let throttle = path.throttle.as_ref().map_or_else(String::new, |throttle| throttle.reason.clone());
        let rate = path.limits.rate_now.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
        vec![
            format!("{}/{}", path.source, path.site),
            path.provider.to_string(),
            count(path.backlog),
            count(path.ready),
            count(path.in_flight),
            format!("{}/{}", path.connections, path.limits.connections_now),
            rate,
            format!("{:.1}", path.delivered_per_s),
            throttle,
        ]
    };
    let rows: Vec<Vec<String>> = snapshot.paths.iter().take(50).map(row).collect();
    let heads = ["path", "provider", "backlog", "ready", "in flight", "conn", "rate", "per s", "slowed or stopped"];
    table(&heads, &rows)
}

fn orders_table(orders: &[BulkView]) -> String {
    let row = |order: &BulkView| {
        let what = order
            .value
            .as_ref()
            .map_or_else(|| order.action.to_string(), |value| format!("{} to {value}", order.action));
        let progress = match order.at_work {
            true => format!("{} of {}", count(order.done), count(order.affected)),
            false => count(order.affected),
        };
        vec![
            order.order.to_string(),
            what,
            order.filter.clone(),
            progress,
            order.by.clone(),
            time(order.since),
            order.reason.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = orders.iter().map(row).collect();
    table(&["order", "action", "filter", "recipients", "by", "since", "reason"], &rows)
}

/// The numbers of the whole suite, in and out.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies status")]
pub(super) struct Status {
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Status {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let snapshot: Snapshot = self.config.client()?.get("/api/v1/queues").await?;
        if self.json {
            let status = serde_json::json!({
                "at": snapshot.at, "traffic": snapshot.traffic, "totals": snapshot.totals,
                "connections": snapshot.connections, "lookups": snapshot.lookups, "domains": snapshot.domains_total,
            });
            println!("{}", serde_json::to_string_pretty(&status)?);
        } else {
            print!("{}", status(&snapshot));
        }
        Ok(())
    }
}

fn status(snapshot: &Snapshot) -> String {
    let traffic = &snapshot.traffic;
    let row = |name: &str, pick: fn(&FlowView) -> Amount| {
        let cells = [traffic.inbound, traffic.outbound]
            .map(|flow| pick(&flow))
            .map(|amount| [count(amount.recipients), count(amount.messages), count(amount.bytes / 1_024)]);
        std::iter::once(name.to_owned()).chain(cells.into_iter().flatten()).collect::<Vec<String>>()
    };
    let rows = [
        row("total", |flow| flow.total),
        row("last hour", |flow| flow.last_hour),
        row("top hour", |flow| flow.top_hour),
        row("last minute", |flow| flow.last_minute),
        row("top minute", |flow| flow.top_minute),
    ];
    let heads = ["", "in: rcpts", "msgs", "kbytes", "out: rcpts", "msgs", "kbytes"];
    let totals = &snapshot.totals;
    format!(
        "running since {}\n\n{}\nconnections  {} open, {} top, {} maximum\nqueue        {} rcpts in {} domains, {} held\n\
         dns          {} pending\n",
        time(traffic.started_at),
        table(&heads, &rows),
        snapshot.connections,
        traffic.connections_top,
        traffic.connections_max,
        count(totals.scheduled + totals.ready + totals.in_flight),
        count(snapshot.domains_total),
        count(totals.held),
        snapshot.lookups
    )
}

/// One line for each recipient.
pub(super) fn recipients(items: &[RecipientView]) -> String {
    let row = |item: &RecipientView| {
        let state = serde_json::to_value(item.state).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or("-");
        vec![
            item.recipient.to_string(),
            item.message.to_string(),
            item.domain.to_string(),
            item.tenant.to_string(),
            item.stream.to_string(),
            if item.held { "held".to_owned() } else { state.to_owned() },
            item.attempts.to_string(),
            time(item.due),
            item.category.map_or_else(|| "-".to_owned(), |category| category.to_string()),
        ]
    };
    let heads = ["recipient", "message", "domain", "tenant", "stream", "state", "tried", "due", "last reply"];
    table(&heads, &items.iter().map(row).collect::<Vec<_>>())
}

/// A time to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
