//! What a server offered in its reply to EHLO.

/// Extensions of a server; everything is off after HELO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE (RFC 1870): offered.
    pub size: bool,
    /// The largest message it takes, when it says so.
    pub size_bytes_max: Option<u64>,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// Mechanisms of AUTH (RFC 4954), in upper case.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Most AUTH mechanisms kept.
    const AUTH_MAX: usize = 16;

    /// Longest digest, in bytes: the names of AUTH mechanisms are the server's own.
    const DIGEST_MAX: usize = 255;

    /// Reads the text of a reply to EHLO, its lines separated by line feeds; the first is the greeting.
    pub fn parse(text: &str) -> Self {
        let mut capabilities = Capabilities::default();
        for line in text.split('\n').skip(1) {
            capabilities.note(line.trim());
        }
        capabilities
    }

    /// The extensions known here, by their keywords, separated by spaces: `PIPELINING SIZE=1000 8BITMIME`.
    pub fn digest(&self) -> String {
        let mut words = Vec::with_capacity(9);
        let mut note = |offered: bool, keyword: &str| {
            if offered {
                words.push(keyword.to_owned());
            }
        };
        note(self.pipelining, "PIPELINING");
        match self.size_bytes_max {
            Some(max) => note(true, &format!("SIZE={max}")),
            None => note(self.size, "SIZE"),
        }
        note(self.eight_bit_mime, "8BITMIME");
        note(self.smtputf8, "SMTPUTF8");
        note(self.chunking, "CHUNKING");
        note(self.dsn, "DSN");
        note(self.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        note(self.starttls, "STARTTLS");
        if !self.auth.is_empty() {
            note(true, &format!("AUTH={}", self.auth.join(",")));
        }
        let mut digest = words.join(" ");
        digest.truncate(digest.floor_char_boundary(Self::DIGEST_MAX));
        digest
    }

    fn note(&mut self, line: &str) {
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        let Some(keyword) = words.next() else { return };
        match keyword.to_ascii_uppercase().as_str() {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => {
                self.size = true;
                self.size_bytes_max = words.next().and_then(|size| size.parse().ok()).filter(|&size| size > 0);
            }
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "STARTTLS" => self.starttls = true,
            "AUTH" => {
                for mechanism in words.take(Self::AUTH_MAX - self.auth.len().min(Self::AUTH_MAX)) {
                    let mechanism = mechanism.to_ascii_uppercase();
                    if !self.auth.contains(&mechanism) {
                        self.auth.push(mechanism);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case() {
        let text = "mx.example.org at your service\nSIZE 35882577\n8bitmime\nSTARTTLS\nPipelining\n\
                    AUTH=LOGIN\nAUTH PLAIN LOGIN\nX-ODD \u{fffd}\n\nSMTPUTF8";
        let found = Capabilities::parse(text);
        assert_eq!(found.size_bytes_max, Some(35_882_577));
        assert!(found.eight_bit_mime && found.starttls && found.pipelining && found.smtputf8 && found.size);
        assert!(!found.dsn && !found.chunking);
        assert_eq!(found.digest(), "PIPELINING SIZE=35882577 8BITMIME SMTPUTF8 STARTTLS AUTH=LOGIN,PLAIN");
        assert_eq!(found.auth, ["LOGIN", "PLAIN"]);
    }

    #[test]
    fn the_first_line_is_no_keyword() {
        assert_eq!(Capabilities::parse("PIPELINING"), Capabilities::default());
        assert_eq!(Capabilities::parse("").size_bytes_max, None);
        assert_eq!(Capabilities::parse("h\nSIZE 0").size_bytes_max, None);
    }
}
