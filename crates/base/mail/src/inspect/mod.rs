//! The answers of `ies inspect`: bytes in, JSON out, with exactly the code that the suite itself runs.
//!
//! One function a command. Commands that read several cases (one a line) give one value for each; the binary prints
//! them one a line. Fields may be added, never renamed (`design/inspect.md`). No network, no files, no clock.
//! Limits: [`INPUT_MAX`], [`LINES_MAX`].

mod address;
mod mjml;
mod reply;
mod report;
mod sender;
mod tree;

pub use address::{address, mx};
pub use mjml::mjml;
pub use reply::reply;
pub use report::{bounce, feedback};
pub use sender::{arc, dkim, dmarc, signed_mail, spf};
pub use tree::mime;

/// Largest input in bytes.
pub const INPUT_MAX: usize = 64 << 20;

/// Most lines of an input with one case a line.
pub const LINES_MAX: usize = 1_000_000;

/// An input that was read and refused. In JSON: `{"error": {"code", "message", "at"}}`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{message}")]
pub struct InspectError {
    /// Which kind of refusal, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
    /// Where in the input, such as `line 3 column 9`.
    pub at: Option<String>,
}

impl InspectError {
    /// A refusal that concerns the whole input.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        InspectError { code, message: message.into(), at: None }
    }

    /// The object that is printed.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": self })
    }
}

/// Refuses what is empty or larger than [`INPUT_MAX`].
fn bounded(input: &[u8]) -> Result<&[u8], InspectError> {
    match input.len() {
        0 => Err(InspectError::new("empty", "there is nothing to read")),
        1..=INPUT_MAX => Ok(input),
        _ => Err(InspectError::new("too-large", format!("the input is larger than {INPUT_MAX} bytes"))),
    }
}

/// Refuses what has not a single header field: anything else may be a mail, however broken.
fn mail(input: &[u8]) -> Result<&[u8], InspectError> {
    let input = bounded(input)?;
    let is_field = |line: &[u8]| {
        let name = line.iter().take_while(|byte| (b'!'..=b'~').contains(byte) && **byte != b':').count();
        let rest = line[name..].trim_ascii_start();
        name > 0 && rest.first() == Some(&b':')
    };
    if input.split(|byte| matches!(byte, b'\n' | b'\r')).any(is_field) {
        return Ok(input);
    }
    Err(InspectError::new("not-a-mail", "this is no mail: it has not a single header field"))
}

/// The lines of an input with one case a line; empty lines do not count.
fn cases(input: &[u8]) -> Result<Vec<String>, InspectError> {
    let text = String::from_utf8_lossy(bounded(input)?).into_owned();
    let lines: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match lines.len() {
        0 => Err(InspectError::new("empty", "there is not a single line to read")),
        1..=LINES_MAX => Ok(lines),
        _ => Err(InspectError {
            at: Some(format!("line {}", LINES_MAX + 1)),
            ..InspectError::new("too-many-lines", "too many lines")
        }),
    }
}
