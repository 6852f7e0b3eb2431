//! Adapters: traits that one wing declares, fulfilled with the handle of another.
//!
//! No logic of their own: each method calls one function and translates its answer.

use std::sync::Arc;

use accounts::{Accounts, ApiKey, KeyLimits, Scope};
use campaign::audience::SuppressionSet;
use campaign::sending::ports::{Injector, QueueControl};
use delivery::{Suppressed, SuppressionCheck};
use futures::future::BoxFuture;
use intake::notices::Notices;
use intake::{AddressBook, Authenticator, CannotLookUp, CannotVerify, Exceeded, Grants, Intake, Quota, Submitter};
use journal::spool::Spool;
use mail::token::Addressee;
use model::event::{Event, EventKind};
use model::handoff::RowRef;
use model::id::{CampaignId, MessageId, RecipientId};
use model::name::Name;
use model::submission::{Checkpoint, Receipt, Refusal, Routing, Submission};
use monitor::Monitor;
use queue::control::{Action, Order, Target};
use queue::driver::FailureWatch;
use queue::handle::{QueueHandle, Show};

/// Delivery asks the campaigns wing who must not be written to.
pub(crate) struct Suppressions(pub SuppressionSet);

impl SuppressionCheck for Suppressions {
    fn check(&self, routing: &Routing, address: &str) -> Option<Suppressed> {
        let reason = self.0.check(routing, address)?;
        Some(Suppressed { reason: reason.as_str().to_owned() })
    }
}

/// The campaigns wing hands over to intake, and asks the spool how far a feed has come.
pub(crate) struct Engine {
    pub intake: Intake,
    pub spool: Spool,
}

impl Injector for Engine {
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(self.intake.submit(submission))
    }

    fn checkpoint(&self, feed: u64) -> Option<u64> {
        self.spool.checkpoint(feed)
    }

    fn feed_message(&self, feed: u64) -> Option<MessageId> {
        let of_feed = |message: &MessageId| {
            self.spool.head(*message).is_some_and(|head| head.routing.campaign == Some(CampaignId(feed)))
        };
        self.spool.held_open().into_iter().find(of_feed)
    }

    fn feeds(&self) -> Vec<u64> {
        let injected = |feed: &u64| feed & Checkpoint::INJECTED != 0;
        self.spool.feeds().into_iter().filter(|feed| !injected(feed)).collect()
    }

    fn forget(&self, feed: u64) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let done = self.spool.forget(feed).await;
            done.map_err(|error| Refusal::Unavailable { reason: error.to_string() })
        })
    }

    fn finish(&self, message: MessageId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let done = self.spool.finish(message).await;
            done.map_err(|error| Refusal::Unavailable { reason: error.to_string() })
        })
    }
}

/// The campaigns wing holds, releases and cancels what is in the queue.
///
/// The queue keeps one hold for each campaign and the name of whoever made it. A hold of an operator is none of this
/// wing's business: it stays, whoever resumes the campaign and however often the suite is started.
pub(crate) struct Orders(pub QueueHandle);

/// The name of the campaigns wing in the queue's holds and events.
const CAMPAIGNS: &str = "campaign";

impl Orders {
    async fn order(&self, campaign: CampaignId, action: Action) -> Result<(), Refusal> {
        let order = Order::new(Target::Campaign(campaign), action);
        let done = self.0.control(order, CAMPAIGNS).await;
        done.map(drop).map_err(|error| Refusal::Unavailable { reason: error.to_string() })
    }

    /// Who holds a campaign, if somebody does.
    async fn holder(&self, campaign: CampaignId) -> Result<Option<String>, Refusal> {
        let snapshot = self.0.snapshot(Show { paths: 0, domains: 0, campaigns: 0 }).await;
        let controls = snapshot.map_err(|error| Refusal::Unavailable { reason: error.to_string() })?.controls;
        let hold = controls.into_iter().find(|control| control.target == Target::Campaign(campaign));
        Ok(hold.map(|hold| hold.by))
    }
}

impl QueueControl for Orders {
    fn hold(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            match self.holder(campaign).await? {
                Some(other) if other != CAMPAIGNS => Ok(()),
                _ => self.order(campaign, Action::Hold).await,
            }
        })
    }

    fn release(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            match self.holder(campaign).await? {
                Some(holder) if holder == CAMPAIGNS => self.order(campaign, Action::Release).await,
                _ => Ok(()),
            }
        })
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(self.order(campaign, Action::Cancel))
    }
}

/// SMTP AUTH: the password is an API key with the scope `inject`; the user name may be anything and is not looked at.
pub(crate) struct KeyHolders(pub Accounts);

impl Authenticator for KeyHolders {
    fn verify<'a>(&'a self, _: &'a str, password: &'a str) -> BoxFuture<'a, Result<Option<Submitter>, CannotVerify>> {
        Box::pin(async move {
            let key = self.0.api_key(password).await.map_err(|error| CannotVerify(error.to_string()))?;
            Ok(key.filter(|key| key.scopes.contains(&Scope::Inject)).map(|key| self.submitter(key)))
        })
    }
}

