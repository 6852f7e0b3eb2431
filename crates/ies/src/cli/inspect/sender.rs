//! `ies inspect spf|dkim|arc|dmarc`: the options that say who sent a message and where the DNS answers come from.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use dns::{Resolver, Zone};
use mail::auth::{Letter, Peer};
use mail::inspect::{self, InspectError};
use model::dns::{Answers, Question};
use model::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;

/// Where the answers of the DNS come from. Nothing is asked over the network unless that is wanted.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// Answers come from this file: a zone file, or JSON such as {"example.org": {"TXT": ["v=spf1 -all"]}}.
    #[arg(long, value_name = "FILE")]
    zone: Option<PathBuf>,
    /// Ask the name servers of this machine.
    #[arg(long)]
    online: bool,
}

/// Who handed the message over.
#[derive(Debug, Args)]
pub(super) struct Sender {
    /// The address it came from.
    #[arg(long)]
    ip: IpAddr,
    /// The name it gave in EHLO.
    #[arg(long, default_value = "")]
    helo: String,
    /// The return path; empty for a bounce.
    #[arg(long, default_value = "")]
    from: String,
}

impl Sender {
    pub(super) fn peer(&self) -> Peer<'_> {
        Peer { address: self.ip, helo: &self.helo, mail_from: self.from.trim_matches(['<', '>']) }
    }
}

impl Source {
    /// Evaluates with the answers of this source.
    ///
    /// # Errors
    /// [`InspectError`] when the zone cannot be read or the machine has no name servers.
    pub(super) fn settle(
        &self,
        evaluate: impl FnMut(&Answers) -> Result<Value, Question>,
    ) -> Result<Value, InspectError> {
        let unusable = |error: &dyn std::fmt::Display| InspectError::new("no-dns", error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unusable(&error))?;
        let _inside = runtime.enter();
        let resolver = match &self.zone {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| InspectError::new("no-zone", format!("{}: {error}", path.display())))?;
                Resolver::zone(Zone::parse(&text).map_err(|error| InspectError::new("no-zone", error.to_string()))?)
            }
            None => Resolver::new(&dns::resolver::Config::default()).map_err(|error| unusable(&error))?,
        };
        Ok(runtime.block_on(resolver.settle(evaluate)))
    }

    /// As [`Source::settle`], for a message.
    pub(super) fn judge(
        &self,
        input: &[u8],
        mut evaluate: impl FnMut(&Letter<'_>, Timestamp, &Answers) -> Result<Value, Question>,
    ) -> Result<Value, InspectError> {
        let mail = inspect::signed_mail(input)?;
        let letter = Letter::parse(&mail)
            .ok_or_else(|| InspectError::new("not-a-mail", "this is no mail: it has not a single header field"))?;
        let now = SystemClock.now();
        self.settle(|answers| evaluate(&letter, now, answers))
    }
}
