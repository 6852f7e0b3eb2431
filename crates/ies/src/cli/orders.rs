//! `ies hold`, `release`, `requeue`, `reroute`, `prioritise`, `cancel`, `expire`: orders about mail in the queue of a
//! running suite, by a filter.

use clap::Args;
use model::name::Name;
use queue::bulk::{BulkDone, BulkOrder, Groups, Work};
use queue::select::Filter;

use super::ConfigFile;
use super::queue::recipients;
use super::table::{count, table};

/// What every order has.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Terms that all have to hold: recipient:, message:, address:, campaign:, job:, tenant:, stream:, pool:, domain:,
    /// site:, provider:, source:, category:, state:, attempts: (at least), older: (than), before: (a time).
    #[arg(value_name = "TERM:VALUE")]
    filter: Vec<String>,
    /// Everybody is meant; instead of a filter.
    #[arg(long, conflicts_with = "filter")]
    everything: bool,
    /// Why; kept with the order and told with its event.
    #[arg(long, default_value = "")]
    reason: String,
    /// Only count whom it would concern.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Keep mail from being attempted, until it is released. Mail that comes in later is held as well.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies hold campaign:0cq2v7m9hk3xa --reason \"wrong link\"\n  \
                        ies hold tenant:shop domain:gmail.com --dry-run")]
pub(super) struct Hold {
    #[command(flatten)]
    common: Common,
}

/// End a hold: by its number (`ies queue orders`), or by the filter it was given with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies release --hold 3\n  ies release tenant:shop domain:gmail.com")]
pub(super) struct Release {
    /// Number of the hold.
    #[arg(long, value_name = "NUMBER", conflicts_with = "filter")]
    hold: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// Try mail now that waits for its next attempt. Limits, windows and holds stay.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies requeue provider:orange category:rate-limited")]
pub(super) struct Requeue {
    #[command(flatten)]
    common: Common,
}

/// Send mail from another pool, or from one source.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies reroute domain:gmail.com --to-pool warm\n  ies reroute job:news --to-source ip-2"
)]
pub(super) struct Reroute {
    /// The pool.
    #[arg(long, value_name = "POOL", required_unless_present = "to_source", conflicts_with = "to_source")]
    to_pool: Option<String>,
    /// The source.
    #[arg(long, value_name = "SOURCE")]
    to_source: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Let mail leave with another priority.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies prioritise message:0cq2v7m9hk3xa --priority 80")]
pub(super) struct Prioritise {
    /// 0 to 100, as for streams.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    priority: u8,
    #[command(flatten)]
    common: Common,
}

/// Give mail up; its recipients end as suppressed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies cancel campaign:0cq2v7m9hk3xa older:2h --reason \"offer is over\" --dry-run")]
pub(super) struct Cancel {
    /// Tell senders, as of any failure. Mail of campaigns is told to nobody.
    #[arg(long)]
    notify: bool,
    #[command(flatten)]
    common: Common,
}

/// Give mail up as if its time were over; its recipients end as expired.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies expire domain:example.org attempts:5")]
pub(super) struct Expire {
    /// Tell senders, as of any failure. Mail of campaigns is told to nobody.
    #[arg(long)]
    notify: bool,
    #[command(flatten)]
    common: Common,
}

impl Hold {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Hold, |_| ()).await
    }
}

impl Release {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Release, |order| order.hold = self.hold).await
    }
}

impl Requeue {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Requeue, |_| ()).await
    }
}

impl Reroute {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (pool, source) = (self.to_pool.map(Name::from), self.to_source.map(Name::from));
        self.common.order(Work::Reroute, |order| (order.pool, order.source) = (pool, source)).await
    }
}

impl Prioritise {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Prioritise, |order| order.priority = Some(self.priority)).await
    }
}

impl Cancel {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Cancel, |order| order.notify = self.notify).await
    }
}

impl Expire {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.common.order(Work::Expire, |order| order.notify = self.notify).await
    }
}

impl Common {
    async fn order(&self, action: Work, finish: impl FnOnce(&mut BulkOrder)) -> anyhow::Result<()> {
        let mut order = BulkOrder::new(action, Filter::parse(&self.filter)?);
        order.everything = self.everything;
        order.reason = self.reason.clone();
        order.dry_run = self.dry_run;
        finish(&mut order);
        // What is wrong is said before anybody is asked.
        order.validate()?;
        let done: BulkDone = self.config.client()?.post("/api/v1/queues/orders", &order).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&done)?);
        } else {
            print!("{}", text(action, &done));
        }
        Ok(())
    }
}

/// What was done in one line; of a dry run also whom it would concern.
fn text(action: Work, done: &BulkDone) -> String {
    let affected = match done.affected {
        1 => "1 recipient".to_owned(),
        affected => format!("{} recipients", count(affected)),
    };
    let mut out = match done.dry_run {
        true => format!("{action} would concern {affected}"),
        false => format!("{action}: {affected}"),
    };
    if done.in_flight > 0 {
        out.push_str(&format!(", {} of them in an attempt that is not broken off", count(done.in_flight)));
    }
    if let Some(order) = done.order {
        out.push_str(&format!("; order {order}"));
    }
    out.push('\n');
    if done.dry_run && done.affected > 0 {
        out.push_str(&groups(&done.groups));
        out.push_str(&recipients(&done.examples));
    }
    out
}

/// A line for each property: its largest groups.
fn groups(groups: &Groups) -> String {
    let of = |name: &str, groups: &[queue::bulk::Group]| {
        let shown: Vec<String> =
            groups.iter().take(5).map(|group| format!("{} {}", group.name, count(group.recipients))).collect();
        let more = groups.len().saturating_sub(5);
        let more = if more > 0 { format!(", {more} more") } else { String::new() };
        (!shown.is_empty()).then(|| vec![name.to_owned(), format!("{}{more}", shown.join(", "))])
    };
    let rows = [
        of("by state", &groups.states),
        of("by domain", &groups.domains),
        of("by provider", &groups.providers),
        of("by tenant", &groups.tenants),
        of("by stream", &groups.streams),
        of("by job", &groups.jobs),
        of("by campaign", &groups.campaigns),
    ];
    table(&["", ""], &rows.into_iter().flatten().collect::<Vec<_>>()).trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use queue::bulk::Group;

    use super::*;

    #[test]
    fn an_order_is_told_in_a_line() {
        let done = BulkDone { order: Some(3), affected: 1_200, in_flight: 7, ..BulkDone::default() };
        let expected = "hold: 1,200 recipients, 7 of them in an attempt that is not broken off; order 3\n";
        assert_eq!(text(Work::Hold, &done), expected);
        let groups =
            Groups { domains: vec![Group { name: Name::from("a.example"), recipients: 2 }], ..Groups::default() };
        let dry = BulkDone { affected: 1, dry_run: true, groups, ..BulkDone::default() };
        assert_eq!(text(Work::Cancel, &dry), "cancel would concern 1 recipient\nby domain  a.example 2\nnone\n");
    }
}
