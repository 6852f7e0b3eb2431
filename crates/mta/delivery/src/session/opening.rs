//! Connects to the best host of a site that answers: hosts and addresses in their order, the next one beside one that
//! does not connect and instead of one that is slow then, TLS as the plan for the host says.
//!
//! What becomes of TLS that fails: with a demand (DANE, `required`, `verified`) the host is not used. Without one the
//! connection is made again, first without the proof that the host holds its key (where its certificate cannot be read),
//! then in the clear; what worked is remembered for the next time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use futures::FutureExt as _;
use futures::future::{BoxFuture, MaybeDone, maybe_done};
use mail::bounce::Failure;
use model::category::Scope;
use model::event::Attempt;
use model::handoff::SessionTrouble;
use model::id::SessionId;
use model::name::Name;
use model::reply::Phase;
use model::route::{PathSpec, TlsPolicy};
use model::smarthost::{HostProtocol, Route};
use smtp::client::{
    Client, ClientError, ConnectOptions, Connected, Dialect, ErrorKind, FailedConnection, Login, Timings,
};
use smtp::trust::{self, Demand, Trust};
use tokio::time::{Instant, timeout};

use crate::driver::Shared;
use crate::egress::DialError;
use crate::memory::TlsTrouble;
use crate::places::Place;
use crate::race::{Patience, race};
use crate::route::{self, Candidate, End, Query};
use crate::secret;
use crate::tls::{self, Plan, SourceTls};

/// A connection that can be used, and to whom.
pub(super) struct Opened {
    pub client: Client,
    pub host: Name,
    /// What asked for the TLS it has, as recorded.
    pub tls_by: &'static str,
    /// How long looking up hosts and addresses took, in milliseconds.
    pub dns_ms: u32,
    /// Its place among the connections to the address.
    pub place: Option<Place>,
}

/// Tries the addresses of the site's hosts in their order.
///
/// # Errors
/// Why no host could be used; `None` when it came to nothing because of our own limits of connections to an address,
/// which says nothing about the hosts.
pub(super) async fn open(
    id: SessionId,
    path: &PathSpec,
    shared: &Shared,
) -> Result<Opened, Option<Box<SessionTrouble>>> {
    let opening = Opening { path, shared, in_line: AtomicU32::new(0) };
    match timeout(shared.config.open_time_max.0, opening.run(id)).await {
        Ok(opened) => opened.map_err(Some),
        Err(_) if opening.in_line.load(Relaxed) > 0 => Err(None),
        Err(_) => {
            let verdict = shared.judge.failure(Failure::ConnectTimeout);
            let error = Some("no host answered in the time for opening a session".to_owned());
            let attempt = Attempt { phase: Some(Phase::Connect), error, ..about(path, &verdict) };
            Err(Some(Box::new(SessionTrouble { verdict, attempt })))
        }
    }
}

struct Opening<'a> {
    path: &'a PathSpec,
    shared: &'a Shared,
    /// How many addresses of the site have no room for another connection of ours, and are waited for.
    in_line: AtomicU32,
}

/// A host that could not be used.
struct Failed {
    trouble: Box<SessionTrouble>,
    /// It would be the same at the next host, and asking there is rude.
    is_final: bool,
}

/// A host that is connected.
struct Reached<'a> {
    connected: Connected,
    /// It is made meanwhile: nobody is to wait for it while the connection is not known of.
    plan: MaybeDone<BoxFuture<'a, Result<Plan, trust::TlsFault>>>,
    place: Option<Place>,
}

/// A host that can be used.
struct Won {
    client: Client,
    tls_by: &'static str,
    place: Option<Place>,
}

