//! A provider's host on one connection: the lab's [`Behaviour`] behind the server of `smtp`, and accidents of its own.
//!
//! Its word counts: what it takes is written into the book before it says so. It lives on when the suite dies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lab::behaviour::{Behaviour, Decision};
use model::name::Name;
use smtp::server::{Action, Answer, Peer, Policy, Question, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::book::{Conn, Take};
use crate::dice::Dice;
use crate::plan::DOT_TIMEOUT;
use crate::world::World;

/// A client that says nothing for so long is left.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// What goes wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    /// Nothing.
    None,
    /// It breaks after so many bytes.
    BreaksAfter(u64),
    /// The n-th message is taken, and the connection closed without a word.
    TakesAndCloses(u32),
    /// The n-th message is not taken, and the connection closed without a word.
    ClosesAtDot(u32),
    /// The reply to the n-th message comes too late.
    LateAtDot(u32),
    /// At the n-th step it says 421 and closes.
    GivesUpAt(u32),
    /// At the n-th step it closes without a word.
    ClosesAt(u32),
    /// At the n-th step it falls silent.
    SilentAt(u32),
}

impl Accident {
    /// One of them, so many times in a hundred.
    pub fn of(dice: &mut Dice, percent: u64) -> Accident {
        if !dice.chance(percent) {
            return Accident::None;
        }
        let which = dice.below(4) as u32;
        match dice.below(9) {
            0 | 1 => Accident::BreaksAfter(dice.below(6_000)),
            2 => Accident::BreaksAfter(dice.below(300)),
            3 => Accident::TakesAndCloses(which),
            4 => Accident::ClosesAtDot(which),
            5 => Accident::LateAtDot(which),
            6 => Accident::GivesUpAt(which * 2),
            7 => Accident::ClosesAt(which * 2),
            _ => Accident::SilentAt(which * 2),
        }
    }
}

/// One connection to a provider.
pub struct Call {
    /// The world around it.
    pub world: Arc<World>,
    /// Number of the provider.
    pub provider: usize,
    /// The suite's source.
    pub source: Name,
    /// The suite's end.
    pub from: SocketAddr,
    /// The provider's end.
    pub to: SocketAddr,
    /// What the network counts.
    pub conn: Arc<Conn>,
    /// What goes wrong.
    pub accident: Accident,
    /// For how the book is kept.
    pub dice: Dice,
}

/// Serves a connection to its end.
pub async fn serve(call: Call, stream: DuplexStream) {
    let source = call.from.ip();
    let decision = call.behaviour(|behaviour, now| behaviour.connect(now, source));
    if decision.why.is_some() {
        let mut host = Host::new(call, stream);
        host.say(&decision.answer).await;
        return;
    }
    let let_in = LetIn(call.world.clone(), call.provider, source);
    let mut host = Host::new(call, stream);
    // A connection that breaks is its client's to notice.
    let _ = host.talk().await;
    drop(let_in);
}

/// A client that was let in leaves, whatever ends the connection.
struct LetIn(Arc<World>, usize, std::net::IpAddr);

impl Drop for LetIn {
    fn drop(&mut self) {
        self.0.provider(self.1, |behaviour| behaviour.disconnect(self.2));
    }
}

impl Call {
    fn behaviour<T>(&self, ask: impl FnOnce(&mut Behaviour, model::time::Timestamp) -> T) -> T {
        // Providers have clocks of their own, which nobody sets.
        let now = crate::time::START.plus(self.world.time.passed());
        self.world.provider(self.provider, |behaviour| ask(behaviour, now))
    }
}

struct Host {
    call: Call,
    stream: DuplexStream,
    session: Session,
    steps: u32,
    messages: u32,
}

/// The connection is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Over
    }
}

impl Host {
    fn new(call: Call, stream: DuplexStream) -> Self {
        let mut policy = Policy::new(&format!("mx.p{}.example", call.provider));
        policy.extensions.starttls = false;
        // Which extensions there are is the provider's, not the connection's.
        let kind = Dice::new(call.world.plan.seed, &format!("extensions {}", call.provider)).roll();
        policy.extensions.pipelining = kind & 1 == 0;
        policy.extensions.chunking = kind & 2 == 0;
        let peer = Peer { address: call.from, local: call.to, proxy: None };
        let session = Session::new(Arc::new(policy), peer, None);
        Host { call, stream, session, steps: 0, messages: 0 }
    }

    async fn say(&mut self, answer: &Answer) {
        if let Answer::Reply(reply) | Answer::ReplyAndClose(reply) = answer {
            let line = format!("{}\r\n", reply.to_string().replace('\n', " "));
            let _ = self.stream.write_all(line.as_bytes()).await;
        }
    }

