//! Sealed tokens: what a link, a pixel, a return path or a message id carries, readable by us alone.
//!
//! A token answers "which mail, whose, which link" without a database read, cannot be made or changed by others, and
//! tells an onlooker nothing. It is AES-256-GCM-SIV over a compact payload (`payload.rs`), with the key's number in
//! clear in front: `key id | ciphertext | tag`.
//!
//! **The nonce is fixed.** GCM-SIV (RFC 8452) is made for that: with a repeated nonce it only reveals that two tokens
//! carry the same payload, and the same payload shall give the same token here (a retry renders the same mail).
//!
//! Two text forms. Links, pixels and message ids: base64url without padding. Return paths: lower-case base32
//! (RFC 4648 alphabet), because a local part may be folded to one case on its way back and is limited to 64 bytes
//! (RFC 5321 4.5.3.1.1); so a return token carries the recipient and the campaign only.
//!
//! Must not: look at the time (tokens do not expire; whoever opens one decides), trust a URL that was not sealed.
//! Limits: [`TOKEN_TEXT_MAX`], [`URL_MAX`], [`KEYS_MAX`].

mod base32;
mod keys;
mod payload;
mod word;

pub use keys::{KEYS_MAX, Keys, KeysError, SECRET_LEN};
pub use word::Mark;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::name::Name;

use crate::address::ADDRESS_MAX;

/// Longest URL that is carried inside a token, in bytes.
pub const URL_MAX: usize = 2_048;

/// Longest text that [`Keys::open`] looks at, in bytes: the longest URL, the ids and the tag in base64.
pub const TOKEN_TEXT_MAX: usize = 3_072;

/// Longest tenant and stream carried in an unsubscribe token, in bytes together: with the longest address, the line of
/// the List-Unsubscribe header stays below the 998 bytes of RFC 5322 2.1.1.
pub const NAMES_MAX: usize = 320;

/// The mail that a token speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MailRef {
    /// The message.
    pub message: MessageId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The contact behind the recipient.
    pub contact: Option<ContactId>,
    /// The campaign.
    pub campaign: Option<CampaignId>,
}

/// To whom a mail went, and as what: enough to unsubscribe somebody who is in no table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addressee {
    /// The address as it was mailed; at most [`ADDRESS_MAX`] bytes.
    pub address: String,
    /// Whose mail it was. Empty together with `stream`.
    pub tenant: Name,
    /// On which stream it went. Empty: the right to leave does not end at a stream.
    pub stream: Name,
}

/// What is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// The pixel of this mail.
    Open(MailRef),
    /// A link of this mail.
    Click {
        /// Which mail.
        mail: MailRef,
        /// Number of the link in the program's link table.
        link: u16,
        /// Where it leads, when the address was made for this recipient; otherwise the link table knows.
        url: Option<String>,
    },
    /// The right to unsubscribe this recipient.
    Unsubscribe {
        /// Which mail.
        mail: MailRef,
        /// From which list; from the stream of `to` when absent, from everything when that names none.
        list: Option<ListId>,
        /// Who that is; absent in tokens of the first form, whose contact has to be looked up.
        to: Option<Addressee>,
    },
    /// A return path (VERP).
    Return {
        /// Whose mail comes back.
        recipient: RecipientId,
        /// Of which campaign.
        campaign: Option<CampaignId>,
    },
    /// A message id, found again in reports and answers.
    Ref(MailRef),
}

/// A text that is not a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not the form of a token: foreign letters, too short, too long.
    #[error("not a token")]
    Malformed,
    /// Sealed with a key that is not among ours (any more).
    #[error("sealed with an unknown key ({0})")]
    UnknownKey(u8),
    /// Not sealed by us, or changed.
    #[error("not sealed by us")]
    Forged,
}

impl Keys {
    /// Seals: base64url, for [`Token::Return`] base32.
    ///
    /// The same token gives the same text under the same key. What is too long is the caller's fault: a URL beyond
    /// [`URL_MAX`] is left out, so that the link leads to the link table's entry; names beyond [`NAMES_MAX`] are left out,
    /// so that who leaves the stream leaves all of them; an address beyond [`ADDRESS_MAX`] cannot be mailed at all.
    pub fn seal(&self, token: &Token) -> String {
        let mut text = String::new();
        self.seal_into(token, &mut text);
        text
    }

    /// As [`Keys::seal`], appended to a text.
    pub fn seal_into(&self, token: &Token, out: &mut String) {
        let sealed = self.seal_bytes(&payload::encode(token));
        match token {
            Token::Return { .. } => base32::encode_into(&sealed, out),
            _ => URL_SAFE_NO_PAD.encode_string(&sealed, out),
        }
    }

    /// Opens a token in base64url form: any kind but [`Token::Return`].
    ///
    /// # Errors
    /// [`TokenError`], whatever the text is; the sender of the text is to blame.
    pub fn open(&self, text: &str) -> Result<Token, TokenError> {
        if text.len() > TOKEN_TEXT_MAX {
            return Err(TokenError::Malformed);
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        match payload::decode(&self.open_bytes(&sealed)?)? {
            Token::Return { .. } => Err(TokenError::Malformed),
            token => Ok(token),
        }
    }

    /// The return path `b.TOKEN@domain` of a recipient.
    pub fn return_path(&self, recipient: RecipientId, campaign: Option<CampaignId>, domain: &str) -> String {
        let mut path = String::from(Mark::Return.as_str());
        self.seal_into(&Token::Return { recipient, campaign }, &mut path);
        path.push('@');
        path.push_str(domain);
        path
    }
}

/// Longest local part (RFC 5321 4.5.3.1.1).
const LOCAL_PART_MAX: usize = 64;

#[cfg(test)]
mod tests;
