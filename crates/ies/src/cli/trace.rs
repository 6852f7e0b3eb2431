//! `ies trace`: the history of a message, a recipient or an address, as the monitoring knows it.

use clap::Args;
use model::id::MessageId;
use serde_json::Value;

use super::{ConfigFile, form_encode};
use crate::client::Client;

/// Everything that happened to a message, a recipient or an address, dialogues included.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies trace 0cq2v7m9hk3xa\n  ies trace zoe@example.org")]
pub(super) struct Trace {
    /// A message id, a recipient id (thirteen letters and digits), or an address.
    id: String,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Trace {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.config.client()?;
        let histories = self.histories(&client).await?;
        for history in &histories {
            if self.json {
                println!("{}", serde_json::to_string_pretty(history)?);
            } else {
                print!("{}", text(history));
            }
        }
        Ok(())
    }

    async fn histories(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        if self.id.contains('@') {
            let address: String = form_encode(&self.id);
            let found: Value = client.get(&format!("/api/v1/recipients?address={address}")).await?;
            let ids = found["items"].as_array().into_iter().flatten().filter_map(|item| item["recipient"].as_str());
            let mut histories = Vec::new();
            for id in ids {
                histories.push(client.get(&format!("/api/v1/recipients/{id}")).await?);
            }
            anyhow::ensure!(!histories.is_empty(), "no mail to {} is known", self.id);
            return Ok(histories);
        }
        anyhow::ensure!(
            self.id.parse::<MessageId>().is_ok(),
            "{:?} is neither an id (thirteen letters and digits) nor an address",
            self.id
        );
        for things in ["recipients", "messages"] {
            if let Some(history) = client.find(&format!("/api/v1/{things}/{}", self.id)).await? {
                return Ok(vec![history]);
            }
        }
        anyhow::bail!("no message or recipient {} is known", self.id)
    }
}

/// One line for the recipient, one for each event, the dialogue indented below it.
fn text(history: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut out = format!(
        "recipient {}  {}  {}\n",
        word(&history["recipient"]),
        word(&history["address"]),
        word(&history["state"])
    );
    for event in history["events"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {}  {:<16}", word(&event["at"]), word(&event["kind"])));
        for part in [&event["provider"], &event["source"], &event["attempt"]["mx_host"]] {
            part.as_str().into_iter().for_each(|part| out.push_str(&format!(" {part}")));
        }
        let reply = &event["attempt"]["reply"];
        if let Some(code) = reply["code"].as_u64() {
            out.push_str(&format!("  {code} {} {}", reply["enhanced"].as_str().unwrap_or(""), word(&reply["text"])));
        }
        for part in [&event["attempt"]["error"], &event["touch"]["url"], &event["report"]["what"], &event["note"]] {
            part.as_str().into_iter().for_each(|part| out.push_str(&format!("  {part}")));
        }
        out.push('\n');
        for line in event["attempt"]["transcript"].as_str().unwrap_or("").lines() {
            out.push_str(&format!("      {line}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_query_string() {
        assert_eq!(form_encode("zoé+a&b@example.org"), "zo%C3%A9%2Ba%26b%40example.org");
    }

    #[test]
    fn a_history_reads_like_a_story() {
        let history = serde_json::json!({
            "recipient": "0cq2v7m9hk3xa", "address": "zoe@example.org", "state": "delivered",
            "events": [{"at": "2026-09-21T14:13:20Z", "kind": "delivered", "provider": "orange", "source": "ip-1",
                "attempt": {"mx_host": "smtp-in.orange.fr", "reply": {"code": 250, "enhanced": "2.0.0", "text": "ok"},
                    "transcript": "S: 220 hello\nC: EHLO us"}}]
        });
        let text = text(&history);
        assert!(
            text.contains("delivered        orange ip-1 smtp-in.orange.fr  250 2.0.0 ok\n      S: 220 hello\n"),
            "{text}"
        );
    }
}
