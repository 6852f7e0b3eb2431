//! Runs a compiled text in one pass, counting what it does.

use std::rc::Rc;

use model::time::Timestamp;
use model::value::{Fields, Value};

use super::code::{
    Code, Comparison, Cond, Expr, FilterCall, Fixed, Joint, Key, LoopProperty, LoopSpec, Operand, Path, Step, Test,
};
use super::escape::escape;
use super::filter::{self, Budget, Filter, Stop};
use super::value::{Made, Val};
use super::{Escape, Limits, RenderError, UNDEFINED_MAX};

/// Where the text goes.
pub(crate) trait Sink {
    /// A fixed text.
    fn fixed(&mut self, fixed: &Fixed);
    /// Any other piece.
    fn text(&mut self, text: &str);
}

impl Sink for String {
    fn fixed(&mut self, fixed: &Fixed) {
        self.push_str(&fixed.text);
    }

    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Writes what is not part of the language.
pub(crate) trait Inserts {
    /// The address of a link, escaped for where it stands; `address`: what was made for this recipient.
    fn link(&self, index: u16, address: Option<&str>, out: &mut String);
    /// The pixel.
    fn pixel(&self, out: &mut String);
}

/// For texts without links and pixels.
pub(crate) struct NoInserts;

impl Inserts for NoInserts {
    fn link(&self, _: u16, _: Option<&str>, _: &mut String) {}

    fn pixel(&self, _: &mut String) {}
}

/// What a run needs.
#[derive(Clone, Copy)]
pub(crate) struct Run<'v> {
    pub(crate) code: &'v Code,
    /// One value for each variable of the [`super::Vars`] that the code was compiled with.
    pub(crate) globals: &'v [Val<'v>],
    pub(crate) now: Option<Timestamp>,
    pub(crate) limits: Limits,
    pub(crate) inserts: &'v dyn Inserts,
}

impl<'v> Run<'v> {
    /// Writes the text; tells the numbers of the variables that printed as nothing because nothing is known of them.
    pub(crate) fn into_sink<S: Sink>(self, sink: &mut S) -> Result<Vec<u16>, RenderError> {
        let mut machine = Machine {
            run: self,
            sink,
            locals: vec![None; self.code.locals],
            loops: Vec::new(),
            captures: Vec::new(),
            scratch: String::new(),
            undefined: Vec::new(),
            budget: Budget::new(self.limits),
        };
        match machine.steps() {
            Ok(()) => Ok(machine.undefined),
            Err((stop, at)) => {
                let place = self.code.places.get(at).copied().unwrap_or(super::Place::START);
                Err(RenderError {
                    what: stop.what(),
                    limit: stop.limit(&self.limits),
                    line: place.line,
                    column: place.column,
                })
            }
        }
    }
}

struct Machine<'v, 's, S> {
    run: Run<'v>,
    sink: &'s mut S,
    locals: Vec<Option<Val<'v>>>,
    loops: Vec<Loop<'v>>,
    captures: Vec<String>,
    scratch: String,
    undefined: Vec<u16>,
    budget: Budget,
}

struct Loop<'v> {
    local: u16,
    items: Items<'v>,
    /// Where the first round's item stands, and which way the next one lies.
    first: usize,
    reversed: bool,
    round: usize,
    rounds: usize,
}

