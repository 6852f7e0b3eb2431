//! `ies explain`: why mail waits: the limiter, its value, who set it, and what comes after.

use anyhow::bail;
use clap::Args;
use model::id::RecipientId;
use queue::view::{Explanation, Limiter};

use super::ConfigFile;
use super::queue::{search, time};
use super::table::count;
use crate::client::Client;

/// Recipients of a message or an address that are explained one by one.
const EXPLAINED_MAX: usize = 10;

/// Why a recipient, a message or an address waits in the queue.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies explain 0cq2v7m9hk3xa\n  ies explain zoe@example.org")]
pub(super) struct Explain {
    /// A recipient id, a message id (thirteen letters and digits), or an address.
    id: String,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = self.config.client()?;
        let (explained, total) = self.explanations(&client).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&explained)?);
            return Ok(());
        }
        for explanation in &explained {
            print!("{}", text(explanation));
        }
        if total > explained.len() as u64 {
            println!("and {} more of {}", count(total - explained.len() as u64), self.id);
        }
        Ok(())
    }

    async fn explanations(&self, client: &Client) -> anyhow::Result<(Vec<Explanation>, u64)> {
        let filter = if self.id.contains('@') {
            format!("address:{}", self.id)
        } else {
            if self.id.parse::<RecipientId>().is_err() {
                bail!("{:?} is neither an id (thirteen letters and digits) nor an address", self.id);
            }
            if let Some(explanation) = explanation(client, &self.id).await? {
                return Ok((vec![explanation], 1));
            }
            format!("message:{}", self.id)
        };
        let found = search(client, &[filter], "due", EXPLAINED_MAX, "").await?;
        let mut explained = Vec::new();
        for item in &found.items {
            // It may have left meanwhile.
            explained.extend(explanation(client, &item.recipient.to_string()).await?);
        }
        if explained.is_empty() {
            bail!("nothing of {} is in the queue; `ies trace {}` tells how it ended", self.id, self.id);
        }
        Ok((explained, found.total))
    }
}

async fn explanation(client: &Client, recipient: &str) -> anyhow::Result<Option<Explanation>> {
    client.find(&format!("/api/v1/recipients/{recipient}/explain")).await
}

/// Who, where, and below it what it waits for, the next thing first.
fn text(explanation: &Explanation) -> String {
    let recipient = &explanation.recipient;
    let state = serde_json::to_value(recipient.state).ok();
    let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or("-");
    let provider = explanation.provider.as_ref().map_or_else(String::new, |provider| format!(" at {provider}"));
    let mut out = format!(
        "recipient {} of {} to {}{provider}: {state}, {} attempts, accepted {}, given up {}\n",
        recipient.recipient,
        recipient.message,
        recipient.domain,
        recipient.attempts,
        time(recipient.received_at),
        time(recipient.expires_at)
    );
    match &explanation.limiter {
        Some(first) => out.push_str(&format!("  waits for {}", limiter(first))),
        None => out.push_str("  is being delivered\n"),
    }
    for also in &explanation.also {
        out.push_str(&format!("  then for  {}", limiter(also)));
    }
    if let Some(ahead) = explanation.ahead.filter(|ahead| *ahead > 0) {
        out.push_str(&format!("  before it at least {}\n", count(ahead)));
    }
    if let Some(next) = explanation.next_at {
        out.push_str(&format!("  next attempt not before {}\n", time(next)));
    }
    if let Some(last) = &explanation.last_reply {
        let said = last.reply.as_ref().map(ToString::to_string).or_else(|| last.error.clone()).unwrap_or_default();
        out.push_str(&format!("  last reply on its path, {}: {said}\n", time(last.at)));
    }
    out
}

fn limiter(limiter: &Limiter) -> String {
    let kind = serde_json::to_value(limiter.kind).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("-");
    let value = limiter.value.as_ref().map_or_else(String::new, |value| format!(" [{value}]"));
    let until = limiter.until.map_or_else(String::new, |until| format!(" until {}", time(until)));
    let set_by = if limiter.set_by.is_empty() { String::new() } else { format!(" (set by {})", limiter.set_by) };
    format!("{kind}: {}{value}{until}{set_by}\n", limiter.text)
}
