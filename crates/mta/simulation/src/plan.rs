//! What the seed decides before the world begins: providers and their manners, submissions, orders, accidents.
//!
//! Bounds of a world: four providers, a dozen submissions of at most a dozen recipients and one feed; accidents end
//! [`CALM_AFTER`] from the start, so that everybody's end can be waited for.

use std::time::Duration;

use lab::scenario::{Domain, Latency, Limits, Mailboxes, People, Provider, Replies, Scenario};
use model::name::Name;
use model::units::{Rate, Span};

use crate::dice::Dice;

/// From then on nothing goes wrong any more, and nothing is held.
pub const CALM_AFTER: Duration = Duration::from_secs(4 * 3_600);
/// The longest life of a mail in these worlds.
pub const MAX_AGE: Duration = Duration::from_secs(9 * 3_600);
/// The world has to be at rest by then: everybody has ended, whatever the clock was set to.
pub const OVER_AFTER: Duration = Duration::from_secs(30 * 3_600);
/// How long the reply to the dot is waited for.
pub const DOT_TIMEOUT: Duration = Duration::from_secs(60);

/// A provider, and what the suite is told about it.
pub struct Site {
    /// As the lab knows it.
    pub provider: Provider,
    /// Connections that the suite may open from one source.
    pub connections: u32,
    /// Recipients a minute that the suite may name from one source, and how many at once.
    pub per_minute: u64,
    /// So many connections in a hundred have an accident.
    pub accidents: u64,
    /// Its first host does not answer at all.
    pub dead_host: bool,
    /// Nobody answers between these.
    pub down: (Duration, Duration),
}

/// How a submission comes in.
pub enum Letter {
    /// One message with its recipients.
    Single {
        /// Kind of traffic.
        stream: &'static str,
        /// Whose.
        tenant: &'static str,
        /// The unit of work.
        job: Name,
        /// Size of the content.
        bytes: usize,
        /// Not before so long after it came in.
        after: Option<Duration>,
        /// To whom.
        addresses: Vec<String>,
    },
    /// One message, then batches of recipients with checkpoints.
    Feed {
        /// Its number.
        feed: u64,
        /// Each one a unit.
        batches: Vec<Vec<String>>,
    },
}

/// When the machine, the program or a person does something to the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    /// Power fails at this operation of the disk.
    AtOperation(u64),
    /// Power fails after so long.
    After(Duration),
    /// It is told to stop after so long.
    Shutdown(Duration),
}

/// A world.
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Whom one writes to.
    pub sites: Vec<Site>,
    /// The lab's frame around them.
    pub scenario: Scenario,
    /// Own addresses.
    pub sources: usize,
    /// When each submission is made.
    pub letters: Vec<(Duration, Letter)>,
    /// How each life ends; the last one lives until the world is over.
    pub accidents: Vec<Accident>,
    /// When the wall clock jumps, and how far, in seconds.
    pub jumps: Vec<(Duration, i64)>,
    /// When the disk is full.
    pub full: Vec<(Duration, Duration)>,
    /// When the DNS does not answer.
    pub dns_down: Vec<(Duration, Duration)>,
    /// When people give orders.
    pub orders: Vec<Duration>,
    /// Take mail for delivered when the reply to the dot is lost.
    pub assume_delivered: bool,
    /// Size of a segment of the logs.
    pub segment_bytes: u64,
}

impl Plan {
    /// The world of this seed.
    pub fn new(seed: u64) -> Plan {
        let dice = &mut Dice::new(seed, "plan");
        let count = dice.within(1, 4) as usize;
        let sites: Vec<Site> = (0..count).map(|number| site(number, dice)).collect();
        let scenario = Scenario {
            name: "simulation".to_owned(),
            seed,
            time_scale: 1.0,
            people: People {
                open: 0.0,
                click: 0.0,
                unsubscribe: 0.0,
                complain: 0.0,
                scanner: 0.0,
                late_bounce: 0.0,
                open_after: Span::s(1),
            },
            providers: sites.iter().map(|site| site.provider.clone()).collect(),
        };
        let letters = letters(&sites, dice);
        let accidents = (0..dice.below(6)).map(|_| accident(dice)).collect();
        Plan {
            seed,
            scenario,
            sources: dice.within(1, 2) as usize,
            letters,
            accidents,
            jumps: some(dice, 3, |dice| (early(dice), dice.within(0, 4_000) as i64 - 2_000)),
            full: some(dice, 2, |dice| span(dice, 1_200)),
            dns_down: some(dice, 2, |dice| span(dice, 2_400)),
            orders: some(dice, 6, early),
            assume_delivered: dice.chance(15),
            segment_bytes: dice.within(16, 48) << 10,
            sites,
        }
    }

    /// The site of a domain, by its name.
    pub fn site_of(&self, domain: &str) -> Option<usize> {
        self.sites.iter().position(|site| site.provider.domains.iter().any(|other| other.name == domain))
    }
}

fn some<T>(dice: &mut Dice, most: u64, make: impl Fn(&mut Dice) -> T) -> Vec<T> {
    (0..dice.below(most + 1)).map(|_| make(dice)).collect()
}

