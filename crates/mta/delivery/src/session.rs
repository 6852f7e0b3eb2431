//! One connection on one path: open it, ask for work, send what is given, ask for more before it runs dry, close it.
//!
//! `opening.rs` connects, `batch.rs` makes transactions of tickets, `report.rs` says what became of them.

mod batch;
mod opening;
mod policy;
mod report;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::dialogue::TlsUse;
use model::handoff::{FromDelivery, SessionTrouble, Ticket};
use model::id::{RecipientId, SessionId};
use model::name::Name;
use model::route::PathSpec;
use smtp::client::{Client, ClientError, ErrorKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::compose::Composer;
use crate::dialogue::Manners;
use crate::driver::{Order, Shared};
use crate::places::Place;

/// A session whose place at the address others wait for ends after this time; one that idles ends at once.
const GIVE_WAY_AFTER: Duration = Duration::from_secs(30);

/// Opens a session and serves it to its end. What it returns goes into [`FromDelivery::Closed`].
pub(crate) async fn run(
    id: SessionId,
    path: Arc<PathSpec>,
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Order>,
) -> Option<Box<SessionTrouble>> {
    let mut orders = orders;
    let opened = tokio::select! {
        biased;
        opened = opening::open(id, &path, &shared) => opened,
        () = shared.shutdown.cancelled() => return None,
        // Nothing can be given before `Ready`: whatever it is, it ends the session.
        _ = orders.recv() => return None,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(trouble) => return trouble,
    };
    let composer = Composer::new(shared.dkim.clone(), Arc::clone(&shared.tokens), Arc::clone(&path.source));
    let manners = Manners::with(&shared.config, &path.site.provider);
    let tls_use = report::tls_use(&opened.client, opened.tls_by);
    let mut client = opened.client;
    client.use_chunking(manners.chunking && shared.lessons.knows_chunking(&opened.host, shared.clock.now()));
    let session = Session {
        id,
        left: path.messages_per_connection.max(1),
        path,
        shared,
        orders,
        client,
        host: opened.host,
        composer,
        name: Name::from(id.to_string()),
        manners,
        pending: VecDeque::new(),
        in_hand: 0,
        asked: false,
        closing: false,
        transactions: 0,
        last_at: Instant::now(),
        dns_ms: Some(opened.dns_ms),
        place: opened.place,
        opened_at: Instant::now(),
        tls_use,
        notes: HashMap::new(),
    };
    session.serve().await
}

struct Session {
    id: SessionId,
    path: Arc<PathSpec>,
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Order>,
    client: Client,
    /// The session's number as text, for what is recorded.
    name: Name,
    manners: Manners,
    /// The MX host of the connection.
    host: Name,
    composer: Composer,
    /// Given and not yet attempted.
    pending: VecDeque<Ticket>,
    /// Read from the spool and not yet finished.
    in_hand: usize,
    /// `Ready` was said and nothing was given since.
    asked: bool,
    /// The queue wants it closed when what was given is finished.
    closing: bool,
    /// Transactions that may still be begun on this connection.
    left: u32,
    /// Transactions that were begun.
    transactions: u32,
    /// When the last one ended.
    last_at: Instant,
    /// How long the name look-up took.
    dns_ms: Option<u32>,
    tls_use: Option<TlsUse>,
    /// What policies of domains said of the mails in hand.
    notes: HashMap<RecipientId, policy::Note>,
    /// Its place among the connections to the address.
    place: Option<Place>,
    opened_at: Instant,
}

/// Why a session ends before its orders do.
enum End {
    /// Nobody's fault: QUIT was not needed or not possible any more.
    Silent,
    /// The queue has to know.
    Trouble(Box<SessionTrouble>),
}

impl Session {
    async fn serve(mut self) -> Option<Box<SessionTrouble>> {
        match self.work().await {
            Ok(()) => {
                self.client.quit().await;
                None
            }
            Err(End::Silent) => None,
            Err(End::Trouble(trouble)) => {
                // Where the host takes no more, and still listens.
                self.client.quit().await;
                Some(trouble)
            }
        }
    }

    /// Returns `Ok` when it is time for QUIT.
    async fn work(&mut self) -> Result<(), End> {
        loop {
            self.take_orders();
            self.ask_for_more().await;
            if !self.client.is_usable() {
                return Err(End::Silent);
            }
            if self.shared.shutdown.is_cancelled() || (self.pending.is_empty() && (self.closing || self.left == 0)) {
                return Ok(());
            }
            if self.pending.is_empty() {
                if !self.wait().await? {
                    return Ok(());
                }
            } else {
                self.send_some().await?;
            }
        }
    }

    /// Takes what the queue has said meanwhile.
    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.closing = true;
                    return;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Give(tickets) => {
                self.asked = false;
                self.pending.extend(tickets);
            }
            Order::Close => self.closing = true,
        }
    }

    /// Says `Ready` when little is left to do, so that the next tickets are here when the last one is sent.
    async fn ask_for_more(&mut self) {
        let config = &self.shared.config;
        let pending = u32::try_from(self.pending.len() + self.in_hand).unwrap_or(u32::MAX);
        if !self.asked && self.gives_way() {
            self.left = self.left.min(pending);
        }
        let room = config.batch_max.min(self.left.saturating_sub(pending));
        if self.asked || self.closing || room == 0 || pending > config.ready_ahead || !self.client.is_usable() {
            return;
        }
        self.asked = true;
        let _ = self.shared.to_queue.send(FromDelivery::Ready { session: self.id, room }).await;
    }

    /// Others wait for a place at this address, and this session has had its time.
    fn gives_way(&self) -> bool {
        self.opened_at.elapsed() >= GIVE_WAY_AFTER && self.place.as_ref().is_some_and(Place::is_wanted)
    }

    /// Waits for an order. Returns false when the connection has idled for too long, others wait for its place, or
    /// everything ends.
    async fn wait(&mut self) -> Result<bool, End> {
        let idle_ends = Instant::now() + self.path.idle_timeout;
        let place = self.place.as_ref();
        let wanted = async {
            match place {
                Some(place) => place.wanted().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = self.orders.recv() => match order {
                Some(order) => {
                    self.obey(order);
                    Ok(true)
                }
                None => Ok(false),
            },
            () = self.shared.shutdown.cancelled() => Ok(false),
            error = self.client.idle_end() => Err(self.ended_by_server(&error).await),
            () = wanted => Ok(false),
            () = sleep_until(idle_ends) => Ok(false),
        }
    }

    /// The server ended the connection between transactions. When it has taken something and says nothing, it has
    /// had enough of this connection, which is its right.
    async fn ended_by_server(&mut self, error: &ClientError) -> End {
        match error.kind {
            ErrorKind::Closed | ErrorKind::Io(_) if self.transactions > 0 => {
                self.hung_up().await;
                End::Silent
            }
            _ => End::Trouble(self.trouble(error)),
        }
    }
}
