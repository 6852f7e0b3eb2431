//! From a [`Program`] and one recipient to the bytes of the mail. The hot path of the suite: no parsing, no look-up by
//! name; fixed pieces are copied, values encoded.

use super::fault::{Part, RenderError};
use super::insert::{Personalia, Tokens};
use super::layout::{BodyPiece, HeadLine};
use super::{Personal, Preview, Program, header};
use crate::merge::{Code, Fixed, Limits, Run, Sink, Val};
use crate::quoted::Encoder;
use crate::token::Mark;

/// What one rendering needs beside the program.
struct Job<'p> {
    program: &'p Program,
    personal: &'p Personal<'p>,
    tokens: &'p Tokens<'p>,
    globals: Vec<Val<'p>>,
    unsubscribe_token: Option<&'p str>,
}

impl Program {
    /// Appends the complete message (RFC 5322, CRLF) for one recipient.
    ///
    /// # Errors
    /// [`RenderError`]; what was appended so far is cut off again.
    pub fn render(&self, personal: &Personal<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        out.reserve(self.size_guess);
        self.job(personal, |job| job.message(out)).inspect_err(|_| out.truncate(start))
    }

    /// Paths of the variables that would print as nothing for this recipient because nothing is known of them.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn undefined(&self, personal: &Personal<'_>) -> Result<Vec<String>, RenderError> {
        self.job(personal, |job| {
            let mut found = Vec::new();
            for (part, code) in job.codes() {
                found.extend(job.run(part, code, &mut Nothing)?);
            }
            Ok(job.names(found))
        })
    }

    /// The mail as its recipient will see it.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn preview(&self, personal: &Personal<'_>) -> Result<Preview, RenderError> {
        let personal = Personal { keys: None, ..*personal };
        self.job(&personal, |job| {
            let mut preview = Preview::default();
            let mut found = Vec::new();
            for (part, code) in job.codes() {
                let mut text = String::new();
                found.extend(job.run(part.clone(), code, &mut text)?);
                match part {
                    Part::Subject => preview.subject = text,
                    Part::Preheader => preview.preheader = text,
                    Part::Html => preview.html = text,
                    Part::Text => preview.text = text,
                    _ => {}
                }
            }
            preview.undefined = job.names(found);
            Ok(preview)
        })
    }

    fn job<T>(
        &self,
        personal: &Personal<'_>,
        work: impl FnOnce(&Job<'_>) -> Result<T, RenderError>,
    ) -> Result<T, RenderError> {
        let tokens = Tokens::new(self, personal);
        let token = self.unsubscribe.as_ref().and_then(|_| tokens.unsubscribe());
        let url = match &token {
            Some(token) => format!("{}/u/{token}", self.base_url),
            None => "#".to_owned(),
        };
        let values = self.slot_of_var.iter().map(|slot| slot.and_then(|slot| personal.values.get(slot)));
        let mut globals: Vec<Val<'_>> = values.map(|value| value.map_or(Val::Null, Val::from)).collect();
        if let (Some(first), Some(_)) = (globals.first_mut(), &self.unsubscribe) {
            *first = Val::Text(&url);
        }
        work(&Job { program: self, personal, tokens: &tokens, globals, unsubscribe_token: token.as_deref() })
    }
}

impl<'p> Job<'p> {
    /// Everything that is written for a person.
    fn codes(&self) -> Vec<(Part, &'p Code)> {
        let program = self.program;
        let mut codes = vec![(Part::Subject, &program.subject), (Part::Preheader, &program.preheader)];
        for line in &program.head {
            match line {
                HeadLine::Mailbox { display, .. } => codes.push((Part::From, display)),
                HeadLine::To { display } => codes.push((Part::To, display)),
                HeadLine::Text { name, value } if name != "Subject" => codes.push((Part::Header(name.clone()), value)),
                _ => {}
            }
        }
        codes.extend(program.html.as_ref().map(|code| (Part::Html, code)));
        codes.extend(program.text.as_ref().map(|code| (Part::Text, code)));
        codes
    }

