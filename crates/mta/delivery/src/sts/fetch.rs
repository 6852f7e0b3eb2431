//! Fetches policies: HTTPS with certificates of public authorities, no redirects, small answers, no private addresses
//! (RFC 8461 3.3). The name of the host is a stranger's word.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use dns::Resolver;
use model::route::TlsFailure;
use reqwest::dns::{Addrs, Name as HostName, Resolve, Resolving};
use smtp::trust::{Authorities, TlsFault};

use super::policy::{POLICY_BYTES_MAX, Policy};
use crate::route::Gate;

/// Gets policies from the hosts that publish them.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    http: reqwest::Client,
    port: u16,
}

/// Resolves as the rest of delivery does, and only to addresses that may be connected to.
struct Guarded {
    resolver: Resolver,
    gate: Gate,
}

impl Resolve for Guarded {
    fn resolve(&self, name: HostName) -> Resolving {
        let (resolver, gate) = (self.resolver.clone(), self.gate.clone());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = resolver.addresses(&host).await?;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| gate.allows(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(format!("{host} has only addresses in private networks").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Fetcher {
    /// `port` is 443 but in closed networks. `limit` is the time for one policy.
    pub fn new(
        resolver: Resolver,
        gate: Gate,
        authorities: &Authorities,
        port: u16,
        limit: Duration,
    ) -> Result<Fetcher, String> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(smtp::tls::client_https(authorities))
            .dns_resolver(Guarded { resolver, gate })
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .no_proxy()
            .timeout(limit)
            .connect_timeout(limit / 2)
            .pool_max_idle_per_host(0)
            .build();
        Ok(Fetcher { http: http.map_err(|error| error.to_string())?, port })
    }

    /// The policy of a domain.
    ///
    /// # Errors
    /// What went wrong, in the words of TLS reports.
    pub async fn fetch(&self, domain: &str) -> Result<Policy, TlsFault> {
        let host = format!("mta-sts.{domain}");
        let failed = |failure, text: String| TlsFault { failure, text: format!("{host}: {text}") };
        let at = if self.port == 443 { host.clone() } else { format!("{host}:{}", self.port) };
        let sent = self.http.get(format!("https://{at}/.well-known/mta-sts.txt")).send().await;
        let mut response = sent.map_err(|error| {
            let by_certificate = smtp::trust::is_certificate_fault(&error);
            let failure = if by_certificate { TlsFailure::StsWebpkiInvalid } else { TlsFailure::StsPolicyFetchError };
            failed(failure, innermost(&error))
        })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(failed(TlsFailure::StsPolicyFetchError, format!("status {}", response.status().as_u16())));
        }
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let plain = kind
            .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain"));
        if !plain {
            return Err(failed(TlsFailure::StsPolicyInvalid, "the media type is not text/plain".to_owned()));
        }
        let mut bytes = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| failed(TlsFailure::StsPolicyFetchError, innermost(&error)))?;
            let Some(chunk) = chunk else { break };
            if bytes.len() + chunk.len() > POLICY_BYTES_MAX {
                return Err(failed(TlsFailure::StsPolicyInvalid, format!("longer than {POLICY_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| failed(TlsFailure::StsPolicyInvalid, "the policy is not UTF-8".to_owned()))?;
        Policy::parse(&text).map_err(|reason| failed(TlsFailure::StsPolicyInvalid, reason))
    }
}

/// The error behind the errors: the outer ones only say that a request failed.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
