//! Makes the flat program: walks the segments, keeps account of what is open and of what is in scope.
//!
//! What one tag does is in `control.rs`.

use std::collections::HashMap;

use super::code::{Code, Step, Vars};
use super::control::Block;
use super::expr::Reader;
use super::lexer::{LinkSegment, Place, Segment, tag_name};
use super::token_stream::Words;
use super::{Escape, KEPT_MAX, NESTING_MAX, TemplateError};

/// Compiles the segments of one text.
pub(crate) fn assemble(segments: Vec<Segment>, escape: Escape, vars: &mut Vars) -> Result<Code, TemplateError> {
    let mut scope = Scope::default();
    scope.note_kept(&segments);
    let mut compiler = Compiler { code: Code::default(), scope, vars, escape, blocks: Vec::new(), place: Place::START };
    compiler.segments(segments)?;
    if let Some(block) = compiler.blocks.last() {
        return Err(block.place().error(format!("`{0}` without `end{0}`", block.name())));
    }
    compiler.code.locals = compiler.scope.locals;
    Ok(compiler.code)
}

/// Which names mean a value that the text itself keeps.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Loop variables, the innermost last.
    loops: Vec<(String, u16)>,
    /// What `assign` and `capture` keep anywhere in the text.
    kept: HashMap<String, u16>,
    /// Which of `kept` have certainly been kept at this point.
    certain: Certain,
    locals: usize,
}

/// A set of kept values, by local.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Certain([u64; KEPT_MAX / 64]);

impl Scope {
    /// The local of this name, and whether the name can mean nothing else here.
    pub(super) fn find(&self, name: &str) -> (Option<u16>, bool) {
        if let Some((_, local)) = self.loops.iter().rev().find(|(known, _)| known == name) {
            return (Some(*local), true);
        }
        match self.kept.get(name) {
            Some(&local) => (Some(local), self.certain.0[usize::from(local) / 64] >> (local % 64) & 1 == 1),
            None => (None, false),
        }
    }

    pub(super) fn loop_depth(&self) -> usize {
        self.loops.len()
    }

    fn new_local(&mut self) -> u16 {
        self.locals += 1;
        (self.locals - 1) as u16
    }

    /// Loops may read what a later line keeps, so all names are noted before the first line is compiled; so they have
    /// the first locals. A name beyond the limit is missed here and refused at its tag.
    fn note_kept(&mut self, segments: &[Segment]) {
        for segment in segments {
            match segment {
                Segment::Tag { inner, .. } if matches!(tag_name(inner), "assign" | "capture") => {
                    let name = inner.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
                    let name = name.trim_start();
                    let end = name.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(name.len());
                    if !self.kept.contains_key(&name[..end]) && self.locals < KEPT_MAX {
                        let local = self.new_local();
                        self.kept.insert(name[..end].to_owned(), local);
                    }
                }
                Segment::Link(link) => self.note_kept(&link.address),
                _ => {}
            }
        }
    }

    pub(super) fn kept(&self, name: &str) -> Option<u16> {
        self.kept.get(name).copied()
    }

    pub(super) fn make_certain(&mut self, local: u16) {
        self.certain.0[usize::from(local) / 64] |= 1 << (local % 64);
    }

    /// What is certain now, to come back to at the end of a branch.
    pub(super) fn certain(&self) -> Certain {
        self.certain
    }

    pub(super) fn back_to(&mut self, certain: Certain) {
        self.certain = certain;
    }

    pub(super) fn enter_loop(&mut self, variable: String) -> Option<u16> {
        if self.locals >= usize::from(u16::MAX) {
            return None;
        }
        let local = self.new_local();
        self.loops.push((variable, local));
        Some(local)
    }

    pub(super) fn leave_loop(&mut self) {
        self.loops.pop();
    }
}

pub(super) struct Compiler<'v> {
    pub(super) code: Code,
    pub(super) scope: Scope,
    pub(super) vars: &'v mut Vars,
    pub(super) escape: Escape,
    pub(super) blocks: Vec<Block>,
    /// Of the last tag or output, for the texts behind it.
    pub(super) place: Place,
}

impl Compiler<'_> {
    fn segments(&mut self, segments: Vec<Segment>) -> Result<(), TemplateError> {
        for segment in segments {
            self.segment(segment)?;
        }
        Ok(())
    }

    fn segment(&mut self, segment: Segment) -> Result<(), TemplateError> {
        if matches!(self.blocks.last(), Some(Block::Case(case)) if !case.begun()) {
            // Between `case` and its first `when` nothing is written; only a tag can stand there.
            if !matches!(segment, Segment::Tag { .. }) {
                return Ok(());
            }
        }
        match segment {
            Segment::Static(text) => self.code.push_fixed(text, self.place),
            Segment::Output { inner, place } => {
                self.place = place;
                let expr = self.reader(&inner, 0, place)?.expr()?;
                self.code.push(Step::Output(Box::new(expr), self.escape), place);
            }
            Segment::Tag { inner, place } => {
                self.place = place;
                self.tag(&inner, place)?;
            }
            Segment::Link(link) => self.link(link)?,
            Segment::Pixel => {
                self.code.push(Step::Pixel, self.place);
            }
        }
        Ok(())
    }

    /// A reader for the inside of a tag, behind its first `skip` bytes.
    pub(super) fn reader<'c, 't>(
        &'c mut self,
        inner: &'t str,
        skip: usize,
        place: Place,
    ) -> Result<Reader<'c, 't>, TemplateError> {
        Ok(Reader::new(Words::split(inner, skip, place)?, &self.scope, self.vars))
    }

    fn link(&mut self, link: LinkSegment) -> Result<(), TemplateError> {
        if link.address.is_empty() {
            self.code.push(Step::Link(link.index), self.place);
            return Ok(());
        }
        // The address is compiled like a capture of its own: what is opened inside must be closed inside.
        self.open(Block::Fence { place: self.place })?;
        self.code.push(Step::Capture, self.place);
        let outer = std::mem::replace(&mut self.escape, Escape::Url);
        let depth = self.blocks.len();
        self.segments(link.address)?;
        self.escape = outer;
        if self.blocks.len() != depth {
            return Err(self.place.error("a block is opened inside of a link's address and closed outside"));
        }
        self.blocks.pop();
        self.code.push(Step::PersonalLink(link.index), self.place);
        Ok(())
    }

    pub(super) fn open(&mut self, block: Block) -> Result<(), TemplateError> {
        if self.blocks.len() >= NESTING_MAX {
            return Err(block.place().error(format!("blocks are nested deeper than {NESTING_MAX}")));
        }
        self.blocks.push(block);
        Ok(())
    }
}