impl KeyHolders {
    fn submitter(&self, key: ApiKey) -> Submitter {
        let KeyLimits { tenants, streams, pools, from_domains, .. } = key.limits.clone();
        let sender_domains = from_domains.iter().map(ToString::to_string).collect();
        let grants = Grants { tenants, streams, pools, sender_domains };
        Submitter { name: Name::from(key.name.as_str()), grants, quota: Some(Arc::new(KeyQuota(self.0.clone(), key))) }
    }
}

/// What a key may still send.
struct KeyQuota(Accounts, ApiKey);

impl Quota for KeyQuota {
    fn take(&self, recipients: u32) -> BoxFuture<'_, Result<(), Exceeded>> {
        Box::pin(async move {
            match self.0.charge(&self.1, u64::from(recipients)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(exceeded @ accounts::Exceeded::Wait { .. })) => Err(Exceeded::Later(exceeded.to_string())),
                Ok(Err(exceeded @ accounts::Exceeded::TooMany { .. })) => Err(Exceeded::Never(exceeded.to_string())),
                Err(error) => {
                    tracing::error!(%error, "what a key has used");
                    Err(Exceeded::Later("Cannot tell how much may be sent, try again later".to_owned()))
                }
            }
        })
    }

    fn give_back(&self, recipients: u32) {
        self.0.give_back(&self.1, u64::from(recipients));
    }
}

/// The queue tells intake what it has given up, so that senders are told.
pub(crate) struct Senders(pub Notices);

impl FailureWatch for Senders {
    fn concerns(&self, event: &Event) -> bool {
        self.0.concerns(event)
    }

    fn given_up(&self, given_up: Vec<(Event, RowRef)>) {
        self.0.given_up(given_up);
    }
}

/// Intake asks the monitor whom we wrote to.
pub(crate) struct Histories(pub Monitor);

impl AddressBook for Histories {
    fn addressee(&self, recipient: RecipientId) -> BoxFuture<'_, Result<Option<Addressee>, CannotLookUp>> {
        Box::pin(async move {
            let history = self.0.recipient(recipient).await.map_err(|error| CannotLookUp(error.to_string()))?;
            // What the engine itself has said, not what came in about it.
            let own = |event: &Event| event.kind == EventKind::Received || event.kind.disposition().is_some();
            let event = history.and_then(|history| history.events.into_iter().find(|e| own(e) && e.address.is_some()));
            Ok(event.map(|event| Addressee {
                address: event.address.unwrap_or_default(),
                tenant: event.tenant.unwrap_or_default(),
                stream: event.stream.unwrap_or_default(),
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dns::Resolver;
    use journal::events::{EventLog, EventLogOptions};
    use journal::spool::SpoolOptions;
    use model::time::SystemClock;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const CAMPAIGN: CampaignId = CampaignId(7);

    async fn check(orders: &Orders, what: &str, expected: Option<&str>) {
        assert_eq!(orders.holder(CAMPAIGN).await.unwrap().as_deref(), expected, "{what}");
    }

    /// What an operator does by way of the API.
    async fn operator(orders: &Orders, action: Action) {
        let order = Order::new(Target::Campaign(CAMPAIGN), action);
        orders.0.control(order, "olga").await.unwrap();
    }

    #[tokio::test]
    async fn a_hold_of_an_operator_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Spool::open(&dir.path().join("spool"), SpoolOptions::default()).unwrap();
        let (queue, commands) = queue::handle::channel();
        let (to_delivery, _orders) = mpsc::channel(1);
        let (_outcomes, from_delivery) = mpsc::channel(1);
        let ports = queue::driver::Ports {
            admitted: opened.admitted,
            to_delivery,
            from_delivery,
            events: EventLog::open(&dir.path().join("events"), EventLogOptions::default()).unwrap(),
            spool: opened.spool,
            resolver: Resolver::new(&dns::resolver::Config::default()).unwrap(),
            failures: None,
            clock: Arc::new(SystemClock),
            commands,
        };
        let running = queue::driver::run(queue::config::Config::default(), ports, Vec::new(), CancellationToken::new());
        let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(running));

        let orders = Orders(queue);
        orders.hold(CAMPAIGN).await.unwrap();
        check(&orders, "paused", Some(CAMPAIGNS)).await;
        orders.release(CAMPAIGN).await.unwrap();
        check(&orders, "resumed", None).await;
        operator(&orders, Action::Hold).await;
        orders.release(CAMPAIGN).await.unwrap();
        check(&orders, "under way at a start", Some("olga")).await;
        orders.hold(CAMPAIGN).await.unwrap();
        orders.release(CAMPAIGN).await.unwrap();
        check(&orders, "paused and resumed", Some("olga")).await;
        operator(&orders, Action::Release).await;
        check(&orders, "released by the operator", None).await;
    }
}