    fn run<S: Sink>(&self, part: Part, code: &Code, sink: &mut S) -> Result<Vec<u16>, RenderError> {
        let inserts = Personalia { program: self.program, tokens: self.tokens, html: part == Part::Html };
        let now = Some(self.personal.at);
        Run { code, globals: &self.globals, now, limits: Limits::default(), inserts: &inserts }
            .into_sink(sink)
            .map_err(|error| RenderError::in_template(part, &error))
    }

    fn names(&self, mut numbers: Vec<u16>) -> Vec<String> {
        numbers.sort_unstable();
        numbers.dedup();
        self.program.vars.names(&numbers)
    }

    fn text(&self, part: Part, code: &Code) -> Result<String, RenderError> {
        let mut text = String::new();
        self.run(part, code, &mut text)?;
        Ok(text)
    }

    fn message(&self, out: &mut Vec<u8>) -> Result<(), RenderError> {
        for line in &self.program.head {
            self.head_line(line, out)?;
        }
        for piece in &self.program.body {
            let (part, code) = match piece {
                BodyPiece::Fixed(bytes) => {
                    out.extend_from_slice(bytes);
                    continue;
                }
                BodyPiece::Text => (Part::Text, &self.program.text),
                BodyPiece::Html => (Part::Html, &self.program.html),
            };
            if let Some(code) = code {
                let mut encoder = Encoder::new(out);
                self.run(part, code, &mut encoder)?;
                encoder.finish();
            }
        }
        Ok(())
    }

    fn head_line(&self, line: &HeadLine, out: &mut Vec<u8>) -> Result<(), RenderError> {
        match line {
            HeadLine::Fixed(bytes) => out.extend_from_slice(bytes),
            HeadLine::Text { name, value } => {
                let part = if name == "Subject" { Part::Subject } else { Part::Header(name.clone()) };
                let text = self.text(part, value)?;
                header::put_text(name, &text, out);
            }
            HeadLine::Mailbox { name, display, address } => {
                header::put_mailbox(name, &self.text(Part::From, display)?, address, out);
            }
            HeadLine::To { display } => {
                header::put_mailbox("To", &self.text(Part::To, display)?, self.personal.address, out);
            }
            HeadLine::Date => header::put_date(self.personal.at, out),
            HeadLine::MessageId => self.message_id(out),
            HeadLine::ListUnsubscribe => self.list_unsubscribe(out),
        }
        Ok(())
    }

    fn message_id(&self, out: &mut Vec<u8>) {
        let domain = &self.program.from_domain;
        let line = match self.tokens.reference() {
            Some(token) => format!("Message-ID: <{}{token}@{domain}>\r\n", Mark::Ref.as_str()),
            None => format!("Message-ID: <{}.{}@{domain}>\r\n", self.personal.recipient, self.personal.message),
        };
        out.extend_from_slice(line.as_bytes());
    }

    /// RFC 2369 and RFC 8058.
    fn list_unsubscribe(&self, out: &mut Vec<u8>) {
        let (Some(token), Some(ways)) = (self.unsubscribe_token, &self.program.unsubscribe) else { return };
        let mut line = format!("List-Unsubscribe: <{}/u/{token}>", self.program.base_url);
        if let Some(domain) = &ways.mailto_domain {
            let mark = Mark::Unsubscribe.as_str();
            line.push_str(&format!(",\r\n <mailto:unsubscribe@{domain}?subject={mark}{token}>"));
        }
        line.push_str("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
        out.extend_from_slice(line.as_bytes());
    }
}

/// For runs that only ask what is undefined.
struct Nothing;

impl Sink for Nothing {
    fn fixed(&mut self, _: &Fixed) {}

    fn text(&mut self, _: &str) {}
}
