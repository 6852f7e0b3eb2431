//! MJML to HTML, and styles into attributes.
//!
//! Holds: any text is rendered or refused with a place inside of it; Liquid comes through unchanged; the same gives the same.

use crate::bytes::text;
use mail::mjml::{MjmlError, inline_css, render};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    match render(&text) {
        Ok(rendered) => {
            for warning in &rendered.warnings {
                check_place(&text, warning.line, warning.column);
            }
            if text.len() < 400 {
                assert_eq!(render(&text).as_ref(), Ok(&rendered));
            }
        }
        Err(error) => check(&text, &error),
    }
    match inline_css(&text) {
        Ok(html) => {
            let marks = |text: &str| text.matches("{{").count();
            assert!(marks(&html) <= marks(&text) || in_tag_name(&text), "Liquid was doubled");
        }
        Err(error) => check(&text, &error),
    }
}

/// The name of an element is written at both its ends.
fn in_tag_name(text: &str) -> bool {
    let mut names = text.split('<').skip(1).filter_map(|tag| tag.split(|c: char| c.is_whitespace() || c == '>').next());
    names.any(|name| name.contains("{{"))
}

fn check(text: &str, error: &MjmlError) {
    assert!(!error.code.is_empty() && !error.message.is_empty());
    check_place(text, error.line, error.column);
}

fn check_place(text: &str, line: u32, column: u32) {
    let lines = text.matches('\n').count() + 1;
    assert!((1..=lines).contains(&(line as usize)), "line {line} of {lines}");
    let written = text.split('\n').nth(line as usize - 1).unwrap_or_default();
    assert!((1..=written.chars().count() + 1).contains(&(column as usize)), "column {column} of line {line}");
}
