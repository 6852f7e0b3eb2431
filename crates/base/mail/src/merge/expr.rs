//! Reads values, filters and conditions.

use super::TemplateError;
use super::code::{Comparison, Cond, Expr, FilterCall, Joint, Key, LoopProperty, Operand, Path, Test, Vars};
use super::compile::Scope;
use super::filter::Filter;
use super::lexer::Place;
use super::token_stream::{Word, Words};

/// Deepest `a[b[c]]`.
const INDEX_DEPTH_MAX: usize = 8;

/// Reads the inside of one output or tag.
pub(super) struct Reader<'c, 't> {
    pub(super) words: Words<'t>,
    scope: &'c Scope,
    vars: &'c mut Vars,
    depth: usize,
}

impl<'c, 't> Reader<'c, 't> {
    pub(super) fn new(words: Words<'t>, scope: &'c Scope, vars: &'c mut Vars) -> Self {
        Reader { words, scope, vars, depth: 0 }
    }

    /// A value with its filters, to the end.
    pub(super) fn expr(&mut self) -> Result<Expr, TemplateError> {
        let operand = self.operand()?;
        let mut filters = Vec::new();
        while self.words.sign("|") {
            filters.push(self.filter()?);
        }
        self.words.end()?;
        Ok(Expr { operand, filters })
    }

    fn filter(&mut self) -> Result<FilterCall, TemplateError> {
        let place = self.words.here();
        let name = self.words.name("the name of a filter")?;
        let Some(filter) = Filter::from_name(&name) else {
            return Err(place.error(format!("there is no filter `{name}`")));
        };
        let mut args = Vec::new();
        if self.words.sign(":") {
            loop {
                args.push(self.operand()?);
                if !self.words.sign(",") {
                    break;
                }
            }
        }
        let (least, most) = filter.arity();
        if args.len() < least || args.len() > most {
            let wanted = match (least, most) {
                (0, 0) => "no value".to_owned(),
                (least, most) if least == most => format!("{least} value(s)"),
                (least, most) => format!("{least} to {most} values"),
            };
            return Err(place.error(format!("the filter `{name}` takes {wanted}, not {}", args.len())));
        }
        Ok(FilterCall { filter, args })
    }

    /// A condition, to the end.
    pub(super) fn cond(&mut self) -> Result<Cond, TemplateError> {
        let first = self.test()?;
        let mut more = Vec::new();
        loop {
            let joint = if self.words.word("and") {
                Joint::And
            } else if self.words.word("or") {
                Joint::Or
            } else {
                break;
            };
            more.push((joint, self.test()?));
        }
        self.words.end()?;
        Ok(Cond { first, more, negated: false })
    }

    fn test(&mut self) -> Result<Test, TemplateError> {
        let left = self.operand()?;
        let comparison = match self.words.peek() {
            Some(Word::Sign("==")) => Comparison::Equal,
            Some(Word::Sign("!=" | "<>")) => Comparison::NotEqual,
            Some(Word::Sign("<")) => Comparison::Less,
            Some(Word::Sign(">")) => Comparison::Greater,
            Some(Word::Sign("<=")) => Comparison::LessOrEqual,
            Some(Word::Sign(">=")) => Comparison::GreaterOrEqual,
            Some(Word::Name(name)) if name == "contains" => Comparison::Contains,
            Some(Word::Sign("=")) => return Err(self.words.error("one compares with `==`, not with `=`")),
            Some(Word::Sign("|")) => {
                return Err(self.words.error("a condition takes no filters: use `assign` before it"));
            }
            _ => return Ok(Test::Truth(left)),
        };
        self.words.take();
        Ok(Test::Compare(left, comparison, self.operand()?))
    }

    pub(super) fn operand(&mut self) -> Result<Operand, TemplateError> {
        let place = self.words.here();
        match self.words.peek() {
            Some(Word::Name(_) | Word::Text(_) | Word::Int(_) | Word::Float(_)) => {}
            Some(Word::Sign("(")) => return self.range(),
            _ => return Err(self.words.expected("a value")),
        }
        match self.words.take() {
            Some(Word::Text(text)) => Ok(Operand::Text(text)),
            Some(Word::Int(number)) => Ok(Operand::Int(number)),
            Some(Word::Float(number)) => Ok(Operand::Float(number)),
            Some(Word::Name(name)) => self.named(name, place),
            _ => Err(self.words.expected("a value")),
        }
    }

    fn range(&mut self) -> Result<Operand, TemplateError> {
        self.words.expect_sign("(")?;
        self.deeper()?;
        let from = self.operand()?;
        self.words.expect_sign("..")?;
        let to = self.operand()?;
        self.words.expect_sign(")")?;
        self.depth -= 1;
        Ok(Operand::Range(Box::new((from, to))))
    }

    fn deeper(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > INDEX_DEPTH_MAX {
            return Err(self.words.error(format!("nested deeper than {INDEX_DEPTH_MAX}")));
        }
        Ok(())
    }

    fn named(&mut self, name: String, place: Place) -> Result<Operand, TemplateError> {
        match name.as_str() {
            "true" => return Ok(Operand::Bool(true)),
            "false" => return Ok(Operand::Bool(false)),
            "nil" | "null" => return Ok(Operand::Null),
            "empty" => return Ok(Operand::Empty),
            "blank" => return Ok(Operand::Blank),
            "forloop" if self.scope.loop_depth() > 0 => return self.forloop(),
            _ => {}
        }
        let mut keys = Vec::new();
        loop {
            if self.words.sign(".") {
                keys.push(Key::Name(self.words.name("a name")?));
            } else if self.words.sign("[") {
                self.deeper()?;
                keys.push(match self.operand()? {
                    Operand::Text(text) => Key::Name(text),
                    other => Key::Value(other),
                });
                self.depth -= 1;
                self.words.expect_sign("]")?;
            } else {
                break;
            }
        }
        self.path(name, keys, place)
    }

    fn path(&mut self, name: String, keys: Vec<Key>, place: Place) -> Result<Operand, TemplateError> {
        let (local, certain) = self.scope.find(&name);
        if certain {
            return Ok(Operand::Path(Box::new(Path { local, global: None, keys })));
        }
        let mut text = name;
        let mut used = 0;
        for key in &keys {
            match key {
                // A name with a dot has no place in a dotted path: it is looked up at rendering.
                Key::Name(key) if !key.is_empty() && !key.contains('.') => {
                    text.push('.');
                    text.push_str(key);
                    used += 1;
                }
                _ => break,
            }
        }
        let index = self.vars.index(text, place)?;
        Ok(Operand::Path(Box::new(Path { local, global: Some((index, used)), keys })))
    }

    fn forloop(&mut self) -> Result<Operand, TemplateError> {
        let mut outwards: u8 = 0;
        loop {
            self.words.expect_sign(".")?;
            let place = self.words.here();
            let name = self.words.name("a property of the loop")?;
            let property = match name.as_str() {
                "index" => LoopProperty::Index,
                "index0" => LoopProperty::Index0,
                "rindex" => LoopProperty::Rindex,
                "rindex0" => LoopProperty::Rindex0,
                "first" => LoopProperty::First,
                "last" => LoopProperty::Last,
                "length" => LoopProperty::Length,
                "parentloop" => {
                    outwards += 1;
                    if usize::from(outwards) >= self.scope.loop_depth() {
                        return Err(place.error("there is no loop around this one"));
                    }
                    continue;
                }
                _ => return Err(place.error(format!("a loop has no `{name}`"))),
            };
            return Ok(Operand::Forloop(outwards, property));
        }
    }
}
