//! Connects to the best host of a site that answers.

use model::category::Scope;
use model::event::Attempt;
use model::handoff::SessionTrouble;
use model::id::SessionId;
use model::name::Name;
use model::reply::Phase;
use model::route::{PathSpec, TlsPolicy};
use smtp::client::{Client, ConnectOptions, FailedConnection};
use tokio::time::timeout;

use crate::driver::Shared;
use crate::route::{self, Candidate};

/// A connection that can be used, and to whom.
pub(super) struct Opened {
    pub client: Client,
    pub host: Name,
}

/// Tries the addresses of the site's hosts in their order.
pub(super) async fn open(id: SessionId, path: &PathSpec, shared: &Shared) -> Result<Opened, Box<SessionTrouble>> {
    match timeout(shared.config.open_time_max.0, Opening { path, shared }.run(id)).await {
        Ok(opened) => opened,
        Err(_) => {
            let verdict = shared.judge.failure(mail::bounce::Failure::ConnectTimeout);
            let error = Some("no host answered in the time for opening a session".to_owned());
            let attempt = Attempt { phase: Some(Phase::Connect), error, ..about(path, &verdict) };
            Err(Box::new(SessionTrouble { verdict, attempt }))
        }
    }
}

struct Opening<'a> {
    path: &'a PathSpec,
    shared: &'a Shared,
}

impl Opening<'_> {
    async fn run(&self, id: SessionId) -> Result<Opened, Box<SessionTrouble>> {
        let (shared, path) = (self.shared, self.path);
        let bind = path.source.address;
        let seed = route::mix(id.0);
        let max = shared.config.addresses_max;
        let found = route::candidates(&shared.resolver, &shared.gate, &path.site, bind, seed, max).await;
        let candidates = found.map_err(|none| {
            let verdict = match none.permanent {
                true => shared.judge.permanent_failure(none.failure),
                false => shared.judge.failure(none.failure),
            };
            let attempt = Attempt { phase: Some(Phase::Route), error: Some(none.reason), ..about(path, &verdict) };
            Box::new(SessionTrouble { verdict, attempt })
        })?;
        let mut last = None;
        for candidate in &candidates {
            match self.connect(candidate).await {
                Ok(client) => return Ok(Opened { client, host: candidate.host.clone() }),
                Err(failed) => {
                    let trouble = self.trouble(candidate, &failed);
                    // A refusal that is about us would be the same at the next host, and asking there is rude.
                    let about_us = matches!(trouble.verdict.scope, Scope::Source | Scope::Domain);
                    last = Some(trouble);
                    if about_us {
                        break;
                    }
                }
            }
        }
        Err(last.expect("invariant: there is at least one candidate"))
    }

    async fn connect(&self, candidate: &Candidate) -> Result<Client, Box<FailedConnection>> {
        let shared = self.shared;
        let opportunistic = self.path.tls == TlsPolicy::Opportunistic;
        let mut options = self.options(candidate);
        if opportunistic && shared.broken_tls.is_broken(&candidate.host, shared.clock.now()) {
            options.tls = TlsPolicy::None;
        }
        let failed = match Client::connect(&options).await {
            Ok(client) => return Ok(client),
            Err(failed) => failed,
        };
        let handshake_failed = failed.error.phase == Phase::Tls && failed.error.reply().is_none();
        if !(opportunistic && handshake_failed && shared.config.tls_fallback) {
            return Err(failed);
        }
        tracing::debug!(host = %candidate.host, error = %failed.error, "TLS failed, trying without");
        options.tls = TlsPolicy::None;
        let client = Client::connect(&options).await?;
        shared.broken_tls.note(&candidate.host, shared.clock.now());
        Ok(client)
    }

    fn options(&self, candidate: &Candidate) -> ConnectOptions {
        let config = &self.shared.config;
        ConnectOptions {
            address: (candidate.address, config.port).into(),
            host_name: candidate.host.as_str().to_owned(),
            bind: self.path.source.address,
            ehlo_name: self.path.source.ehlo_name.clone(),
            tls: self.path.tls,
            tls_config: self.shared.tls.clone(),
            trust: None,
            dialect: smtp::client::Dialect::default(),
            timeouts: config.timeouts(),
            transcript_bytes_max: usize::try_from(config.transcript_max.0).unwrap_or(usize::MAX),
        }
    }

    fn trouble(&self, candidate: &Candidate, failed: &FailedConnection) -> Box<SessionTrouble> {
        let verdict = self.shared.judge.error(&failed.error, &self.path.site.provider, false);
        let reply = failed.error.reply().cloned();
        let attempt = Attempt {
            mx_host: Some(candidate.host.clone()),
            mx_address: Some(candidate.address.to_string()),
            source_address: failed.local.map(|local| local.ip().to_string()),
            phase: Some(failed.error.phase),
            error: if reply.is_some() { None } else { Some(failed.error.to_string()) },
            reply,
            connect_ms: Some(failed.timings.connect_ms),
            tls_ms: failed.timings.tls_ms,
            transcript: Some(failed.transcript.clone()).filter(|text| !text.is_empty()),
            ..about(self.path, &verdict)
        };
        Box::new(SessionTrouble { verdict, attempt })
    }
}

/// An attempt with what the path and the verdict say; `number` is the queue's to fill in.
pub(super) fn about(path: &PathSpec, verdict: &model::handoff::Verdict) -> Attempt {
    Attempt {
        site: Some(path.site.name.clone()),
        source_address: path.source.address.map(|address| address.to_string()),
        category: verdict.category,
        scope: verdict.category.map(|_| verdict.scope),
        suppress: verdict.suppress,
        ..Attempt::default()
    }
}
