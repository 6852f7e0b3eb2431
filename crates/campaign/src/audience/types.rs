//! Lists, contacts, fields, imports and suppressions as the API shows them.

use model::id::{ContactId, ImportId, ListId};
use model::time::Timestamp;
use model::value::Fields;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list of contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List {
    /// The list.
    pub id: ListId,
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How many contacts are on it, unsubscribed ones included.
    pub contacts: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes; to be given back with a change, see there.
    pub version: u64,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// Who changed it last: the address of the account or the name of the key; empty for nobody yet.
    pub changed_by: String,
}

/// A list to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewList {
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// What changes of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The version that this change is based on: when it is not the present one any more, the change is refused with 409
    /// and the code `stale`. Absent: whatever was changed meanwhile, what is given here replaces it.
    pub version: Option<u64>,
}

/// A person we may write to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// The contact; stays when the address changes.
    pub id: ContactId,
    /// The address as it goes into RCPT TO: the domain in A-label form.
    pub address: String,
    /// The name, as the contact would write it; may be empty.
    pub name: String,
    /// Values of the fields of the registry.
    #[schema(value_type = Object)]
    pub fields: Fields,
    /// Whether we may write to the address.
    pub status: ContactStatus,
    /// The lists it is on.
    pub lists: Vec<Membership>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes; to be given back with a change, see there.
    pub version: u64,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// Who changed it last: the address of the account or the name of the key; empty for an import.
    pub changed_by: String,
}

/// Whether we may write to an address; follows from the suppressions of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContactStatus {
    /// Nothing speaks against it.
    Active,
    /// The person asked us to stop.
    Unsubscribed,
    /// The address is bad.
    Bounced,
    /// The person complained to the provider.
    Complained,
    /// A colleague put the address on the suppression list.
    Suppressed,
}

/// A contact on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The list.
    pub id: ListId,
    /// Its name.
    pub name: String,
    /// Whether mail for this list may be sent.
    pub state: MembershipState,
    /// Since when it is so.
    pub since: Timestamp,
}

/// Whether a contact gets the mail of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipState {
    /// Gets it.
    Subscribed,
    /// Left the list; only a person's own act (or a colleague's, contact by contact) undoes that, never an import.
    Unsubscribed,
}

/// A contact to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// The address.
    pub address: String,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// Values of fields of the registry.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub fields: Fields,
    /// The lists it is to be on.
    #[serde(default)]
    pub lists: Vec<ListId>,
}

/// What changes of a contact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactChange {
    /// The address.
    pub address: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Values to be set; `null` clears one, fields not named stay.
    #[schema(value_type = Option<Object>)]
    pub fields: Option<Fields>,
    /// All lists it is to be on: it is taken off the others and put on those given. Where it is already it stays as it
    /// is, unsubscribed included.
    pub lists: Option<Vec<ListId>>,
    /// The version that this change is based on: when it is not the present one any more, the change is refused with 409
    /// and the code `stale`. Absent: whatever was changed meanwhile, what is given here replaces it.
    pub version: Option<u64>,
}

/// Which contacts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(default)]
pub struct ContactFilter {
    /// Only those on this list.
    pub list: Option<ListId>,
    /// Only those whose address or name begins with this, or whose domain is this (`@example.com`).
    pub q: Option<String>,
}

/// A field of contacts, in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in templates: lower-case letters, digits and underscores, beginning with a letter.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// The values it may have, for `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A day, `2026-09-21`.
    Date,
    /// One of a few texts.
    Choice,
}

/// What an import would see in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportPreview {
    /// The columns, in order.
    pub columns: Vec<ImportColumn>,
    /// The first rows, without the header.
    pub rows: Vec<Vec<String>>,
    /// The delimiter that was found: `,` `;` `\t` or `|`.
    pub delimiter: String,
    /// The encoding that was found, by its WHATWG name.
    pub encoding: String,
    /// Whether the first row is a header.
    pub header: bool,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportColumn {
    /// The text of the header cell; `column 3` when there is no header.
    pub name: String,
    /// Where it probably goes: `address`, `name` or a field. Absent: it would be left out.
    pub suggested: Option<String>,
    /// Its dates have the month in front (`05/31/1980`), as far as the rows sent here show; an import reads them so.
    pub month_first: bool,
}

/// One import of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// The import.
    pub id: ImportId,
    /// The list that the contacts are put on.
    pub list: ListId,
    /// How far it is.
    pub state: ImportState,
    /// Rows read so far, the header not counted.
    pub rows: u64,
    /// Contacts made.
    pub accepted: u64,
    /// Contacts that were there before.
    pub updated: u64,
    /// Rows refused; each is in the error file.
    pub rejected: u64,
    /// Of the accepted and updated: not subscribed, because they unsubscribed or complained before.
    pub held_back: u64,
    /// Where the error file is; absent when nothing was refused.
    pub errors_url: Option<String>,
    /// Bytes read so far.
    pub bytes_done: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Why it failed as a whole.
    pub error: Option<String>,
    /// Why rows were refused, most frequent first.
    pub reasons: Vec<ImportReason>,
    /// When it began.
    pub created_at: Timestamp,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportState {
    /// At work.
    Running,
    /// Every row was read.
    Done,
    /// It stopped; what was imported before stays.
    Failed,
}

/// Why some rows were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReason {
    /// The reason.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}

/// An address that must not be written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suppression {
    /// The address.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// The list that was left: it applies to the campaigns to that list only.
    pub list: Option<model::id::ListId>,
    /// Name of that list, while it is there.
    pub list_name: Option<String>,
    /// The tenant whose stream was left: it applies to that stream of this tenant only.
    pub tenant: Option<String>,
    /// To which mail it applies: absent for all, `marketing` for every stream but `transactional`, otherwise the stream
    /// of `tenant`.
    pub stream: Option<String>,
    /// More about it, for people.
    pub note: String,
    /// The campaign whose mail led to it.
    pub campaign: Option<model::id::CampaignId>,
    /// Since when.
    pub created_at: Timestamp,
}

/// Why an address must not be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SuppressionReason {
    /// The address is bad: it bounced for good. Holds for all mail.
    Bounce,
    /// The person complained to the provider. Holds for all mail but transactional.
    Complaint,
    /// The person asked us to stop. Holds for what was left: a list, a stream, or all mail but transactional.
    Unsubscribe,
    /// A colleague put it there. Holds for all mail.
    Manual,
}

/// Addresses to be suppressed by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuppressions {
    /// The addresses, at most 10,000.
    pub addresses: Vec<String>,
    /// Why, for colleagues.
    #[serde(default)]
    pub note: String,
}

/// What became of [`NewSuppressions`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressionsAdded {
    /// New on the list.
    pub added: u64,
    /// On the list before.
    pub already: u64,
    /// Not addresses.
    pub rejected: Vec<RejectedAddress>,
}

/// A text that is not an address that can be mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedAddress {
    /// What was given.
    pub address: String,
    /// What is wrong with it.
    pub reason: String,
}

macro_rules! stored_name {
    ($kind:ident { $($variant:ident $text:literal),* $(,)? }) => {
        impl $kind {
            /// Its name in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($kind::$variant => $text),* }
            }

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($kind::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use stored_name;

stored_name!(FieldKind { Text "text", Number "number", Boolean "boolean", Date "date", Choice "choice" });
stored_name!(MembershipState { Subscribed "subscribed", Unsubscribed "unsubscribed" });
stored_name!(ImportState { Running "running", Done "done", Failed "failed" });
stored_name!(SuppressionReason {
    Bounce "bounce", Complaint "complaint", Unsubscribe "unsubscribe", Manual "manual"
});