/// A moment before the calm, early ones more often.
fn early(dice: &mut Dice) -> Duration {
    let end_ms = *dice.pick(&[20_000, 600_000, 3_600_000, CALM_AFTER.as_millis() as u64 - 1]);
    dice.millis(0, end_ms)
}

fn span(dice: &mut Dice, longest_s: u64) -> (Duration, Duration) {
    let from = early(dice);
    (from, (from + dice.millis(1_000, longest_s * 1_000)).min(CALM_AFTER))
}

fn accident(dice: &mut Dice) -> Accident {
    match dice.below(10) {
        // Soon after the start: in the middle of recovery.
        0..2 => Accident::AtOperation(dice.within(1, 12)),
        2..6 => Accident::AtOperation(dice.within(1, 400)),
        6..8 => Accident::After(dice.millis(0, 600_000)),
        8 => Accident::After(dice.millis(0, 3_600_000)),
        _ => Accident::Shutdown(dice.millis(0, 1_200_000)),
    }
}

fn site(number: usize, dice: &mut Dice) -> Site {
    let name = |what: &str, other: u64| format!("{what}{other}.p{number}.example");
    let domains = (0..dice.within(1, 2)).map(|other| Domain { name: name("d", other), share: 1 }).collect();
    let reply = |text: &str| text.to_owned();
    let rate = Rate { count: dice.within(20, 200), period: Duration::from_secs(60), burst: dice.within(5, 40) };
    let provider = Provider {
        name: format!("p{number}"),
        label: format!("Provider {number}"),
        domains,
        mx: (0..dice.within(1, 2)).map(|other| name("mx", other)).collect(),
        greeting: "ESMTP".to_owned(),
        feedback_loop: false,
        latency_ms: Latency { rcpt: dice.within(0, 300), dot: dice.within(0, 2_000) },
        limits: Limits {
            connections: dice.within(1, 12) as u32,
            messages_per_connection: dice.within(1, 40) as u32,
            closes_silently: dice.chance(30),
            rate,
            greylist: Span::s(if dice.chance(30) { dice.within(60, 900) } else { 0 }),
            unknown_share_max: 0.5,
            slow_for: Span::s(300),
            patience: 20,
            block_for: Span::s(600),
        },
        mailboxes: Mailboxes { unknown: 0.08, full: 0.1, disabled: 0.03, spam: 0.04 },
        replies: Replies {
            accepted: reply("250 2.0.0 OK queued as {id}"),
            unknown: reply("550 5.1.1 <{rcpt}>: no such user here"),
            full: reply("452 4.2.2 <{rcpt}>: mailbox full"),
            disabled: reply("550 5.2.1 <{rcpt}>: mailbox disabled"),
            greylisted: reply("451 4.7.1 <{rcpt}>: Greylisted, try again later"),
            rate: reply("421 4.7.0 too many messages from {ip}, slow down"),
            connections: reply("421 4.7.0 too many connections from {ip}"),
            messages: reply("421 4.7.0 too many messages on this connection"),
            slowed: reply("451 4.7.0 {ip} is slowed for its reputation"),
            blocked: reply("421 4.7.0 {ip} is blocked for now"),
            spam: reply("550 5.7.1 message content rejected"),
        },
    };
    Site {
        connections: dice.within(1, 4) as u32,
        per_minute: dice.within(6, 120),
        accidents: *dice.pick(&[0, 5, 20, 50]),
        dead_host: provider.mx.len() > 1 && dice.chance(20),
        down: if dice.chance(25) { span(dice, 3_600) } else { (Duration::ZERO, Duration::ZERO) },
        provider,
    }
}

fn letters(sites: &[Site], dice: &mut Dice) -> Vec<(Duration, Letter)> {
    let mut domains: Vec<String> = Vec::new();
    for site in sites {
        domains.extend(site.provider.domains.iter().map(|domain| domain.name.clone()));
    }
    let mut address = {
        let mut number = 0;
        move |dice: &mut Dice| {
            number += 1;
            let domain = match dice.below(60) {
                0 => "nowhere.example",
                1 => "null.example",
                2 => "broken.example",
                _ => dice.pick(&domains).as_str(),
            };
            format!("r{number}@{domain}")
        }
    };
    let mut letters = Vec::new();
    for number in 0..dice.within(3, 11) {
        let addresses = (0..dice.within(1, 10)).map(|_| address(dice)).collect();
        let letter = Letter::Single {
            stream: ["transactional", "bulk", "bulk"][dice.below(3) as usize],
            tenant: ["default", "acme", "globex"][dice.below(3) as usize],
            job: Name::from(format!("job-{}", number % 3)),
            bytes: dice.within(100, 3_500) as usize,
            after: dice.chance(15).then(|| dice.millis(0, 1_800_000)),
            addresses,
        };
        letters.push((early(dice), letter));
    }
    if dice.chance(60) {
        let batches = (0..dice.within(1, 8)).map(|_| (0..dice.within(1, 8)).map(|_| address(dice)).collect()).collect();
        letters.push((early(dice), Letter::Feed { feed: 77, batches }));
    }
    letters
}
