//! The people behind the mailboxes, and the scanners in front of them: they open, click, unsubscribe and complain by
//! real HTTP requests and real mails, to the suite on loopback and to nobody else.
//!
//! Who does what is decided by the seed and the address, so that a run can be repeated; when is spread around
//! `open_after`. Limits: [`PEOPLE_MAX`] waiting, [`REQUESTS_MAX`] requests at a time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::time::Clock;
use smtp::client::{Client, ConnectOptions, OutboundRecipient, OutboundTransaction};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::{Deed, Ledger};
use crate::mailbox::chance;
use crate::reports::{About, complaint, delivery_report};
use crate::scenario::People as Habits;

/// People with a mail before them; more mail waits.
const PEOPLE_MAX: usize = 100_000;
/// Requests at a time.
const REQUESTS_MAX: usize = 32;
/// A request may take this long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A mail that a provider has taken.
pub(crate) struct Delivered {
    pub provider: String,
    pub recipient: String,
    pub sender: String,
    pub source: IpAddr,
    /// What the mail says it belongs to.
    pub mailing: String,
    pub _unread: Unread,
    pub message: Arc<[u8]>,
}

/// What people need to know.
pub(crate) struct Setting {
    pub seed: u64,
    pub habits: Habits,
    /// Mean time until a mail is opened, as it is in this run.
    pub open_after: Duration,
    /// Where the suite's links must begin; others are not followed.
    pub http_base: String,
    /// Where complaints and delivery reports go.
    pub inbound_smtp: SocketAddr,
    /// The address of the feedback loop.
    pub feedback_address: String,
    /// Providers that report complaints.
    pub feedback_loops: Vec<String>,
    pub ledger: Arc<Ledger>,
    pub clock: Arc<dyn Clock>,
}

/// Everybody.
pub(crate) struct People {
    setting: Setting,
    http: reqwest::Client,
    requests: Semaphore,
    numbers: AtomicU64,
}

/// The suite gave what was asked for, or led on to where it is.
fn is_page(response: &reqwest::Response) -> bool {
    response.status().is_success() || response.status().is_redirection()
}

/// What a mail offers to its reader.
struct Offers {
    pixel: Option<String>,
    links: Vec<String>,
    one_click: Option<String>,
}

/// Counts a mail as unread for as long as it lives.
pub(crate) struct Unread {
    ledger: Arc<Ledger>,
    mailing: String,
}

impl Unread {
    pub(crate) fn new(ledger: &Arc<Ledger>, mailing: &str) -> Unread {
        ledger.taken_up(mailing);
        Unread { ledger: Arc::clone(ledger), mailing: mailing.to_owned() }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.ledger.put_away(&self.mailing);
    }
}

