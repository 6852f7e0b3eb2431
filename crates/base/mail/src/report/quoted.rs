//! Where does the quoted original begin in a text: by the announcing line, or by the look of mail headers.

use super::fields::Fields;
use super::limits::LINES_MAX;

/// Wording of the lines behind which programs quote the original mail, in lower case.
const ANNOUNCEMENTS: [&str; 22] = [
    "this is a copy of the message",
    "this is a copy of your message",
    "below this line is a copy of the message",
    "below this line is the original",
    "below is a copy of the original message",
    "message headers follow",
    "original message follows",
    "original mail as follows",
    "original message",
    "returned message",
    "unsent message follows",
    "unsent message below",
    "undelivered message",
    "the header of the original message",
    "included is a copy of the message header",
    "message header follows",
    "message text follows",
    "rejected message",
    "copy of the original message",
    "start of returned message",
    "the following is a copy",
    "message contents follow",
];

/// Header names that open a quoted mail without an announcement.
const OPENERS: [&str; 8] = [
    "received:",
    "return-path:",
    "dkim-signature:",
    "message-id:",
    "x-received:",
    "mime-version:",
    "arc-seal:",
    "delivered-to:",
];

/// The lines in front of the quoted original, and its headers.
pub(super) fn cut(text: &str) -> (Vec<&str>, Fields) {
    let lines: Vec<&str> = text.lines().take(LINES_MAX).map(|line| line.trim_end_matches('\r')).collect();
    let start =
        lines.iter().enumerate().position(|(place, line)| is_announcement(line) || opens_headers(&lines, place));
    let Some(start) = start else { return (lines, Fields::default()) };
    let behind = lines[start..].iter().map(|line| line.trim_start_matches('>'));
    // Quoted blocks are often indented as a whole: the first header line tells by how much.
    let mut block = String::new();
    let mut indent = None;
    for line in behind {
        let spaces = line.len() - line.trim_start().len();
        if indent.is_none() && looks_like_header(line) {
            indent = Some(spaces);
        }
        if let Some(indent) = indent {
            block.push_str(line.get(indent.min(spaces)..).unwrap_or(""));
            block.push('\n');
        }
    }
    (lines[..start].to_vec(), Fields::read(&block))
}

fn is_announcement(line: &str) -> bool {
    if line.len() > 120 {
        return false;
    }
    let words = line.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
    let decorated =
        line.trim_start().starts_with(['-', '=', '*', '_', '#']) || line.trim_end().ends_with([':', '.', '-']);
    decorated && ANNOUNCEMENTS.iter().any(|known| words.starts_with(known))
}

/// A trace or identity header at the start of a line with another header line below (folded lines between).
fn opens_headers(lines: &[&str], place: usize) -> bool {
    let lower = lines[place].trim_start().to_ascii_lowercase();
    OPENERS.iter().any(|opener| lower.starts_with(opener))
        && lines[place + 1..]
            .iter()
            .take(12)
            .find(|line| !line.starts_with([' ', '\t']) || looks_like_header(line))
            .is_none_or(|line| looks_like_header(line))
}

fn looks_like_header(line: &str) -> bool {
    let Some((name, _)) = line.trim_start().split_once(':') else { return false };
    (2..=60).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, head: usize, message_id: Option<&str>) {
        let (lines, quoted) = cut(text);
        assert_eq!((lines.len(), quoted.get("Message-ID")), (head, message_id), "{text}");
    }

    #[test]
    fn announcements_and_bare_headers() {
        check(
            "a\n\n------ This is a copy of the message ------\n\nMessage-ID: <1@x>\nFrom: b\n\nbody",
            2,
            Some("<1@x>"),
        );
        check("a\n\nReceived: from x\n by y\nMessage-ID: <1@x>\n", 2, Some("<1@x>"));
        check(
            "a\n--- Original mail as follows:\n\n   Received: from x\n   \tby y\n   Message-ID: <1@x>\n",
            1,
            Some("<1@x>"),
        );
        check("The original message was received at noon\nb", 2, None);
        check("", 0, None);
    }
}
