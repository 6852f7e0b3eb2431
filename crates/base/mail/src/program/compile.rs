//! From a [`Source`] to a [`Program`]; collects every fault of every part before it gives up.

use super::fault::{Fault, Part, ProgramError};
use super::layout::{self, HeadLine};
use super::source::{ExtraHeader, OwnUnsubscribe, Source, UnsubscribeWays};
use super::{Link, Program, UNSUBSCRIBE_URL, address, header, rewrite};
use crate::merge::{Code, Escape, Place, Segment, TemplateError, Vars, assemble, lex};
use crate::plain;

/// Most extra headers.
const HEADERS_MAX: usize = 100;

/// Longest address to unsubscribe at, before its values.
const UNSUBSCRIBE_URL_MAX: usize = 400;

const LIST_UNSUBSCRIBE: &str = "List-Unsubscribe";

/// Most files, and most bytes of all files together.
const FILES_MAX: usize = 100;
const FILES_BYTES_MAX: usize = 50 * 1024 * 1024;

impl Source {
    /// Compiles; the one place where HTML is parsed.
    ///
    /// # Errors
    /// [`ProgramError`] with every fault of every part: for the author of the mail.
    pub fn compile(&self) -> Result<Program, ProgramError> {
        let mut compiler = Compiler::new(self);
        let program = compiler.program();
        match program {
            Some(program) if compiler.faults.is_empty() => Ok(program),
            _ => Err(ProgramError { faults: compiler.faults }),
        }
    }

    /// Compiles and writes the found slots into [`Source::slots`], so that the rows of the recipients keep their
    /// meaning. To be called once, before the first row is written.
    ///
    /// # Errors
    /// As [`Source::compile`].
    pub fn freeze(&mut self) -> Result<Program, ProgramError> {
        let program = self.compile()?;
        self.slots = program.slots().to_vec();
        Ok(program)
    }
}

struct Compiler<'s> {
    source: &'s Source,
    vars: Vars,
    links: Vec<Link>,
    unsubscribe: Option<UnsubscribeWays>,
    faults: Vec<Fault>,
}

/// The bodies, compiled.
struct Bodies {
    text: Option<Code>,
    html: Option<Code>,
}

impl<'s> Compiler<'s> {
    fn new(source: &'s Source) -> Self {
        let mut vars = Vars::default();
        vars.index(UNSUBSCRIBE_URL.to_owned(), Place::START)
            .expect("invariant: the first variable is within the limit");
        Compiler { source, vars, links: Vec::new(), unsubscribe: None, faults: Vec::new() }
    }

    fn program(&mut self) -> Option<Program> {
        let source = self.source;
        let subject = self.template(Part::Subject, &source.subject, Escape::Header);
        let preheader = self.template(Part::Preheader, &source.preheader, Escape::Text);
        let (head, from_domain) = self.head(subject.as_ref());
        let bodies = self.bodies(preheader.is_some());
        self.check_files();
        let base_url = self.base_url();
        let slots = match &source.slots[..] {
            [] => self.vars.paths()[1..].to_vec(),
            frozen => frozen.to_vec(),
        };
        let slot_of_var = self.vars.paths().iter().map(|path| slots.iter().position(|slot| slot == path)).collect();
        let Bodies { text, html } = bodies?;
        let body = layout::body(text.is_some(), html.is_some(), &source.attachments);
        let fixed: usize = [&text, &html].into_iter().flatten().map(Code::fixed_bytes).sum();
        let files: usize = source.attachments.iter().map(|file| file.bytes.len() * 3 / 2).sum();
        Some(Program {
            slots,
            vars: std::mem::take(&mut self.vars),
            slot_of_var,
            links: std::mem::take(&mut self.links),
            head: head?,
            body,
            subject: subject?,
            preheader: preheader?,
            text,
            html,
            base_url: base_url?,
            clicks: source.tracking.clicks,
            unsubscribe: self.unsubscribe.take(),
            campaign: source.campaign,
            list: source.list,
            from_domain: from_domain?,
            size_guess: fixed + files + 4 * 1024,
        })
    }

    fn fault<T>(&mut self, part: Part, outcome: Result<T, impl Into<String>>) -> Option<T> {
        outcome.map_err(|message| self.faults.push(Fault::new(part, message))).ok()
    }

    fn caught<T>(&mut self, part: Part, outcome: Result<T, TemplateError>) -> Option<T> {
        outcome.map_err(|error| self.faults.push(Fault::in_template(part, error))).ok()
    }

    fn template(&mut self, part: Part, text: &str, escape: Escape) -> Option<Code> {
        let code = lex(text).and_then(|segments| assemble(segments, escape, &mut self.vars));
        self.caught(part, code)
    }

