//! The filters by name, how much they may do, and those on numbers.
//!
//! A filter never fails: what it cannot work with it gives back, or nothing. Filters on texts are in `filter_text`, on
//! lists in `filter_list`, on times in `filter_date`.

use model::time::Timestamp;

use super::value::{Number, Val};
use super::{Limits, filter_date, filter_list, filter_text};

macro_rules! filters {
    ($($variant:ident $name:literal $least:literal..=$most:literal,)*) => {
        /// A filter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Filter {
            $($variant,)*
        }

        impl Filter {
            pub(super) fn from_name(name: &str) -> Option<Filter> {
                match name { $($name => Some(Filter::$variant),)* _ => None }
            }

            /// Fewest and most values behind its name.
            pub(super) const fn arity(self) -> (usize, usize) {
                match self { $(Filter::$variant => ($least, $most),)* }
            }
        }
    };
}

filters! {
    Default "default" 1..=1,
    Upcase "upcase" 0..=0,
    Downcase "downcase" 0..=0,
    Capitalize "capitalize" 0..=0,
    Escape "escape" 0..=0,
    EscapeOnce "escape_once" 0..=0,
    Raw "raw" 0..=0,
    Strip "strip" 0..=0,
    Lstrip "lstrip" 0..=0,
    Rstrip "rstrip" 0..=0,
    StripHtml "strip_html" 0..=0,
    StripNewlines "strip_newlines" 0..=0,
    NewlineToBr "newline_to_br" 0..=0,
    Truncate "truncate" 0..=2,
    TruncateWords "truncatewords" 0..=2,
    Replace "replace" 2..=2,
    ReplaceFirst "replace_first" 2..=2,
    Remove "remove" 1..=1,
    Append "append" 1..=1,
    Prepend "prepend" 1..=1,
    Split "split" 1..=1,
    Join "join" 0..=1,
    First "first" 0..=0,
    Last "last" 0..=0,
    Size "size" 0..=0,
    Slice "slice" 1..=2,
    Sort "sort" 0..=1,
    Uniq "uniq" 0..=0,
    Reverse "reverse" 0..=0,
    Map "map" 1..=1,
    Plus "plus" 1..=1,
    Minus "minus" 1..=1,
    Times "times" 1..=1,
    DividedBy "divided_by" 1..=1,
    Modulo "modulo" 1..=1,
    Round "round" 0..=1,
    Ceil "ceil" 0..=0,
    Floor "floor" 0..=0,
    Abs "abs" 0..=0,
    Date "date" 1..=1,
    UrlEncode "url_encode" 0..=0,
    UrlDecode "url_decode" 0..=0,
    Json "json" 0..=0,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Steps,
    Bytes,
    LoopRounds,
}

impl Stop {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Stop::Steps => "steps",
            Stop::Bytes => "bytes",
            Stop::LoopRounds => "loop rounds",
        }
    }

    pub(super) fn limit(self, limits: &Limits) -> u64 {
        match self {
            Stop::Steps => limits.steps,
            Stop::Bytes => limits.bytes as u64,
            Stop::LoopRounds => limits.loop_rounds,
        }
    }
}

/// What is left of the [`Limits`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: Limits,
}

/// What an element of a list counts, in bytes.
const ELEMENT_BYTES: usize = 32;

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Budget { left: limits }
    }

    pub(super) fn step(&mut self) -> Result<(), Stop> {
        self.steps(1)
    }

    pub(super) fn steps(&mut self, count: u64) -> Result<(), Stop> {
        self.left.steps = self.left.steps.checked_sub(count).ok_or(Stop::Steps)?;
        Ok(())
    }

    pub(super) fn round(&mut self) -> Result<(), Stop> {
        self.left.loop_rounds = self.left.loop_rounds.checked_sub(1).ok_or(Stop::LoopRounds)?;
        Ok(())
    }

    /// To be asked before so many bytes are made.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), Stop> {
        self.left.bytes = self.left.bytes.checked_sub(count).ok_or(Stop::Bytes)?;
        Ok(())
    }

    /// To be asked before so many elements are made or walked through.
    pub(super) fn elements(&mut self, count: usize) -> Result<(), Stop> {
        self.steps(count as u64)?;
        self.bytes(count.saturating_mul(ELEMENT_BYTES))
    }
}

