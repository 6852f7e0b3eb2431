//! Entities in the addresses of links: read from attributes, nowhere else.
//!
//! Numbers and the five names that occur in addresses; every other `&name` is kept as it is, which is how browsers read
//! `?a=1&section=2`.

/// The text of an attribute's value.
pub(super) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((letter, len)) => {
                out.push(letter);
                rest = &rest[len..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The letter that an entity at the start of `text` stands for, and the entity's length.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let letter = match &text[1..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|letter| !letter.is_control())?
        }
    };
    Some((letter, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_of_addresses() {
        for (text, expected) in [
            ("https://x/?a=1&amp;b=2", "https://x/?a=1&b=2"),
            ("?a=1&section=2&copy=3", "?a=1&section=2&copy=3"),
            ("a&#38;b&#x26;c&#0;&#10;&#xD800;", "a&b&c&#0;&#10;&#xD800;"),
            ("&lt;&gt;&quot;&apos;&", "<>\"'&"),
            ("é&é;&éééééééééééé;", "é&é;&éééééééééééé;"),
        ] {
            assert_eq!(decode(text), expected);
        }
    }
}
