//! The part that waits: feeds the core from channels, DNS answers, commands and the clock, and carries out what it says.
//!
//! ```text
//! admitted ─┐                      ┌─▶ outbox ──▶ to_delivery
//! outcomes ─┤                      │
//! answers  ─┼─▶ QueueCore::step ───┼─▶ lookups ──▶ DNS
//! commands ─┤                      │
//! timer    ─┘                      └─▶ writer: event log (durable) ──▶ acknowledger: spool
//! ```
//! **Exactness.** Events are appended before the acknowledgements of the same step go to the spool; at start the events
//! behind [`Spool::applied`] are read again and what they say is acknowledged (see `replay`). `received` events carry the
//! marker `spool` with the position of the admission, so that a restart tells exactly the missing ones.
//!
//! **Orders of persons** are answered when the state file that remembers them is on disk (see `state`). A cancellation is
//! remembered until all that it ended is on disk as well: [`QueueCore::settled`] is told how far that is.
//!
//! **No deadlock.** The loop never waits for the spool, nor for delivery, nor for the event log: what cannot be handed on
//! stays in a buffer, and while a buffer is full the loop stops *taking in*. The spool's committer waits until
//! `admitted` is received and takes acknowledgements only then, so admissions are received even beyond
//! `limits.recipients_max` while acknowledgements pile up.
//!
//! Limits: [`BATCH_MAX`], [`EVENTS_PENDING_MAX`], [`ACKS_PENDING_MAX`], `limits.*` of the configuration.

