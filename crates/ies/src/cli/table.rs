//! Tables for a terminal: columns as wide as their widest cell, numbers to the right. Where that is wider than the
//! terminal, the widest columns of text give way: long cells are cut in the middle, for names differ at both ends.

/// Width where standard output is no terminal, in characters.
const WIDTH: usize = 140;

/// No column of text becomes narrower than this.
const COLUMN_MIN: usize = 8;

/// Between two columns.
const GAP: usize = 2;

/// A table as text that fits the terminal, a line for each row; a note where there is none.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    fitted(terminal.unwrap_or(WIDTH), heads, rows)
}

/// The same for a terminal of this width.
fn fitted(width: usize, heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let column = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let to_the_right: Vec<bool> = (0..heads.len()).map(|place| column(place).all(|cell| is_number(cell))).collect();
    let mut widths: Vec<usize> = (0..heads.len())
        .map(|place| {
            let cells = column(place).map(|cell| cell.chars().count());
            cells.chain([heads[place].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let gaps = GAP * heads.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let least = |place: usize| heads[place].chars().count().max(COLUMN_MIN);
        let texts = (0..heads.len()).filter(|&place| !to_the_right[place] && widths[place] > least(place));
        let Some(widest) = texts.max_by_key(|&place| widths[place]) else { break };
        widths[widest] -= 1;
    }
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = std::iter::once(&heads).chain(rows).map(|row| line(width, row, &widths, &to_the_right));
    lines.collect()
}

fn line(width: usize, row: &[String], widths: &[usize], to_the_right: &[bool]) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        // A word of a foreign system must not move the cursor.
        let cell: String = cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let cell = shortened(&cell, widths[column]);
        let fill = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
        let (before, behind) = if to_the_right[column] { (fill.as_str(), "") } else { ("", fill.as_str()) };
        line.push_str(&format!("{}{before}{cell}{behind}", " ".repeat(if column == 0 { 0 } else { GAP })));
    }
    format!("{}\n", shortened_behind(line.trim_end(), width))
}

/// A text of at most so many characters, its middle left out.
fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_owned();
    }
    let behind = most.saturating_sub(1) / 2;
    let before = most.saturating_sub(1) - behind;
    letters[..before].iter().chain(&['…']).chain(&letters[letters.len() - behind..]).collect()
}

/// A text of at most so many characters, its end left out.
fn shortened_behind(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

fn is_number(cell: &str) -> bool {
    cell == "-"
        || cell.starts_with(|letter: char| letter.is_ascii_digit())
            && cell.matches('.').count() < 2
            && cell.chars().all(|letter| letter.is_ascii_digit() || ",./%".contains(letter))
}

/// A count with its thousands apart: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["gmail.com", "1,200", "ok"], ["é.example", "7", "a\u{1b}b"]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let expected = "domain     waiting  state\ngmail.com    1,200  ok\né.example        7  a b\n";
        assert_eq!(fitted(80, &["domain", "waiting", "state"], &rows), expected);
        assert_eq!(fitted(80, &["domain"], &[]), "none\n");
        let long = fitted(80, &["text"], &[vec!["x".repeat(500)]]);
        assert!(long.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_narrow_terminal_keeps_the_numbers_and_both_ends_of_names() {
        let path = "ip-1/alt1.gmail-smtp-in.l.google.com".to_owned();
        let row = vec![
            path,
            "gmail".to_owned(),
            "12,000".to_owned(),
            "slowed to 10/min by rule gmail-unusual-rate".to_owned(),
        ];
        let text = fitted(60, &["path", "provider", "ready", "slowed or stopped"], &[row]);
        let line = text.lines().nth(1).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(line.starts_with("ip-1/") && line.contains("ogle.com  gmail"), "{text}");
        assert!(line.contains("12,000") && line.contains('…'), "{text}");
        // Numbers are never cut; the line is, where nothing else is left.
        let numbers = vec!["1,234,567".to_owned(); 9];
        let text = fitted(40, &["a", "b", "c", "d", "e", "f", "g", "h", "i"], &[numbers]);
        assert!(text.lines().nth(1).unwrap().ends_with('…'), "{text}");
    }

    #[test]
    fn thousands_are_apart() {
        let check = |number, expected: &str| assert_eq!(count(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
