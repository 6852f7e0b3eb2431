//! The error file of an import: CSV with line, column, reason, and the row as it was.
//!
//! Cells that a spreadsheet would take for a formula get an apostrophe in front, numbers and phone numbers excepted.

use db::params;
use model::id::ImportId;

use crate::Error;
use crate::base::Base;

/// The file, in UTF-8 with commas.
pub(crate) async fn error_file(base: &Base, id: ImportId) -> Result<String, Error> {
    let row = base.db.query_optional("SELECT header FROM import WHERE id = $1", params![id]).await?;
    let header: Vec<String> = row.ok_or_else(|| Error::not_found("import", id))?.json("header")?;
    let mut file = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let fixed = ["line", "column", "reason"].map(str::to_owned);
    write(&mut file, fixed.into_iter().chain(header));
    let mut after = 0_i64;
    loop {
        let sql = "SELECT line, field, reason, cells FROM import_error WHERE import = $1 AND line > $2
                   ORDER BY line LIMIT 5000";
        let rows = base.db.query(sql, params![id, after]).await?;
        let Some(last) = rows.last() else { break };
        after = last.get("line")?;
        for row in &rows {
            let fixed = [row.get::<i64>("line")?.to_string(), row.get("field")?, row.get("reason")?];
            let cells: Vec<String> = row.json("cells")?;
            write(&mut file, fixed.into_iter().chain(cells));
        }
    }
    let bytes = file.into_inner().expect("invariant: writing to memory does not fail");
    Ok(String::from_utf8(bytes).expect("invariant: only texts were written"))
}

fn write(file: &mut csv::Writer<Vec<u8>>, cells: impl Iterator<Item = String>) {
    file.write_record(cells.map(harmless)).expect("invariant: writing to memory does not fail");
}

fn harmless(cell: String) -> String {
    let formula = cell.starts_with(['=', '@', '\t', '\r'])
        || (cell.starts_with(['+', '-']) && !cell.chars().all(|c| c.is_ascii_digit() || "+-.,/() ".contains(c)));
    if formula { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_made_harmless() {
        let check = |cell: &str, expected: &str| assert_eq!(harmless(cell.to_owned()), expected);
        check("=1+1", "'=1+1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("-2+cmd|' /C calc'!A0", "'-2+cmd|' /C calc'!A0");
        check("+33 1 23 45 67 89", "+33 1 23 45 67 89");
        check("-12.5", "-12.5");
        check("Zoë", "Zoë");
    }
}
