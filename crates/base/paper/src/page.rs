//! Sets a report in type and writes it as PDF.

use typst::foundations::{Array, Bytes, Datetime, Dict, IntoValue, Smart, Value};
use typst_as_lib::TypstEngine;
use typst_as_lib::typst_kit_options::TypstKitFontOptions;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp as PdfTimestamp};

use crate::chart::chart_svg;
use crate::report::{PaperError, Report, Table};

const TEMPLATE: &str = include_str!("report.typ");

/// The PDF of a report.
///
/// Takes some hundred milliseconds, so not to be called on a thread that serves others.
///
/// # Errors
/// [`PaperError::Invalid`] for a report beyond the limits or with rows that do not fit: the caller's fault.
/// [`PaperError::Typeset`] when typst refuses, which no valid report should bring about.
pub fn report_pdf(report: &Report) -> Result<Vec<u8>, PaperError> {
    report.check()?;
    let document = set(report)?;
    let time = report.made_at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
    let made_at = Datetime::from_ymd_hms(
        i32::from(time.year()),
        time.month() as u8,
        time.day() as u8,
        time.hour() as u8,
        time.minute() as u8,
        time.second() as u8,
    );
    let options = PdfOptions {
        creator: Smart::Custom(Some("iES".to_owned())),
        timestamp: made_at.map(PdfTimestamp::new_utc),
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|errors| PaperError::Typeset(format!("{errors:?}")))
}

fn set(report: &Report) -> Result<PagedDocument, PaperError> {
    let fonts = TypstKitFontOptions::new().include_system_fonts(false).include_embedded_fonts(true);
    let engine =
        TypstEngine::builder().main_file(TEMPLATE).search_fonts_with(fonts).comemo_evict_max_age(Some(0)).build();
    let document = engine.compile_with_input::<_, PagedDocument>(inputs(report)?).output;
    document.map_err(|error| PaperError::Typeset(error.to_string()))
}

fn inputs(report: &Report) -> Result<Dict, PaperError> {
    let mut inputs = texts(&[
        ("language", &report.language),
        ("title", &report.title),
        ("subtitle", &report.subtitle),
        ("note", &report.note),
        ("footer", &report.footer),
    ]);
    let facts = report
        .facts
        .iter()
        .map(|fact| Value::Dict(texts(&[("label", &fact.label), ("value", &fact.value), ("note", &fact.note)])));
    inputs.insert("facts".into(), facts.collect::<Array>().into_value());
    inputs.insert("tables".into(), report.tables.iter().map(table).collect::<Array>().into_value());
    if let Some(chart) = &report.chart {
        inputs.insert("chart_title".into(), chart.title.as_str().into_value());
        inputs.insert("chart".into(), Bytes::new(chart_svg(chart)?.into_bytes()).into_value());
    }
    Ok(inputs)
}

fn table(table: &Table) -> Value {
    let line =
        |cells: &Vec<String>| cells.iter().map(|cell| cell.as_str().into_value()).collect::<Array>().into_value();
    let mut entry = texts(&[("title", &table.title)]);
    entry.insert("columns".into(), line(&table.columns));
    entry.insert("rows".into(), table.rows.iter().map(line).collect::<Array>().into_value());
    entry.into_value()
}

fn texts(pairs: &[(&str, &String)]) -> Dict {
    pairs.iter().map(|(name, text)| ((*name).into(), text.as_str().into_value())).collect()
}

#[cfg(test)]
mod tests {
    use typst::layout::{Frame, FrameItem};

    use super::*;
    use crate::report::{Chart, Fact, Series};

    fn report() -> Report {
        let fact =
            |label: &str, value: &str, note: &str| Fact { label: label.into(), value: value.into(), note: note.into() };
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        Report {
            language: "fr".into(),
            title: "Lettre d’automne #[x] $y$".into(),
            subtitle: "Objet : « Bonjour {{ first_name }} »".into(),
            facts: vec![
                fact("Envoyés", "20 000", ""),
                fact("Délivrés", "19 214", "96,1 %"),
                fact("Clics", "812", "4,2 %"),
            ],
            chart: Some(Chart {
                title: "Au fil du temps".into(),
                labels: (0..30).map(|minute| format!("14:{minute:02}")).collect(),
                series: vec![Series { name: "Délivrés".into(), values: (0..30).map(f64::from).collect() }],
            }),
            tables: vec![Table {
                title: "Par fournisseur".into(),
                columns: row(["Fournisseur", "Envoyés", "Délivrés"]),
                rows: vec![row(["gmail", "8 123", "8 020"]), row(["orange", "2 345", "2 001"])],
            }],
            note: "Chiffres provisoires.".into(),
            footer: "iES · 21/09/2026".into(),
            made_at: model::time::Timestamp::from_unix_s(1_790_000_000),
        }
    }

    /// All text of a page, in the order of setting.
    fn text_of(frame: &Frame, out: &mut String) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Text(text) => {
                    out.push_str(&text.text);
                    out.push('\n');
                }
                FrameItem::Group(group) => text_of(&group.frame, out),
                _ => {}
            }
        }
    }

    #[test]
    fn a_report_shows_what_it_was_given() {
        let document = set(&report()).unwrap();
        let mut text = String::new();
        for page in document.pages() {
            text_of(&page.frame, &mut text);
        }
        let text = text.replace('\n', " ");
        for shown in [
            "Lettre d’automne #[x] $y$",
            "{{ first_name }}",
            "19 214",
            "96,1 %",
            "Par fournisseur",
            "gmail",
            "8 020",
            "2 001",
            "Au fil du temps",
            "iES · 21/09/2026",
            "1 / 1",
        ] {
            assert!(text.contains(shown), "{shown:?} in {text}");
        }
        let pdf = report_pdf(&report()).unwrap();
        assert!(pdf.starts_with(b"%PDF"));
        assert_eq!(pdf, report_pdf(&report()).unwrap(), "the same report gives the same bytes");
    }

    #[test]
    fn long_tables_go_on_over_pages() {
        let mut report = report();
        let rows = (0..300).map(|row| vec![format!("provider {row}"), row.to_string(), "0".to_owned()]);
        report.tables[0].rows = rows.collect();
        report.chart = None;
        assert!(set(&report).unwrap().pages().len() > 4);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |change: fn(&mut Report)| {
            let mut report = report();
            change(&mut report);
            report_pdf(&report).unwrap_err().to_string()
        };
        assert_eq!(refused(|report| report.language = "french".into()), "the language must be a two-letter code");
        assert_eq!(
            refused(|report| report.tables[0].rows[1].truncate(2)),
            "the rows of the table `Par fournisseur` do not fit its columns"
        );
        assert!(refused(|report| report.title = "x".repeat(501)).contains("longer than 500"));
        assert!(refused(|report| report.facts = vec![Fact::default(); 61]).contains("more than 60 facts"));
    }
}
