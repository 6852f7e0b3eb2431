//! Names of fields as people type them, and the words that fields with few values know.

use model::category::{Category, Family, Scope};
use model::event::EventKind;
use model::words::nearest;
use store::Field;

/// Other names of fields.
const ALIASES: &[(&str, Field)] = &[
    ("time", Field::At),
    ("status", Field::Kind),
    ("event", Field::Kind),
    ("to", Field::Address),
    ("email", Field::Address),
    ("from", Field::Sender),
    ("ip", Field::SourceAddress),
    ("mx", Field::MxHost),
    ("text", Field::Reply),
    ("queued", Field::QueuedMs),
    ("delay", Field::QueuedMs),
    ("connect", Field::ConnectMs),
    ("transaction", Field::TransactionMs),
    ("size", Field::SizeBytes),
    ("attempts", Field::Attempt),
    ("vmta", Field::Source),
    ("esc", Field::Enhanced),
    ("tag", Field::Tags),
];

/// What a name in a search stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Field(Field),
    /// A group of categories.
    Family,
}

/// What this name stands for; upper or lower case, `-` like `_`.
pub(super) fn find(name: &str) -> Option<Named> {
    let name = name.to_lowercase().replace('-', "_");
    if name == "family" {
        return Some(Named::Family);
    }
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, field)| *field);
    Field::from_name(&name).or_else(alias).map(Named::Field)
}

/// The field name nearest to a wrong one.
pub(super) fn nearest_field(name: &str) -> Option<&'static str> {
    let names = Field::ALL.iter().map(|field| field.as_str()).chain(ALIASES.iter().map(|(alias, _)| *alias));
    nearest(&name.to_lowercase().replace('-', "_"), names.chain(["family"]))
}

/// All values of a field that has only these; empty for other fields.
pub(super) fn values_of(field: Field) -> Vec<&'static str> {
    match field {
        Field::Kind => EventKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        Field::Category => Category::ALL.iter().map(|category| category.as_str()).collect(),
        Field::Scope => Scope::ALL.iter().map(|scope| scope.as_str()).collect(),
        Field::Phase => {
            vec!["route", "connect", "greeting", "ehlo", "tls", "auth", "mail-from", "rcpt-to", "data", "dot", "idle"]
        }
        Field::Protocol => vec!["smtp", "http", "campaign", "internal", "pickup"],
        _ => Vec::new(),
    }
}

/// Fields of few values that come from the configuration and from what happened, so that a search cannot refuse any.
const OPEN: &[Field] = &[
    Field::Provider,
    Field::Source,
    Field::Stream,
    Field::Tenant,
    Field::Site,
    Field::Report,
    Field::Method,
    Field::Target,
    Field::Action,
];

/// The field of this name, when its values are few and not fixed.
pub(super) fn open_field(name: &str) -> Option<Field> {
    match find(name) {
        Some(Named::Field(field)) if OPEN.contains(&field) => Some(field),
        _ => None,
    }
}

/// The categories of a family.
pub(super) fn categories_of(family: Family) -> impl Iterator<Item = &'static str> {
    Category::ALL.iter().filter(move |category| category.family() == family).map(|category| category.as_str())
}