mod ack;
mod damage;
mod follow;
mod lookup;
mod orders;
mod replay;
mod state;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dns::Resolver;
use journal::events::EventLog;
use journal::spool::Spool;
use model::handoff::{Admitted, FromDelivery, ToDelivery};
use model::name::Name;
use model::time::{Clock, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::core::{Input, Memory, Out, QueueCore, Told};
use crate::handle::{Command, Commands, ControlError};
use crate::providers::{Providers, ProvidersError};
use ack::Acks;
use follow::{Follow, Heard};
use lookup::Lookups;
use orders::Waiting;
use state::{StateFile, Unanswered};
use writer::{Batch, Disk, Written};

pub use writer::FailureWatch;

/// Most messages taken from one channel for one step.
pub const BATCH_MAX: usize = 1_024;

/// Admissions taken for one step: each may have thousands of recipients.
const ADMISSIONS_MAX: usize = 8;

/// While so many events wait for the event log, nothing more is taken in.
pub const EVENTS_PENDING_MAX: usize = 16_384;

/// While so many acknowledgements wait for the spool, no outcomes are taken in.
pub const ACKS_PENDING_MAX: usize = 131_072;

/// Most rows read to find one address.
pub const ADDRESS_ROWS_MAX: usize = 1_000_000;

/// Steps handed to the writer and not begun.
const WRITER_MAX: usize = 4;

/// What the queue is connected to.
pub struct Ports {
    /// Recipients that are on disk, in the order of commits.
    pub admitted: mpsc::Receiver<Admitted>,
    /// Orders to delivery.
    pub to_delivery: mpsc::Sender<ToDelivery>,
    /// What delivery says.
    pub from_delivery: mpsc::Receiver<FromDelivery>,
    /// Where events go.
    pub events: EventLog,
    /// Where acknowledgements go.
    pub spool: Spool,
    /// Who knows the mail hosts.
    pub resolver: Resolver,
    /// Who wants to know what was given up.
    pub failures: Option<Arc<dyn FailureWatch>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Questions and orders (see [`crate::handle::channel`]).
    pub commands: Commands,
}

/// Why the queue could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The provider rules are wrong: the operator mends the file.
    #[error(transparent)]
    Providers(#[from] ProvidersError),
    /// The file of holds, cancellations and learned limits cannot be used: the operator mends or removes it.
    #[error("{file}: {reason}")]
    State {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The event log cannot be read or written: the program ends and is started again.
    #[error("event log: {0}")]
    EventLog(String),
    /// The spool cannot be written: the program ends and is started again.
    #[error("spool: {0}")]
    Spool(String),
    /// A part of the queue has failed: a bug.
    #[error("a task of the queue failed: {0}")]
    Task(String),
    /// Delivery has ended by itself.
    #[error("delivery has ended")]
    DeliveryGone,
}

/// Runs the queue until `shutdown` is cancelled and sessions have ended, or something it cannot do without is gone.
///
/// `recovered` is what the spool found at its start.
///
/// # Errors
/// [`RunError`]; nothing that was accepted is lost by it.
pub async fn run(
    config: Config,
    ports: Ports,
    recovered: Vec<Admitted>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let providers = Providers::load(config.providers_file.as_deref())?;
    for finding in providers.lint() {
        tracing::warn!(key = %finding.key, line = finding.line, "provider rules: {}; {}", finding.text, finding.mend);
    }
    let now = ports.clock.now();
    let state = StateFile::new(config.state_file.clone(), &ports.spool);
    let mut memory = state.load().await?;
    let follow = Follow::start(&config, &providers, &ports.events, &mut memory.warm_ups.ledger).await?;
    let mut core = QueueCore::new(config.clone(), providers, now);
    let mut out = Out::default();
    core.restore(now, memory, &mut out);
    let recovered = replay::replay(&ports.events, &ports.spool, recovered).await?;
    let lost = damage::ends(&ports.events, &ports.spool, &recovered, now).await?;
    let marker = ports.events.marker(writer::MARKER).unwrap_or(0);
    tracing::info!(recipients = recovered.iter().map(|admitted| admitted.recipients.len()).sum::<usize>(), "recovered");
    let mut driver = Driver::start(config, core, ports, state, follow);
    out.events.extend(lost.into_iter().map(|event| Told { event: Box::new(event), row: None }));
    driver.keep(out, None);
    let mut recovered = recovered.into_iter().peekable();
    while recovered.peek().is_some() {
        let some: Vec<Admitted> = recovered.by_ref().take(ADMISSIONS_MAX).collect();
        let newest = some.iter().map(|admitted| admitted.position).max();
        let inputs = some.into_iter().map(|admitted| Input::Admitted { told: admitted.position <= marker, admitted });
        driver.step(inputs.collect(), newest.filter(|newest| *newest > marker));
        // The writer keeps up before more is told.
        driver.flush_events().await;
    }
    let ended = driver.serve(shutdown).await;
    driver.end().await.and(ended)
}

/// Everything that one step may need to wait for later.
struct Driver {
    config: Config,
    core: QueueCore,
    clock: Arc<dyn Clock>,
    admitted: mpsc::Receiver<Admitted>,
    from_delivery: mpsc::Receiver<FromDelivery>,
    to_delivery: Option<mpsc::Sender<ToDelivery>>,
    commands: Commands,
    outbox: VecDeque<ToDelivery>,
    lookups: Lookups,
    pending: Batch,
    /// When something was said last.
    told_at: Timestamp,
    written: Written,
    /// What was committed to the spool before has been admitted.
    admitted_until: Timestamp,
    writer: Option<mpsc::Sender<Batch>>,
    writing: JoinHandle<Result<(), RunError>>,
    /// The event log has no room: what delivery says waits, so that it is given nothing more whose end could not be kept.
    log_full: watch::Receiver<bool>,
    acks: Acks,
    /// `None` once it has ended, with its result in `acked`.
    acking: Option<JoinHandle<Result<(), RunError>>>,
    acked: Result<(), RunError>,
    state: StateFile,
    follow: Follow,
    /// For those who look for an address.
    spool: Spool,
    waiting: Waiting,
    wake_at: Option<Timestamp>,
    /// No more admissions will come.
    admitted_ended: bool,
}

impl Driver {
    fn start(config: Config, core: QueueCore, ports: Ports, state: StateFile, follow: Follow) -> Self {
        let acks = Acks::default();
        let acking = tokio::spawn(ack::run(acks.clone(), ports.spool.clone()));
        let (writer, batches) = mpsc::channel(WRITER_MAX);
        let written = Written::default();
        let (full, log_full) = watch::channel(false);
        let spool = ports.spool.clone();
        let disk = Disk { log: ports.events, spool: ports.spool, failures: ports.failures, full };
        let writing = tokio::spawn(writer::run(batches, disk, acks.clone(), written.clone()));
        Driver {
            lookups: Lookups::new(ports.resolver, config.limits.lookups_max as usize),
            config,
            core,
            clock: ports.clock,
            admitted: ports.admitted,
            from_delivery: ports.from_delivery,
            to_delivery: Some(ports.to_delivery),
            commands: ports.commands,
            outbox: VecDeque::new(),
            pending: Batch::default(),
            told_at: Timestamp::default(),
            written,
            admitted_until: Timestamp::default(),
            writer: Some(writer),
            writing,
            log_full,
            acks,
            acking: Some(acking),
            acked: Ok(()),
            state,
            follow,
            spool,
            waiting: Waiting::default(),
            wake_at: None,
            admitted_ended: false,
        }
    }

    /// Until the shutdown is over, or something is gone.
    async fn serve(&mut self, shutdown: CancellationToken) -> Result<(), RunError> {
        let mut deadline: Option<tokio::time::Instant> = None;
        loop {
            if deadline.is_some() && self.core.connections() == 0 {
                return Ok(());
            }
            let wakened = self.wait(&shutdown, deadline).await;
            match wakened {
                Wakened::Shutdown => {
                    deadline = Some(tokio::time::Instant::now() + self.config.limits.shutdown_grace.0);
                    let mut out = Out::default();
                    self.core.stop(&mut out);
                    self.keep(out, None);
                }
                Wakened::GraceOver => {
                    tracing::warn!(sessions = self.core.connections(), "sessions did not end in time");
                    return Ok(());
                }
                // Why is said at the end.
                Wakened::WriterGone | Wakened::AcknowledgerGone => return Ok(()),
                // Told to stop together with us, delivery may be the first to hear of it.
                Wakened::DeliveryGone if deadline.is_some() || shutdown.is_cancelled() => return Ok(()),
                Wakened::DeliveryGone => return Err(RunError::DeliveryGone),
                Wakened::Command(command) => {
                    self.answer(command);
                    if self.room().any {
                        self.collect_and_step(Vec::new(), None);
                    }
                }
                Wakened::Inputs(inputs, newest) => self.collect_and_step(inputs, newest),
                Wakened::Nothing => {}
            }
        }
    }

    /// Waits for whatever comes first, as far as there is room for it.
    async fn wait(&mut self, shutdown: &CancellationToken, deadline: Option<tokio::time::Instant>) -> Wakened {
        let room = self.room();
        let sleep = self.wake_at.filter(|_| room.any).map(|at| at.since(self.clock.now()));
        let grace = deadline.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(3_600));
        let mut admissions = Vec::new();
        let mut said = Vec::new();
        let writer = self.writer.as_ref().expect("invariant: taken at the end only");
        tokio::select! {
            // In one order, so that a simulation repeats itself. Nobody starves: what is first ends by itself, and whatever
            // leads to a step takes in what delivery and intake have said as well.
            biased;
            () = shutdown.cancelled(), if deadline.is_none() => Wakened::Shutdown,
            () = tokio::time::sleep_until(grace), if deadline.is_some() => Wakened::GraceOver,
            permit = writer.reserve(), if !self.pending.is_empty() => match permit {
                Ok(permit) => {
                    permit.send(std::mem::take(&mut self.pending));
                    Wakened::Nothing
                }
                Err(_) => Wakened::WriterGone,
            },
            sent = send_orders(self.to_delivery.as_ref(), &mut self.outbox), if !self.outbox.is_empty() => match sent {
                Ok(()) => Wakened::Nothing,
                Err(HungUp) => {
                    // What it still has to say comes before the end of its channel, and is taken in first.
                    self.to_delivery = None;
                    self.outbox.clear();
                    Wakened::Nothing
                }
            },
            ended = joined(self.acking.as_mut()), if self.acking.is_some() => {
                (self.acking, self.acked) = (None, ended);
                Wakened::AcknowledgerGone
            }
            Ok(()) = self.log_full.changed() => Wakened::Nothing,
            () = self.state.due(), if self.state.is_waiting() => {
                self.state.write(remembered(&self.core, &self.follow, self.clock.now()));
                Wakened::Nothing
            }
            () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => Wakened::Inputs(Vec::new(), None),
            heard = self.follow.next(), if room.any && self.follow.is_on() => match heard {
                Some(Heard::Complaint(complaint)) => Wakened::Inputs(vec![Input::Complaint(complaint)], None),
                Some(Heard::Checkpoint) => {
                    self.state.changed();
                    Wakened::Nothing
                }
                None => Wakened::Nothing,
            },
            answer = self.lookups.next(), if self.lookups.is_asking() => Wakened::Inputs(vec![answer], None),
            command = self.commands.0.recv(), if !self.commands.0.is_closed() => match command {
                Some(command) => Wakened::Command(command),
                None => Wakened::Nothing,
            },
            count = self.from_delivery.recv_many(&mut said, BATCH_MAX), if room.outcomes => match count {
                0 => Wakened::DeliveryGone,
                _ => Wakened::Inputs(said.into_iter().map(Input::Delivery).collect(), None),
            },
            count = self.admitted.recv_many(&mut admissions, ADMISSIONS_MAX), if room.admissions => {
                self.admitted_ended = count == 0;
                let newest = admissions.last().map(|admitted| admitted.position);
                let inputs = admissions.into_iter().map(|admitted| Input::Admitted { admitted, told: false });
                Wakened::Inputs(inputs.collect(), newest)
            }
        }
    }

    fn room(&self) -> Room {
        let any = self.pending.len() < EVENTS_PENDING_MAX;
        let acks_full = self.acks.len() >= ACKS_PENDING_MAX;
        let recipients_full = self.core.len() as u64 >= self.config.limits.recipients_max;
        Room {
            any,
            admissions: any && !self.admitted_ended && (!recipients_full || acks_full),
            outcomes: any && !acks_full && !*self.log_full.borrow(),
        }
    }

    /// One step for what has come and everything else that is there already.
    fn collect_and_step(&mut self, mut inputs: Vec<Input>, mut newest: Option<u64>) {
        let room = self.room();
        while room.outcomes && inputs.len() < BATCH_MAX {
            let Ok(said) = self.from_delivery.try_recv() else { break };
            inputs.push(Input::Delivery(said));
        }
        for _ in 0..ADMISSIONS_MAX {
            if !room.admissions {
                break;
            }
            let Ok(admitted) = self.admitted.try_recv() else { break };
            newest = newest.max(Some(admitted.position));
            inputs.push(Input::Admitted { admitted, told: false });
        }
        self.note_settled();
        self.step(inputs, newest);
    }

    /// Tells the core how far everything is on disk and admitted.
    fn note_settled(&mut self) {
        let now = self.clock.now();
        if self.admitted.is_empty() {
            self.admitted_until = now;
        }
        let written = self.written.until();
        let written = if written >= self.told_at { now } else { written };
        self.core.settled(written.min(self.admitted_until));
    }

    fn step(&mut self, inputs: Vec<Input>, newest: Option<u64>) {
        let mut out = Out::default();
        self.core.step(self.clock.now(), inputs, &mut out);
        self.wake_at = out.wake_at;
        self.keep(out, newest);
    }

    /// Puts what a step said where it can be handed on from.
    fn keep(&mut self, out: Out, newest: Option<u64>) {
        self.outbox.extend(out.to_delivery);
        self.lookups.ask(out.resolve);
        if !out.events.is_empty() || !out.settled.is_empty() {
            self.told_at = self.clock.now();
        }
        self.pending.add(self.told_at, out.events, out.settled, newest);
        if out.memory_changed {
            self.state.changed();
        }
        for answer in out.answers {
            self.waiting.answer(answer, self.told_at, &mut self.state, &self.written);
        }
        if out.wake_at.is_some() {
            self.wake_at = out.wake_at;
        }
    }

    fn answer(&mut self, command: Command) {
        let (now, core) = (self.clock.now(), &mut self.core);
        // Whoever asked may have gone away: nothing to do then.
        match command {
            Command::Snapshot(show, answer) => drop(answer.send(core.snapshot(now, show))),
            Command::Doing(answer) => drop(answer.send(core.doing(now))),
            Command::Path { source, site, answer } => drop(answer.send(core.path(now, &source, &site))),
            Command::Shaping(answer) => drop(answer.send(core.shaping(now))),
            Command::Shadow { rule, shadow, by, answer } => {
                let mut out = Out::default();
                let known = core.set_shadow(now, &rule, shadow, &by, &mut out);
                self.keep(out, None);
                if !known {
                    return drop(answer.send(Ok(false)));
                }
                self.state
                    .ordered(Unanswered { answer: Box::new(move |saved| drop(answer.send(saved.map(|()| true)))) });
            }
            Command::Find { target, limit, answer } => drop(answer.send(core.find(&target, limit))),
            Command::Explain(recipient, answer) => drop(answer.send(core.explain(now, recipient))),
            Command::Progress(campaign, answer) => drop(answer.send(core.progress(campaign))),
            Command::Control { order, by, answer } => {
                let mut out = Out::default();
                let done = core.control(now, &order, &by, &mut out);
                self.keep(out, None);
                match done {
                    Ok(done) if !done.dry_run => self
                        .state
                        .ordered(Unanswered { answer: Box::new(move |saved| drop(answer.send(saved.map(|()| done)))) }),
                    done => drop(answer.send(done.map_err(ControlError::from))),
                }
            }
            Command::Search { search, answer } => {
                let ticket = self.waiting.search(answer);
                let mut out = Out::default();
                core.search(now, ticket, *search, &mut out);
                self.keep(out, None);
            }
            Command::Bulk { order, by, answer } => {
                let ticket = self.waiting.order(answer);
                let mut out = Out::default();
                core.bulk(now, ticket, *order, &by, &mut out);
                self.keep(out, None);
            }
            Command::Orders(answer) => drop(answer.send(core.bulk_orders())),
            Command::WarmUps(answer) => drop(answer.send(core.warm_ups(now))),
            Command::WarmUp { source, order, by, answer } => self.order_warm_up(&source, &order, &by, answer),
            Command::Address { address, answer } => {
                let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
                match core.rows_of_domain(&domain, ADDRESS_ROWS_MAX) {
                    Ok(rows) => orders::find_address(&self.spool, rows, address, answer),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
        }
    }

    fn order_warm_up(
        &mut self,
        source: &Name,
        order: &crate::warmup::Order,
        by: &str,
        answer: oneshot::Sender<Result<(), ControlError>>,
    ) {
        let mut out = Out::default();
        let done = self.core.order_warm_up(self.clock.now(), source, order, by, &mut out);
        self.keep(out, None);
        match done {
            Ok(()) => self.state.ordered(Unanswered { answer: Box::new(move |saved| drop(answer.send(saved))) }),
            Err(refused) => drop(answer.send(Err(refused.into()))),
        }
    }

    /// Takes in what delivery has said and nobody has heard yet, whatever ended the loop: mail of which it is not known
    /// that it was delivered goes out again after the restart.
    fn take_last_outcomes(&mut self) {
        let said: Vec<Input> = std::iter::from_fn(|| self.from_delivery.try_recv().ok()).map(Input::Delivery).collect();
        if !said.is_empty() {
            self.step(said, None);
        }
    }

    /// Hands what is pending to the writer, waiting for it.
    async fn flush_events(&mut self) {
        if let Some(writer) = &self.writer
            && !self.pending.is_empty()
        {
            // A writer that is gone says why at the end.
            let _ = writer.send(std::mem::take(&mut self.pending)).await;
        }
    }

    /// Writes everything that is left and waits for it.
    async fn end(mut self) -> Result<(), RunError> {
        self.take_last_outcomes();
        self.flush_events().await;
        self.to_delivery = None;
        self.writer = None;
        let written = joined(Some(&mut self.writing)).await;
        self.acks.close();
        let acked = joined(self.acking.as_mut()).await;
        self.state.end(remembered(&self.core, &self.follow, self.clock.now())).await;
        written.and(acked).and(self.acked)
    }
}

/// What is to outlive a restart.
fn remembered(core: &QueueCore, follow: &Follow, now: Timestamp) -> Memory {
    let mut memory = core.memory(now);
    memory.warm_ups.ledger = follow.ledger();
    memory
}

/// What the driver has room for.
struct Room {
    any: bool,
    admissions: bool,
    outcomes: bool,
}

enum Wakened {
    Shutdown,
    GraceOver,
    WriterGone,
    AcknowledgerGone,
    DeliveryGone,
    Command(Command),
    Inputs(Vec<Input>, Option<u64>),
    Nothing,
}

/// Delivery does not take orders any more.
struct HungUp;

/// Hands over as many orders as delivery takes; waits for room for the first.
async fn send_orders(
    to_delivery: Option<&mpsc::Sender<ToDelivery>>,
    outbox: &mut VecDeque<ToDelivery>,
) -> Result<(), HungUp> {
    let to_delivery = to_delivery.ok_or(HungUp)?;
    let first = to_delivery.reserve().await.map_err(|_| HungUp)?;
    if let Some(order) = outbox.pop_front() {
        first.send(order);
    }
    while !outbox.is_empty() {
        let Ok(permit) = to_delivery.try_reserve() else { break };
        if let Some(order) = outbox.pop_front() {
            permit.send(order);
        }
    }
    Ok(())
}

/// The result of a task; a panic in it is an error like another.
async fn joined(task: Option<&mut JoinHandle<Result<(), RunError>>>) -> Result<(), RunError> {
    match task {
        Some(task) => task.await.unwrap_or_else(|error| Err(RunError::Task(error.to_string()))),
        None => Ok(()),
    }
}
