//! `ies sources`: the own addresses from which mail leaves, how they are, and what they do now.

use clap::{Args, Subcommand};
use model::name::Name;
use queue::control::{Action, Done, Order, Target};
use queue::directory::SourceView;
use serde::Deserialize;

use super::ConfigFile;
use super::table::{count, table};

/// The sources (virtual MTAs): address, pools, health, and what each does now.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies sources\n  ies sources suspend ip-3\n  ies sources resume ip-3")]
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
    Suspend(One),
    /// Put it back, and forget what was learned of it.
    Resume(One),
}

#[derive(Debug, Args)]
struct One {
    /// The source's name.
    name: String,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct Items {
    items: Vec<SourceView>,
}

impl Sources {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.config.client()?;
        let (one, action) = match self.what {
            None | Some(What::List) => {
                let found: Items = client.get("/api/v1/sources").await?;
                match self.json {
                    true => println!("{}", serde_json::to_string_pretty(&found)?),
                    false => print!("{}", text(&found.items)),
                }
                return Ok(());
            }
            Some(What::Suspend(one)) => (one, Action::Suspend),
            Some(What::Resume(one)) => (one, Action::Resume),
        };
        let target = Target::Source(Name::from(one.name.as_str()));
        let order = Order::new(target, action);
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

fn text(sources: &[SourceView]) -> String {
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    let mut text =
        table(&["source", "health", "address", "ehlo name", "pools", "ready", "in flight", "connections"], &rows);
    for source in sources {
        if let Some(down) = &source.down {
            text.push_str(&format!("{} cannot send since {}: {}\n", source.name, down.since, down.reason));
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
        let down =
            Down { since: Timestamp::from_unix_s(0), reason: "192.0.2.1 is not here".to_owned(), next_check: None };
        let text = text(&[source("ip-1", None), source("ip-2", Some(down))]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("ip-1    fine    192.0.2.1") && lines[1].contains("1,200"), "{text}");
        assert!(lines[2].starts_with("ip-2    down"), "{text}");
        assert_eq!(lines[3], "ip-2 cannot send since 1970-01-01T00:00:00.000000Z: 192.0.2.1 is not here");
    }
}
