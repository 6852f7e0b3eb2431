//! The form of `data/providers.toml`, and how its errors name their place.
//!
//! Only the form: every value keeps the line it stands on, so that a limit can say who set it. What fits together is
//! checked by the parent module when it builds [`super::Providers`].

use std::ops::Range;

use model::reply::Phase;
use model::route::TlsPolicy;
use model::units::{ByteRate, Rate, Span};
use serde::Deserialize;
use toml::Spanned;

use super::ProvidersError;
use super::rule::Action;
use crate::retry::Retry;

/// Largest file of rules, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// A value with the place it was read from.
pub(super) type Placed<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileForm {
    pub default: ProviderForm,
    pub provider: Vec<Spanned<ProviderForm>>,
    pub rule: Vec<Spanned<RuleForm>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProviderForm {
    pub name: Option<String>,
    pub suffix: Vec<String>,
    pub domains: Vec<String>,
    pub connections: Placed<u32>,
    pub provider_connections: Placed<u32>,
    pub total_connections: Placed<u32>,
    pub address_connections: Placed<u32>,
    pub rate: Placed<Rate>,
    pub provider_rate: Placed<Rate>,
    pub total_rate: Placed<Rate>,
    pub byte_rate: Placed<ByteRate>,
    pub provider_byte_rate: Placed<ByteRate>,
    pub total_byte_rate: Placed<ByteRate>,
    pub connection_rate: Placed<Rate>,
    pub provider_connection_rate: Placed<Rate>,
    pub total_connection_rate: Placed<Rate>,
    pub messages_per_connection: Placed<u32>,
    pub recipients_per_transaction: Placed<u32>,
    pub connection_failures: Placed<u32>,
    pub backoff_rate: Placed<Rate>,
    pub backoff_connections: Placed<u32>,
    pub tls: Placed<TlsPolicy>,
    pub idle_timeout: Placed<Span>,
    pub max_age: Placed<Span>,
    pub retry: Placed<Retry>,
    #[serde(rename = "source")]
    pub origin: Option<String>,
}

/// One or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn texts(&self) -> Vec<String> {
        match self {
            OneOrMore::One(text) => vec![text.clone()],
            OneOrMore::More(texts) => texts.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    pub name: String,
    #[serde(default)]
    pub providers: Vec<String>,
    #[serde(rename = "match")]
    pub pattern: Spanned<OneOrMore>,
    #[serde(default)]
    pub code: Vec<u16>,
    #[serde(default)]
    pub phase: Vec<Phase>,
    #[serde(default)]
    pub threshold: Option<Rate>,
    pub actions: Vec<Action>,
    pub duration: Span,
    #[serde(default)]
    pub scope: super::rule::RuleScope,
    #[serde(default)]
    pub sample: Vec<String>,
    #[serde(default)]
    pub shadow: bool,
    #[serde(default, rename = "source")]
    pub origin: Option<String>,
}

/// Reads the form.
///
/// # Errors
/// [`ProvidersError`] with key path and line.
pub(super) fn parse(text: &str, file: &str) -> Result<FileForm, ProvidersError> {
    let refuse = |key: String, line: usize, reason: String| ProvidersError { file: file.to_owned(), key, line, reason };
    if text.len() > FILE_BYTES_MAX {
        return Err(refuse(String::new(), 0, format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    toml::from_str(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        refuse(key_path(text, &at), line_of(text, at.start), error.message().to_owned())
    })
}

/// The number of the line, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count()
}

/// The key path at a place: table header, the name given in that table, and the key on the line.
pub(super) fn key_path(text: &str, at: &Range<usize>) -> String {
    let start = text[..at.start.min(text.len())].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let header_at = text[..start].rfind("\n[").map(|newline| newline + 1).or(text.starts_with('[').then_some(0));
    let mut path = String::new();
    if line.starts_with('[') {
        return line.trim_matches(['[', ']', ' ', '\r']).to_owned();
    }
    if let Some(header_at) = header_at {
        let mut lines = text[header_at..].lines();
        path.push_str(lines.next().unwrap_or("").trim_matches(['[', ']', ' ', '\r']));
        let name = lines.take_while(|line| !line.starts_with('[')).find_map(|line| line.trim().strip_prefix("name"));
        if let Some(name) = name.and_then(|rest| rest.trim_start().strip_prefix('=')) {
            path.push('.');
            path.push_str(name.trim().trim_matches(['"', '\'']));
        }
    }
    if let Some((key, _)) = line.split_once('=') {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key.trim());
    }
    path
}
