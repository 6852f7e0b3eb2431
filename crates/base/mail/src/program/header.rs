//! Writes header lines: folding (RFC 5322 2.2.3), encoded words (RFC 2047), display names, dates.
//!
//! Nothing that goes through here can begin another header: control characters become spaces, and line ends are only
//! written by the folding, always followed by a space.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;

/// Where lines are folded when they can be (RFC 5322 2.1.1 recommends 78).
const FOLD_AT: usize = 76;

/// Longest run without a space that is written as it is; longer ones are encoded, which can be folded anywhere.
const WORD_MAX: usize = 900;

/// `=?UTF-8?Q?` and `?=`.
const FRAME: usize = 12;

/// Longest encoded word (RFC 2047 2).
const ENCODED_WORD_MAX: usize = 75;

/// Appends `name: text` for an unstructured header (subject, extra headers).
pub(crate) fn put_text(name: &str, text: &str, out: &mut Vec<u8>) {
    let mut line = Line::begin(name, out);
    line.text(&cleaned(text));
    line.end();
}

/// Appends `name: display <address>`, or the bare address when there is no display name.
pub(crate) fn put_mailbox(name: &str, display: &str, address: &str, out: &mut Vec<u8>) {
    put_mailboxes(name, &[(display, address)], out);
}

/// The same with several mailboxes, given as display name and address.
pub(crate) fn put_mailboxes(name: &str, mailboxes: &[(&str, &str)], out: &mut Vec<u8>) {
    let mut line = Line::begin(name, out);
    for (index, (display, address)) in mailboxes.iter().enumerate() {
        let comma = if index + 1 < mailboxes.len() { "," } else { "" };
        let display = cleaned(display);
        let plain = |letter: &char| !letter.is_control() && !"<>, ".contains(*letter);
        let address: String = address.chars().filter(plain).collect();
        if display.is_empty() {
            line.word(format!("{address}{comma}").as_bytes());
        } else {
            line.phrase(&display);
            line.word(format!("<{address}>{comma}").as_bytes());
        }
    }
    line.end();
}

/// Appends `List-Id: phrase <id>` (RFC 2919).
pub(crate) fn put_list_id(phrase: &str, id: &str, out: &mut Vec<u8>) {
    let mut line = Line::begin("List-Id", out);
    let phrase = cleaned(phrase);
    if !phrase.is_empty() {
        line.phrase(&phrase);
    }
    line.word(format!("<{id}>").as_bytes());
    line.end();
}

/// Appends `Date:` in UTC (RFC 5322 3.3).
pub(crate) fn put_date(at: Timestamp, out: &mut Vec<u8>) {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
    let day = DAYS[time.weekday().to_monday_zero_offset() as usize % 7];
    let month = MONTHS[(time.month() as usize + 11) % 12];
    let text = format!(
        "Date: {day}, {} {month} {:04} {:02}:{:02}:{:02} +0000\r\n",
        time.day(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    );
    out.extend_from_slice(text.as_bytes());
}

/// Without control characters, and with one space where there was white space.
fn cleaned(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_control() || letter == ' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

struct Line<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
    empty: bool,
}

impl<'o> Line<'o> {
    fn begin(name: &str, out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Line { out, column: name.len() + 1, empty: true }
    }

    fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// Appends a space and a word, on a new line where it does not fit.
    fn word(&mut self, word: &[u8]) {
        if self.column + 1 + word.len() > FOLD_AT && !self.empty {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.out.push(b' ');
        self.out.extend_from_slice(word);
        self.column += 1 + word.len();
        self.empty = false;
    }

    fn text(&mut self, text: &str) {
        let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && !text.contains("=?")
            && text.split(' ').all(|word| word.len() <= WORD_MAX);
        if plain {
            text.split(' ').for_each(|word| self.word(word.as_bytes()));
        } else {
            self.encoded(text);
        }
    }

    /// A display name: words, a quoted string, or encoded words.
    fn phrase(&mut self, text: &str) {
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~ ".contains(&byte);
        let plain =
            text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("=?") && text.len() <= WORD_MAX;
        if plain && text.bytes().all(atom) {
            text.split(' ').for_each(|word| self.word(word.as_bytes()));
        } else if plain {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            self.word(format!("\"{quoted}\"").as_bytes());
        } else {
            self.encoded(text);
        }
    }

    fn encoded(&mut self, text: &str) {
        let q = text.bytes().map(q_len).sum::<usize>();
        let base64 = q > text.len().div_ceil(3) * 4;
        let mut rest = text;
        while !rest.is_empty() {
            let mut room = self.room();
            if room < 12 {
                self.out.extend_from_slice(b"\r\n");
                self.column = 0;
                room = self.room();
            }
            let (now, later) = rest.split_at(fitting(rest, room, base64));
            let word = if base64 { format!("=?UTF-8?B?{}?=", STANDARD.encode(now)) } else { q_word(now) };
            self.word(word.as_bytes());
            rest = later;
        }
    }

    /// Letters that fit into an encoded word on this line.
    fn room(&self) -> usize {
        FOLD_AT.saturating_sub(self.column + 1).min(ENCODED_WORD_MAX).saturating_sub(FRAME)
    }
}

/// How many bytes of `text`, at least one letter, fit into `room` letters of an encoded word.
fn fitting(text: &str, room: usize, base64: bool) -> usize {
    let mut len = 0;
    let mut used = 0;
    for letter in text.chars() {
        let mut bytes = [0; 4];
        used += letter.encode_utf8(&mut bytes).bytes().map(q_len).sum::<usize>();
        let next = len + letter.len_utf8();
        let fits = if base64 { next.div_ceil(3) * 4 <= room } else { used <= room };
        if !fits && len > 0 {
            break;
        }
        len = next;
    }
    len
}

/// What stands for itself in a Q word everywhere, display names included (RFC 2047 5 (3)).
const fn q_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'*' | b'+' | b'-' | b'/')
}

