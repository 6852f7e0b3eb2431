//! Those around the suite: senders who hand mail over, a feed that goes on after every crash, people who give orders and
//! set clocks, and the weather: a full disk, a DNS that does not answer.

use std::sync::Arc;
use std::time::Duration;

use intake::Intake;
use journal::spool::Spool;
use model::id::{CampaignId, RecipientId};
use model::name::Name;
use model::submission::{
    Checkpoint, Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, Receipt, Refusal,
    ReturnPath, Routing, Submission,
};
use model::time::Clock;
use queue::control::{Action, Order, Target};
use queue::handle::QueueHandle;
use queue::view::State;

use crate::book::{Answer, Closed, Standing};
use crate::dice::Dice;
use crate::plan::{CALM_AFTER, Letter};
use crate::suite::{Suite, provider_name};
use crate::world::World;

/// A sender whom there was no room for tries again after this long.
const AGAIN: Duration = Duration::from_secs(45);
/// More in flight than an order could ever leave out.
const FOUND_MAX: usize = 10_000;
/// Batches of the feed are numbered from here among the submissions.
pub const BATCHES_FROM: usize = 1_000;

/// Everybody comes who has something to do in this life.
pub fn come(world: &Arc<World>, suite: &Suite) {
    let plan = &world.plan;
    for (number, (at, letter)) in plan.letters.iter().enumerate() {
        let sender = Sender { world: Arc::clone(world), intake: suite.intake.clone(), spool: suite.spool.clone() };
        let at = *at;
        match letter {
            Letter::Single { .. } if world.book(|book| book.is_new(number)) => {
                tokio::spawn(async move { sender.single(number, at).await });
            }
            // What was forgotten is not on disk at once: a feed that was through may have to say so again.
            Letter::Feed { feed, .. } if !world.book(|book| book.fed) || suite.intake.checkpoint(*feed).is_some() => {
                tokio::spawn(async move { sender.feed(number, at).await });
            }
            _ => {}
        }
    }
    for number in 0..plan.orders.len() {
        if !world.book(|book| book.ordered.contains(&number)) {
            tokio::spawn(Boss::new(world, suite).order(number));
        }
    }
    tokio::spawn(Boss::new(world, suite).calm());
    tokio::spawn(weather(Arc::clone(world)));
}

/// Full disks, silent name servers, clocks that are set: as the plan has them.
async fn weather(world: Arc<World>) {
    let plan = &world.plan;
    let mut changes: Vec<Duration> =
        plan.full.iter().chain(&plan.dns_down).flat_map(|(from, to)| [*from, *to]).collect();
    changes.extend(plan.jumps.iter().map(|(at, _)| *at));
    changes.sort();
    loop {
        let now = world.time.passed();
        let within = |spans: &[(Duration, Duration)]| spans.iter().any(|(from, to)| *from <= now && now < *to);
        let (full, silent) = (within(&plan.full), within(&plan.dns_down));
        world.disk.set_full(full);
        world.events_disk.set_full(full);
        world.zone.set_failing(silent);
        world.book(|book| book.note(now, || format!("weather: disk full {full}, DNS silent {silent}")));
        for (number, (at, seconds)) in plan.jumps.iter().enumerate() {
            if *at <= now && world.book(|book| book.jumped.insert(number)) {
                world.time.jump(*seconds);
                world.book(|book| book.note(now, || format!("the clock is set by {seconds} s: {}", world.time.now())));
            }
        }
        let Some(next) = changes.iter().find(|change| **change > now) else { return };
        tokio::time::sleep(world.time.until(*next)).await;
    }
}

struct Sender {
    world: Arc<World>,
    intake: Intake,
    spool: Spool,
}

fn recipients(addresses: &[String]) -> Vec<NewRecipient> {
    addresses.iter().map(|address| NewRecipient { address: address.clone(), ..NewRecipient::default() }).collect()
}

fn message(routing: Routing, bytes: usize) -> NewMessage {
    let mut raw = b"From: News <news@example.com>\r\nSubject: simulated\r\nDate: Mon, 21 Sep 2026 00:00:00 +0000\r\n\
        Message-ID: <1@example.com>\r\n\r\n"
        .to_vec();
    while raw.len() < bytes {
        raw.extend_from_slice(b".This line begins with a dot, and there are many of it.\r\n");
    }
    NewMessage {
        content: Content::Raw(raw),
        envelope: Envelope { sender: ReturnPath::Fixed("bounces@example.com".to_owned()), ..Envelope::default() },
        routing,
        origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
    }
}

impl Sender {
    async fn single(self, number: usize, at: Duration) {
        let world = &self.world;
        tokio::time::sleep(world.time.until(at)).await;
        let Letter::Single { stream, tenant, job, bytes, after, addresses } = &world.plan.letters[number].1 else {
            return;
        };
        let routing = Routing {
            tenant: Name::from(*tenant),
            stream: Name::from(*stream),
            job: job.clone(),
            not_before: after.map(|after| world.time.now().plus(after)),
            ..Routing::default()
        };
        let content = ContentSource::New(Box::new(message(routing, *bytes)));
        let submission = Submission { content, recipients: recipients(addresses), checkpoint: None };
        self.hand_over(number, addresses, job, submission).await;
    }

