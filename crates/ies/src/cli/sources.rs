//! `ies sources`: the own addresses from which mail leaves, how they are, and what they do now.

use clap::{Args, Subcommand};
use model::name::Name;
use model::time::{Clock as _, SystemClock};
use model::units::Span;
use model::words::nearest;
use queue::control::{Action, Done, Order, Target};
use queue::directory::SourceView;
use serde::Deserialize;

use super::ConfigFile;
use super::queue::time;
use super::table::{count, table};
use super::warm_up::WarmUp;

/// The sources (virtual MTAs): address, pools, health, and what each does now.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies sources\n  ies sources suspend ip-3 --reason \"listed at Spamhaus\" --for 2h\n  ies sources resume ip-3\n  ies sources warm-up ip-3 --day 6"
)]
pub(super) struct Sources {
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
    /// All sources (what comes without a word).
    List,
    /// Take a source out of its pools; its mail leaves from the other members.
    Suspend(Suspend),
    /// Put it back, and forget what was learned of it.
    Resume(One),
    /// How far sources are with their warm-up plans; pause, resume or finish a plan, set its day.
    WarmUp(WarmUp),
}

#[derive(Debug, Args)]
struct One {
    /// The source's name.
    name: String,
}

#[derive(Debug, Args)]
struct Suspend {
    #[command(flatten)]
    one: One,
    /// Why; shown wherever the suspension is, and told with its event.
    #[arg(long, default_value = "")]
    reason: String,
    /// For how long, such as 30m or 2h; until it is resumed when left out.
    #[arg(long = "for", value_name = "TIME")]
    how_long: Option<Span>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct Items {
    items: Vec<SourceView>,
}

impl Sources {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.config.client()?;
        let (one, action, reason, until) = match self.what {
            None | Some(What::List) => {
                let found: Items = client.get("/api/v1/sources").await?;
                match self.json {
                    true => println!("{}", serde_json::to_string_pretty(&found)?),
                    false => print!("{}", text(&found.items)),
                }
                return Ok(());
            }
            Some(What::WarmUp(order)) => return order.run(&client, self.json).await,
            Some(What::Suspend(order)) => {
                let until = order.how_long.map(|span| SystemClock.now().plus(span.0));
                (order.one, Action::Suspend, order.reason, until)
            }
            Some(What::Resume(one)) => (one, Action::Resume, String::new(), None),
        };
        let found: Items = client.get("/api/v1/sources").await?;
        known(&one.name, &found.items)?;
        let target = Target::Source(Name::from(one.name.as_str()));
        let order = Order { until, reason, ..Order::new(target, action) };
        let done: Done = client.post("/api/v1/control", &order).await?;
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&done)?),
            false => {
                println!("{}: {}, {} recipients were bound to it", one.name, action.as_str(), count(done.affected))
            }
        }
        Ok(())
    }
}

/// A name that no source has is told with those that there are.
fn known(name: &str, sources: &[SourceView]) -> anyhow::Result<()> {
    let names: Vec<&str> = sources.iter().map(|source| &*source.name).collect();
    if names.contains(&name) {
        return Ok(());
    }
    match nearest(name, names.iter().copied()) {
        Some(near) => anyhow::bail!("there is no source {name:?}; did you mean {near:?}?"),
        None => anyhow::bail!("there is no source {name:?}: there are {}", names.join(", ")),
    }
}

fn text(sources: &[SourceView]) -> String {
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    let mut text =
        table(&["source", "health", "address", "ehlo name", "pools", "ready", "in flight", "connections"], &rows);
    for source in sources {
        if let Some(down) = &source.down {
            let next = down.next_check.map_or_else(String::new, |at| format!("; looked at again at {}", time(at)));
            text.push_str(&format!("{} cannot send since {}: {}{next}\n", source.name, time(down.since), down.reason));
        }
        if let Some(control) = &source.suspension {
            let until = control.until.map_or_else(String::new, |until| format!(" until {}", time(until)));
            let reason = if control.reason.is_empty() { String::new() } else { format!(": {}", control.reason) };
            let (by, since) = (&control.by, time(control.since));
            text.push_str(&format!("{} is suspended by {by} since {since}{until}{reason}\n", source.name));
        }
    }
    text
}

fn row(source: &SourceView) -> Vec<String> {
    let health = match (&source.down, source.suspended) {
        (Some(_), _) => "down",
        (None, true) => "suspended",
        (None, false) => "fine",
    };
    let addresses: Vec<&str> = source.address.iter().chain(&source.address_v6).map(String::as_str).collect();
    let mut address = if addresses.is_empty() { "any".to_owned() } else { addresses.join(", ") };
    if !source.egress.is_empty() {
        address = format!("{address} by {}", source.egress.join(", "));
    }
    let pools: Vec<&str> = source.pools.iter().map(Name::as_str).collect();
    vec![
        source.name.to_string(),
        health.to_owned(),
        address,
        source.ehlo_name.clone(),
        pools.join(", "),
        count(source.ready),
        count(source.in_flight),
        count(u64::from(source.connections)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::Timestamp;
    use queue::directory::Down;
    use queue::view::ControlView;

    #[test]
    fn a_source_that_cannot_send_says_why() {
        let source = |name: &str, down: Option<Down>| SourceView {
            name: Name::from(name),
            address: Some("192.0.2.1".to_owned()),
            address_v6: None,
            egress: Vec::new(),
            ehlo_name: "a.test".to_owned(),
            down,
            pools: vec![Name::from("default")],
            suspended: false,
            suspension: None,
            ready: 1_200,
            in_flight: 0,
            connections: 3,
        };
        let (since, next_check) = (Timestamp::from_unix_s(0), Some(Timestamp::from_unix_s(15)));
        let down = Down { since, reason: "192.0.2.1 is not here".to_owned(), next_check };
        let mut stopped = source("ip-3", None);
        stopped.suspended = true;
        stopped.suspension = Some(ControlView {
            target: Target::Source(Name::from("ip-3")),
            action: Action::Suspend,
            by: "anna@example.org".to_owned(),
            since,
            until: Some(Timestamp::from_unix_s(3_600)),
            reason: "listed at Spamhaus".to_owned(),
        });
        let text = text(&[source("ip-1", None), source("ip-2", Some(down)), stopped]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("ip-1    fine       192.0.2.1") && lines[1].contains("1,200"), "{text}");
        assert!(lines[2].starts_with("ip-2    down"), "{text}");
        assert!(lines[3].starts_with("ip-3    suspended"), "{text}");
        let (start, later) = (time(since), time(Timestamp::from_unix_s(15)));
        assert_eq!(
            lines[4],
            format!("ip-2 cannot send since {start}: 192.0.2.1 is not here; looked at again at {later}")
        );
        let end = time(Timestamp::from_unix_s(3_600));
        let suspended = format!("ip-3 is suspended by anna@example.org since {start} until {end}: listed at Spamhaus");
        assert_eq!(lines[5], suspended);
    }
}
