//! What each tag compiles to: branches and loops become jumps.

use super::code::{Comparison, Cond, Joint, LoopSpec, Operand, Step, Test};
use super::compile::{Certain, Compiler};
use super::lexer::{Place, tag_name};
use super::token_stream::Word;
use super::{KEPT_MAX, TemplateError};

/// Something that was opened and waits for its end.
#[derive(Debug)]
pub(super) enum Block {
    If(Branches),
    Unless(Branches),
    Case(Branches),
    For(ForBlock),
    Capture {
        local: u16,
        place: Place,
    },
    /// The address of a link: nothing inside may close or leave what is outside.
    Fence {
        place: Place,
    },
}

/// `if`, `unless`, `case`: one branch after the other.
#[derive(Debug)]
pub(super) struct Branches {
    place: Place,
    /// The step that skips the present branch.
    skip: Option<usize>,
    /// The jumps from the ends of the branches to the end of all.
    ends: Vec<usize>,
    has_else: bool,
    certain_before: Certain,
    /// What `case` compares.
    subject: Option<Operand>,
}

#[derive(Debug)]
pub(super) struct ForBlock {
    place: Place,
    /// The step that begins the loop.
    start: usize,
    /// Jumps to the next round (`continue`), and out of the loop (`break`).
    continues: Vec<usize>,
    breaks: Vec<usize>,
    /// The jump over `else`, once that has been met.
    over_else: Option<usize>,
    certain_before: Certain,
}

impl Branches {
    /// True from the first `when` or `else` of a `case` on.
    pub(super) fn begun(&self) -> bool {
        self.skip.is_some() || self.has_else || !self.ends.is_empty()
    }
}

impl Block {
    pub(super) fn place(&self) -> Place {
        match self {
            Block::If(branches) | Block::Unless(branches) | Block::Case(branches) => branches.place,
            Block::For(block) => block.place,
            Block::Capture { place, .. } | Block::Fence { place } => *place,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Block::If(_) => "if",
            Block::Unless(_) => "unless",
            Block::Case(_) => "case",
            Block::For(_) => "for",
            Block::Capture { .. } => "capture",
            Block::Fence { .. } => "link",
        }
    }
}

