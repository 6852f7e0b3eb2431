//! One look at every byte of a message: what an intake must know before it takes it.

/// Longest line allowed without its line end (RFC 5322 2.1.1), in bytes.
pub const LINE_MAX: usize = 998;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Header fields.
    pub fields: usize,
    /// Bytes of the header, the empty line included.
    pub header_bytes: usize,
    /// Lines in all.
    pub lines: usize,
    /// Lines of more than [`LINE_MAX`] bytes: need folding or another encoding, many hosts refuse them.
    pub long_lines: usize,
    /// Some byte has its highest bit set: needs 8BITMIME.
    pub eight_bit: bool,
    /// The header has such a byte: needs SMTPUTF8 (RFC 6532).
    pub eight_bit_header: bool,
    /// A carriage return without line feed, or the reverse: not to be passed on (SMTP smuggling).
    pub bare_line_end: bool,
    /// A NUL byte.
    pub nul: bool,
    /// The first lines are header fields and an empty line ends them.
    pub well_formed_header: bool,
    /// A From field is there.
    pub has_from: bool,
    /// A Date field is there.
    pub has_date: bool,
    /// A Message-ID field is there.
    pub has_message_id: bool,
    /// How many Received fields there are: a loop shows here.
    pub received: usize,
}

/// Looks at a message once. Makes no copy; about a nanosecond a byte.
pub fn check(raw: &[u8]) -> Check {
    let mut found = Check { header_bytes: raw.len(), ..Check::default() };
    let mut in_header = true;
    let mut broken = false;
    let mut at = 0;
    while at < raw.len() {
        let end = super::header::line_end(raw, at);
        let line = &raw[at..end];
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        found.lines += 1;
        found.long_lines += usize::from(text.len() > LINE_MAX);
        found.nul |= text.contains(&0);
        found.bare_line_end |= text.contains(&b'\r') || text.ends_with(b"\n");
        let eight_bit = !text.is_ascii();
        found.eight_bit |= eight_bit;
        at = end;
        if in_header {
            found.eight_bit_header |= eight_bit;
            if matches!(text, b"" | b"\n") {
                in_header = false;
                found.header_bytes = end;
                found.well_formed_header = !broken && found.fields > 0;
            } else {
                broken |= !count_field(text, &mut found);
            }
        }
    }
    found
}

/// Counts a field; false for a line that is neither a field nor the rest of one.
fn count_field(line: &[u8], found: &mut Check) -> bool {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return found.fields > 0;
    }
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
    let name = line[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    found.fields += 1;
    found.has_from |= name.eq_ignore_ascii_case(b"from");
    found.has_date |= name.eq_ignore_ascii_case(b"date");
    found.has_message_id |= name.eq_ignore_ascii_case(b"message-id");
    found.received += usize::from(name.eq_ignore_ascii_case(b"received"));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_intake_wants_to_know() {
        let good = check(b"From: a\r\nTo: b\r\n c\r\n\r\nbody\r\n");
        assert_eq!((good.fields, good.lines, good.header_bytes), (2, 5, 22));
        assert!(good.well_formed_header && good.has_from && !good.has_date && !good.bare_line_end && !good.eight_bit);
        let long = check(format!("From: a\r\n\r\n{}\r\n{}\r\n", "x".repeat(998), "y".repeat(999)).as_bytes());
        assert_eq!(long.long_lines, 1);
        let eight = check("From: ö\r\n\r\n".as_bytes());
        assert!(eight.eight_bit && eight.eight_bit_header);
        assert!(!check("From: o\r\n\r\nö".as_bytes()).eight_bit_header);
        assert!(check(b"From: a\n\r\n").bare_line_end && check(b"From: a\r\n\r\na\rb\r\n").bare_line_end);
        assert!(!check(b"no header\r\n\r\n").well_formed_header && !check(b"").well_formed_header);
        assert!(!check(b"From: a\r\n").well_formed_header, "no empty line");
        assert_eq!(check(b"Received: a\r\nreceived: b\r\n\r\n").received, 2);
    }
}
