//! The lab at work: name server, listeners and people of a scenario, on loopback addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dns::server::DnsServer;
use dns::zone::ZoneBuilder;
use model::time::Clock;
use smtp::server::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behaviour::Behaviour;
use crate::contacts::DomainShare;
use crate::ledger::{LabReport, Ledger};
use crate::mailbox::Mailbox;
use crate::people::{People, Setting};
use crate::provider::{Door, Provider};
use crate::scenario::{Scenario, ScenarioError};

/// Mail that providers have taken and people have not looked at yet.
const MAIL_WAITING_MAX: usize = 4_096;
/// How often other ports are tried when one is not free on every address.
const PORT_TRIES: u32 = 50;
/// Connections that one provider's machine takes; its policy is stricter.
const CONNECTIONS_MAX: usize = 2_000;
/// Errors of syntax or sequence on one connection before that machine hangs up.
const ERRORS_MAX: u32 = 1_000;

/// What the lab has to know of the suite.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// Beginning of the suite's links, `http://127.0.0.1:8025`; other links are not followed.
    pub http_base: String,
    /// The suite's SMTP listener, for complaints and delivery reports.
    pub inbound_smtp: SocketAddr,
    /// Address of the feedback loop.
    pub feedback_address: String,
    /// The name server's port; 0 for a free one.
    pub dns_port: u16,
    /// The port of all providers; 0 for a free one.
    pub smtp_port: u16,
    /// Further records of the name server: name, type, value.
    pub records: Vec<(String, String, String)>,
    /// Where the providers' self-signed certificate is kept; without one they do not offer TLS.
    pub tls_dir: Option<PathBuf>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why the lab does not run.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The scenario cannot be used.
    #[error("scenario: {0}")]
    Scenario(#[from] ScenarioError),
    /// An address could not be bound.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// A record of the name server cannot be used.
    #[error("name server: {0}")]
    Zone(#[from] dns::zone::ZoneError),
    /// The certificate could not be made.
    #[error("certificate: {0}")]
    Tls(#[from] smtp::tls::TlsError),
    /// The people's HTTP client could not be set up.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// A running lab; stops when dropped or by [`Lab::shutdown`].
pub struct Lab {
    dns: DnsServer,
    smtp_port: u16,
    ledger: Arc<Ledger>,
    scenario: Scenario,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Lab {
    /// Starts everything.
    ///
    /// # Errors
    /// [`LabError`] names what could not be started.
    pub async fn start(scenario: Scenario, config: LabConfig) -> Result<Lab, LabError> {
        let (listeners, smtp_port) = listen(scenario.providers.len(), config.smtp_port).await?;
        let zone = zone(&scenario, &config.records)?;
        let dns = DnsServer::start(zone, SocketAddr::from((Ipv4Addr::LOCALHOST, config.dns_port))).await?;
        let ledger = Arc::new(Ledger::default());
        let loops = scenario.providers.iter().filter(|provider| provider.feedback_loop);
        let people = Arc::new(People::new(Setting {
            seed: scenario.seed,
            habits: scenario.people.clone(),
            open_after: scenario.scaled(scenario.people.open_after),
            http_base: config.http_base,
            inbound_smtp: config.inbound_smtp,
            feedback_address: config.feedback_address,
            feedback_loops: loops.map(|provider| provider.name.clone()).collect(),
            ledger: Arc::clone(&ledger),
            clock: Arc::clone(&config.clock),
        })?);
        let names: Vec<String> = scenario.providers.iter().flat_map(|provider| provider.mx.clone()).collect();
        let tls = config.tls_dir.map(|dir| smtp::tls::server_self_signed(&dir, &names)).transpose()?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (sender, mail) = mpsc::channel(MAIL_WAITING_MAX);
        tasks.spawn(people.live(mail, stop.clone()));
        for (profile, listener) in scenario.providers.iter().zip(listeners) {
            let provider = Arc::new(Provider {
                name: profile.name.clone(),
                behaviour: Mutex::new(Behaviour::new(&scenario, profile, ascii)),
                ledger: Arc::clone(&ledger),
                people: sender.clone(),
                clock: Arc::clone(&config.clock),
            });
            let server = server_config(&profile.mx[0], &profile.greeting);
            tasks.spawn(smtp::server::serve(listener, Arc::new(Door(provider)), server, tls.clone(), stop.clone()));
        }
        tasks.close();
        Ok(Lab { dns, smtp_port, ledger, scenario, tasks, stop })
    }

    /// Where the name server listens.
    pub fn dns(&self) -> SocketAddr {
        self.dns.address()
    }

    /// The port of all providers.
    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// What really happened so far.
    pub fn report(&self) -> LabReport {
        self.ledger.report()
    }

    /// The part of it that belongs to one mailing ([`crate::ledger::mailing_of`]).
    pub fn report_of(&self, mailing: &str) -> LabReport {
        self.ledger.report_of(mailing)
    }

    /// Mails of a mailing whose people have not done everything yet.
    pub fn unread(&self, mailing: &str) -> u64 {
        self.ledger.unread(mailing)
    }

    /// Whether the first attempt to this address is put off although the mailbox takes mail later on.
    pub fn has_no_room_at_first(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        let mut providers = self.scenario.providers.iter();
        let provider = providers.find(|provider| provider.domains.iter().any(|known| known.name == domain));
        let seed = self.scenario.seed;
        provider.is_some_and(|one| Mailbox::of(seed, address, &one.mailboxes) == Mailbox::FullAtFirst)
    }

    /// The domains of the scenario with their shares, for [`crate::contacts::csv`].
    pub fn domains(&self) -> Vec<DomainShare> {
        domains(&self.scenario)
    }

    /// Stops everything and waits for it.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.dns.stop().await;
    }
}

/// The domains of a scenario with their shares.
pub fn domains(scenario: &Scenario) -> Vec<DomainShare> {
    let all = scenario.providers.iter().flat_map(|provider| &provider.domains);
    all.map(|domain| DomainShare { domain: domain.name.clone(), weight: domain.share }).collect()
}

/// The loopback address of the nth provider: 127.0.10.1 and on.
fn address_of(provider: usize) -> IpAddr {
    let last = u8::try_from(provider + 1).expect("invariant: a scenario has fewer than 255 providers");
    IpAddr::from([127, 0, 10, last])
}

/// A listener for each provider, all on one port.
async fn listen(count: usize, port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut tries = 0;
    loop {
        match listen_once(count, port).await {
            Err(error) if port == 0 && tries < PORT_TRIES && error.kind() == io::ErrorKind::AddrInUse => tries += 1,
            other => return other,
        }
    }
}

async fn listen_once(count: usize, port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let first = TcpListener::bind((address_of(0), port)).await?;
    let port = first.local_addr()?.port();
    let mut listeners = vec![first];
    for provider in 1..count {
        listeners.push(TcpListener::bind((address_of(provider), port)).await?);
    }
    Ok((listeners, port))
}

/// A-label form of a domain.
fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

fn zone(scenario: &Scenario, records: &[(String, String, String)]) -> Result<dns::Zone, dns::zone::ZoneError> {
    let mut zone = ZoneBuilder::default();
    for (idx, provider) in scenario.providers.iter().enumerate() {
        for host in &provider.mx {
            zone.host(host, &[address_of(idx)])?;
        }
        for domain in &provider.domains {
            let domain = ascii(&domain.name);
            for (rank, host) in provider.mx.iter().enumerate() {
                zone.add(&domain, "MX", &format!("{} {host}", 10 * (rank + 1)))?;
            }
            zone.add(&domain, "TXT", "v=spf1 -all")?;
        }
    }
    for (name, kind, value) in records {
        zone.add(name, kind, value)?;
    }
    Ok(zone.build())
}

fn server_config(host: &str, greeting: &str) -> ServerConfig {
    let mut server = ServerConfig::new(host);
    server.policy.greeting = greeting.to_owned();
    // What a provider tolerates is its behaviour's to say, not the machine's.
    server.connections_max = CONNECTIONS_MAX;
    server.connections_per_address_max = CONNECTIONS_MAX;
    server.policy.limits.errors_max = ERRORS_MAX;
    server
}
