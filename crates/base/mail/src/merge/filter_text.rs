//! Filters on texts.

use std::fmt::Write as _;

use super::escape::{escape_html, html_entity};
use super::filter::{Args, Budget, Filter, Stop, int_arg};
use super::filter_list::bounds;
use super::value::Val;

pub(super) fn apply<'v>(
    filter: Filter,
    value: Val<'v>,
    args: Args<'_, 'v>,
    budget: &mut Budget,
) -> Result<Val<'v>, Stop> {
    if matches!(value, Val::Null) && !matches!(filter, Filter::Append | Filter::Prepend | Filter::Json) {
        return Ok(value);
    }
    let safe = value.is_safe();
    let text = value.to_text();
    let arg = |index: usize| args[index].as_ref().map(|arg| arg.to_text()).unwrap_or_default();
    let made = match filter {
        Filter::Upcase => text.to_uppercase(),
        Filter::Downcase => text.to_lowercase(),
        Filter::Capitalize => capitalize(&text),
        Filter::Escape => escaped(&text),
        Filter::EscapeOnce => escaped_once(&text),
        Filter::Raw => text.into_owned(),
        Filter::Strip => text.trim().to_owned(),
        Filter::Lstrip => text.trim_start().to_owned(),
        Filter::Rstrip => text.trim_end().to_owned(),
        Filter::StripHtml => strip_html(&text),
        Filter::StripNewlines => text.replace(['\r', '\n'], ""),
        Filter::NewlineToBr => {
            let text = if safe { text.into_owned() } else { escaped(&text) };
            text.replace("\r\n", "\n").replace('\n', "<br />\n")
        }
        Filter::Truncate => truncate(&text, args),
        Filter::TruncateWords => truncate_words(&text, args),
        Filter::Replace => replace(&text, &arg(0), &arg(1), budget)?,
        Filter::ReplaceFirst => text.replacen(&*arg(0), &arg(1), 1),
        Filter::Remove => text.replace(&*arg(0), ""),
        Filter::Append => format!("{text}{}", arg(0)),
        Filter::Prepend => format!("{}{text}", arg(0)),
        Filter::Slice => {
            let (start, len) = bounds(text.chars().count(), args);
            text.chars().skip(start).take(len).collect()
        }
        Filter::UrlEncode => url_encode(&text),
        Filter::UrlDecode => url_decode(&text),
        Filter::Json => value.to_json(),
        _ => text.into_owned(),
    };
    budget.bytes(made.len())?;
    let stays_safe = matches!(filter, Filter::Strip | Filter::Lstrip | Filter::Rstrip | Filter::StripNewlines) && safe;
    let makes_safe = matches!(filter, Filter::Escape | Filter::EscapeOnce | Filter::Raw | Filter::NewlineToBr);
    Ok(if stays_safe || makes_safe { Val::safe(made) } else { Val::made(made) })
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    escape_html(text, &mut out);
    out
}

/// As [`escaped`], but leaves entities alone.
fn escaped_once(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        match u8::try_from(letter).ok().and_then(html_entity) {
            Some(_) if letter == '&' && begins_entity(&text[at + 1..]) => out.push('&'),
            Some(entity) => out.push_str(entity),
            None => out.push(letter),
        }
    }
    out
}

/// True when the text behind a `&` is the rest of an entity.
fn begins_entity(rest: &str) -> bool {
    let Some(end) = rest.bytes().take(12).position(|byte| byte == b';') else { return false };
    let name = &rest.as_bytes()[..end];
    match name {
        [b'#', b'x' | b'X', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        name => !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric),
    }
}

/// Leaves out tags, comments, and what stands in `script` and `style`.
fn strip_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if starts_with_tag(rest, "<!--") {
            rest.find("-->").map(|end| end + 3)
        } else if let Some(close) = [("<script", "</script>"), ("<style", "</style>")]
            .iter()
            .find_map(|(open, close)| starts_with_tag(rest, open).then_some(close))
        {
            find_tag(rest, close).map(|end| end + close.len())
        } else {
            rest.find('>').map(|end| end + 1)
        };
        match end {
            Some(end) => rest = &rest[end..],
            None => break,
        }
    }
    out.push_str(rest);
    out
}

fn starts_with_tag(text: &str, tag: &str) -> bool {
    text.as_bytes().get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
}

fn find_tag(text: &str, tag: &str) -> Option<usize> {
    text.as_bytes().windows(tag.len()).position(|window| window.eq_ignore_ascii_case(tag.as_bytes()))
}

fn truncate(text: &str, args: Args<'_, '_>) -> String {
    let len = usize::try_from(int_arg(args[0].as_ref()).unwrap_or(50)).unwrap_or(0);
    let end = args[1].as_ref().map_or("...".into(), |arg| arg.to_text());
    if text.chars().count() <= len {
        return text.to_owned();
    }
    let kept = len.saturating_sub(end.chars().count());
    text.chars().take(kept).chain(end.chars()).collect()
}

fn truncate_words(text: &str, args: Args<'_, '_>) -> String {
    let count = usize::try_from(int_arg(args[0].as_ref()).unwrap_or(15)).unwrap_or(0).max(1);
    let end = args[1].as_ref().map_or("...".into(), |arg| arg.to_text());
    let mut words = text.split_whitespace();
    let kept: Vec<&str> = words.by_ref().take(count).collect();
    if words.next().is_none() { text.to_owned() } else { format!("{}{end}", kept.join(" ")) }
}

/// The size of the outcome is paid for before it is made.
fn replace(text: &str, what: &str, by: &str, budget: &mut Budget) -> Result<String, Stop> {
    let count = if what.is_empty() { text.chars().count() + 1 } else { text.matches(what).count() };
    budget.bytes(count.saturating_mul(by.len()))?;
    Ok(text.replace(what, by))
}

/// A space becomes `%20`, which is right in every part of a URL (Shopify's `+` is not).
fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("invariant: writing to a String does not fail"),
        }
    }
    out
}

fn url_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &behind[2..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