const fn q_len(byte: u8) -> usize {
    if q_plain(byte) || byte == b' ' { 1 } else { 3 }
}

fn q_word(text: &str) -> String {
    use std::fmt::Write as _;
    let mut word = String::from("=?UTF-8?Q?");
    for byte in text.bytes() {
        match byte {
            b' ' => word.push('_'),
            byte if q_plain(byte) => word.push(char::from(byte)),
            byte => write!(word, "={byte:02X}").expect("invariant: writing to a String does not fail"),
        }
    }
    word.push_str("?=");
    word
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &Expect) {
        let mut out = Vec::new();
        write(&mut out);
        expected.assert_eq(&String::from_utf8(out).unwrap().replace('\r', ""));
    }

    #[test]
    fn texts() {
        check(
            |out| put_text("Subject", " Hello there ", out),
            &expect![[r#"
            Subject: Hello there
        "#]],
        );
        check(
            |out| put_text("Subject", "Grüße aus Köln", out),
            &expect![[r#"
                Subject: =?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=
            "#]],
        );
        check(
            |out| put_text("Subject", "新しい靴が入荷しました。今すぐご覧ください。送料無料です。", out),
            &expect![[r#"
                Subject: =?UTF-8?B?5paw44GX44GE6Z2044GM5YWl6I2344GX44G+44GX44Gf44CC5LuK?=
                 =?UTF-8?B?44GZ44GQ44GU6Kan44GP44Gg44GV44GE44CC6YCB5paZ54Sh5paZ44Gn44GZ?=
                 =?UTF-8?B?44CC?=
            "#]],
        );
        check(
            |out| put_text("X-Long", &"word ".repeat(30), out),
            &expect![[r#"
            X-Long: word word word word word word word word word word word word word
             word word word word word word word word word word word word word word word
             word word
        "#]],
        );
        check(
            |out| put_text("Subject", "a\r\nBcc: b@example.com =?x?=", out),
            &expect![[r#"
                Subject: =?UTF-8?B?YSBCY2M6IGJAZXhhbXBsZS5jb20gPT94Pz0=?=
            "#]],
        );
        check(
            |out| put_text("Subject", "", out),
            &expect![[r#"
                Subject: 
            "#]],
        );
    }

    #[test]
    fn mailboxes() {
        check(
            |out| put_mailbox("From", "News Team", "news@example.com", out),
            &expect![[r#"
            From: News Team <news@example.com>
        "#]],
        );
        check(
            |out| put_mailbox("From", "Smith, \"J.\"", "j@example.com", out),
            &expect![[r#"
            From: "Smith, \"J.\"" <j@example.com>
        "#]],
        );
        check(
            |out| put_mailbox("To", "Zoë Müller", "zoe@example.com", out),
            &expect![[r#"
                To: =?UTF-8?B?Wm/DqyBNw7xsbGVy?= <zoe@example.com>
            "#]],
        );
        check(
            |out| put_mailbox("To", "", "zoe@example.com>\r\nBcc: x", out),
            &expect![[r#"
            To: zoe@example.comBcc:x
        "#]],
        );
        check(
            |out| put_list_id("News", "news.example.com", out),
            &expect![[r#"
            List-Id: News <news.example.com>
        "#]],
        );
        check(
            |out| put_list_id("", "news.example.com", out),
            &expect![[r#"
            List-Id: <news.example.com>
        "#]],
        );
        check(
            |out| put_date(Timestamp::from_unix_s(1_790_000_000), out),
            &expect![[r#"
            Date: Mon, 21 Sep 2026 14:13:20 +0000
        "#]],
        );
    }

    proptest! {
        #[test]
        fn a_text_stays_one_header_and_is_read_back(text in "([ -~]|\\PC|[\r\n\t]){0,200}") {
            let mut out = Vec::new();
            put_text("Subject", &text, &mut out);
            put_mailbox("To", &text, "a@example.com", &mut out);
            out.extend_from_slice(b"\r\nbody");
            for line in out.split(|&byte| byte == b'\n') {
                prop_assert!(line.len() <= 998);
            }
            let message = mail_parser::MessageParser::default().parse(&out).unwrap();
            prop_assert_eq!(message.headers().len(), 2);
            // The parser gives back what stands between the blanks, whatever kind of blanks they are.
            let expected = cleaned(&text).to_string();
            prop_assert_eq!(message.subject().unwrap_or_default().trim(), expected.trim());
        }
    }
}
