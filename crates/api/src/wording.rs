//! Plain words for what is wrong with a body or a query string, and the field it is about.
//!
//! The readers of JSON and query strings speak to programmers ("invalid type: string \"x\", expected u32"). Here their
//! sentences become ones for whoever wrote the request. What is not known here is passed on as it is.

use crate::error::ApiError;

/// What stands in front of what a reader of bodies or query strings has to say.
const PREFIXES: [&str; 3] = [
    "Failed to deserialize the JSON body into the target type: ",
    "Failed to deserialize query string: ",
    "Failed to parse the request body as JSON: ",
];

/// The refusal of a request whose reader said `text`.
pub(crate) fn refusal(text: &str) -> ApiError {
    if let Some(rest) = text.strip_prefix(PREFIXES[2]) {
        return ApiError::invalid(format!("The body is not JSON: {}.", unplaced_path(rest).1));
    }
    if text.contains("Content-Type: application/json") {
        return ApiError::invalid("Send JSON, and say so: Content-Type: application/json.");
    }
    let rest = PREFIXES[..2].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let (path, said) = unplaced_path(without_place(rest));
    let (message, name) = plain(said);
    let field = match (path, name) {
        ("", None) => None,
        ("", Some(name)) => Some(name.to_owned()),
        (path, None) => Some(path.to_owned()),
        (path, Some(name)) => match path.strip_suffix(name) {
            Some("") => Some(path.to_owned()),
            Some(before) if before.ends_with('.') => Some(path.to_owned()),
            _ => Some(format!("{path}.{name}")),
        },
    };
    let error = ApiError::invalid(message);
    match field {
        Some(field) => error.at(field),
        None => error,
    }
}

/// `recipients[0].address: what was said` in its two parts; the first is empty where no path stands.
fn unplaced_path(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((path, said)) if !path.is_empty() && !path.contains([' ', '`', '"']) => (path, said),
        _ => ("", text),
    }
}

/// Without ` at line 3 column 7`.
fn without_place(text: &str) -> &str {
    match text.rfind(" at line ") {
        Some(at) if text[at..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ') => &text[..at],
        _ => text,
    }
}

/// A sentence for people, and the name of a field that is missing or too many.
fn plain(said: &str) -> (String, Option<&str>) {
    if let Some(name) = said.strip_prefix("missing field ").map(|name| name.trim_matches('`')) {
        return (format!("\"{name}\" is missing."), Some(name));
    }
    if let Some((name, known)) = said.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        let known = listed(known);
        let more = if known.is_empty() { String::new() } else { format!("; there are {known}") };
        return (format!("There is no field \"{name}\" here{more}."), Some(name));
    }
    if let Some((value, known)) = said.strip_prefix("unknown variant `").and_then(|rest| rest.split_once('`')) {
        return (format!("\"{value}\" is not known here; there are {}.", listed(known)), None);
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, wanted)) = said.strip_prefix(prefix).and_then(|rest| rest.split_once(", expected ")) {
            return (format!("This is {}; it must be {}.", article(found), kind(wanted)), None);
        }
    }
    match said {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            ("This must be a whole number.".to_owned(), None)
        }
        "number too large to fit in target type" => ("This number is too large.".to_owned(), None),
        "provided string was not `true` or `false`" => ("This must be true or false.".to_owned(), None),
        _ => (said.to_owned(), None),
    }
}

/// The names in `, expected one of `a`, `b`` or `, expected `a` or `b``.
fn listed(text: &str) -> String {
    text.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(", ")
}

/// What stands in the request: `string "x"`, `integer `5``, `null`, `map`.
fn article(found: &str) -> String {
    let value = found.split_once(['"', '`']).map(|(_, rest)| rest.trim_end_matches(['"', '`']));
    let word = found.split(' ').next().unwrap_or_default();
    let word = match word {
        "string" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "map" => "an object",
        "sequence" => "a list",
        other => other,
    };
    match value {
        Some(value) => format!("{word} ({})", value.chars().take(60).collect::<String>()),
        None => word.to_owned(),
    }
}

/// What has to stand there.
fn kind(wanted: &str) -> String {
    match wanted.split(' ').next().unwrap_or_default() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "struct" | "internally" | "adjacently" => "an object".to_owned(),
        "map" => "an object".to_owned(),
        "string" | "str" => "a text".to_owned(),
        "boolean" | "bool" => "true or false".to_owned(),
        _ if wanted == "a sequence" => "a list".to_owned(),
        _ if wanted == "a map" => "an object".to_owned(),
        _ if wanted == "a string" || wanted == "a borrowed string" => "a text".to_owned(),
        _ if wanted == "a boolean" => "true or false".to_owned(),
        _ => wanted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::response::IntoResponse as _;

    #[tokio::test]
    async fn readers_are_put_into_plain_words() {
        let check = async |said: &str, field: Option<&str>, message: &str| {
            let body = to_bytes(refusal(said).into_response().into_body(), 1 << 16).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((body["error"]["field"].as_str(), body["error"]["message"].as_str()), (field, Some(message)));
        };
        let json = |said: &str| format!("{}{said}", PREFIXES[0]);
        check(&json("missing field `email` at line 1 column 2"), Some("email"), "\"email\" is missing.").await;
        check(&json("target: missing field `kind` at line 1 column 20"), Some("target.kind"), "\"kind\" is missing.")
            .await;
        check(
            &json("colour: unknown field `colour`, expected `email` or `password` at line 1 column 9"),
            Some("colour"),
            "There is no field \"colour\" here; there are email, password.",
        )
        .await;
        check(
            &json("recipients[0].address: invalid type: integer `5`, expected a string at line 1 column 30"),
            Some("recipients[0].address"),
            "This is a number (5); it must be a text.",
        )
        .await;
        check(
            &json("action: unknown variant `stop`, expected one of `hold`, `release` at line 1 column 9"),
            Some("action"),
            "\"stop\" is not known here; there are hold, release.",
        )
        .await;
        check(
            &json("limit: invalid type: string \"many\", expected u32 at line 1 column 9"),
            Some("limit"),
            "This is a text (many); it must be a whole number, 0 or more.",
        )
        .await;
        check(
            &format!("{}minutes: invalid digit found in string", PREFIXES[1]),
            Some("minutes"),
            "This must be a whole number.",
        )
        .await;
        check(
            &format!("{}EOF while parsing a value at line 1 column 9", PREFIXES[2]),
            None,
            "The body is not JSON: EOF while parsing a value at line 1 column 9.",
        )
        .await;
        check(
            "Expected request with `Content-Type: application/json`",
            None,
            "Send JSON, and say so: Content-Type: application/json.",
        )
        .await;
        check(&json("a name has at most 64 bytes: long"), None, "a name has at most 64 bytes: long").await;
    }
}
