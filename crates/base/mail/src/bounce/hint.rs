//! Small facts read from a reply's text: a waiting time, an enhanced code, a line split into its parts.

use model::reply::{EnhancedStatus, Reply};

use super::WAIT_MAX_S;

/// The waiting time a text asks for, in seconds: `try again in 5 minutes`, `wait 1 hour`, `greylisted for 300 seconds`.
///
/// A time counts only behind a word that speaks of waiting, so that `within 24 hours` of a policy text does not.
/// Times of zero or beyond [`WAIT_MAX_S`] are not believed.
pub(super) fn wait_s(text: &str) -> Option<u32> {
    const WAITING: [&str; 12] = [
        "in",
        "after",
        "wait",
        "for",
        "dans",
        "attendre",
        "d'attendre",
        "later",
        "least",
        "another",
        "warten",
        "apres",
    ];
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';' | ':')).collect();
    let asks = [
        "try",
        "retry",
        "wait",
        "grey",
        "gray",
        "come back",
        "again",
        "later",
        "defer",
        "reessayer",
        "attendre",
        "throttl",
    ];
    if !asks.iter().any(|ask| lower.contains(ask)) {
        return None;
    }
    for (place, word) in words.iter().enumerate().skip(1) {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(count) = word[..digits].parse::<u32>() else { continue };
        let unit = if digits < word.len() { &word[digits..] } else { words.get(place + 1).copied().unwrap_or("") };
        let Some(unit_s) = unit_seconds(unit.trim_end_matches(['.', '!'])) else { continue };
        let led = words[..place].iter().rev().take(2).any(|before| WAITING.contains(before));
        let seconds = count.checked_mul(unit_s).filter(|&seconds| (1..=WAIT_MAX_S).contains(&seconds));
        if let (true, Some(seconds)) = (led, seconds) {
            return Some(seconds);
        }
    }
    None
}

fn unit_seconds(unit: &str) -> Option<u32> {
    Some(match unit {
        "s" | "sec" | "secs" | "second" | "seconds" | "secondes" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" | "heure" | "heures" => 3_600,
        "d" | "day" | "days" | "jour" | "jours" => 86_400,
        _ => return None,
    })
}

/// The first enhanced code (class 4 or 5) inside a text, such as `… (#5.1.1)` or `550 5.7.1 …` behind other words.
pub(super) fn embedded_status(text: &str) -> Option<EnhancedStatus> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|part| part.trim_end_matches('.'))
        .filter_map(|part| part.parse::<EnhancedStatus>().ok())
        .find(|status| status.class != 2)
}

/// Splits one line into a reply: `550 5.1.1 text`, `550-5.1.1 text`, `5.1.1 text`, `text`. Code 0 stands for "none".
pub(super) fn read_line(line: &str) -> Reply {
    let line = line.trim();
    let (code, rest) = match line.as_bytes() {
        [a @ b'2'..=b'5', b, c, rest @ ..]
            if b.is_ascii_digit()
                && c.is_ascii_digit()
                && matches!(rest.first(), None | Some(b' ' | b'-' | b'\t' | b',' | b':')) =>
        {
            let number = |digit: &u8| u16::from(digit - b'0');
            (number(a) * 100 + number(b) * 10 + number(c), line.get(4..).unwrap_or(""))
        }
        _ => (0, line),
    };
    Reply::new(code, rest.trim_start_matches(['-', ' ', '#']))
}
