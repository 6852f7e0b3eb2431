//! The word that was probably meant: what messages about a wrong name suggest.

/// The first of some words that begins with this one; else the nearest: at most a third of its letters differ, two that
/// changed places count once.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    if let (true, Some(longer)) = (word.len() >= 3, known.iter().find(|candidate| candidate.starts_with(&word))) {
        return Some(longer);
    }
    let scored = known.iter().map(|candidate| (strsim::osa_distance(&word, candidate), *candidate));
    let (edits, candidate) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= candidate.len().max(3) / 3).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let check = |word: &str, expected: Option<&str>| {
            assert_eq!(nearest(word, ["gmail", "gmx", "orange"]), expected, "{word}");
        };
        check("gmial", Some("gmail"));
        check("Gmail", Some("gmail"));
        check("gma", Some("gmail"));
        check("oragne", Some("orange"));
        check("zzz", None);
        check("", None);
    }
}
