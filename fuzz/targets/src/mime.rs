//! The tree of a mail, its header fields, and the look at every byte.
//!
//! Holds: limits of parts and depth; fields are pieces of the input in their order; a leaf that needs no decoding is a piece
//! of the input; what one reader of the header counts, the other finds.

use mail::mime::{Body, DEPTH_MAX, FIELDS_MAX, PARTS_MAX, Part, check, fields, header, parse};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let found = fields(data);
    assert!(found.fields.len() <= FIELDS_MAX && found.body <= data.len());
    let mut last = data.as_ptr() as usize;
    for field in &found.fields {
        assert!(field.name.as_ptr() as usize >= last && !field.name.is_empty());
        last = field.value.as_ptr() as usize + field.value.len();
        assert!(last <= data.as_ptr() as usize + found.body.max(data.len()));
        assert!(!field.text().contains(['\r', '\n']));
        let _ = field.decoded();
    }
    let subject = found.get("subject").map(|field| field.text().into_owned());
    assert_eq!(header(data, "Subject").map(|value| value.into_owned()), subject);

    let looked = check(data);
    assert!(looked.header_bytes <= data.len() && looked.fields <= looked.lines);
    assert_eq!(looked.nul, data.contains(&0));
    assert_eq!(looked.eight_bit, !data.is_ascii());
    if looked.well_formed_header && !looked.bare_line_end {
        assert_eq!((looked.header_bytes, looked.fields.min(FIELDS_MAX)), (found.body, found.fields.len()));
        let received = found.all("received").count();
        assert!(looked.received == received || looked.fields > FIELDS_MAX);
    }

    let tree = parse(data);
    let mut parts = 0;
    walk(&tree, data, 0, &mut parts);
    assert!(parts <= PARTS_MAX, "{parts} parts");
    let leaves = tree.leaves();
    assert!(leaves.len() <= parts);
    for leaf in leaves {
        let _ = leaf.text();
    }
    if data.len() < 2_048 {
        let _ = mail::inspect::mime(data);
    }
}

fn walk(part: &Part<'_>, data: &[u8], depth: usize, parts: &mut usize) {
    assert!(depth <= DEPTH_MAX);
    *parts += 1;
    match &part.body {
        Body::Leaf(std::borrow::Cow::Borrowed(bytes)) => assert!(bytes.is_empty() || inside(bytes, data)),
        // A decoded leaf is no longer than what it was decoded from.
        Body::Leaf(bytes) => assert!(bytes.len() <= data.len()),
        Body::Multipart(inner) => {
            assert!(!inner.is_empty() && part.content_type.starts_with("multipart/"));
            inner.iter().for_each(|inner| walk(inner, data, depth + 1, parts));
        }
        Body::Mail(mail, raw) => {
            assert!(raw.is_empty() || inside(raw, data));
            walk(mail, data, depth + 1, parts);
        }
    }
}

fn inside(piece: &[u8], whole: &[u8]) -> bool {
    let (piece, whole) = (piece.as_ptr_range(), whole.as_ptr_range());
    whole.start <= piece.start && piece.end <= whole.end
}