impl People {
    pub(crate) fn new(setting: Setting) -> Result<People, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        let requests = Semaphore::new(REQUESTS_MAX);
        Ok(People { setting, http, requests, numbers: AtomicU64::new(1) })
    }

    /// Lives until `shutdown`.
    pub(crate) async fn live(self: Arc<Self>, mut mail: mpsc::Receiver<Delivered>, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(PEOPLE_MAX));
        loop {
            let delivered = tokio::select! {
                delivered = mail.recv() => delivered,
                () = shutdown.cancelled() => None,
            };
            let Some(delivered) = delivered else { break };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let (people, shutdown) = (Arc::clone(&self), shutdown.clone());
            tasks.spawn(async move {
                let _place = place;
                tokio::select! {
                    () = people.read(delivered) => {}
                    () = shutdown.cancelled() => {}
                }
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// One person and one mail.
    async fn read(&self, mail: Delivered) {
        let key = format!("{} {}", mail.recipient, mail::mime::header(&mail.message, "Message-ID").unwrap_or_default());
        let happens = |topic: &str, share: f64| chance(self.setting.seed, topic, &key) < share;
        if happens("late-bounce", self.setting.habits.late_bounce) {
            self.report(&mail, Deed::LateBounced).await;
            return;
        }
        let offers = self.offers(&mail.message);
        if happens("scanner", self.setting.habits.scanner) {
            self.scan(&mail, &offers).await;
        }
        let (opens, complains) =
            (happens("open", self.setting.habits.open), happens("complain", self.setting.habits.complain));
        if !opens && !complains {
            return;
        }
        // Exponential around the mean, cut at four times the mean.
        let wait = -(1.0 - chance(self.setting.seed, "when", &key)).ln();
        tokio::time::sleep(self.setting.open_after.mul_f64(wait.min(4.0))).await;
        if opens {
            self.open(&mail, &offers, &key).await;
        }
        if complains && self.setting.feedback_loops.contains(&mail.provider) {
            self.report(&mail, Deed::Complained).await;
        }
    }

    async fn open(&self, mail: &Delivered, offers: &Offers, key: &str) {
        let happens = |topic: &str, share: f64| chance(self.setting.seed, topic, key) < share;
        if let Some(pixel) = &offers.pixel {
            self.get(mail, pixel, Deed::Opened).await;
        }
        if happens("click", self.setting.habits.click) && !offers.links.is_empty() {
            let which = (chance(self.setting.seed, "which", key) * offers.links.len() as f64) as usize;
            self.get(mail, &offers.links[which.min(offers.links.len() - 1)], Deed::Clicked).await;
        }
        if happens("unsubscribe", self.setting.habits.unsubscribe)
            && let Some(url) = &offers.one_click
        {
            self.post_one_click(mail, url).await;
        }
    }

    /// A security scanner: GETs every link, unsubscribe included. It must change nothing.
    async fn scan(&self, mail: &Delivered, offers: &Offers) {
        self.did(mail, Deed::Scanned);
        for url in offers.links.iter().chain(&offers.one_click) {
            let Ok(_place) = self.requests.acquire().await else { return };
            let answer = self.http.get(url).header("user-agent", "Lab-Scanner/1.0").send().await;
            let deed = match answer {
                Ok(response) if !is_page(&response) => Some(Deed::Failed),
                Ok(_) => offers.links.contains(url).then_some(Deed::ScannerFollowed),
                Err(_) => Some(Deed::Failed),
            };
            deed.into_iter().for_each(|deed| self.did(mail, deed));
        }
    }

    async fn get(&self, mail: &Delivered, url: &str, deed: Deed) {
        let Ok(_place) = self.requests.acquire().await else { return };
        let request = self.http.get(url).header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Lab-Person/1.0");
        let done = request.send().await.is_ok_and(|response| is_page(&response));
        self.did(mail, if done { deed } else { Deed::Failed });
    }

    async fn post_one_click(&self, mail: &Delivered, url: &str) {
        let Ok(_place) = self.requests.acquire().await else { return };
        let request = self.http.post(url).form(&[("List-Unsubscribe", "One-Click")]);
        let done = request.send().await.is_ok_and(|response| response.status().is_success());
        self.did(mail, if done { Deed::Unsubscribed } else { Deed::Failed });
    }

    /// A mail of the provider to the sender.
    async fn report(&self, mail: &Delivered, deed: Deed) {
        let host = format!("reports.{}.example", mail.provider);
        let about = About {
            host: &host,
            recipient: &mail.recipient,
            sender: &mail.sender,
            source: mail.source,
            message: &mail.message,
            at: self.setting.clock.now(),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
        };
        let (to, message) = match deed {
            Deed::Complained => {
                (self.setting.feedback_address.as_str(), complaint(&about, &self.setting.feedback_address))
            }
            _ => (mail.sender.as_str(), delivery_report(&about)),
        };
        let done = !to.is_empty() && self.send(&host, to, &message).await;
        self.did(mail, if done { deed } else { Deed::Failed });
    }

    fn did(&self, mail: &Delivered, deed: Deed) {
        self.setting.ledger.did(&mail.provider, &mail.mailing, deed);
    }

    async fn send(&self, host: &str, to: &str, message: &[u8]) -> bool {
        let options = ConnectOptions::opportunistic(self.setting.inbound_smtp, "suite.example", host);
        let Ok(_place) = self.requests.acquire().await else { return false };
        let Ok(mut client) = Client::connect(&options).await else { return false };
        let recipient = OutboundRecipient { address: to, dsn: None };
        let transaction = OutboundTransaction {
            sender: "",
            eight_bit: true,
            smtputf8: false,
            ret: None,
            envid: None,
            recipients: &[recipient],
            data: &[message],
        };
        let sent = client.send(&transaction).await;
        let taken = sent.fates.first().and_then(Option::as_ref).is_some_and(|fate| fate.reply.is_positive());
        client.quit().await;
        taken
    }

    /// The pixel, the links and the one-click address that lead to the suite.
    fn offers(&self, message: &[u8]) -> Offers {
        let tree = mail::mime::parse(message);
        let html = tree.find("text/html").map(mail::mime::Part::text).unwrap_or_default().replace("&amp;", "&");
        let (pixel_base, link_base) =
            (format!("{}/o/", self.setting.http_base), format!("{}/c/", self.setting.http_base));
        let urls = |base: &str| -> Vec<String> {
            let ends = |c: char| c == '"' || c == '\'' || c == '<' || c == '>' || c.is_whitespace();
            html.match_indices(base)
                .map(|(at, _)| html[at..].split(ends).next().unwrap_or_default().to_owned())
                .collect()
        };
        let unsubscribe = mail::mime::header(message, "List-Unsubscribe").unwrap_or_default();
        let one_click = mail::mime::header(message, "List-Unsubscribe-Post").and_then(|_| {
            let mut addresses = unsubscribe.split(['<', '>']).map(str::trim);
            addresses.find(|address| address.starts_with(&self.setting.http_base)).map(str::to_owned)
        });
        Offers { pixel: urls(&pixel_base).into_iter().next(), links: urls(&link_base), one_click }
    }
}
