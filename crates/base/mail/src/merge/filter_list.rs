//! Filters on lists.

use std::cmp::Ordering;

use super::filter::{Args, Budget, Filter, Stop, int_arg};
use super::value::Val;

pub(super) fn apply<'v>(
    filter: Filter,
    value: Val<'v>,
    args: Args<'_, 'v>,
    budget: &mut Budget,
) -> Result<Val<'v>, Stop> {
    match filter {
        Filter::Split => return split(&value, args, budget),
        Filter::Size => return Ok(Val::count(value.len().unwrap_or(0))),
        Filter::First => return Ok(if is_list(&value) { value.at(0) } else { value.property("first") }),
        Filter::Last => return Ok(if is_list(&value) { value.at(-1) } else { value.property("last") }),
        _ => {}
    }
    if !is_list(&value) && filter != Filter::Map {
        return Ok(value);
    }
    let items = items(&value, budget)?;
    match filter {
        Filter::Join => join(&items, args, budget),
        Filter::Sort => Ok(sort(items, args)),
        Filter::Uniq => uniq(items, budget),
        Filter::Reverse => Ok(Val::Items(items.into_iter().rev().collect())),
        Filter::Slice => Ok(slice(&items, args)),
        _ => {
            let name = args[0].as_ref().map(|arg| arg.to_text().into_owned()).unwrap_or_default();
            Ok(Val::Items(items.iter().map(|item| item.property(&name)).collect()))
        }
    }
}

fn is_list(value: &Val<'_>) -> bool {
    matches!(value, Val::List(_) | Val::Items(_) | Val::Range(..))
}

/// The elements; what is no list is the only element of one.
fn items<'v>(value: &Val<'v>, budget: &mut Budget) -> Result<Vec<Val<'v>>, Stop> {
    let len = if is_list(value) { value.len().unwrap_or(0) } else { 1 };
    budget.elements(len)?;
    Ok(match value {
        Val::List(items) => items.iter().map(Val::from).collect(),
        Val::Items(items) => items.to_vec(),
        Val::Range(from, to) => (*from..=*to).map(Val::Int).collect(),
        Val::Null => Vec::new(),
        other => vec![other.clone()],
    })
}

fn split<'v>(value: &Val<'v>, args: Args<'_, 'v>, budget: &mut Budget) -> Result<Val<'v>, Stop> {
    let text = value.to_text();
    let by = args[0].as_ref().map(|arg| arg.to_text()).unwrap_or_default();
    let mut parts: Vec<&str> = match &*by {
        // As in Ruby: by letters, by white space, or by the text.
        "" => {
            budget.elements(text.chars().count())?;
            text.char_indices().map(|(at, letter)| &text[at..at + letter.len_utf8()]).collect()
        }
        " " => text.split_whitespace().collect(),
        by => {
            budget.elements(text.matches(by).count())?;
            text.split(by).collect()
        }
    };
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    budget.elements(parts.len())?;
    budget.bytes(text.len())?;
    Ok(Val::Items(parts.into_iter().map(Val::made).collect()))
}

fn join<'v>(items: &[Val<'v>], args: Args<'_, 'v>, budget: &mut Budget) -> Result<Val<'v>, Stop> {
    let by = args[0].as_ref().map_or_else(|| " ".into(), |arg| arg.to_text());
    budget.bytes(by.len().saturating_mul(items.len()))?;
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        let text = item.to_text();
        budget.bytes(text.len())?;
        if index > 0 {
            joined.push_str(&by);
        }
        joined.push_str(&text);
    }
    Ok(Val::made(joined))
}

fn sort<'v>(mut items: Vec<Val<'v>>, args: Args<'_, 'v>) -> Val<'v> {
    let name = args[0].as_ref().map(|arg| arg.to_text().into_owned());
    let key = |item: &Val<'v>| name.as_deref().map_or_else(|| item.clone(), |name| item.property(name));
    // Nothing goes last; what has no order keeps its place.
    items.sort_by(|left, right| match (key(left), key(right)) {
        (Val::Null, Val::Null) => Ordering::Equal,
        (Val::Null, _) => Ordering::Greater,
        (_, Val::Null) => Ordering::Less,
        (left, right) => rank(&left).cmp(&rank(&right)).then(left.compare(&right).unwrap_or(Ordering::Equal)),
    });
    Val::Items(items.into())
}

/// Keeps the order total among values of different kinds: numbers, texts, everything else.
fn rank(value: &Val<'_>) -> u8 {
    match value {
        Val::Float(number) if number.is_nan() => 3,
        Val::Int(_) | Val::Float(_) => 0,
        value if value.as_str().is_some() => 1,
        _ => 2,
    }
}

fn uniq<'v>(items: Vec<Val<'v>>, budget: &mut Budget) -> Result<Val<'v>, Stop> {
    let mut kept: Vec<Val<'v>> = Vec::new();
    for item in items {
        // Every comparison is a step.
        for _ in 0..kept.len() {
            budget.step()?;
        }
        if !kept.iter().any(|known| known.equals(&item)) {
            kept.push(item);
        }
    }
    Ok(Val::Items(kept.into()))
}

fn slice<'v>(items: &[Val<'v>], args: Args<'_, 'v>) -> Val<'v> {
    let (start, len) = bounds(items.len(), args);
    Val::Items(items[start..start + len].into())
}

/// Where `slice` begins and how long it is.
pub(super) fn bounds(count: usize, args: Args<'_, '_>) -> (usize, usize) {
    let offset = int_arg(args[0].as_ref()).unwrap_or(0);
    let len = usize::try_from(int_arg(args[1].as_ref()).unwrap_or(1)).unwrap_or(0);
    let start = match usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX) {
        back if offset < 0 => count.checked_sub(back),
        start => Some(start).filter(|start| *start <= count),
    };
    start.map_or((0, 0), |start| (start, len.min(count - start)))
}
