//! `ies inspect mjml`: MJML in, HTML and warnings out.

use serde_json::{Value, json};

use super::{InspectError, bounded};

/// The answer to `inspect mjml`: `{"html", "warnings": [{"kind", "message", "line", "column"}]}`.
///
/// # Errors
/// A document that is not UTF-8 or not MJML, with the place.
pub fn mjml(input: &[u8]) -> Result<Value, InspectError> {
    let text = std::str::from_utf8(bounded(input)?).map_err(|error| InspectError {
        at: Some(format!("byte {}", error.valid_up_to())),
        ..InspectError::new("not-utf8", "MJML must be UTF-8")
    })?;
    match crate::mjml::render(text) {
        Ok(rendered) => Ok(json!({ "html": rendered.html, "warnings": rendered.warnings })),
        Err(error) => Err(InspectError {
            at: Some(format!("line {} column {}", error.line, error.column)),
            ..InspectError::new(error.code, error.message)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_refusals() {
        let answer = mjml(b"<mjml><mj-body><mj-colunm/></mj-body></mjml>").unwrap();
        assert!(answer["html"].as_str().unwrap().contains("<body"));
        assert_eq!(
            answer["warnings"],
            json!([{ "kind": "unknown-element", "message": "there is no element `mj-colunm`", "line": 1, "column": 16 }])
        );
        assert_eq!(
            mjml(b"<mjml>\n<mj-x></mj-x></mjml>").unwrap_err().to_json(),
            json!({ "error": { "code": "unexpected-element", "message": "the element `mj-x` can not stand here", "at": "line 2 column 1" } })
        );
        assert_eq!(mjml(b"<mjml>\xff").unwrap_err().to_json()["error"]["at"], "byte 6");
        assert_eq!(mjml(b"").unwrap_err().code, "empty");
    }
}
