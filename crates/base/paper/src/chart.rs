//! Charts as SVG, drawn with plotters. Letters are left to the reader's fonts (in a PDF, to the embedded ones).

use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{PathElement, Text};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::{Color, IntoFont, RGBColor, WHITE};

use crate::report::{Chart, PaperError, SERIES_MAX};

/// Size in points of the drawing.
const SIZE: (u32, u32) = (720, 260);

/// Above the highest point, so that its line is not cut.
const HEADROOM: f64 = 1.05;

/// Height of the strip above the lines that holds their names.
const LEGEND_HEIGHT: i32 = 26;

/// Room at the right for the half of the last label that stands beyond the axis.
const RIGHT: i32 = 44;

/// Width of a letter, rather too wide: how wide it will be is known to the reader's fonts alone.
const LETTER_WIDTH: i32 = 8;

/// Size of letters in points, before the drawing is fitted to the page.
const LETTERS: i32 = 15;

/// The embedded font of reports.
const FONT: &str = "Libertinus Serif";

/// Colours that stay apart for everyone (Okabe and Ito) and in print.
const COLOURS: [RGBColor; SERIES_MAX] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];

/// Draws a chart.
///
/// # Errors
/// [`PaperError::Invalid`] when lines and labels do not fit or a limit is passed.
pub fn chart_svg(chart: &Chart) -> Result<String, PaperError> {
    chart.check()?;
    let mut svg = String::new();
    draw(chart, &mut svg).map_err(|error| PaperError::Typeset(error.to_string()))?;
    Ok(svg)
}

fn draw(chart: &Chart, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let whole = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let (names, area) = whole.split_vertically(LEGEND_HEIGHT);
    let last = chart.labels.len().saturating_sub(1).max(1) as f64;
    let highest = chart.series.iter().flat_map(|series| &series.values).fold(1.0_f64, |high, value| high.max(*value));
    let mut canvas = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(RIGHT)
        .x_label_area_size(30)
        .y_label_area_size(66)
        .build_cartesian_2d(0.0..last, 0.0..highest * HEADROOM)?;
    let label = |x: &f64| {
        let whole = (x - x.round()).abs() < 1e-6 && *x >= 0.0;
        if whole { chart.labels.get(x.round() as usize).cloned().unwrap_or_default() } else { String::new() }
    };
    canvas
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(9)
        .y_labels(6)
        .axis_style(RGBColor(150, 150, 150))
        .bold_line_style(RGBColor(225, 225, 225))
        .light_line_style(WHITE)
        .label_style((FONT, LETTERS).into_font())
        .x_label_formatter(&label)
        .y_label_formatter(&|y| grouped(*y))
        .draw()?;
    for (series, colour) in chart.series.iter().zip(COLOURS) {
        let points = series.values.iter().enumerate().map(|(at, value)| (at as f64, *value));
        canvas.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    let mut left = 66;
    for (series, colour) in chart.series.iter().zip(COLOURS) {
        names.draw(&PathElement::new([(left, 15), (left + 16, 15)], colour.stroke_width(2)))?;
        names.draw(&Text::new(series.name.clone(), (left + 22, 8), (FONT, LETTERS).into_font()))?;
        left += 44 + LETTER_WIDTH * i32::try_from(series.name.chars().count()).unwrap_or(0);
    }
    whole.present()?;
    Ok(())
}

/// A whole number with narrow spaces between the thousands, which every language can read.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Series;

    fn series(name: &str, values: &[f64]) -> Series {
        Series { name: name.into(), values: values.to_vec() }
    }

    #[test]
    fn lines_labels_and_names_are_drawn() {
        let labels = (0..60).map(|minute| format!("14:{minute:02}")).collect();
        let values: Vec<f64> = (0..60).map(|minute| f64::from(minute * minute)).collect();
        let chart = Chart {
            title: "t".into(),
            labels,
            series: vec![series("Delivered <&>", &values), series("Opened", &[1.0; 60])],
        };
        let svg = chart_svg(&chart).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("stroke=\"#0072B2\"").count(), 2, "line and legend");
        assert!(svg.contains("14:10") && svg.contains("1\u{202f}000") && svg.contains("Opened"));
        assert!(svg.contains("Delivered &lt;&amp;&gt;") && !svg.contains("<&>"));
    }

    /// The numbers of an attribute of every element of a kind.
    fn numbers(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
        let mut found = Vec::new();
        for element in svg.split(&format!("<{element} ")).skip(1) {
            let tag = format!(" {}", element.split('>').next().unwrap_or_default());
            let Some((_, rest)) = tag.split_once(&format!(" {attribute}=\"")) else { continue };
            let value = rest.split('"').next().unwrap_or_default();
            found.extend(value.split([' ', ',']).filter_map(|number| number.parse::<f64>().ok()));
        }
        found
    }

    #[test]
    fn the_names_cover_no_line_and_no_label_is_cut() {
        let labels = (0..9).map(|day| format!("1{day}/11 10:00")).collect();
        let chart = Chart { title: String::new(), labels, series: vec![series("Delivered", &[9.0; 9])] };
        let svg = chart_svg(&chart).unwrap();
        let (before, _) = svg.split_once("Delivered").unwrap();
        let name = numbers(&before[before.rfind("<text").unwrap()..], "text", "y")[0];
        let points = numbers(&svg, "polyline", "points");
        let line = points.chunks(2).filter(|point| point[0] > 100.0).map(|point| point[1]).fold(f64::MAX, f64::min);
        assert!(name + f64::from(LETTERS) <= line, "the name ends at {name}, the line is at {line}");
        let last = numbers(&svg, "text", "x").into_iter().fold(0.0, f64::max);
        let half = f64::from(LETTER_WIDTH) * 11.0 / 2.0;
        assert!(last + half <= f64::from(SIZE.0), "the last label stands around {last}");
    }

    #[test]
    fn odd_charts() {
        for (labels, values) in [(0, vec![]), (1, vec![0.0]), (2, vec![0.0, 0.0])] {
            let chart =
                Chart { title: String::new(), labels: vec!["a".into(); labels], series: vec![series("x", &values)] };
            assert!(chart_svg(&chart).is_ok(), "{labels}");
        }
        assert!(chart_svg(&Chart::default()).is_ok());
        for values in [vec![1.0], vec![1.0, f64::NAN]] {
            let chart = Chart { title: String::new(), labels: vec!["a".into(); 2], series: vec![series("x", &values)] };
            assert!(matches!(chart_svg(&chart), Err(PaperError::Invalid(_))));
        }
        let chart = Chart { series: vec![series("x", &[]); SERIES_MAX + 1], ..Chart::default() };
        assert!(matches!(chart_svg(&chart), Err(PaperError::Invalid(_))));
        assert_eq!(grouped(1_234_567.0), "1\u{202f}234\u{202f}567");
    }
}
