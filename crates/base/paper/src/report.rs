//! What a report holds, and how much of it.

use model::time::Timestamp;

/// Longest text of a title, label, cell or footer, in characters.
pub const TEXT_MAX: usize = 500;

/// Most facts.
pub const FACTS_MAX: usize = 60;

/// Most tables.
pub const TABLES_MAX: usize = 20;

/// Most cells of one table.
pub const CELLS_MAX: usize = 10_000;

/// Most lines of a chart.
pub const SERIES_MAX: usize = 6;

/// Most points of one line.
pub const POINTS_MAX: usize = 5_000;

/// A report, every word and number in the language of its reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Two-letter code of the language, for hyphenation and for screen readers: `en`, `fr`.
    pub language: String,
    /// What stands on top.
    pub title: String,
    /// What stands below the title: the subject, the period; one line each.
    pub subtitle: String,
    /// Figures shown large, in the order given.
    pub facts: Vec<Fact>,
    /// A sentence below the figures; may be empty.
    pub note: String,
    /// How it went over time.
    pub chart: Option<Chart>,
    /// Details: by provider, by category, by link.
    pub tables: Vec<Table>,
    /// What stands at the foot of each page.
    pub footer: String,
    /// When it was made, for the properties of the file.
    pub made_at: Timestamp,
}

/// One figure and what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `Delivered`.
    pub label: String,
    /// How much: `19 214`.
    pub value: String,
    /// What to compare it with: `96.1 %`; may be empty.
    pub note: String,
}

/// A table; the first column is text, the others are numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// Rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// Lines over a common axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// One label for each point of the axis; some of them are shown.
    pub labels: Vec<String>,
    /// The lines.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// One value for each label.
    pub values: Vec<f64>,
}

/// A document that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// More than a limit allows, or parts that do not fit together: the caller's fault.
    #[error("{0}")]
    Invalid(String),
    /// The typesetter refused it.
    #[error("the document could not be set: {0}")]
    Typeset(String),
}

impl Report {
    /// Checks the limits and that rows and columns fit.
    pub(crate) fn check(&self) -> Result<(), PaperError> {
        let code = self.language.as_bytes();
        if code.len() != 2 || !code.iter().all(u8::is_ascii_lowercase) {
            return Err(invalid("the language must be a two-letter code"));
        }
        let facts = self.facts.iter().flat_map(|fact| [&fact.label, &fact.value, &fact.note]);
        let cells = self
            .tables
            .iter()
            .flat_map(|table| std::iter::once(&table.title).chain(&table.columns).chain(table.rows.iter().flatten()));
        let mut texts = [&self.title, &self.subtitle, &self.note, &self.footer].into_iter().chain(facts).chain(cells);
        if texts.any(|text| text.chars().count() > TEXT_MAX) {
            return Err(invalid(format!("a text is longer than {TEXT_MAX} characters")));
        }
        if self.facts.len() > FACTS_MAX || self.tables.len() > TABLES_MAX {
            return Err(invalid(format!("more than {FACTS_MAX} facts or {TABLES_MAX} tables")));
        }
        for table in &self.tables {
            let columns = table.columns.len();
            if columns == 0 || table.rows.iter().any(|row| row.len() != columns) {
                return Err(invalid(format!("the rows of the table `{}` do not fit its columns", table.title)));
            }
            if columns * (table.rows.len() + 1) > CELLS_MAX {
                return Err(invalid(format!("the table `{}` has more than {CELLS_MAX} cells", table.title)));
            }
        }
        self.chart.iter().try_for_each(Chart::check)
    }
}

impl Chart {
    pub(crate) fn check(&self) -> Result<(), PaperError> {
        if self.series.len() > SERIES_MAX || self.labels.len() > POINTS_MAX {
            return Err(invalid(format!("more than {SERIES_MAX} lines or {POINTS_MAX} points")));
        }
        let texts = self.labels.iter().chain(self.series.iter().map(|series| &series.name));
        if texts.chain([&self.title]).any(|text| text.chars().count() > TEXT_MAX) {
            return Err(invalid(format!("a text is longer than {TEXT_MAX} characters")));
        }
        for series in &self.series {
            if series.values.len() != self.labels.len() || series.values.iter().any(|value| !value.is_finite()) {
                return Err(invalid(format!("the line `{}` does not fit the labels", series.name)));
            }
        }
        Ok(())
    }
}

fn invalid(message: impl Into<String>) -> PaperError {
    PaperError::Invalid(message.into())
}
