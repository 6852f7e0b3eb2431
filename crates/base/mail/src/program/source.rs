//! A mail as the campaign writes it, and its stored form.
//!
//! The stored form (what goes into `Content::Merge`) is a version byte and CBOR with small integers as keys: unknown
//! keys are skipped, so an older program can read what a newer one wrote as long as the version is the same. Fields may
//! be added, their numbers never reused.

use model::id::{CampaignId, ListId};
use serde::{Deserialize, Serialize};

/// First byte of the stored form.
pub const SOURCE_VERSION: u8 = 1;

/// A whole mail before its recipients' values are known. Every text but addresses and URLs may contain Liquid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Subject line.
    #[n(0)]
    pub subject: String,
    /// Text shown beside the subject in an inbox; goes hidden to the top of the HTML. Empty for none.
    #[n(1)]
    pub preheader: String,
    /// Who writes.
    #[n(2)]
    pub from: Author,
    /// Display name in the To header; empty for the bare address.
    #[n(3)]
    pub to_name: String,
    /// Where answers go: an address, without Liquid.
    #[n(4)]
    pub reply_to: Option<String>,
    /// Finished HTML with Liquid inside (MJML is rendered before, see [`crate::mjml`]).
    #[n(5)]
    pub html: Option<String>,
    /// Plain text; made from the HTML when absent.
    #[n(6)]
    pub text: Option<String>,
    /// More headers. Those that this crate writes itself are refused.
    #[n(7)]
    pub headers: Vec<ExtraHeader>,
    /// What is observed.
    #[n(8)]
    pub tracking: TrackingSwitches,
    /// `https://click.example.com`: scheme, host and perhaps a path, before `/c/TOKEN`, `/o/TOKEN.gif` and `/u/TOKEN`.
    #[n(9)]
    pub base_url: String,
    /// The campaign it belongs to; goes into tokens.
    #[n(10)]
    pub campaign: Option<CampaignId>,
    /// The list it goes to; goes into unsubscribe tokens.
    #[n(11)]
    pub list: Option<ListId>,
    /// List-Id header (RFC 2919): `Customers <customers.example.com>`.
    #[n(12)]
    pub list_id: Option<String>,
    /// Whether and how a recipient can unsubscribe; absent for transactional mail.
    #[n(13)]
    pub unsubscribe: Option<UnsubscribeWays>,
    /// Feedback-ID header (Gmail): up to four parts joined by colons.
    #[n(14)]
    pub feedback_id: Option<String>,
    /// Attached and embedded files, the same for all recipients.
    #[n(15)]
    pub attachments: Vec<Attachment>,
    /// The order of the values in a recipient's row. Empty: the order in which [`Source::compile`] finds them. Filled
    /// by [`Source::freeze`], so that rows written today mean the same to a later version of the compiler.
    #[n(16)]
    pub slots: Vec<String>,
    /// Ways to unsubscribe that are the author's own, in place of `unsubscribe`.
    #[n(17)]
    pub own_unsubscribe: Option<OwnUnsubscribe>,
}

/// The author's own ways to unsubscribe (RFC 2369, RFC 8058); Liquid may stand in both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(default, deny_unknown_fields)]
pub struct OwnUnsubscribe {
    /// `https://…`; empty for none.
    #[n(0)]
    pub url: String,
    /// `mailto:…`; empty for none.
    #[n(1)]
    pub mailto: String,
    /// A POST to `url` unsubscribes at once (List-Unsubscribe-Post).
    #[n(2)]
    pub one_click: bool,
}

/// Who writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(default, deny_unknown_fields)]
pub struct Author {
    /// Display name; may be empty.
    #[n(0)]
    pub name: String,
    /// Address, without Liquid.
    #[n(1)]
    pub address: String,
}

/// One more header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct ExtraHeader {
    /// Its name, without colon.
    #[n(0)]
    pub name: String,
    /// Its value, unencoded.
    #[n(1)]
    pub value: String,
}

/// What is observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(default, deny_unknown_fields)]
pub struct TrackingSwitches {
    /// A pixel is put near the top of the HTML.
    #[n(0)]
    pub opens: bool,
    /// Links lead over our endpoint.
    #[n(1)]
    pub clicks: bool,
}

/// Ways to unsubscribe. The web way (RFC 8058, `{base_url}/u/TOKEN`) is always there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(default, deny_unknown_fields)]
pub struct UnsubscribeWays {
    /// Domain whose mail reaches our intake: adds `mailto:unsubscribe@DOMAIN?subject=u.TOKEN`.
    #[n(0)]
    pub mailto_domain: Option<String>,
}

/// A file that travels with the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its name.
    #[n(0)]
    pub filename: String,
    /// Its media type: `application/pdf`.
    #[n(1)]
    pub content_type: String,
    /// Its name for `cid:` references in the HTML; shown inside the mail rather than as a file when present.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Its bytes.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// Bytes that are not a stored [`Source`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Written by a version that is not known here.
    #[error("merge program of version {0}; this program knows version {SOURCE_VERSION}")]
    Version(u8),
    /// Not what [`Source::to_bytes`] writes.
    #[error("damaged merge program: {0}")]
    Damaged(String),
}

impl Source {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![SOURCE_VERSION];
        minicbor::encode(self, &mut bytes).expect("invariant: writing to a Vec does not fail");
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SourceError`]: the content is lost for this program; the recipients cannot be mailed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SourceError> {
        match bytes.split_first() {
            Some((&SOURCE_VERSION, body)) => {
                minicbor::decode(body).map_err(|error| SourceError::Damaged(error.to_string()))
            }
            Some((&version, _)) => Err(SourceError::Version(version)),
            None => Err(SourceError::Damaged("no bytes".to_owned())),
        }
    }
}