    async fn talk(&mut self) -> Result<(), Over> {
        loop {
            let asked = match self.session.proceed() {
                Action::Ask(_, question) => Asked::of(question),
                Action::Read => {
                    self.flush().await?;
                    let mut room = [0; 4_096];
                    let read = tokio::time::timeout(IDLE_TIMEOUT, self.stream.read(&mut room)).await;
                    let count = read.map_err(|_| Over)??;
                    if count == 0 {
                        return Ok(());
                    }
                    self.session.input().extend_from_slice(&room[..count]);
                    continue;
                }
                Action::StartTls => return Err(Over),
                Action::Close => return self.flush().await,
            };
            self.answer(asked).await?;
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        let output = std::mem::take(self.session.output());
        self.stream.write_all(&output).await?;
        self.call.conn.written.fetch_add(output.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn answer(&mut self, asked: Asked) -> Result<(), Over> {
        self.steps += 1;
        match self.call.accident {
            Accident::GivesUpAt(step) if step < self.steps => {
                self.session.answer(Answer::reply(421, "4.3.2 not now"));
                return Ok(());
            }
            Accident::ClosesAt(step) if step < self.steps => return Err(Over),
            Accident::SilentAt(step) if step < self.steps => {
                tokio::time::sleep(IDLE_TIMEOUT * 4).await;
                return Err(Over);
            }
            _ => {}
        }
        let source = self.call.from.ip();
        match asked {
            Asked::Easy => self.session.answer(Answer::Accept),
            Asked::Mail => {
                let messages = self.messages;
                if self.call.behaviour(|behaviour, _| behaviour.hangs_up_after(messages)) {
                    return Err(Over);
                }
                let decision = self.call.behaviour(|behaviour, _| behaviour.mail(source, messages));
                self.decided(decision).await;
            }
            Asked::Rcpt(address) => {
                let now = self.call.world.time.passed();
                let (name, provider) = (self.call.source.clone(), self.call.provider);
                self.call.world.book(|book| book.asked(now, &name, provider, &address));
                let decision = self.call.behaviour(|behaviour, now| behaviour.rcpt(now, source, &address));
                self.refused(&decision, std::slice::from_ref(&address));
                self.decided(decision).await;
            }
            Asked::Message(recipients) => return self.message(recipients).await,
        }
        Ok(())
    }

    async fn decided(&mut self, decision: Decision) {
        tokio::time::sleep(decision.delay).await;
        self.session.answer(decision.answer);
    }

    fn refused(&self, decision: &Decision, addresses: &[String]) {
        let code = match &decision.answer {
            Answer::Reply(reply) | Answer::ReplyAndClose(reply) if !reply.is_positive() => reply.code,
            _ => return,
        };
        let world = &self.call.world;
        let now = world.time.passed();
        world.book(|book| {
            for address in addresses {
                book.refusals.entry(address.clone()).or_default().push((code, now));
                book.note(now, || format!("provider {} says {code} to {address}", self.call.provider));
            }
        });
    }

    async fn message(&mut self, recipients: Vec<String>) -> Result<(), Over> {
        let source = self.call.from.ip();
        let arrived = self.call.world.time.passed();
        let first = recipients.first().cloned().unwrap_or_default();
        let mut decision = self.call.behaviour(|behaviour, _| behaviour.message(source, &first));
        if decision.why.is_some() {
            self.refused(&decision, &recipients);
            self.decided(decision).await;
            return Ok(());
        }
        self.messages += 1;
        match self.call.accident {
            Accident::ClosesAtDot(number) if number < self.messages => return Err(Over),
            Accident::TakesAndCloses(number) if number < self.messages => {
                self.take(arrived, &recipients);
                return Err(Over);
            }
            Accident::LateAtDot(number) if number < self.messages => decision.delay = DOT_TIMEOUT * 2,
            _ => {}
        }
        // Some have it on disk at once, others a moment before they say so: the suite may die in between.
        if self.call.dice.chance(50) {
            self.take(arrived, &recipients);
            self.decided(decision).await;
        } else {
            tokio::time::sleep(decision.delay).await;
            self.take(arrived, &recipients);
            self.session.answer(decision.answer);
        }
        self.flush().await?;
        let end = self.call.conn.written.load(Ordering::Relaxed);
        self.call.world.book(|book| {
            for address in &recipients {
                let takes = book.takes.get_mut(address).into_iter().flatten();
                if let Some(take) = takes.rev().find(|take| take.is_over(&self.call.conn)) {
                    take.reply_end = Some(end);
                }
            }
        });
        Ok(())
    }

    fn take(&self, arrived: Duration, recipients: &[String]) {
        let world = &self.call.world;
        let now = world.time.passed();
        world.book(|book| {
            for address in recipients {
                let take = Take::new(book.life, arrived, now, &self.call.conn);
                book.takes.entry(address.clone()).or_default().push(take);
                book.note(now, || format!("provider {} takes {address}", self.call.provider));
            }
        });
    }
}

/// A question of the session, without what it borrows.
enum Asked {
    Easy,
    Mail,
    Rcpt(String),
    Message(Vec<String>),
}

impl Asked {
    fn of(question: Question<'_>) -> Asked {
        match question {
            Question::Mail(_) => Asked::Mail,
            Question::Rcpt(_, recipient) => Asked::Rcpt(recipient.address.clone()),
            Question::Message(transaction) => {
                Asked::Message(transaction.recipients.into_iter().map(|recipient| recipient.address).collect())
            }
            Question::Hello(_) | Question::StartTls | Question::Auth(_) | Question::Data => Asked::Easy,
        }
    }
}
