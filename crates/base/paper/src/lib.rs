//! Documents for people to print: the report of a campaign as PDF, charts as SVG.
//!
//! Data in, bytes out. All words and numbers come formatted from the caller, who knows the language; here they are only
//! placed. Fonts are embedded (Libertinus Serif), nothing is read from the machine and nothing is fetched.
//!
//! The only crate that knows typst and plotters: they are an eighth of a debug build, so the surface is plain functions
//! on plain values, and no other crate compiles or links them.
//! Known gap: no script beyond Latin, Greek and Cyrillic (the embedded fonts have no others).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod chart;
mod page;
mod report;

pub use chart::chart_svg;
pub use page::report_pdf;
pub use report::{
    CELLS_MAX, Chart, FACTS_MAX, Fact, POINTS_MAX, PaperError, Report, SERIES_MAX, Series, TABLES_MAX, TEXT_MAX, Table,
};