impl Opening<'_> {
    async fn run(&self, id: SessionId) -> Result<Opened, Box<SessionTrouble>> {
        let (shared, path) = (self.shared, self.path);
        let began = Instant::now();
        let query = Query {
            site: &path.site,
            source: &path.source,
            port: shared.config.port,
            ipv6_first: shared.config.ipv6_first,
            seed: route::mix(id.0),
            max: shared.config.addresses_max,
        };
        let found = route::candidates(&shared.resolver, &shared.gate, query).await;
        let mut candidates = found.map_err(|none| {
            let verdict = match none.permanent {
                true => shared.judge.permanent_failure(none.failure),
                false => shared.judge.failure(none.failure),
            };
            let attempt = Attempt { phase: Some(Phase::Route), error: Some(none.reason), ..about(path, &verdict) };
            Box::new(SessionTrouble { verdict, attempt })
        })?;
        let dns_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.put_hopeless_last(&mut candidates);
        let tls = &shared.tls.of(&path.source).map_err(|reason| self.local_trouble(reason))?;
        let candidates = &candidates;
        let connect = |place: usize| self.connect(&candidates[place]);
        let converse = |place: usize, reached| self.converse(&candidates[place], reached, tls);
        let patience = |place| self.patience(candidates, place);
        match race(candidates.len(), connect, converse, patience, |failed: &Failed| failed.is_final).await {
            Ok((place, Won { client, tls_by, place: seat })) => {
                let host = candidates[place].host.clone();
                Ok(Opened { client, host, tls_by, dns_ms, place: seat })
            }
            Err(failures) => Err(most_telling(failures)),
        }
    }

    /// Dead addresses and hosts that cannot do what a policy asks for come last, otherwise in their order.
    fn put_hopeless_last(&self, candidates: &mut [Candidate]) {
        let (shared, now) = (self.shared, self.shared.clock.now());
        candidates.sort_by_key(|candidate| {
            let dead = candidate.end.tcp().is_some_and(|address| shared.dead.is_dead(address, now));
            (dead, shared.unfit.is_unfit(&self.path.site.name, &candidate.host, now))
        });
    }

    /// A host of a worse preference waits for longer.
    fn patience(&self, candidates: &[Candidate], place: usize) -> Patience {
        let config = &self.shared.config;
        let next = candidates.get(place + 1);
        let equal = next.is_some_and(|next| next.preference <= candidates[place].preference);
        let connecting = if equal { config.connect_stagger.0 } else { config.backup_stagger.0 };
        Patience { connecting, connected: config.slow_host_after.0.max(connecting) }
    }

    async fn connect<'a>(&'a self, candidate: &'a Candidate) -> Result<Reached<'a>, Failed> {
        let shared = self.shared;
        let place = match candidate.end.tcp() {
            Some(address) => {
                let (opening_max, all_max) = (shared.config.connecting_max, self.path.connections_per_address);
                Some(shared.places.take(address, opening_max, all_max, &self.in_line).await)
            }
            None => None,
        };
        let mut plan = maybe_done(self.plan(candidate).boxed());
        let mut dial = std::pin::pin!(self.dial(candidate));
        let dialed = tokio::select! {
            biased;
            dialed = &mut dial => dialed,
            () = &mut plan => dial.await,
        };
        match dialed {
            Ok(connected) => Ok(Reached { connected, plan, place }),
            Err(error) => Err(self.not_connected(candidate, error).await),
        }
    }

    async fn converse(&self, candidate: &Candidate, reached: Reached<'_>, tls: &SourceTls) -> Result<Won, Failed> {
        let shared = self.shared;
        let address = candidate.end.tcp();
        let Reached { connected, mut plan, mut place } = reached;
        (&mut plan).await;
        let planned = Pin::new(&mut plan).take_output().expect("invariant: awaited above, and taken once");
        let plan = planned.map_err(|fault| {
            let kind = ErrorKind::Tls(fault.into());
            let error = ClientError { phase: Phase::Tls, dot_sent: false, kind };
            self.failed(candidate, &failed_connection(error, Some(connected.local), connected.connect_ms))
        })?;
        match self.greet(candidate, connected, &plan, tls).await {
            Ok(client) => {
                address.inspect(|address| shared.dead.answered(*address));
                place.iter_mut().for_each(Place::opened);
                let tls_by = if client.secured().is_some() { plan.by } else { "none" };
                Ok(Won { client, tls_by, place })
            }
            Err(failed) => {
                let silent = failed.error.phase == Phase::Greeting && failed.error.reply().is_none();
                address.filter(|_| silent).inspect(|address| shared.dead.failed(*address, shared.clock.now()));
                Err(self.failed(candidate, &failed))
            }
        }
    }

    async fn plan(&self, candidate: &Candidate) -> Result<Plan, trust::TlsFault> {
        let rule = tls::rule(self.path);
        match &candidate.end {
            // A route of the operator is his word; DANE is for what strangers publish.
            _ if self.path.site.smarthost.is_some() => Ok(Plan::of_rule(rule)),
            End::Tcp(address) => {
                let dane = self.shared.config.dane;
                tls::plan(&self.shared.resolver, dane, rule, &candidate.host, address.port()).await
            }
            End::Unix(_) => Ok(Plan::of_rule(rule)),
        }
    }

    async fn dial(&self, candidate: &Candidate) -> Result<Connected, DialError> {
        let limit = self.shared.config.connect_timeout.0;
        match &candidate.end {
            End::Tcp(address) => self.shared.egress.connect(&self.path.source, *address, limit).await,
            End::Unix(path) => self.shared.egress.connect_here(path, limit).await,
        }
    }

    /// Greeting to the end of TLS, on lower and lower rungs where nothing demands a higher one.
    async fn greet(
        &self,
        candidate: &Candidate,
        connected: Connected,
        plan: &Plan,
        tls: &SourceTls,
    ) -> Result<Client, Box<FailedConnection>> {
        let shared = self.shared;
        let now = shared.clock.now();
        let mut options = self.options(candidate, plan, tls).await?;
        let mut known = shared.broken_tls.trouble(&candidate.host, now).filter(|_| plan.demand == Demand::Nothing);
        if !plan.may_fall_back() {
            known = known.filter(|trouble| *trouble == TlsTrouble::OddCertificate);
        }
        lower(&mut options, known, tls);
        let mut failed = match Client::over(connected, &options).await {
            Ok(client) => {
                if client.secured().is_some() && known.is_none() {
                    shared.broken_tls.forget(&candidate.host);
                }
                return Ok(client);
            }
            Err(failed) => failed,
        };
        while let Some(trouble) = self.next_rung(candidate, &failed.error, plan, known) {
            tracing::debug!(host = %candidate.host, error = %failed.error, ?trouble, "TLS failed, trying with less");
            lower(&mut options, Some(trouble), tls);
            known = Some(trouble);
            let Ok(connected) = self.dial(candidate).await else { return Err(failed) };
            match Client::over(connected, &options).await {
                Ok(client) => {
                    shared.broken_tls.note(&candidate.host, trouble, now);
                    return Ok(client);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// What to try without; none when the host is not used now: a connection that breaks off may be anybody's doing.
    fn next_rung(
        &self,
        candidate: &Candidate,
        error: &ClientError,
        plan: &Plan,
        now: Option<TlsTrouble>,
    ) -> Option<TlsTrouble> {
        let handshake_failed = error.phase == Phase::Tls && error.reply().is_none();
        if !handshake_failed || plan.demand != Demand::Nothing {
            return None;
        }
        let odd = matches!(&error.kind, ErrorKind::Tls(error) if trust::is_certificate_fault(error));
        match now {
            None if odd => Some(TlsTrouble::OddCertificate),
            None | Some(TlsTrouble::OddCertificate) if plan.may_fall_back() && self.shared.config.tls_fallback => {
                let told = matches!(&error.kind, ErrorKind::Tls(error) if trust::is_spoken(error));
                let (broken, at) = (&self.shared.broken_tls, self.shared.clock.now());
                broken.failed(&candidate.host, told, at).then_some(TlsTrouble::Broken)
            }
            _ => None,
        }
    }

    async fn options(
        &self,
        candidate: &Candidate,
        plan: &Plan,
        tls: &SourceTls,
    ) -> Result<ConnectOptions, Box<FailedConnection>> {
        let (config, source) = (&self.shared.config, &self.path.source);
        let address = candidate.end.tcp().unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        let route = self.path.site.smarthost.as_deref();
        let login = match route {
            Some(route) => login(route).await.map_err(|error| {
                let kind = ErrorKind::Io(error);
                let error = ClientError { phase: Phase::Auth, dot_sent: false, kind };
                Box::new(failed_connection(error, None, 0))
            })?,
            None => None,
        };
        let at_unix_s = u64::try_from(self.shared.clock.now().as_unix_s()).unwrap_or(0);
        let authorities = self.shared.tls.authorities.clone();
        Ok(ConnectOptions {
            address,
            host_name: candidate.host.as_str().to_owned(),
            bind: None,
            ehlo_name: source.ehlo_name_for(address.ip()).to_owned(),
            tls: plan.policy,
            tls_config: Arc::clone(&tls.proven),
            trust: Some(Trust { authorities, demand: plan.demand.clone(), at_unix_s }),
            dialect: Dialect {
                lmtp: route.is_some_and(|route| route.protocol == HostProtocol::Lmtp),
                chunking: config.chunking,
                login,
            },
            timeouts: config.timeouts(),
            transcript_bytes_max: usize::try_from(config.transcript_max.0).unwrap_or(usize::MAX),
        })
    }

    // ---- what went wrong ----

    async fn not_connected(&self, candidate: &Candidate, error: DialError) -> Failed {
        let shared = self.shared;
        let kind = match error {
            DialError::Source(reason) => {
                shared.health.failed(&self.path.source.name).await;
                let verdict = shared.judge.failure(Failure::SourceDown);
                let attempt =
                    Attempt { phase: Some(Phase::Connect), error: Some(reason), ..about(self.path, &verdict) };
                return Failed { trouble: Box::new(SessionTrouble { verdict, attempt }), is_final: false };
            }
            DialError::Host(error) => ErrorKind::Io(error),
            DialError::Timeout => ErrorKind::Timeout,
        };
        candidate.end.tcp().inspect(|address| shared.dead.failed(*address, shared.clock.now()));
        let connect_ms = shared.config.connect_timeout.0.as_millis();
        let connect_ms = u32::try_from(connect_ms).unwrap_or(u32::MAX);
        let error = ClientError { phase: Phase::Connect, dot_sent: false, kind };
        self.failed(candidate, &failed_connection(error, None, connect_ms))
    }

    fn local_trouble(&self, reason: String) -> Box<SessionTrouble> {
        let verdict = self.shared.judge.failure(Failure::SourceDown);
        let attempt = Attempt { phase: Some(Phase::Tls), error: Some(reason), ..about(self.path, &verdict) };
        Box::new(SessionTrouble { verdict, attempt })
    }

    fn failed(&self, candidate: &Candidate, failed: &FailedConnection) -> Failed {
        let verdict = self.shared.judge.error(&failed.error, &self.path.site.provider, false);
        let is_final = matches!(verdict.scope, Scope::Source | Scope::Domain);
        let reply = failed.error.reply().cloned();
        let error = match &failed.error.kind {
            ErrorKind::Tls(inner) => Some(format!("{}: {}", trust::failure_of(inner), failed.error)),
            _ if reply.is_some() => None,
            _ => Some(failed.error.to_string()),
        };
        let attempt = Attempt {
            mx_host: Some(candidate.host.clone()),
            mx_address: candidate.end.tcp().map(|address| address.ip().to_string()),
            source_address: failed.local.map(|local| local.ip().to_string()),
            phase: Some(failed.error.phase),
            error,
            reply,
            connect_ms: Some(failed.timings.connect_ms),
            tls_ms: failed.timings.tls_ms,
            transcript: Some(failed.transcript.clone()).filter(|text| !text.is_empty()),
            ..about(self.path, &verdict)
        };
        Failed { trouble: Box::new(SessionTrouble { verdict, attempt }), is_final }
    }
}

/// Less TLS, as much as the trouble asks for.
fn lower(options: &mut ConnectOptions, trouble: Option<TlsTrouble>, tls: &SourceTls) {
    match trouble {
        None => {}
        Some(TlsTrouble::OddCertificate) => {
            options.tls_config = Arc::clone(&tls.unproven);
            options.trust = None;
        }
        Some(TlsTrouble::Broken) => options.tls = TlsPolicy::None,
    }
}

/// User and password of a route of the operator.
async fn login(route: &Route) -> io::Result<Option<Login>> {
    let (Some(user), Some(path)) = (&route.user, &route.password_file) else { return Ok(None) };
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, format!("{}: not UTF-8", path.display()));
    let password = String::from_utf8(secret::first_line(path).await?).map_err(not_text)?;
    Ok(Some(Login { user: user.clone(), password, in_clear: route.auth_in_clear }))
}

fn failed_connection(error: ClientError, local: Option<std::net::SocketAddr>, connect_ms: u32) -> FailedConnection {
    let timings = Timings { connect_ms, ..Timings::default() };
    FailedConnection { error, transcript: String::new(), local, timings }
}

/// Of several failures the last one with a reply, else the last one: words of a host say more than silence.
fn most_telling(failures: Vec<(usize, Failed)>) -> Box<SessionTrouble> {
    let last_reply = failures.iter().rposition(|(_, failed)| failed.trouble.attempt.reply.is_some());
    let last = failures.len().saturating_sub(1);
    let final_one = failures.iter().rposition(|(_, failed)| failed.is_final);
    let chosen = final_one.or(last_reply).unwrap_or(last);
    let found = failures.into_iter().nth(chosen);
    found.expect("invariant: there is at least one candidate").1.trouble
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
