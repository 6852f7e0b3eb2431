//! `ies transcripts`: whole dialogues with receiving hosts on demand, also of mail that is delivered.

use clap::{Args, Subcommand};
use model::recording::{NewRecording, Recording, Subject};
use model::time::{Clock as _, SystemClock, Timestamp};
use model::units::Span;
use serde::{Deserialize, Serialize};

use super::ConfigFile;
use super::table::{count, table};

/// Whole dialogues with receiving hosts, recorded for a time. They stand in the history of each recipient (`ies trace`).
/// Dialogues of failures are kept always.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies transcripts add domain:example.org --for 30m --count 50\n  \
                        ies transcripts add source:ip-3 provider:gmail --reason \"TLS of the new host\"\n  \
                        ies transcripts\n  ies transcripts remove 3")]
pub(super) struct Transcripts {
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
    /// Record the dialogues of these recipients from now on.
    Add(Add),
    /// What is being recorded (what comes without a word).
    List,
    /// End a recording; what it has taken stays.
    Remove {
        /// Its number.
        #[arg(value_name = "NUMBER")]
        id: u32,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Terms that all have to hold: domain:, address:, recipient:, message:, provider:, source:, job:, campaign:.
    #[arg(value_name = "TERM:VALUE", required = true)]
    about: Vec<String>,
    /// For how long, 10s to 7d.
    #[arg(long = "for", value_name = "TIME", default_value = "30m")]
    lasts: Span,
    /// Until this many dialogues were recorded, 1 to 1,000.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    count: u32,
    /// Why; kept with it and told with its event.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Items {
    items: Vec<Recording>,
}

impl Transcripts {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.what {
            None | Some(What::List) => {
                let found: Items = self.config.client()?.get("/api/v1/transcripts").await?;
                match self.json {
                    true => println!("{}", serde_json::to_string_pretty(&found)?),
                    false => print!("{}", text(&found.items, SystemClock.now())),
                }
            }
            Some(What::Add(add)) => {
                let order = add.order()?;
                let begun: Recording = self.config.client()?.post("/api/v1/transcripts", &order).await?;
                match self.json {
                    true => println!("{}", serde_json::to_string_pretty(&begun)?),
                    false => println!("recording {}: {} until {}", begun.id, begun.about, begun.until),
                }
            }
            Some(What::Remove { id }) => {
                self.config.client()?.delete(&format!("/api/v1/transcripts/{id}")).await?;
                match self.json {
                    true => println!("{}", serde_json::json!({"ended": id})),
                    false => println!("recording {id} is ended"),
                }
            }
        }
        Ok(())
    }
}

impl Add {
    /// What is wrong is said before anybody is asked.
    fn order(self) -> anyhow::Result<NewRecording> {
        let about = Subject::parse(&self.about)?;
        let order = NewRecording { about, lasts: self.lasts, count_max: self.count, reason: self.reason };
        order.validate()?;
        Ok(order)
    }
}

fn text(recordings: &[Recording], now: Timestamp) -> String {
    let row = |recording: &Recording| {
        let left = Span::s(recording.until.since(now).as_secs());
        vec![
            recording.id.to_string(),
            recording.about.to_string(),
            left.to_string(),
            format!("{} of {}", count(u64::from(recording.taken)), count(u64::from(recording.count_max))),
            recording.by.clone(),
            recording.reason.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = recordings.iter().map(row).collect();
    table(&["number", "whose", "time left", "dialogues", "by", "reason"], &rows)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_left_is_told() {
        let now = Timestamp::from_unix_s(1_790_000_000);
        let recording = Recording {
            id: 3,
            about: Subject::parse(["domain:example.org"]).unwrap(),
            reason: "ticket 7".to_owned(),
            by: "ann".to_owned(),
            since: now,
            until: now.plus(Duration::from_secs(1_790)),
            count_max: 1_000,
            taken: 7,
            latest: Vec::new(),
        };
        let expected = "number  whose               time left  dialogues   by   reason\n\
                        3       domain:example.org  29m50s     7 of 1,000  ann  ticket 7\n";
        assert_eq!(text(&[recording], now).replace("     3", "3     "), expected);
        assert_eq!(text(&[], now), "none\n");
    }

    #[test]
    fn what_is_wrong_is_said_at_once() {
        let check = |about: &[&str], lasts: Span, expected: &str| {
            let about = about.iter().map(|&word| word.to_owned()).collect();
            let add = Add { about, lasts, count: 1, reason: String::new() };
            let said = add.order().map_or_else(|error| error.to_string(), |order| order.about.to_string());
            assert_eq!(said, expected);
        };
        check(&["job:a"], Span::s(60), "job:a");
        check(&["job:a"], Span::s(1), "must lie between 10s and 7d");
        check(&["recipient:#"], Span::s(60), "\"recipient:#\" names nothing that exists");
    }
}
