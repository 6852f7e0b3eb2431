//! The compiled form: a flat list of steps, and the values and expressions they speak of.

use super::filter::Filter;
use super::lexer::Place;
use super::{Escape, TemplateError, VARIABLES_MAX};
use crate::quoted::Quoted;

/// A compiled text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    pub(super) steps: Vec<Step>,
    /// Where each step stands in the template.
    pub(super) places: Vec<Place>,
    pub(super) fixed: Vec<Fixed>,
    /// How many values `assign`, `capture` and `for` keep.
    pub(super) locals: usize,
}

/// Text that is the same for all recipients.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) text: String,
    /// The same in quoted-printable, when [`Code::quote`] was called.
    pub(crate) quoted: Quoted,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Writes a fixed text.
    Fixed(u32),
    /// Writes a value.
    Output(Box<Expr>, Escape),
    /// Goes on elsewhere.
    Jump(u32),
    /// Goes on elsewhere when the condition does not hold.
    Unless(Box<Cond>, u32),
    /// Keeps a value.
    Assign(u16, Box<Expr>),
    /// From here on text is kept rather than written.
    Capture,
    /// The kept text becomes a value; `safe`: it is escaped already.
    Keep { local: u16, safe: bool },
    /// Begins a loop, or goes to `empty` when there is nothing to go through.
    Loop { spec: Box<LoopSpec>, empty: u32 },
    /// Next round: goes to `body`, or on when there is none.
    Next { body: u32 },
    /// Leaves the loop.
    Break(u32),
    /// Writes the address of a link that is the same for all recipients but its token.
    Link(u16),
    /// The kept text is the address of a link.
    PersonalLink(u16),
    /// Writes the pixel.
    Pixel,
}

#[derive(Clone, Debug)]
pub(super) struct LoopSpec {
    pub(super) local: u16,
    pub(super) items: Operand,
    pub(super) limit: Option<Operand>,
    pub(super) offset: Option<Operand>,
    pub(super) reversed: bool,
    pub(super) has_else: bool,
}

/// A value and what is done to it.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) operand: Operand,
    pub(super) filters: Vec<FilterCall>,
}

#[derive(Clone, Debug)]
pub(super) struct FilterCall {
    pub(super) filter: Filter,
    pub(super) args: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// `empty`: equals what has no elements.
    Empty,
    /// `blank`: equals what has nothing to show.
    Blank,
    Path(Box<Path>),
    Range(Box<(Operand, Operand)>),
    /// A property of a loop: how many loops outwards, and which.
    Forloop(u8, LoopProperty),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopProperty {
    Index,
    Index0,
    Rindex,
    Rindex0,
    First,
    Last,
    Length,
}

#[derive(Clone, Debug)]
pub(super) struct Path {
    /// The kept value it may begin with.
    pub(super) local: Option<u16>,
    /// The variable it begins with otherwise, and how many of `keys` that one has taken in.
    pub(super) global: Option<(u16, usize)>,
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Debug)]
pub(super) enum Key {
    Name(String),
    Value(Operand),
}

/// `a == b and c or d`: as in Liquid, read from the right, without precedence.
#[derive(Clone, Debug)]
pub(super) struct Cond {
    pub(super) first: Test,
    pub(super) more: Vec<(Joint, Test)>,
    pub(super) negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Truth(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Contains,
}

/// The variables of one or more texts, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars {
    paths: Vec<String>,
}

impl Vars {
    /// Dotted paths, in the order of appearance.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The paths of these numbers.
    pub(crate) fn names(&self, numbers: &[u16]) -> Vec<String> {
        numbers.iter().filter_map(|&number| self.paths.get(usize::from(number)).cloned()).collect()
    }

    /// The number of a path; a new one gets the next.
    pub(crate) fn index(&mut self, path: String, place: Place) -> Result<u16, TemplateError> {
        if let Some(known) = self.paths.iter().position(|known| *known == path) {
            return Ok(known as u16);
        }
        if self.paths.len() >= VARIABLES_MAX {
            return Err(place.error(format!("more than {VARIABLES_MAX} different variables")));
        }
        self.paths.push(path);
        Ok((self.paths.len() - 1) as u16)
    }
}

impl Code {
    pub(super) fn push(&mut self, step: Step, place: Place) -> usize {
        self.steps.push(step);
        self.places.push(place);
        self.steps.len() - 1
    }

    pub(super) fn push_fixed(&mut self, text: String, place: Place) {
        self.fixed.push(Fixed { text, quoted: Quoted::default() });
        self.push(Step::Fixed((self.fixed.len() - 1) as u32), place);
    }

    /// The text, when it is the same for all recipients.
    pub(crate) fn constant(&self) -> Option<String> {
        let mut text = String::new();
        for step in &self.steps {
            let Step::Fixed(index) = step else { return None };
            text.push_str(&self.fixed[*index as usize].text);
        }
        Some(text)
    }

    /// Encodes the fixed texts, so that rendering only copies them.
    pub(crate) fn quote(&mut self) {
        for fixed in &mut self.fixed {
            fixed.quoted = Quoted::new(&fixed.text);
        }
    }

    /// Bytes of fixed text, to guess the size of a rendering.
    pub(crate) fn fixed_bytes(&self) -> usize {
        self.fixed.iter().map(|fixed| fixed.text.len().max(fixed.quoted.len())).sum()
    }
}
