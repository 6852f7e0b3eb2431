//! What comes back from people: pixel, links, unsubscribe page.
//!
//! A sealed token says which mail, whose, which link; opening it is a computation. Opens and clicks read no database and
//! wait for nothing: the event goes into a bounded buffer. An unsubscribe is durable in the event log, and in force in
//! the suppression set, before it is answered, for mail in the queue too. GET never unsubscribes.
//!
//! One click leaves what the mail was: a campaign's list, or the stream of mail that went to no list. The page offers to
//! leave everything as well, by a token of its own.
//!
//! Must not: judge who was a machine (that is a later reading of the events), lead anywhere that was not sealed or stored
//! by us.

mod appender;
pub(crate) mod links;
mod page;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use db::params;
use journal::events::EventLog;
use mail::token::{Addressee, Keys, MailRef, Token};
use model::event::{Event, EventKind, Touch};
use model::id::ListId;

pub use appender::{APPEND_MAX, TouchStats};
pub(crate) use appender::{Appender, AppenderTask, appender};
pub use links::LINK_TABLES_MAX;

use crate::Error;
use crate::audience::suppression::{Scope, SuppressionSet};
use crate::audience::types::SuppressionReason;
use crate::base::Base;
use links::LinkTables;
use page::{About, Left, Say, page};

/// Longest User-Agent kept, in bytes.
pub const USER_AGENT_MAX: usize = 512;

/// What recipients open. Cheap to clone.
#[derive(Clone)]
pub struct Tracking {
    base: Arc<Base>,
    keys: Arc<Keys>,
    events: EventLog,
    set: SuppressionSet,
    links: Arc<LinkTables>,
    appender: Appender,
    /// Tells the touches of one recipient apart in event ids.
    ordinal: Arc<AtomicU16>,
}

/// What a request tells of the software behind it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visit<'a> {
    /// Address of the client.
    pub client: Option<&'a str>,
    /// User-Agent header.
    pub user_agent: Option<&'a str>,
    /// Accept-Language header.
    pub languages: Option<&'a str>,
}

/// A page for people: complete HTML, no scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtmlPage {
    /// HTTP status.
    pub status: u16,
    /// The document.
    pub html: String,
}

/// How a recipient unsubscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeMethod {
    /// By the mail program's own button: the body of the request is `List-Unsubscribe=One-Click` (RFC 8058).
    OneClick,
    /// By the button on our page.
    Page,
}

/// A click that leads nowhere: the token is not ours, or the link is not known (404).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link is not known")]
pub struct UnknownLink;

impl Tracking {
    pub(crate) fn new(
        base: Arc<Base>,
        keys: Arc<Keys>,
        events: EventLog,
        set: SuppressionSet,
        links: Arc<LinkTables>,
        appender: Appender,
    ) -> Self {
        // Not from 0 at each start: an event of the last life of the process may have the same recipient and number.
        let ordinal = Arc::new(AtomicU16::new(base.now().0 as u16));
        Tracking { base, keys, events, set, links, appender, ordinal }
    }

    /// The pixel was fetched. Serve the pixel whatever this says; false: the token is not ours.
    pub fn open(&self, token: &str, visit: &Visit<'_>) -> bool {
        let Ok(Token::Open(mail)) = self.keys.open(token) else { return false };
        self.appender.put(self.event(EventKind::Opened, &mail, touch(visit)));
        true
    }

    /// A link was followed (`counted`: GET; HEAD is answered and not counted). Returns where it leads: http or https.
    ///
    /// # Errors
    /// [`UnknownLink`].
    pub async fn click(&self, token: &str, visit: &Visit<'_>, counted: bool) -> Result<String, UnknownLink> {
        let Ok(Token::Click { mail, link, url }) = self.keys.open(token) else { return Err(UnknownLink) };
        let url = match (url, mail.campaign) {
            (Some(url), _) => url,
            (None, Some(campaign)) => self.links.find(campaign, link).await.ok_or(UnknownLink)?,
            (None, None) => return Err(UnknownLink),
        };
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        // A link made for each recipient travels in the token; its form in the table leads nowhere.
        let is_form = url.contains("{{") || url.contains("{%");
        if !matches!(scheme.as_str(), "http" | "https") || url.contains(char::is_control) || is_form {
            return Err(UnknownLink);
        }
        if counted {
            let touch = Touch { link: Some(link), url: Some(url.clone()), ..touch(visit) };
            self.appender.put(self.event(EventKind::Clicked, &mail, touch));
        }
        Ok(url)
    }

    /// The page of a link that leads nowhere, see [`Tracking::click`].
    pub fn dead_link(&self, visit: &Visit<'_>) -> HtmlPage {
        page::dead_link(visit.languages)
    }

    /// The page behind the unsubscribe link. Changes nothing; says so when the address has left already. Reads the name of
    /// the list and, of tokens of the first form, the address; where the database is away the page does without.
    pub async fn unsubscribe_page(&self, token: &str, visit: &Visit<'_>) -> HtmlPage {
        let Ok(Token::Unsubscribe { mail, list, to }) = self.keys.open(token) else {
            return page(Say::Unknown, &About::default(), None, visit.languages);
        };
        let scope = scope(list, to.as_ref());
        let address = match &to {
            Some(to) => Some(to.address.clone()),
            None => self.address_of(&mail).await.unwrap_or_default(),
        };
        let has_left = address.as_deref().is_some_and(|address| self.set.has_left(address, &scope));
        let say = if has_left { Say::Already(left(&scope)) } else { Say::Confirm(left(&scope)) };
        let about = self.about(address.as_deref(), list).await;
        page(say, &about, self.leave_everything(mail, &scope, to).as_deref(), visit.languages)
    }

