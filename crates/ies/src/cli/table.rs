//! Tables for a terminal: columns as wide as their widest cell, numbers to the right, the last column cut to what fits.

/// Widest line, in characters.
const WIDTH: usize = 140;

/// A table as text, a line for each row; a note where there is none.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let to_the_right: Vec<bool> = (0..heads.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).all(|cell| is_number(cell)))
        .collect();
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = std::iter::once(&heads).chain(rows).map(|row| line(row, &widths, &to_the_right));
    lines.collect()
}

fn line(row: &[String], widths: &[usize], to_the_right: &[bool]) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        // A word of a foreign system must not move the cursor.
        let cell: String = cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let fill = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
        let (before, behind) = if to_the_right[column] { (fill.as_str(), "") } else { ("", fill.as_str()) };
        line.push_str(&format!("{}{before}{cell}{behind}", if column == 0 { "" } else { "  " }));
    }
    let line = line.trim_end();
    let cut: String = line.chars().take(WIDTH).collect();
    if cut.len() == line.len() { format!("{line}\n") } else { format!("{}…\n", cut.trim_end()) }
}

fn is_number(cell: &str) -> bool {
    cell == "-"
        || cell.starts_with(|letter: char| letter.is_ascii_digit())
            && !cell.contains(['T', ':'])
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
        assert_eq!(table(&["domain", "waiting", "state"], &rows), expected);
        assert_eq!(table(&["domain"], &[]), "none\n");
        let long = table(&["text"], &[vec!["x".repeat(500)]]);
        assert!(long.lines().all(|line| line.chars().count() <= WIDTH + 1));
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
