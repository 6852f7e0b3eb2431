//! Content, previews and checks as the API shows them.

use model::id::ContactId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In what form the body of a mail is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// MJML with Liquid.
    #[default]
    Mjml,
    /// HTML with Liquid.
    Html,
    /// Plain text with Liquid.
    Text,
}

crate::audience::types::stored_name!(Format { Mjml "mjml", Html "html", Text "text" });

/// Content to be shown as its recipient would see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenderRequest {
    /// Form of the body.
    pub format: Format,
    /// The body.
    pub body: String,
    /// An own plain text part; made from the HTML when empty.
    pub text: String,
    /// Subject line.
    pub subject: String,
    /// Text beside the subject in an inbox.
    pub preheader: String,
    /// The contact whose values are filled in; sample values when absent.
    pub contact: Option<ContactId>,
}

/// Content as its recipient would see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rendered {
    /// Subject line.
    pub subject: String,
    /// Text beside the subject.
    pub preheader: String,
    /// The HTML part; links lead straight to their target. To be shown in a sandboxed frame.
    pub html: String,
    /// The text part.
    pub text: String,
    /// What can be sent but deserves a look.
    pub warnings: Vec<ContentIssue>,
    /// What keeps it from being sent.
    pub errors: Vec<ContentIssue>,
    /// Size of HTML and text together.
    pub size_bytes: u64,
}

/// Trouble in a template or a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContentIssue {
    /// `subject`, `preheader`, `body`, `text`, or the name of a setting such as `from_address`.
    pub part: String,
    /// A sentence that says how to mend it.
    pub message: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
}

/// Whether a campaign can be sent, and to how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignCheck {
    /// Nothing keeps it from being sent.
    pub ok: bool,
    /// What keeps it from being sent.
    pub errors: Vec<ContentIssue>,
    /// What deserves a look.
    pub warnings: Vec<ContentIssue>,
    /// Variables that would print as nothing, and for how many contacts of the audience.
    pub undefined: Vec<UndefinedVariable>,
    /// Who would get it.
    pub audience: AudienceFunnel,
    /// Size of HTML and text together.
    pub size_bytes: u64,
}

/// A variable that would print as nothing for some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UndefinedVariable {
    /// Its path as written: `contact.city`.
    pub variable: String,
    /// How many contacts of the audience have no value for it.
    pub contacts: u64,
}

/// From the whole list to those who get the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AudienceFunnel {
    /// Each step has at most as many contacts as the one before.
    pub steps: Vec<FunnelStep>,
    /// How many get the mail.
    pub size: u64,
}

/// One step of the funnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunnelStep {
    /// `on-list`, `subscribed`, `not-suppressed`.
    pub step: String,
    /// How many are left.
    pub contacts: u64,
}