    /// Unsubscribes from what the token names: a list, a stream, or everything; durable and in force when it returns.
    /// Repeating it does no harm. Tokens of the first form do not carry the address: only they read the database.
    pub async fn unsubscribe(&self, token: &str, method: UnsubscribeMethod, visit: &Visit<'_>) -> HtmlPage {
        let Ok(Token::Unsubscribe { mail, list, to }) = self.keys.open(token) else {
            return page(Say::Unknown, &About::default(), None, visit.languages);
        };
        let scope = scope(list, to.as_ref());
        let address = match &to {
            Some(to) => Ok(Some(to.address.clone())),
            None => self.address_of(&mail).await,
        };
        let Ok(address) = address else { return page(Say::Later, &About::default(), None, visit.languages) };
        if let Some(address) = &address {
            self.set.add(address, SuppressionReason::Unsubscribe, &scope);
        }
        let named = match method {
            UnsubscribeMethod::OneClick => "one-click",
            UnsubscribeMethod::Page => "page",
        };
        let touch = Touch { method: Some(named.to_owned()), ..touch(visit) };
        let (tenant, stream) = match &scope {
            Scope::Stream { tenant, stream } => (Some(tenant.clone()), Some(stream.clone())),
            _ => (None, None),
        };
        // Nobody reads the answer to a mail program's button: nothing is looked up for it.
        let about = match method {
            UnsubscribeMethod::OneClick => About::default(),
            UnsubscribeMethod::Page => self.about(address.as_deref(), list).await,
        };
        let event = Event { address, list, tenant, stream, ..self.event(EventKind::Unsubscribed, &mail, touch) };
        match self.events.append(vec![event]).await {
            Ok(_) => {
                let everything = self.leave_everything(mail, &scope, to);
                page(Say::Done(left(&scope)), &about, everything.as_deref(), visit.languages)
            }
            Err(error) => {
                tracing::error!(%error, recipient = %mail.recipient, "an unsubscribe could not be kept");
                page(Say::Later, &About::default(), None, visit.languages)
            }
        }
    }

    /// For the page of a list: the token that leaves all of them.
    fn leave_everything(&self, mail: MailRef, scope: &Scope, to: Option<Addressee>) -> Option<String> {
        let Scope::List(_) = scope else { return None };
        let to = to.map(|to| Addressee { address: to.address, ..Addressee::default() });
        Some(self.keys.seal(&Token::Unsubscribe { mail, list: None, to }))
    }

    /// Who left, and what, as the page may tell it.
    async fn about(&self, address: Option<&str>, list: Option<ListId>) -> About {
        let list = match list {
            Some(id) => crate::audience::list::get(&self.base, id).await.ok().map(|list| list.name),
            None => None,
        };
        About { address: address.map(page::masked), list }
    }

    /// What became of opens and clicks since the start.
    pub fn stats(&self) -> TouchStats {
        self.appender.stats()
    }

    /// The address that a mail went to; `None` when nothing is known of it any more.
    async fn address_of(&self, mail: &MailRef) -> Result<Option<String>, Error> {
        let sql = "SELECT address FROM recipient WHERE campaign = $1 AND contact = $2
                   UNION ALL SELECT address FROM contact WHERE id = $2";
        let values = params![mail.campaign.unwrap_or_default(), mail.contact];
        match self.base.db.query_optional(sql, values).await {
            Ok(row) => Ok(row.map(|row| row.get("address")).transpose()?),
            Err(error) => {
                tracing::error!(error = error.chain(), "an address could not be read");
                Err(error.into())
            }
        }
    }

    fn event(&self, kind: EventKind, mail: &MailRef, touch: Touch) -> Event {
        let ordinal = self.ordinal.fetch_add(1, Ordering::Relaxed);
        Event {
            message: Some(mail.message),
            campaign: mail.campaign,
            contact: mail.contact,
            touch: Some(touch),
            ..Event::of_recipient(kind, mail.recipient, ordinal, self.base.now())
        }
    }
}

/// What an unsubscribe token gives the right to leave.
fn scope(list: Option<ListId>, to: Option<&Addressee>) -> Scope {
    to.map_or_else(|| Scope::of(list, "", ""), |to| Scope::of(list, &to.tenant, &to.stream))
}

/// The same in words.
fn left(scope: &Scope) -> Left {
    match scope {
        Scope::All => Left::Everything,
        Scope::List(_) => Left::List,
        Scope::Stream { .. } => Left::Stream,
    }
}

fn touch(visit: &Visit<'_>) -> Touch {
    let cut = |text: &str| text[..text.floor_char_boundary(USER_AGENT_MAX)].to_owned();
    Touch { client: visit.client.map(cut), user_agent: visit.user_agent.map(cut), ..Touch::default() }
}