    fn base_url(&mut self) -> Option<String> {
        let source = self.source;
        let needed = source.tracking.opens || source.tracking.clicks || source.unsubscribe.is_some();
        if source.base_url.is_empty() && !needed {
            return Some(String::new());
        }
        self.fault(Part::Settings, address::base_url(&source.base_url))
    }

    fn bodies(&mut self, preheader: bool) -> Option<Bodies> {
        let source = self.source;
        let segments = match &source.html {
            Some(html) => Some(self.html_segments(html)?),
            None => None,
        };
        let html = match &segments {
            Some(segments) => Some(self.html_code(segments.clone(), preheader)?),
            None => None,
        };
        let text = match (&source.text, &segments) {
            (Some(text), _) => self.template(Part::Text, text, Escape::Text),
            (None, Some(segments)) => self.made_text(segments),
            (None, None) => {
                self.faults.push(Fault::new(Part::Html, "a mail needs an HTML part or a text part"));
                None
            }
        };
        let mut bodies = Bodies { text: Some(text?), html };
        [&mut bodies.text, &mut bodies.html].into_iter().flatten().for_each(Code::quote);
        Some(bodies)
    }

    /// The text part of an HTML that compiles by itself.
    fn made_text(&mut self, html: &[Segment]) -> Option<Code> {
        let made = plain::of_segments(html);
        let segments = self.fault(Part::Html, made)?;
        let code = assemble(segments, Escape::Text, &mut self.vars);
        let why = "no text can be made of this HTML, because Liquid blocks and hidden parts overlap: write a text part";
        self.fault(Part::Html, code.map_err(|_| why))
    }

    /// The HTML with its links replaced.
    fn html_segments(&mut self, html: &str) -> Option<Vec<Segment>> {
        let segments = lex(html);
        let segments = self.caught(Part::Html, segments)?;
        let mut links = Vec::new();
        let rewritten = if self.source.tracking.clicks { rewrite::links(segments, &mut links) } else { Ok(segments) };
        self.links = links;
        self.caught(Part::Html, rewritten)
    }

    /// The HTML with everything put in; `preheader`: the preheader compiles by itself.
    fn html_code(&mut self, segments: Vec<Segment>, preheader: bool) -> Option<Code> {
        let preheader = if preheader { lex(&self.source.preheader).unwrap_or_default() } else { Vec::new() };
        let whole = rewrite::top(segments, &preheader, self.source.tracking.opens);
        let whole = self.caught(Part::Html, whole)?;
        let code = assemble(whole, Escape::Html, &mut self.vars);
        self.caught(Part::Html, code)
    }

    fn head(&mut self, subject: Option<&Code>) -> (Option<Vec<HeadLine>>, Option<String>) {
        let source = self.source;
        let from = self.fault(Part::From, address::read(&source.from.address));
        let name = self.template(Part::From, &source.from.name, Escape::Header);
        let to = self.template(Part::To, &source.to_name, Escape::Header);
        let mut lines = Vec::new();
        let (address, domain) = from.unzip();
        if let (Some(display), Some(address)) = (name, address) {
            lines.push(match display.constant() {
                Some(display) => fixed(|out| header::put_mailbox("From", &display, &address, out)),
                None => HeadLine::Mailbox { name: "From", display, address },
            });
        }
        lines.extend(to.map(|display| HeadLine::To { display }));
        lines.extend(subject.map(|subject| text_line("Subject", subject.clone())));
        lines.extend([HeadLine::Date, HeadLine::MessageId]);
        if let Some(reply_to) = &source.reply_to
            && let Some((address, _)) = self.fault(Part::ReplyTo, address::read(reply_to))
        {
            lines.push(fixed(|out| header::put_mailbox("Reply-To", "", &address, out)));
        }
        self.list_lines(&mut lines);
        if source.headers.len() > HEADERS_MAX {
            self.faults.push(Fault::new(Part::Settings, format!("more than {HEADERS_MAX} extra headers")));
        }
        for extra in source.headers.iter().take(HEADERS_MAX) {
            lines.extend(self.extra_line(extra));
        }
        (Some(lines), domain)
    }

