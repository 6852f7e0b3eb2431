//! The fields by which events can be filtered, grouped and measured.
//!
//! A field is a column of the event store; its name is the name in JSON, in the search box and in the Parquet files.
//! Not every column is a field: the transcript is read only for histories.

use serde::{Deserialize, Serialize};

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// A point in time, RFC 3339.
    Time,
    /// One of few texts, such as a provider.
    Name,
    /// Any text.
    Text,
    /// An id: thirteen letters and digits.
    Id,
    /// A whole number, not negative.
    Integer,
    /// True, or absent.
    Flag,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $type:ident,)*) => {
        /// A field of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Field {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Field {
            /// Every field, in the order of declaration.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)*];

            /// Its name in JSON, in searches and in the files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Field::$variant => $name,)* }
            }

            /// What its values are.
            pub const fn field_type(self) -> FieldType {
                match self { $(Field::$variant => FieldType::$type,)* }
            }
        }
    };
}

fields! {
    /// When it happened.
    At "at" Time,
    /// Kind of event: `delivered`, `deferred` …
    Kind "kind" Name,
    /// The message.
    Message "message" Id,
    /// The recipient.
    Recipient "recipient" Id,
    /// The recipient's address; compared without regard to case.
    Address "address" Text,
    /// Domain of the recipient's address, lower case.
    Domain "domain" Name,
    /// The return path.
    Sender "sender" Text,
    /// Whose mail it is.
    Tenant "tenant" Name,
    /// Kind of traffic.
    Stream "stream" Name,
    /// The unit of work.
    Job "job" Name,
    /// The campaign.
    Campaign "campaign" Id,
    /// The contact.
    Contact "contact" Id,
    /// The list.
    List "list" Id,
    /// The mailbox provider.
    Provider "provider" Name,
    /// The source (virtual MTA).
    Source "source" Name,
    /// The site (rolled-up MX set).
    Site "site" Name,
    /// MX host that was talked to.
    MxHost "mx_host" Name,
    /// Its address.
    MxAddress "mx_address" Name,
    /// Own address of the connection.
    SourceAddress "source_address" Name,
    /// Where in the dialogue it ended.
    Phase "phase" Name,
    /// Reply code.
    Code "code" Integer,
    /// Enhanced status code such as `4.7.28`.
    Enhanced "enhanced" Name,
    /// Text of the reply.
    Reply "reply" Text,
    /// Number of the reply's template.
    Template "template" Integer,
    /// What failed when there was no reply, in words.
    Error "error" Text,
    /// Bounce category.
    Category "category" Name,
    /// Whom the failure concerns.
    Scope "scope" Name,
    /// The address itself is bad.
    Suppress "suppress" Flag,
    /// Number of the attempt, from 1.
    Attempt "attempt" Integer,
    /// TLS version and cipher.
    Tls "tls" Name,
    /// When the next attempt is due.
    NextAttempt "next_attempt" Time,
    /// From acceptance to the end of the attempt, in milliseconds.
    QueuedMs "queued_ms" Integer,
    /// TCP connect, in milliseconds.
    ConnectMs "connect_ms" Integer,
    /// TLS handshake, in milliseconds.
    TlsMs "tls_ms" Integer,
    /// From MAIL FROM to the last reply, in milliseconds.
    TransactionMs "transaction_ms" Integer,
    /// Size of the message in bytes.
    SizeBytes "size_bytes" Integer,
    /// What a report from outside said: `failed`, `abuse` …
    Report "report" Name,
    /// Who reported.
    Reporter "reporter" Name,
    /// Number of the link.
    Link "link" Integer,
    /// Where the link leads.
    Url "url" Name,
    /// Address of the client that opened, clicked or unsubscribed.
    Client "client" Text,
    /// Its User-Agent.
    UserAgent "user_agent" Name,
    /// How the recipient unsubscribed.
    Method "method" Name,
    /// The way in: `smtp`, `http`, `campaign`, `internal`.
    Protocol "protocol" Name,
    /// Address of the submitting peer.
    Peer "peer" Name,
    /// User or API key that submitted.
    User "user" Name,
    /// What a change concerns: `path`, `source` …
    Target "target" Name,
    /// Its name.
    TargetName "target_name" Name,
    /// What was done: `suspend`, `limit` …
    Action "action" Name,
    /// Who or what did it.
    By "by" Name,
    /// A sentence for people.
    Note "note" Text,
    /// The submitter's words for sorting, a line each.
    Tags "tags" Text,
    /// The submitter's named texts, a line `name=text` each.
    Metadata "metadata" Text,
}

impl Field {
    /// The field of this name.
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|field| field.as_str() == name)
    }

    /// True when sums, extremes and percentiles of it make sense.
    pub const fn is_number(self) -> bool {
        matches!(self.field_type(), FieldType::Integer)
    }
}

// By hand: the derive does not see names that come out of a macro.
impl utoipa::PartialSchema for Field {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A field of events."))
            .enum_values(Some(Field::ALL.iter().map(|field| field.as_str())))
            .into()
    }
}

impl utoipa::ToSchema for Field {
    fn name() -> std::borrow::Cow<'static, str> {
        "EventField".into()
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
