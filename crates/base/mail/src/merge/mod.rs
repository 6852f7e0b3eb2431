//! Merging: Liquid texts, compiled once to a flat program and run for each recipient.
//!
//! `lexer` cuts a text into static pieces, outputs and tags; `expr` reads what stands inside them; `compile` makes
//! `code::Code`, a list of steps with jumps; `machine` runs it in one pass over a recipient's values into a sink.
//!
//! The language is a subset of Shopify's Liquid: `{{ path | filter: … }}`, `if`/`unless`/`case`/`for`/`assign`/
//! `capture`/`comment`/`raw`, whitespace control. It differs on purpose in three points: values are escaped for where
//! they stand ([`Escape`]; the filter `raw` turns it off), there is nothing that reads files or other templates, and
//! everything has a limit ([`Limits`]). Where a filter meets a value it cannot work with, it gives the value back or
//! nothing, as Liquid does; it never fails the mail.
//!
//! Must not: know HTML beyond escaping, know mail. Undefined variables print as nothing and are reported.
//! Known gaps: names of months and days are English; no `cycle`, `increment`, `tablerow`, `where`, `concat`.

mod code;
mod compile;
mod control;
mod escape;
mod expr;
mod filter;
mod filter_date;
mod filter_list;
mod filter_text;
mod lexer;
mod lookup;
mod machine;
mod token_stream;
mod value;

pub use lookup::{Lookup, resolve};

pub(crate) use code::{Code, Fixed, Vars};
pub(crate) use compile::assemble;
pub(crate) use escape::{escape_html, escape_url};
pub(crate) use lexer::{LinkSegment, Place, Segment, lex};
pub(crate) use machine::{Inserts, NoInserts, Run, Sink};
pub(crate) use value::Val;

use model::time::Timestamp;

/// Longest text of a template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 1024 * 1024;

/// Longest `{{ … }}` or `{% … %}`, in bytes.
pub const TAG_BYTES_MAX: usize = 8 * 1024;

/// Deepest nesting of blocks.
pub const NESTING_MAX: usize = 32;

/// Most different variables of a template, and of a whole mail.
pub const VARIABLES_MAX: usize = 1_000;

/// Most names that `assign` and `capture` keep in one text.
pub const KEPT_MAX: usize = 256;

/// Most undefined variables told of one rendering.
pub const UNDEFINED_MAX: usize = 100;

/// Where values are put, and so how they are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escape {
    /// Text or a quoted attribute of HTML: `& < > " '` become entities.
    Html,
    /// Plain text: as it is.
    Text,
    /// A URL: what can not stand in one is percent-encoded; `%` and the delimiters of URLs are kept, so a value that
    /// went through `url_encode` is not encoded twice.
    Url,
    /// A header: control characters become spaces, so no value can begin another header.
    Header,
}

/// How much one rendering may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps of the program, filters, list elements, and one for each 64 bytes of text that is looked at.
    pub steps: u64,
    /// Bytes written, captured and made by filters, together.
    pub bytes: usize,
    /// Rounds of all loops, together.
    pub loop_rounds: u64,
}

impl Default for Limits {
    /// A million steps, 4 MiB, 20,000 rounds: far above any real mail, well below a second.
    fn default() -> Self {
        Limits { steps: 1_000_000, bytes: 4 * 1024 * 1024, loop_rounds: 20_000 }
    }
}

/// A template that can not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: {message}")]
pub struct TemplateError {
    /// What is wrong, for the author of the template.
    pub message: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A rendering that was stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: stopped at the limit of {limit} {what}")]
pub struct RenderError {
    /// Of what there was too much: `steps`, `bytes`, `loop rounds`.
    pub what: &'static str,
    /// The limit.
    pub limit: u64,
    /// Line of the step that reached it, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// What is told of a rendering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderReport {
    /// Paths of the variables that printed as nothing because nothing is known of them; each once, at most
    /// [`UNDEFINED_MAX`].
    pub undefined: Vec<String>,
}

/// One compiled text.
#[derive(Clone, Debug)]
pub struct Template {
    code: Code,
    vars: Vars,
}

impl Template {
    /// Compiles.
    ///
    /// # Errors
    /// [`TemplateError`] with the place, for the author of the text.
    pub fn parse(text: &str, escape: Escape) -> Result<Template, TemplateError> {
        let mut vars = Vars::default();
        let code = assemble(lex(text)?, escape, &mut vars)?;
        Ok(Template { code, vars })
    }

    /// Dotted paths of the variables it looks up, in the order of appearance.
    pub fn variables(&self) -> Vec<String> {
        self.vars.paths().to_vec()
    }

    /// Appends the text for these variables. On an error `out` keeps what was written before the limit.
    ///
    /// # Errors
    /// [`RenderError`] when a limit is reached.
    pub fn render(&self, vars: &dyn Lookup, out: &mut String, limits: Limits) -> Result<RenderReport, RenderError> {
        self.render_at(vars, None, out, limits)
    }

    /// As [`Template::render`], with the time that `"now" | date: …` shows (without it, nothing).
    ///
    /// # Errors
    /// [`RenderError`] when a limit is reached.
    pub fn render_at(
        &self,
        vars: &dyn Lookup,
        now: Option<Timestamp>,
        out: &mut String,
        limits: Limits,
    ) -> Result<RenderReport, RenderError> {
        let values: Vec<_> = self.vars.paths().iter().map(|path| resolve(vars, path)).collect();
        let globals: Vec<Val<'_>> = values.iter().map(|value| value.as_deref().map_or(Val::Null, Val::from)).collect();
        let run = Run { code: &self.code, globals: &globals, now, limits, inserts: &NoInserts };
        let undefined = self.vars.names(&run.into_sink(out)?);
        Ok(RenderReport { undefined })
    }
}

#[cfg(test)]
mod tests;
