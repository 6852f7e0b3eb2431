//! `inspect mime`: the tree of parts.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{InspectError, mail};
use crate::mime::{self, Body, Part};

/// The tree, and its leaves in order.
///
/// # Errors
/// [`InspectError`] for an empty input, one beyond the limits, and with the code `not-a-mail` for one without any header.
pub fn mime(input: &[u8]) -> Result<Value, InspectError> {
    let tree = mime::parse(mail(input)?);
    let check = mime::check(input);
    Ok(json!({
        "subject": tree.fields.get("Subject").map(|field| field.decoded()),
        "message_id": tree.fields.get("Message-ID").map(|field| field.text().trim_matches(['<', '>']).to_owned()),
        "fields": check.fields,
        "size": input.len(),
        "eight_bit": check.eight_bit,
        "long_lines": check.long_lines,
        "leaves": tree.leaves().iter().map(|leaf| leaf_fields(leaf)).collect::<Vec<_>>(),
        "tree": branch(&tree),
    }))
}

fn leaf_fields(leaf: &Part<'_>) -> Value {
    let Body::Leaf(bytes) = &leaf.body else { return Value::Null };
    let hash = digest(&SHA256, bytes);
    json!({
        "path": leaf.path,
        "content_type": leaf.content_type,
        "charset": leaf.charset,
        "filename": leaf.filename,
        "size": bytes.len(),
        "sha256": hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    })
}

fn branch(part: &Part<'_>) -> Value {
    let parts: Vec<Value> = match &part.body {
        Body::Leaf(_) => Vec::new(),
        Body::Multipart(parts) => parts.iter().map(branch).collect(),
        Body::Mail(mail, _) => vec![branch(mail)],
    };
    json!({ "path": part.path, "content_type": part.content_type, "parts": parts })
}