    fn list_lines(&mut self, lines: &mut Vec<HeadLine>) {
        let source = self.source;
        if let Some(ways) = &source.unsubscribe {
            lines.push(HeadLine::ListUnsubscribe);
            let address = ways.mailto_domain.as_ref().map(|domain| address::read(&format!("unsubscribe@{domain}")));
            let mailto_domain =
                address.and_then(|address| self.fault(Part::Settings, address)).map(|(_, domain)| domain);
            self.unsubscribe = Some(UnsubscribeWays { mailto_domain });
        }
        if let Some(own) = &source.own_unsubscribe {
            self.own_unsubscribe(own, lines);
        }
        if let Some(list_id) = &source.list_id {
            let parts = list_id.trim().strip_suffix('>').and_then(|list_id| list_id.rsplit_once('<'));
            let id_ok = |id: &str| {
                !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            };
            match parts {
                Some((phrase, id)) if id_ok(id) => lines.push(fixed(|out| header::put_list_id(phrase, id, out))),
                _ => self
                    .faults
                    .push(Fault::new(Part::Settings, "List-Id must look like `Customers <customers.example.com>`")),
            }
        }
        if let Some(feedback_id) = &source.feedback_id {
            let plain = !feedback_id.is_empty()
                && feedback_id.len() <= 500
                && feedback_id.bytes().all(|byte| byte.is_ascii_graphic());
            if plain {
                lines.push(fixed(|out| header::put_text("Feedback-ID", feedback_id, out)));
            } else {
                self.faults.push(Fault::new(Part::Settings, "Feedback-ID must be plain letters joined by colons"));
            }
        }
    }

    /// Values are percent-encoded, so none of them can end the angle brackets.
    fn own_unsubscribe(&mut self, own: &OwnUnsubscribe, lines: &mut Vec<HeadLine>) {
        let part = Part::Header(LIST_UNSUBSCRIBE.to_owned());
        if let Err(why) = check_own_unsubscribe(own, self.source.unsubscribe.is_some()) {
            self.faults.push(Fault::new(part, why));
            return;
        }
        let ways = [&own.url, &own.mailto].into_iter().filter(|way| !way.is_empty());
        let value = ways.map(|way| format!("<{way}>")).collect::<Vec<_>>().join(", ");
        lines.extend(self.template(part, &value, Escape::Url).map(|value| text_line(LIST_UNSUBSCRIBE, value)));
        if own.one_click {
            lines.push(fixed(|out| header::put_text("List-Unsubscribe-Post", "List-Unsubscribe=One-Click", out)));
        }
    }

    fn extra_line(&mut self, extra: &ExtraHeader) -> Option<HeadLine> {
        let named = layout::check_header_name(&extra.name);
        let part = if named.is_ok() { Part::Header(extra.name.clone()) } else { Part::Settings };
        self.fault(part.clone(), named)?;
        self.template(part, &extra.value, Escape::Header).map(|value| text_line(&extra.name, value))
    }

    fn check_files(&mut self) {
        let files = &self.source.attachments;
        if files.len() > FILES_MAX || files.iter().map(|file| file.bytes.len()).sum::<usize>() > FILES_BYTES_MAX {
            let why = format!("more than {FILES_MAX} files, or more than {FILES_BYTES_MAX} bytes of files");
            self.faults.push(Fault::new(Part::Settings, why));
        }
        for file in files {
            self.fault(Part::Settings, layout::check_file(file));
        }
    }
}

/// RFC 2369 2 and RFC 8058 3.1: what stands around the Liquid must be an address that can stand in angle brackets.
fn check_own_unsubscribe(own: &OwnUnsubscribe, has_other: bool) -> Result<(), String> {
    if has_other {
        return Err("there are two ways to unsubscribe: the author's own and that of the suite".to_owned());
    }
    if own.url.is_empty() && own.mailto.is_empty() {
        return Err("give \"url\", \"mailto\" or both".to_owned());
    }
    if own.one_click && own.url.is_empty() {
        return Err("one click needs \"url\" (RFC 8058)".to_owned());
    }
    for (name, way, scheme) in [("url", &own.url, "https://"), ("mailto", &own.mailto, "mailto:")] {
        if way.is_empty() {
            continue;
        }
        if !way.starts_with(scheme) {
            return Err(format!("\"{name}\" must begin with {scheme}"));
        }
        let wrong = |letter: char| letter.is_control() || letter.is_whitespace() || "<>\"".contains(letter);
        if way.len() > UNSUBSCRIBE_URL_MAX || !way.is_ascii() || without_liquid(way).contains(wrong) {
            return Err(format!(
                "\"{name}\" is no address: at most {UNSUBSCRIBE_URL_MAX} ASCII letters, no spaces or angle brackets"
            ));
        }
    }
    Ok(())
}

/// A text without its `{{ … }}` and `{% … %}`.
fn without_liquid(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[at..].starts_with("{{") { "}}" } else { "%}" };
        let Some(end) = rest[at..].find(close) else { break };
        out.push_str(&rest[..at]);
        rest = &rest[at + end + 2..];
    }
    out.push_str(rest);
    out
}

fn fixed(write: impl FnOnce(&mut Vec<u8>)) -> HeadLine {
    let mut bytes = Vec::new();
    write(&mut bytes);
    HeadLine::Fixed(bytes)
}

fn text_line(name: &str, value: Code) -> HeadLine {
    match value.constant() {
        Some(text) => fixed(|out| header::put_text(name, &text, out)),
        None => HeadLine::Text { name: name.to_owned(), value },
    }
}