    /// Hands a submission over until there is an answer that says what became of it. `None`: nobody knows.
    async fn hand_over(
        &self,
        number: usize,
        addresses: &[String],
        job: &Name,
        submission: Submission,
    ) -> Option<Receipt> {
        let world = &self.world;
        loop {
            world.book(|book| book.open(number, addresses, job));
            let answer = self.intake.submit(submission.clone()).await;
            let now = world.time.passed();
            world.book(|book| book.note(now, || format!("submission {number} of {}: {answer:?}", addresses.len())));
            match answer {
                Ok(receipt) => {
                    let accepted = Answer::Accepted { message: receipt.message, first: receipt.first_recipient };
                    world.book(|book| book.answered(now, number, accepted));
                    return Some(receipt);
                }
                Err(Refusal::Unavailable { .. }) if self.spool.failure().is_some() || world.disk.is_off() => {
                    world.book(|book| book.answered(now, number, Answer::Lost));
                    return None;
                }
                Err(Refusal::Unavailable { reason }) if reason.contains("Shutting down") => {
                    world.book(|book| book.answered(now, number, Answer::Waiting));
                    return None;
                }
                Err(Refusal::Unavailable { .. }) => {
                    world.book(|book| book.answered(now, number, Answer::Waiting));
                    tokio::time::sleep(AGAIN).await;
                }
                Err(refusal) => {
                    world.book(|book| {
                        book.answered(now, number, Answer::Refused);
                        book.fault(now, format!("submission {number} is refused: {refusal}"));
                    });
                    return None;
                }
            }
        }
    }

    /// As a campaign does: the content, then batches, each with the position of its last row; after a crash it asks how
    /// far it had come.
    async fn feed(self, number: usize, at: Duration) {
        let world = &self.world;
        tokio::time::sleep(world.time.until(at)).await;
        let Letter::Feed { feed, batches } = &world.plan.letters[number].1 else { return };
        let checkpoint = self.intake.checkpoint(*feed);
        let now = world.time.passed();
        world.book(|book| {
            book.note(now, || format!("the feed begins at {checkpoint:?}"));
            book.feed_resumed(now, checkpoint, batches);
        });
        let mut done = checkpoint.unwrap_or(0) as usize;
        let mut known = self.spool.held_open().first().copied();
        let job = Name::from("feed");
        while done < batches.len() {
            let content = match known {
                Some(message) => ContentSource::Existing(message),
                None => {
                    let campaign = Some(CampaignId(*feed));
                    let routing =
                        Routing { stream: Name::from("bulk"), job: job.clone(), campaign, ..Routing::default() };
                    ContentSource::New(Box::new(message(routing, 900)))
                }
            };
            let checkpoint = Some(Checkpoint { feed: *feed, position: done as u64 + 1 });
            let submission = Submission { content, recipients: recipients(&batches[done]), checkpoint };
            let Some(receipt) = self.hand_over(BATCHES_FROM + done, &batches[done], &job, submission).await else {
                return;
            };
            known = Some(receipt.message);
            done += 1;
            tokio::time::sleep(Dice::new(world.plan.seed, &format!("batch {done}")).millis(0, 2_000)).await;
        }
        if let Some(message) = known
            && self.intake.finish(message).await.is_err()
        {
            return;
        }
        if self.spool.forget(*feed).await.is_ok() {
            world.book(|book| book.fed = true);
        }
    }
}

/// Somebody who gives orders.
struct Boss {
    world: Arc<World>,
    queue: QueueHandle,
}

/// What is undone at last: releases and resumptions.
fn undo(target: &Target) -> Action {
    if target.is_mail() { Action::Release } else { Action::Resume }
}

impl Boss {
    fn new(world: &Arc<World>, suite: &Suite) -> Self {
        Boss { world: Arc::clone(world), queue: suite.queue.clone() }
    }

    async fn order(self, number: usize) {
        let world = &self.world;
        tokio::time::sleep(world.time.until(world.plan.orders[number])).await;
        // Whoever comes too late, because the suite was down, lets it be: all is to be undone by now.
        if world.time.passed() + Duration::from_secs(1) >= CALM_AFTER {
            return;
        }
        let mut dice = Dice::new(world.plan.seed, &format!("order {number}"));
        let Some((target, addresses)) = self.target(&mut dice) else { return };
        world.book(|book| book.ordered.insert(number));
        let action = match (target.is_mail(), dice.chance(40)) {
            (true, true) => Action::Cancel,
            (true, false) => Action::Hold,
            (false, _) => Action::Suspend,
        };
        if action != Action::Cancel {
            // Known before it is answered: an order whose answer is lost may be in force.
            world.book(|book| book.to_undo.push(target.clone()));
        }
        if !self.give(&target, action).await {
            return;
        }
        self.stands(&target, action, addresses).await;
        if action != Action::Cancel {
            tokio::time::sleep(dice.millis(1_000, 5_400_000)).await;
            self.undo(&target).await;
        }
    }