impl Compiler<'_> {
    pub(super) fn tag(&mut self, inner: &str, place: Place) -> Result<(), TemplateError> {
        let name = tag_name(inner);
        let skip = inner.len() - inner.trim_start().len() + name.len();
        match name {
            "if" => self.if_tag(inner, skip, place, false),
            "unless" => self.if_tag(inner, skip, place, true),
            "elsif" => self.elsif_tag(inner, skip, place),
            "else" => self.else_tag(inner, skip, place),
            "case" => self.case_tag(inner, skip, place),
            "when" => self.when_tag(inner, skip, place),
            "for" => self.for_tag(inner, skip, place),
            "break" => self.leave_tag(inner, skip, place, true),
            "continue" => self.leave_tag(inner, skip, place, false),
            "assign" => self.assign_tag(inner, skip, place),
            "capture" => self.capture_tag(inner, skip, place),
            "endif" | "endunless" | "endcase" | "endfor" | "endcapture" => self.end_tag(name, inner, skip, place),
            "endraw" | "endcomment" => Err(place.error(format!("`{name}` without `{}`", &name[3..]))),
            "" => Err(place.error("a tag without a name")),
            _ => Err(place.error(format!("there is no tag `{name}`"))),
        }
    }

    fn nothing_more(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        self.reader(inner, skip, place)?.words.end()
    }

    fn branches(&self, place: Place, skip: Option<usize>, subject: Option<Operand>) -> Branches {
        let certain_before = self.scope.certain();
        Branches { place, skip, ends: Vec::new(), has_else: false, certain_before, subject }
    }

    fn if_tag(&mut self, inner: &str, skip: usize, place: Place, negated: bool) -> Result<(), TemplateError> {
        let cond = self.reader(inner, skip, place)?.cond()?;
        let step = self.code.push(Step::Unless(Box::new(Cond { negated, ..cond }), 0), place);
        let branches = self.branches(place, Some(step), None);
        self.open(if negated { Block::Unless(branches) } else { Block::If(branches) })
    }

    fn elsif_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let cond = self.reader(inner, skip, place)?.cond()?;
        match self.blocks.last() {
            Some(Block::If(branches) | Block::Unless(branches)) if !branches.has_else => {}
            _ => return Err(place.error("`elsif` outside of `if` or behind its `else`")),
        }
        self.next_branch(place);
        let step = self.code.push(Step::Unless(Box::new(cond), 0), place);
        if let Some(branches) = self.open_branches() {
            branches.skip = Some(step);
        }
        Ok(())
    }

    fn else_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        self.nothing_more(inner, skip, place)?;
        match self.blocks.last() {
            Some(Block::If(branches) | Block::Unless(branches) | Block::Case(branches)) if !branches.has_else => {
                self.next_branch(place);
                if let Some(branches) = self.open_branches() {
                    branches.has_else = true;
                }
                Ok(())
            }
            Some(Block::For(block)) if block.over_else.is_none() => {
                self.for_else(place);
                Ok(())
            }
            _ => Err(place.error("`else` without `if`, `unless`, `case` or `for`, or a second one")),
        }
    }

    fn open_branches(&mut self) -> Option<&mut Branches> {
        match self.blocks.last_mut() {
            Some(Block::If(branches) | Block::Unless(branches) | Block::Case(branches)) => Some(branches),
            _ => None,
        }
    }

    /// Ends the present branch: jump to the end of all, and the skip of this branch leads behind that jump.
    fn next_branch(&mut self, place: Place) {
        let begun = self.open_branches().is_some_and(|branches| branches.begun());
        let end = begun.then(|| self.code.push(Step::Jump(0), place));
        let here = self.code.steps.len();
        let Some(branches) = self.open_branches() else { return };
        branches.ends.extend(end);
        let skip = branches.skip.take();
        let certain = branches.certain_before;
        self.scope.back_to(certain);
        self.aim(skip, here);
    }

    fn case_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let mut reader = self.reader(inner, skip, place)?;
        let subject = reader.operand()?;
        reader.words.end()?;
        let branches = self.branches(place, None, Some(subject));
        self.open(Block::Case(branches))
    }

    fn when_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let subject = match self.blocks.last() {
            Some(Block::Case(branches)) if !branches.has_else => branches.subject.clone(),
            _ => None,
        };
        let subject = subject.ok_or_else(|| place.error("`when` outside of `case` or behind its `else`"))?;
        let mut reader = self.reader(inner, skip, place)?;
        let mut tests = Vec::new();
        loop {
            tests.push(Test::Compare(subject.clone(), Comparison::Equal, reader.operand()?));
            if !reader.words.sign(",") && !reader.words.word("or") {
                break;
            }
        }
        reader.words.end()?;
        self.next_branch(place);
        let first = tests.remove(0);
        let more = tests.into_iter().map(|test| (Joint::Or, test)).collect();
        let step = self.code.push(Step::Unless(Box::new(Cond { first, more, negated: false }), 0), place);
        if let Some(branches) = self.open_branches() {
            branches.skip = Some(step);
        }
        Ok(())
    }

    fn for_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let mut reader = self.reader(inner, skip, place)?;
        let variable = reader.words.name("the name of the loop's variable")?;
        if !reader.words.word("in") {
            return Err(reader.words.expected("`in`"));
        }
        let items = reader.operand()?;
        let mut spec = LoopSpec { local: 0, items, limit: None, offset: None, reversed: false, has_else: false };
        loop {
            reader.words.sign(",");
            match reader.words.peek() {
                None => break,
                Some(Word::Name(name)) if name == "reversed" => {
                    reader.words.take();
                    spec.reversed = true;
                }
                Some(Word::Name(name)) if name == "limit" || name == "offset" => {
                    let limit = name == "limit";
                    reader.words.take();
                    reader.words.expect_sign(":")?;
                    let value = reader.operand()?;
                    *(if limit { &mut spec.limit } else { &mut spec.offset }) = Some(value);
                }
                Some(_) => return Err(reader.words.expected("`limit:`, `offset:` or `reversed`")),
            }
        }
        let certain_before = self.scope.certain();
        spec.local = self.scope.enter_loop(variable).ok_or_else(|| place.error("too many loops"))?;
        let start = self.code.push(Step::Loop { spec: Box::new(spec), empty: 0 }, place);
        let (continues, breaks) = (Vec::new(), Vec::new());
        self.open(Block::For(ForBlock { place, start, continues, breaks, over_else: None, certain_before }))
    }

    /// The end of a loop's body: the next round, and where `continue` and `break` lead to.
    fn close_body(&mut self) {
        let Some(Block::For(block)) = self.blocks.last_mut() else { return };
        let (start, begun_at, continues) = (block.start, block.place, std::mem::take(&mut block.continues));
        let certain = block.certain_before;
        let next = self.code.push(Step::Next { body: start as u32 + 1 }, begun_at);
        for step in continues {
            self.aim(Some(step), next);
        }
        self.scope.leave_loop();
        self.scope.back_to(certain);
    }

    fn for_else(&mut self, place: Place) {
        self.close_body();
        let over = self.code.push(Step::Jump(0), place);
        let here = self.code.steps.len();
        let Some(Block::For(block)) = self.blocks.last_mut() else { return };
        block.over_else = Some(over);
        let start = block.start;
        if let Step::Loop { spec, empty } = &mut self.code.steps[start] {
            spec.has_else = true;
            *empty = here as u32;
        }
    }

    fn leave_tag(&mut self, inner: &str, skip: usize, place: Place, out: bool) -> Result<(), TemplateError> {
        self.nothing_more(inner, skip, place)?;
        let name = if out { "break" } else { "continue" };
        for at in (0..self.blocks.len()).rev() {
            match &self.blocks[at] {
                Block::Capture { .. } | Block::Fence { .. } => {
                    return Err(place.error(format!("`{name}` would leave a capture or a link half done")));
                }
                Block::For(block) if block.over_else.is_none() => {
                    let step = self.code.push(if out { Step::Break(0) } else { Step::Jump(0) }, place);
                    let Block::For(block) = &mut self.blocks[at] else { break };
                    if out {
                        block.breaks.push(step)
                    } else {
                        block.continues.push(step)
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(place.error(format!("`{name}` outside of a loop")))
    }

    fn assign_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let mut reader = self.reader(inner, skip, place)?;
        let name = reader.words.name("a name")?;
        reader.words.expect_sign("=")?;
        let expr = reader.expr()?;
        let local = self.local(&name, place)?;
        self.code.push(Step::Assign(local, Box::new(expr)), place);
        self.scope.make_certain(local);
        Ok(())
    }

    fn local(&self, name: &str, place: Place) -> Result<u16, TemplateError> {
        self.scope.kept(name).ok_or_else(|| place.error(format!("a text keeps at most {KEPT_MAX} values")))
    }

    fn capture_tag(&mut self, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        let mut reader = self.reader(inner, skip, place)?;
        let name = reader.words.name("a name")?;
        reader.words.end()?;
        let local = self.local(&name, place)?;
        self.code.push(Step::Capture, place);
        self.open(Block::Capture { local, place })
    }

    fn end_tag(&mut self, tag: &str, inner: &str, skip: usize, place: Place) -> Result<(), TemplateError> {
        self.nothing_more(inner, skip, place)?;
        match self.blocks.last() {
            Some(block) if block.name() == &tag[3..] => {}
            Some(Block::Fence { .. }) => {
                return Err(place.error(format!("`{tag}` ends a block that was opened outside of this link's address")));
            }
            Some(block) => {
                let Place { line, column } = block.place();
                let open = block.name();
                return Err(place.error(format!("`{tag}`, but `{open}` of line {line} column {column} is still open")));
            }
            None => return Err(place.error(format!("`{tag}` without `{}`", &tag[3..]))),
        }
        if matches!(self.blocks.last(), Some(Block::For(block)) if block.over_else.is_none()) {
            self.close_body();
        }
        let here = self.code.steps.len();
        match self.blocks.pop() {
            Some(Block::If(branches) | Block::Unless(branches) | Block::Case(branches)) => {
                self.scope.back_to(branches.certain_before);
                branches.ends.into_iter().chain(branches.skip).for_each(|step| self.aim(Some(step), here));
            }
            Some(Block::For(block)) => {
                self.scope.back_to(block.certain_before);
                let empty = block.over_else.is_none().then_some(block.start);
                block
                    .breaks
                    .into_iter()
                    .chain(block.over_else)
                    .chain(empty)
                    .for_each(|step| self.aim(Some(step), here));
            }
            Some(Block::Capture { local, place }) => {
                let safe = self.escape == super::Escape::Html;
                self.code.push(Step::Keep { local, safe }, place);
                self.scope.make_certain(local);
            }
            Some(Block::Fence { .. }) | None => {}
        }
        Ok(())
    }

    /// Sets where a step leads to.
    fn aim(&mut self, step: Option<usize>, to: usize) {
        let Some(step) = step else { return };
        match &mut self.code.steps[step] {
            Step::Jump(target) | Step::Unless(_, target) | Step::Break(target) | Step::Loop { empty: target, .. } => {
                *target = to as u32;
            }
            other => debug_assert!(false, "invariant: {other:?} leads nowhere"),
        }
    }
}