/// The values behind the name of a filter; there are as many as its arity says.
pub(super) type Args<'a, 'v> = &'a [Option<Val<'v>>; 2];

/// Applies a filter.
pub(super) fn apply<'v>(
    filter: Filter,
    value: Val<'v>,
    args: Args<'_, 'v>,
    now: Option<Timestamp>,
    budget: &mut Budget,
) -> Result<Val<'v>, Stop> {
    use Filter as F;
    match filter {
        F::Default => Ok(match &value {
            Val::Null | Val::Bool(false) | Val::Empty | Val::Blank => args[0].clone().unwrap_or(Val::Null),
            value if value.len() == Some(0) => args[0].clone().unwrap_or(Val::Null),
            _ => value,
        }),
        F::Plus | F::Minus | F::Times | F::DividedBy | F::Modulo => Ok(arithmetic(filter, &value, args)),
        F::Round | F::Ceil | F::Floor | F::Abs => Ok(rounded(filter, &value, args)),
        F::Date => filter_date::date(value, args, now, budget),
        F::Split | F::Join | F::First | F::Last | F::Size | F::Sort | F::Uniq | F::Reverse | F::Map => {
            filter_list::apply(filter, value, args, budget)
        }
        F::Slice if matches!(value, Val::List(_) | Val::Items(_) | Val::Range(..)) => {
            filter_list::apply(filter, value, args, budget)
        }
        _ => filter_text::apply(filter, value, args, budget),
    }
}

/// The number of a value; 0 for what is none, as in Liquid.
fn number(value: &Val<'_>) -> Number {
    value.as_number().unwrap_or(Number::Int(0))
}

/// The whole part of a number.
pub(super) fn to_int(number: Number) -> i64 {
    match number {
        Number::Int(number) => number,
        Number::Float(number) => number as i64,
    }
}

/// The whole number of an argument.
pub(super) fn int_arg(arg: Option<&Val<'_>>) -> Option<i64> {
    arg.and_then(Val::as_number).map(to_int)
}

fn arithmetic<'v>(filter: Filter, value: &Val<'v>, args: Args<'_, 'v>) -> Val<'v> {
    let (left, right) = (number(value), args[0].as_ref().map_or(Number::Int(0), number));
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let whole = match filter {
            Filter::Plus => left.checked_add(right),
            Filter::Minus => left.checked_sub(right),
            Filter::Times => left.checked_mul(right),
            // Rounded down, as Ruby does; nothing for a division by zero.
            Filter::DividedBy if right == 0 => return Val::Null,
            Filter::DividedBy => left.checked_div_euclid(right).map(|quotient| {
                let inexact = left.wrapping_rem(right) != 0;
                if right < 0 && inexact { quotient - 1 } else { quotient }
            }),
            _ if right == 0 => return Val::Null,
            _ => left.checked_rem_euclid(right).map(|rest| if right < 0 && rest != 0 { rest + right } else { rest }),
        };
        if let Some(whole) = whole {
            return Val::Int(whole);
        }
    }
    let (left, right) = (left.to_f64(), right.to_f64());
    Val::Float(match filter {
        Filter::Plus => left + right,
        Filter::Minus => left - right,
        Filter::Times => left * right,
        Filter::DividedBy => left / right,
        _ => left - right * (left / right).floor(),
    })
}

/// Most digits behind the point.
const DIGITS_MAX: i64 = 15;

fn rounded<'v>(filter: Filter, value: &Val<'v>, args: Args<'_, 'v>) -> Val<'v> {
    let number = match (filter, number(value)) {
        (Filter::Abs, Number::Int(number)) => return Val::Int(number.saturating_abs()),
        (Filter::Abs, Number::Float(number)) => return Val::Float(number.abs()),
        (_, Number::Int(number)) => return Val::Int(number),
        (_, Number::Float(number)) => number,
    };
    let digits = int_arg(args[0].as_ref()).unwrap_or(0).clamp(0, DIGITS_MAX);
    match filter {
        Filter::Ceil => Val::Int(number.ceil() as i64),
        Filter::Floor => Val::Int(number.floor() as i64),
        _ if digits > 0 => {
            let scale = 10_f64.powi(digits as i32);
            Val::Float((number * scale).round() / scale)
        }
        _ => Val::Int(number.round() as i64),
    }
}