enum Items<'v> {
    Val(Val<'v>),
    /// Pairs of name and value.
    Map(&'v Fields),
    /// A text counts as one element.
    One(Val<'v>),
}

impl<'v, S: Sink> Machine<'v, '_, S> {
    fn steps(&mut self) -> Result<(), (Stop, usize)> {
        let code = self.run.code;
        let mut at = 0;
        while let Some(step) = code.steps.get(at) {
            self.budget.step().map_err(|stop| (stop, at))?;
            at = self.step(step, at).map_err(|stop| (stop, at))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &'v Step, at: usize) -> Result<usize, Stop> {
        match step {
            Step::Fixed(index) => self.fixed(&self.run.code.fixed[*index as usize])?,
            Step::Output(expr, mode) => self.output(expr, *mode)?,
            Step::Jump(to) => return Ok(*to as usize),
            Step::Unless(cond, to) => {
                if !self.holds(cond)? {
                    return Ok(*to as usize);
                }
            }
            Step::Assign(local, expr) => {
                let value = self.filtered(self.operand(&expr.operand), &expr.filters)?;
                self.locals[usize::from(*local)] = Some(value);
            }
            Step::Capture => self.captures.push(String::new()),
            Step::Keep { local, safe } => {
                let text: Rc<str> = self.captures.pop().unwrap_or_default().into();
                self.locals[usize::from(*local)] = Some(Val::Made(Made { text, safe: *safe }));
            }
            Step::Loop { spec, empty } => {
                if !self.enter(spec)? {
                    return Ok(*empty as usize);
                }
            }
            Step::Next { body } => {
                if self.next_round()? {
                    return Ok(*body as usize);
                }
            }
            Step::Break(to) => {
                self.leave();
                return Ok(*to as usize);
            }
            Step::Link(index) => self.insert(|inserts, out| inserts.link(*index, None, out))?,
            Step::PersonalLink(index) => {
                let address = self.captures.pop().unwrap_or_default();
                self.insert(|inserts, out| inserts.link(*index, Some(&address), out))?;
            }
            Step::Pixel => self.insert(|inserts, out| inserts.pixel(out))?,
        }
        Ok(at + 1)
    }

    fn fixed(&mut self, fixed: &'v Fixed) -> Result<(), Stop> {
        self.budget.bytes(fixed.text.len())?;
        match self.captures.last_mut() {
            Some(capture) => capture.push_str(&fixed.text),
            None => self.sink.fixed(fixed),
        }
        Ok(())
    }

    fn insert(&mut self, write: impl FnOnce(&dyn Inserts, &mut String)) -> Result<(), Stop> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        write(self.run.inserts, &mut scratch);
        self.budget.bytes(scratch.len())?;
        match self.captures.last_mut() {
            Some(capture) => capture.push_str(&scratch),
            None => self.sink.text(&scratch),
        }
        self.scratch = scratch;
        Ok(())
    }

    fn output(&mut self, expr: &'v Expr, mode: Escape) -> Result<(), Stop> {
        let base = self.operand(&expr.operand);
        if matches!(base, Val::Null) && !expr.filters.iter().any(|call| call.filter == Filter::Default) {
            self.note_undefined(&expr.operand);
        }
        let value = self.filtered(base, &expr.filters)?;
        let text = value.to_text();
        let mode = if mode == Escape::Html && value.is_safe() { Escape::Text } else { mode };
        let (captures, sink) = (&mut self.captures, &mut *self.sink);
        let mut written = 0;
        escape(mode, &text, &mut |piece| {
            written += piece.len();
            match captures.last_mut() {
                Some(capture) => capture.push_str(piece),
                None => sink.text(piece),
            }
        });
        self.budget.bytes(written)
    }

    fn note_undefined(&mut self, operand: &Operand) {
        let Operand::Path(path) = operand else { return };
        let Some((index, _)) = path.global else { return };
        if self.undefined.len() < UNDEFINED_MAX && !self.undefined.contains(&index) {
            self.undefined.push(index);
        }
    }

    fn filtered(&mut self, mut value: Val<'v>, calls: &'v [FilterCall]) -> Result<Val<'v>, Stop> {
        for call in calls {
            self.budget.steps(1 + value.weight())?;
            let args = [0, 1].map(|index| call.args.get(index).map(|arg| self.operand(arg)));
            value = filter::apply(call.filter, value, &args, self.run.now, &mut self.budget)?;
        }
        Ok(value)
    }

    fn operand(&self, operand: &'v Operand) -> Val<'v> {
        match operand {
            Operand::Null => Val::Null,
            Operand::Bool(value) => Val::Bool(*value),
            Operand::Int(value) => Val::Int(*value),
            Operand::Float(value) => Val::Float(*value),
            Operand::Text(value) => Val::Text(value),
            Operand::Empty => Val::Empty,
            Operand::Blank => Val::Blank,
            Operand::Path(path) => self.path(path),
            Operand::Range(ends) => {
                let end = |operand| match self.operand(operand).as_number() {
                    Some(number) => filter::to_int(number),
                    None => 0,
                };
                Val::Range(end(&ends.0), end(&ends.1))
            }
            Operand::Forloop(outwards, property) => self.forloop(*outwards, *property),
        }
    }

    fn path(&self, path: &'v Path) -> Val<'v> {
        let local = path.local.and_then(|local| self.locals[usize::from(local)].clone());
        let (mut value, keys) = match (local, path.global) {
            (Some(value), _) => (value, &path.keys[..]),
            (None, Some((index, used))) => match self.run.globals.get(usize::from(index)) {
                Some(value) => (value.clone(), &path.keys[used..]),
                None => return Val::Null,
            },
            (None, None) => return Val::Null,
        };
        for key in keys {
            value = match key {
                Key::Name(name) => value.property(name),
                Key::Value(operand) => value.index(&self.operand(operand)),
            };
        }
        value
    }

    fn forloop(&self, outwards: u8, property: LoopProperty) -> Val<'v> {
        let Some(at) = self.loops.len().checked_sub(1 + usize::from(outwards)) else { return Val::Null };
        let Loop { round, rounds, .. } = self.loops[at];
        match property {
            LoopProperty::Index => Val::count(round + 1),
            LoopProperty::Index0 => Val::count(round),
            LoopProperty::Rindex => Val::count(rounds - round),
            LoopProperty::Rindex0 => Val::count(rounds - round - 1),
            LoopProperty::First => Val::Bool(round == 0),
            LoopProperty::Last => Val::Bool(round + 1 == rounds),
            LoopProperty::Length => Val::count(rounds),
        }
    }

    fn holds(&mut self, cond: &'v Cond) -> Result<bool, Stop> {
        // From the right: `a or b and c` is `a or (b and c)`, `a and b or c` is `a and (b or c)`.
        let mut held = self.test(cond.more.last().map_or(&cond.first, |(_, test)| test))?;
        for at in (0..cond.more.len()).rev() {
            let left = self.test(if at == 0 { &cond.first } else { &cond.more[at - 1].1 })?;
            held = match cond.more[at].0 {
                Joint::And => left && held,
                Joint::Or => left || held,
            };
        }
        Ok(held != cond.negated)
    }

    fn test(&mut self, test: &'v Test) -> Result<bool, Stop> {
        let (left, comparison, right) = match test {
            Test::Truth(operand) => return Ok(self.operand(operand).is_true()),
            Test::Compare(left, comparison, right) => (self.operand(left), comparison, self.operand(right)),
        };
        self.budget.steps(1 + left.weight() + right.weight())?;
        let order = |accept: fn(std::cmp::Ordering) -> bool| left.compare(&right).is_some_and(accept);
        Ok(match comparison {
            Comparison::Equal => left.equals(&right),
            Comparison::NotEqual => !left.equals(&right),
            Comparison::Less => order(std::cmp::Ordering::is_lt),
            Comparison::Greater => order(std::cmp::Ordering::is_gt),
            Comparison::LessOrEqual => order(std::cmp::Ordering::is_le),
            Comparison::GreaterOrEqual => order(std::cmp::Ordering::is_ge),
            Comparison::Contains => left.contains(&right),
        })
    }

    /// Begins a loop; false when there is nothing to go through.
    fn enter(&mut self, spec: &'v LoopSpec) -> Result<bool, Stop> {
        let value = self.operand(&spec.items);
        if let (Val::Null, false) = (&value, spec.has_else) {
            self.note_undefined(&spec.items);
        }
        let items = match value {
            Val::Map(fields) => Items::Map(fields),
            value @ (Val::List(_) | Val::Items(_) | Val::Range(..)) => Items::Val(value),
            value => match value.as_str() {
                Some(text) if !text.is_empty() => Items::One(value),
                _ => return Ok(false),
            },
        };
        let len = match &items {
            Items::Val(value) => value.len().unwrap_or(0),
            Items::Map(fields) => fields.0.len(),
            Items::One(_) => 1,
        };
        let number = |operand: &'v Option<Operand>| {
            let number = operand.as_ref().and_then(|operand| self.operand(operand).as_number());
            number.map(|number| usize::try_from(filter::to_int(number)).unwrap_or(0))
        };
        let offset = number(&spec.offset).unwrap_or(0).min(len);
        let rounds = number(&spec.limit).unwrap_or(usize::MAX).min(len - offset);
        if rounds == 0 {
            return Ok(false);
        }
        let first = if spec.reversed { offset + rounds - 1 } else { offset };
        self.loops.push(Loop { local: spec.local, items, first, reversed: spec.reversed, round: 0, rounds });
        self.set_item()?;
        Ok(true)
    }

    fn next_round(&mut self) -> Result<bool, Stop> {
        let Some(inner) = self.loops.last_mut() else { return Ok(false) };
        inner.round += 1;
        if inner.round >= inner.rounds {
            self.leave();
            return Ok(false);
        }
        self.set_item()?;
        Ok(true)
    }

    fn set_item(&mut self) -> Result<(), Stop> {
        self.budget.round()?;
        let Some(inner) = self.loops.last() else { return Ok(()) };
        let at = if inner.reversed { inner.first - inner.round } else { inner.first + inner.round };
        let item = match &inner.items {
            Items::Val(value) => value.at(i64::try_from(at).unwrap_or(i64::MAX)),
            Items::One(value) => value.clone(),
            Items::Map(fields) => pair(fields, at),
        };
        self.locals[usize::from(inner.local)] = Some(item);
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(left) = self.loops.pop() {
            self.locals[usize::from(left.local)] = None;
        }
    }
}

fn pair<'v>(fields: &'v Fields, at: usize) -> Val<'v> {
    fields.0.get(at).map_or(Val::Null, |field| {
        let value: &'v Value = &field.value;
        Val::Items([Val::Text(&field.name), Val::from(value)].into())
    })
}
