//! The dialogue as text, for people: `S:` and `C:` lines, message bytes replaced by their count.

use std::fmt::Write;

/// The beginning of a connection and its present transaction, within a bound: the middle of a longer one is left out.
#[derive(Clone, Debug)]
pub struct Transcript {
    opening: Part,
    transaction: Part,
    in_transaction: bool,
    /// What servers must not be quoted with, should they repeat it.
    secrets: Vec<Secret>,
}

#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Transcript::HIDDEN)
    }
}

impl Transcript {
    const HIDDEN: &str = "[hidden]";

    /// A transcript that keeps about so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let part = || Part { text: String::new(), bytes_max: bytes_max / 2, left_out: false };
        Transcript { opening: part(), transaction: part(), in_transaction: false, secrets: Vec::new() }
    }

    /// A new transaction begins; the one before is forgotten.
    pub fn begin_transaction(&mut self) {
        self.in_transaction = true;
        self.transaction.text.clear();
        self.transaction.left_out = false;
    }

    fn part(&mut self) -> &mut Part {
        if self.in_transaction { &mut self.transaction } else { &mut self.opening }
    }

    /// A line of the server, without its line end.
    pub fn server(&mut self, line: &[u8]) {
        if !self.secrets.is_empty() {
            let text = String::from_utf8_lossy(line).into_owned();
            let hidden = self.secrets.iter().fold(text, |text, secret| text.replace(&secret.0, Self::HIDDEN));
            return self.part().line("S: ", hidden.as_bytes());
        }
        self.part().line("S: ", line);
    }

    /// What the client sent as `shown`: its last word does not stand in the transcript, whoever says it.
    pub fn secret(&mut self, shown: &str, line: &str) {
        self.client(shown.as_bytes());
        let word = line.rsplit(' ').next().unwrap_or_default();
        if shown != line && !word.is_empty() {
            self.secrets.push(Secret(word.to_owned()));
        }
    }

    /// What the client sent: one or more complete command lines.
    pub fn client(&mut self, commands: &[u8]) {
        for line in commands.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            self.part().line("C: ", line.strip_suffix(b"\r").unwrap_or(line));
        }
    }

    /// The message was sent, dots included.
    pub fn message(&mut self, bytes: u64) {
        let mut text = String::new();
        let _ = write!(text, "[{bytes} bytes of message]");
        self.part().line("C: ", text.as_bytes());
        self.part().line("C: ", b".");
    }

    /// A message was sent by BDAT.
    pub fn chunk(&mut self, bytes: u64) {
        let mut text = String::new();
        let _ = write!(text, "[{bytes} bytes of message]");
        self.part().line("C: ", text.as_bytes());
    }

    /// Something else that happened, in words.
    pub fn note(&mut self, text: &str) {
        self.part().line("-- ", text.as_bytes());
    }
}

impl std::fmt::Display for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.opening.text)?;
        f.write_str(&self.transaction.text)
    }
}

#[derive(Clone, Debug)]
struct Part {
    text: String,
    bytes_max: usize,
    left_out: bool,
}

impl Part {
    const LEFT_OUT: &'static str = "-- […]\n";

    fn line(&mut self, mark: &str, line: &[u8]) {
        self.text.push_str(mark);
        match std::str::from_utf8(line) {
            Ok(line) => self.text.push_str(line),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(line)),
        }
        self.text.push('\n');
        if self.text.len() > self.bytes_max {
            self.leave_out();
        }
    }

    /// Keeps the first quarter and the last half.
    fn leave_out(&mut self) {
        let line_end = |from: usize| {
            let bytes = self.text.as_bytes();
            bytes[from..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| from + end + 1)
        };
        let head = match self.text.find(Self::LEFT_OUT).filter(|_| self.left_out) {
            Some(mark) => mark,
            None => line_end(self.bytes_max / 4).min(self.bytes_max / 2),
        };
        let head = self.text.floor_char_boundary(head);
        let tail = line_end(self.text.len() - self.bytes_max / 2);
        let tail = if tail == self.text.len() { self.text.len() - self.bytes_max / 2 } else { tail };
        let tail = self.text.ceil_char_boundary(tail);
        self.text.replace_range(head..tail.max(head), Self::LEFT_OUT);
        self.left_out = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_and_last_transaction_are_kept() {
        let mut transcript = Transcript::new(10_000);
        transcript.server(b"220 mx");
        transcript.client(b"EHLO me\r\n");
        for sender in ["a", "b"] {
            transcript.begin_transaction();
            transcript.client(format!("MAIL FROM:<{sender}>\r\nDATA\r\n").as_bytes());
            transcript.message(17);
            transcript.server(b"250 \xff");
        }
        let expected =
            "S: 220 mx\nC: EHLO me\nC: MAIL FROM:<b>\nC: DATA\nC: [17 bytes of message]\nC: .\nS: 250 \u{fffd}\n";
        assert_eq!(transcript.to_string(), expected);
    }

    #[test]
    fn a_secret_that_the_server_repeats_is_hidden() {
        let mut transcript = Transcript::new(10_000);
        transcript.secret("AUTH PLAIN [hidden]", "AUTH PLAIN AHVzZXIAcGFzcw==");
        transcript.server(b"500 what is AUTH PLAIN AHVzZXIAcGFzcw==?");
        transcript.secret("AUTH LOGIN", "AUTH LOGIN");
        transcript.server(b"334 LOGIN");
        let expected = "C: AUTH PLAIN [hidden]\nS: 500 what is AUTH PLAIN [hidden]?\nC: AUTH LOGIN\nS: 334 LOGIN\n";
        assert_eq!(transcript.to_string(), expected);
    }

    #[test]
    fn the_middle_of_a_long_one_is_left_out() {
        let mut transcript = Transcript::new(400);
        transcript.begin_transaction();
        for number in 0..500 {
            transcript.server(format!("{number} é").as_bytes());
        }
        let text = transcript.to_string();
        assert!(text.starts_with("S: 0 é\n") && text.ends_with("S: 499 é\n"), "{text}");
        assert_eq!(text.matches("[…]").count(), 1, "{text}");
        assert!(text.len() <= 220, "{}", text.len());
        transcript.server(&[b'x'; 3_000]);
        assert!(transcript.to_string().len() <= 220);
    }
}