    /// Whom or what an order concerns: one that is there.
    fn target(&self, dice: &mut Dice) -> Option<(Target, Vec<String>)> {
        let plan = &self.world.plan;
        let provider = dice.below(plan.sites.len() as u64) as usize;
        let of_domain = |address: &str, domain: &str| address.rsplit_once('@').is_some_and(|(_, own)| own == domain);
        match dice.below(6) {
            0 => return Some((Target::Provider(provider_name(provider)), Vec::new())),
            1 => return Some((Target::Source(Name::from("s0")), Vec::new())),
            2 => {
                let domain = plan.sites[provider].provider.domains[0].name.clone();
                let addresses = self.world.book(|book| book.accepted().flat_map(|one| one.addresses.clone()).collect());
                let addresses: Vec<String> = addresses;
                let addresses = addresses.into_iter().filter(|address| of_domain(address, &domain)).collect();
                return Some((Target::Domain(Name::from(domain)), addresses));
            }
            _ => {}
        }
        let by_job = dice.chance(40);
        self.world.book(|book| {
            let accepted: Vec<_> = book.accepted().collect();
            if accepted.is_empty() {
                return None;
            }
            let one = *dice.pick(&accepted);
            let Answer::Accepted { message, .. } = one.answer else { return None };
            let (target, same): (Target, Vec<_>) = if by_job {
                (Target::Job(one.job.clone()), accepted.iter().filter(|other| other.job == one.job).collect())
            } else {
                let same = |other: &&&crate::book::Submission| {
                    matches!(other.answer, Answer::Accepted { message: theirs, .. } if theirs == message)
                };
                (Target::Message(message), accepted.iter().filter(same).collect())
            };
            Some((target, same.into_iter().flat_map(|one| one.addresses.clone()).collect()))
        })
    }

    /// True when it was answered that it is done.
    async fn give(&self, target: &Target, action: Action) -> bool {
        let order = Order::new(target.clone(), action);
        let answer = self.queue.control(order, "somebody").await;
        let now = self.world.time.passed();
        self.world.book(|book| {
            book.note(now, || format!("{} {} {}: {answer:?}", action.as_str(), target.kind(), target.name()))
        });
        answer.is_ok()
    }

    /// The order was answered: from now on it is watched. Who is with a session already may still be attempted.
    async fn stands(&self, target: &Target, action: Action, addresses: Vec<String>) {
        let world = &self.world;
        let since = world.time.passed();
        let what = format!("{} {} {}", action.as_str(), target.kind(), target.name());
        match target {
            Target::Provider(_) | Target::Source(_) => {
                let site = world.plan.sites.iter().position(|site| target.name() == site.provider.name);
                let source = matches!(target, Target::Source(_)).then(|| Name::from(target.name()));
                world.book(|book| book.closed_routes.push(Closed { site, source, since, until: None }));
            }
            _ => {
                let Ok(found) = self.queue.find(target.clone(), FOUND_MAX).await else { return };
                let in_flight = found.items.iter().filter(|item| item.state == State::InFlight);
                let in_flight: Vec<RecipientId> = in_flight.map(|item| item.recipient).collect();
                world.book(|book| {
                    let flying: Vec<String> = in_flight.iter().filter_map(|id| book.address_of(*id)).collect();
                    let addresses = addresses.into_iter().filter(|address| !flying.contains(address)).collect();
                    book.standing.push(Standing { addresses, since, until: None, what });
                });
            }
        }
    }

    async fn undo(&self, target: &Target) -> bool {
        let asked = self.world.time.passed();
        let what = format!(" {} {}", target.kind(), target.name());
        self.world.book(|book| {
            // From the moment it is asked for, mail may go.
            for standing in book.standing.iter_mut().filter(|standing| standing.what.ends_with(&what)) {
                if !standing.what.starts_with("cancel") {
                    standing.until = standing.until.or(Some(asked));
                }
            }
            for closed in &mut book.closed_routes {
                let name = closed.source.clone().map(|name| name.to_string());
                let name = name.or(closed.site.map(|site| provider_name(site).to_string()));
                if name == Some(target.name()) {
                    closed.until = closed.until.or(Some(asked));
                }
            }
        });
        self.give(target, undo(target)).await
    }

    /// From some time on nothing is held or suspended any more.
    async fn calm(self) {
        tokio::time::sleep(self.world.time.until(CALM_AFTER)).await;
        for target in self.world.book(|book| book.to_undo.clone()) {
            self.undo(&target).await;
        }
    }
}

/// Who has not ended, and why, for the report.
pub async fn who_is_left(world: &World, spool: &Spool, queue: &QueueHandle) -> String {
    let unanswered = world.book(|book| book.unanswered(&world.plan));
    let found = queue.snapshot(queue::handle::Show::default()).await;
    let ids = world.book(|book| book.without_end());
    let mut words =
        format!("without an answer: {unanswered:?}; without an end: {ids:?}; held open {:?}", spool.held_open());
    if let Some(first) = ids.first() {
        words += &format!("; {:?}", queue.explain(*first).await);
    }
    words += &format!("; {:?}", found.map(|snapshot| snapshot.totals));
    words
}
