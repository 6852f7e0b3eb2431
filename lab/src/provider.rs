//! The SMTP side of a provider: a listener whose answers come from [`Behaviour`].
//!
//! Thin: it moves questions to the core and answers back, keeps the ledger, and hands mail that was taken to the people.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::time::Clock;
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Handler, Peer};
use tokio::sync::mpsc;

use crate::behaviour::{Behaviour, Decision};
use crate::ledger::{Ledger, mailing_of};
use crate::people::{Delivered, Unread};

/// One provider at work; shared by its connections.
pub(crate) struct Provider {
    pub name: String,
    pub behaviour: Mutex<Behaviour>,
    pub ledger: Arc<Ledger>,
    pub people: mpsc::Sender<Delivered>,
    pub clock: Arc<dyn Clock>,
}

impl Provider {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the book and takes its time.
    async fn carry_out(&self, decision: Decision) -> Answer {
        if let Some(why) = decision.why {
            self.ledger.refused(&self.name, why);
        }
        if !decision.delay.is_zero() {
            tokio::time::sleep(decision.delay).await;
        }
        decision.answer
    }
}

/// What the listener is served with.
pub(crate) struct Door(pub Arc<Provider>);

impl Handler for Door {
    fn connect<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        Box::pin(async move {
            let source = peer.address.ip();
            let decision = self.0.behaviour().connect(self.0.clock.now(), source);
            match self.0.carry_out(decision).await {
                Answer::Accept => {
                    self.0.ledger.session_opened(&self.0.name);
                    let talk = Talk { provider: Arc::clone(&self.0), source, messages: 0, recipients: Vec::new() };
                    Ok(Box::new(talk) as Box<dyn Conversation>)
                }
                refusal => Err(refusal),
            }
        })
    }
}

/// One connection.
struct Talk {
    provider: Arc<Provider>,
    source: IpAddr,
    messages: u32,
    recipients: Vec<String>,
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.provider.behaviour().disconnect(self.source);
        self.provider.ledger.session_closed(&self.provider.name);
    }
}

impl Conversation for Talk {
    fn mail<'a>(&'a mut self, _: &'a Context, _: &'a Mail) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            self.recipients.clear();
            if self.provider.behaviour().hangs_up_after(self.messages) {
                return Answer::Close;
            }
            let decision = self.provider.behaviour().mail(self.source, self.messages);
            self.provider.carry_out(decision).await
        })
    }

    fn rcpt<'a>(&'a mut self, _: &'a Context, _: &'a Mail, recipient: &'a Recipient) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let now = self.provider.clock.now();
            let decision = self.provider.behaviour().rcpt(now, self.source, &recipient.address);
            if decision.why.is_none() {
                self.recipients.push(recipient.address.clone());
            }
            self.provider.carry_out(decision).await
        })
    }

    fn message<'a>(&'a mut self, _: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let first = self.recipients.first().cloned().unwrap_or_default();
            let decision = self.provider.behaviour().message(self.source, &first);
            let accepted = decision.why.is_none();
            let answer = self.provider.carry_out(decision).await;
            if accepted {
                self.messages += 1;
                self.take(transaction).await;
            }
            answer
        })
    }
}

impl Talk {
    async fn take(&mut self, transaction: Transaction) {
        let message_id = mail::mime::header(&transaction.data, "Message-ID").unwrap_or_default().trim().to_owned();
        let mailing = mailing_of(&transaction.data);
        let data: Arc<[u8]> = transaction.data.into();
        for recipient in self.recipients.drain(..) {
            self.provider.ledger.accepted(&self.provider.name, &mailing, &recipient, &message_id);
            let delivered = Delivered {
                provider: self.provider.name.clone(),
                recipient,
                sender: transaction.mail.sender.clone(),
                source: self.source,
                mailing: mailing.clone(),
                _unread: Unread::new(&self.provider.ledger, &mailing),
                message: Arc::clone(&data),
            };
            // The people are gone when the lab is stopping: the mail was taken all the same.
            let _ = self.provider.people.send(delivered).await;
        }
    }
}
