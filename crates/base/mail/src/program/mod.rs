//! A whole mail as a program: compiled once, rendered for each recipient at delivery.
//!
//! [`Source`] is what the campaign writes (and what the spool keeps as `Content::Merge`). [`Source::compile`] is the one
//! place where HTML is parsed: links are found and replaced by steps that write them (`rewrite`), preheader and pixel
//! go to the top of the body, a text part is made, everything that is the same for all recipients is encoded
//! (`layout`). [`Program::render`] then copies those pieces and encodes the values between, in one pass into the
//! caller's buffer; nothing is parsed.
//!
//! Link addresses that are the same for all recipients are named by their place in the link table; an address made for
//! one recipient travels sealed inside the token. Both ways our endpoint only ever leads where the author's mail led,
//! so it is no open redirect.
//!
//! Header injection is impossible: values lose their control characters in `header`, names are checked at compiling.
//! Must not: look at the clock (the time comes with [`Personal`]), decide who gets the mail.
//! Known gaps: links written as text in a text part of the author's own are not followed; one character set (UTF-8) and
//! one encoding (quoted-printable).

pub(crate) mod address;
mod compile;
mod entity;
mod fault;
pub(crate) mod header;
mod insert;
pub(crate) mod layout;
mod render;
mod rewrite;
mod source;

pub use fault::{Fault, Part, ProgramError, RenderError};
pub use rewrite::LINKS_MAX;
pub use source::{
    Attachment, Author, ExtraHeader, OwnUnsubscribe, SOURCE_VERSION, Source, SourceError, TrackingSwitches,
    UnsubscribeWays,
};

use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::time::Timestamp;
use model::value::Value;

use crate::merge::{Code, Vars};
use crate::token::Keys;

/// The variable that holds the unsubscribe link of the recipient.
pub const UNSUBSCRIBE_URL: &str = "unsubscribe_url";

/// A compiled mail; cheap to render, safe to share between tasks.
#[derive(Debug)]
pub struct Program {
    slots: Vec<String>,
    vars: Vars,
    /// The slot of each variable; [`UNSUBSCRIBE_URL`] and variables unknown to a frozen source have none.
    slot_of_var: Vec<Option<usize>>,
    links: Vec<Link>,
    head: Vec<layout::HeadLine>,
    body: Vec<layout::BodyPiece>,
    subject: Code,
    preheader: Code,
    text: Option<Code>,
    html: Option<Code>,
    base_url: String,
    clicks: bool,
    unsubscribe: Option<UnsubscribeWays>,
    campaign: Option<CampaignId>,
    list: Option<ListId>,
    from_domain: String,
    /// About how long a rendering is, in bytes.
    size_guess: usize,
}

/// One link of the HTML, in the order of the text. Its number is its place in [`Program::links`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its address as written; with Liquid inside when [`Link::personal`].
    pub url: String,
    /// The address is made for each recipient and travels sealed inside the token.
    pub personal: bool,
}

/// What is known of one recipient at delivery.
#[derive(Clone, Copy, Debug)]
pub struct Personal<'a> {
    /// The message.
    pub message: MessageId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The contact behind it.
    pub contact: Option<ContactId>,
    /// The address it goes to: in the To header, and in the unsubscribe token.
    pub address: &'a str,
    /// Whose mail it is; goes into the unsubscribe token of mail to no list.
    pub tenant: &'a str,
    /// On which stream it goes; the same.
    pub stream: &'a str,
    /// One value for each slot, in the order of [`Program::slots`]; missing ones are Null.
    pub values: &'a [Value],
    /// The time in the Date header.
    pub at: Timestamp,
    /// What tokens are sealed with. Absent: links lead straight to their target, nothing is observed and nobody can
    /// unsubscribe, which is right for previews only.
    pub keys: Option<&'a Keys>,
}

/// A mail as a person will see it, for the UI: links lead straight to their target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The subject, unencoded.
    pub subject: String,
    /// The preheader, unencoded.
    pub preheader: String,
    /// The HTML part, without the pixel; empty when there is none.
    pub html: String,
    /// The text part.
    pub text: String,
    /// Paths of variables that printed as nothing because nothing is known of them.
    pub undefined: Vec<String>,
}

impl Program {
    /// Paths of the variables it needs, dotted (`contact.first_name`): one value for each in a recipient's row.
    pub fn slots(&self) -> &[String] {
        &self.slots
    }

    /// The values of a recipient's row, found by path in `root` (an object; Liquid's `size`, `first`, `last` work).
    pub fn values(&self, root: &Value) -> Vec<Value> {
        let find = |path: &String| crate::merge::resolve(root, path).map(std::borrow::Cow::into_owned);
        self.slots.iter().map(|path| find(path).unwrap_or_default()).collect()
    }

    /// The link table: a click token carries the place in it.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

#[cfg(test)]
mod tests;
