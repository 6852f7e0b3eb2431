//! The JSON form of a message to be sent.

use std::collections::BTreeMap;

use model::submission::Metadata;
use model::time::Timestamp;
use model::value::{Fields, Value};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A message to be sent, with its recipients.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Injection<'a> {
    /// A complete message (RFC 5322). Excludes `from`, `to_name`, `reply_to`, `subject`, `html`, `text`, `headers`,
    /// `attachments`, `list_unsubscribe`.
    pub raw: Option<String>,
    /// The same in base64, for messages that are not UTF-8.
    pub raw_base64: Option<String>,
    /// Who writes.
    pub from: Option<InjectionAuthor>,
    /// The recipient's name in the To header, with Liquid: `{{ first_name }} {{ last_name }}`.
    pub to_name: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The subject line; Liquid may stand in it.
    pub subject: Option<String>,
    /// The HTML part, with Liquid.
    pub html: Option<String>,
    /// The text part, with Liquid; made from the HTML when absent.
    pub text: Option<String>,
    /// More headers by name; Liquid may stand in the values.
    pub headers: BTreeMap<String, String>,
    /// Files that travel with the mail.
    pub attachments: Vec<InjectionAttachment>,
    /// How a recipient unsubscribes (RFC 2369, RFC 8058).
    pub list_unsubscribe: Option<InjectionUnsubscribe>,
    /// Addresses without variables; an alternative to `recipients`.
    #[serde(borrow)]
    #[schema(value_type = Vec<String>)]
    pub to: Option<&'a RawValue>,
    /// Recipients with their variables. An address alone is one without any.
    #[serde(borrow)]
    #[schema(value_type = Vec<InjectionRecipient>)]
    pub recipients: Option<&'a RawValue>,
    /// The return path; `""` is the null one. When absent, each recipient has one of its own at our bounce domain (VERP),
    /// so that a bounce names its recipient.
    pub sender: Option<String>,
    /// At which of our bounce domains these are; the first one when absent.
    pub bounce_domain: Option<String>,
    /// The hosts on the way must take addresses and headers beyond ASCII (RFC 6531). Found out when absent; a stream must
    /// say it before the first such address comes.
    pub smtputf8: Option<bool>,
    /// What is asked for about delivery reports (RFC 3461).
    pub dsn: Option<InjectionDsn>,
    /// Kind of traffic; `transactional` when absent.
    pub stream: Option<String>,
    /// Whose mail it is; `default` when absent.
    pub tenant: Option<String>,
    /// The unit of work, for finding and cancelling.
    pub job: Option<String>,
    /// The pool of sources; that of the stream when absent.
    pub pool: Option<String>,
    /// The domain whose DKIM keys sign; that of the From header when absent, none when `""`.
    pub signing_domain: Option<String>,
    /// Not to be attempted before.
    pub not_before: Option<Timestamp>,
    /// Not to be attempted after; the stream's age limit when absent.
    pub expires: Option<Timestamp>,
    /// Words for sorting; with every event of the message.
    pub tags: Vec<String>,
    /// Named texts (numbers and booleans become text); with every event of the message.
    #[schema(value_type = BTreeMap<String, String>)]
    pub metadata: Texts,
}

/// Who writes: an address, or name and address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InjectionAuthor {
    /// `anna@example.org`.
    Address(String),
    /// Name and address.
    Named {
        /// Display name; Liquid may stand in it.
        #[serde(default)]
        name: String,
        /// Address.
        address: String,
    },
}

/// How a recipient unsubscribes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InjectionUnsubscribe {
    /// `https://…` of the author's own, with Liquid.
    pub url: String,
    /// `mailto:…` of the author's own, with Liquid.
    pub mailto: String,
    /// A POST to `url` unsubscribes at once (RFC 8058).
    pub one_click: bool,
    /// The suite takes the unsubscribe, by one click and by mail, and suppresses the address for the tenant and stream.
    /// Excludes the other fields.
    pub managed: bool,
}

/// What is asked for about delivery reports.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InjectionDsn {
    /// `never` alone, or any of `success`, `failure`, `delay`.
    pub notify: Vec<InjectionNotify>,
    /// How much of the message comes back: `full` or `headers`.
    pub ret: Option<InjectionRet>,
    /// Comes back with every report.
    pub envid: Option<String>,
}

/// When a delivery report is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionNotify {
    /// At no time.
    Never,
    /// When it is delivered.
    Success,
    /// When it is given up.
    Failure,
    /// When it waits for long.
    Delay,
}

/// How much of the message a delivery report contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionRet {
    /// All of it.
    Full,
    /// Its headers.
    Headers,
}

/// One recipient: an object, or the address alone.
#[derive(Clone, Debug, Default, ToSchema)]
pub struct InjectionRecipient {
    /// The address.
    pub address: String,
    /// Values for the variables of the content.
    #[schema(value_type = Object, required = false)]
    pub variables: Fields,
    /// Named texts for this recipient, over those of the message; with every event of the recipient.
    #[schema(value_type = BTreeMap<String, String>, required = false)]
    pub metadata: Metadata,
}

/// By hand, so that an address may stand for the object and errors keep their words.
impl<'de> Deserialize<'de> for InjectionRecipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            address: String,
            #[serde(default)]
            variables: Fields,
            #[serde(default)]
            metadata: Texts,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = InjectionRecipient;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an address or an object with one")
            }

            fn visit_str<E>(self, address: &str) -> Result<InjectionRecipient, E> {
                Ok(InjectionRecipient { address: address.to_owned(), ..InjectionRecipient::default() })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<InjectionRecipient, A::Error> {
                let Whole { address, variables, metadata } = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(InjectionRecipient { address, variables, metadata: metadata.0 })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Named texts; numbers and booleans become text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Texts(pub Metadata);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let text = |value| match value {
            Value::Text(text) => Ok(text),
            Value::Int(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(de::Error::custom("metadata must be texts, numbers or booleans by name")),
        };
        fields.0.into_iter().map(|field| Ok((field.name, text(field.value)?))).collect::<Result<_, _>>().map(Texts)
    }
}

/// A file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectionAttachment {
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its name for `cid:` references; shown inside the mail when present.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Its bytes in base64.
    pub content: String,
}

/// A recipient that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedRecipient {
    /// Where it stands: the place in `recipients` and then `to`, from 0; of a stream the number of the line, from 1.
    pub place: u64,
    /// The address as given; the beginning of what stands there where it cannot be read.
    pub address: String,
    /// What is wrong with it.
    pub reason: String,
}
