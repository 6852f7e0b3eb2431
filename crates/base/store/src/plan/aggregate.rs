//! The typed query as a plan: filter, aggregate, sort, cut.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::functions::datetime::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, approx_percentile_cont, count, max, min, sum};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, cast, ident, lit, when};
use tokio::time::Instant;

use super::cells::{cells, counts};
use super::expr::{column, filter_expr, time, time_expr};
use super::{Engine, View, explain, ms_since};
use crate::error::QueryError;
use crate::field::Field;
use crate::query::{
    Cell, CellKind, Dimension, Measure, Query, QueryResult, ROWS_OUT_DEFAULT, ROWS_OUT_MAX, Rate, ResultColumn,
};

impl Engine {
    /// Answers a query over a view.
    pub async fn query(&self, view: View, query: &Query) -> Result<QueryResult, QueryError> {
        query.check()?;
        let view = view.between(query.from, query.to);
        self.check_rows(&view)?;
        let start = Instant::now();
        let rows_max = query.limit.unwrap_or(ROWS_OUT_DEFAULT).min(ROWS_OUT_MAX) as usize;
        let frame = plan(self.table(&view)?, query, rows_max)?;
        let (batches, mut cost) = self.collect(frame, &view).await?;
        let columns = query.columns();
        let mut rows = Vec::new();
        for batch in &batches {
            add_rows(&columns, batch.columns(), batch.num_rows(), &mut rows)?;
        }
        let truncated = rows.len() > rows_max;
        rows.truncate(rows_max);
        (cost.ms, cost.missing_rows) = (ms_since(start), view.missing_rows());
        Ok(QueryResult { columns, rows, truncated, cost })
    }
}

/// Names inside the plan: `c0`, `c1` … as the columns of the answer; a rate has its n in `n<place>`.
fn name(place: usize) -> String {
    format!("c{place}")
}

fn base_name(place: usize) -> String {
    format!("n{place}")
}

fn plan(table: DataFrame, query: &Query, rows_max: usize) -> Result<DataFrame, QueryError> {
    let mut wanted = time_expr(query.from, query.to);
    if let Some(filter) = &query.filter {
        wanted = wanted.and(filter_expr(filter)?);
    }
    let groups: Vec<Expr> = query
        .dimensions
        .iter()
        .enumerate()
        .map(|(place, dimension)| dimension_expr(dimension).alias(name(place)))
        .collect();
    let mut measures = Vec::new();
    for (place, measure) in query.measures.iter().enumerate() {
        let place = groups.len() + place;
        measures.push(measure_expr(measure)?.alias(name(place)));
        if matches!(measure, Measure::Rate { .. }) {
            measures.push(count(lit(1)).alias(base_name(place)));
        }
    }
    let frame = table.filter(wanted).and_then(|frame| frame.aggregate(groups, measures));
    let frame = frame.and_then(|frame| frame.sort(order(query))).and_then(|frame| frame.limit(0, Some(rows_max + 1)));
    frame.map_err(|error| explain(&error))
}

fn dimension_expr(dimension: &Dimension) -> Expr {
    match dimension {
        Dimension::Field { field } => column(*field),
        Dimension::Bucket { span } => {
            let nanos = i64::try_from(span.0.as_nanos()).unwrap_or(i64::MAX);
            let width = ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, nanos)));
            date_bin(lit(width), column(Field::At), time(0))
        }
    }
}

fn measure_expr(measure: &Measure) -> Result<Expr, QueryError> {
    Ok(match measure {
        Measure::Count => count(lit(1)),
        Measure::Rate { numerator } => {
            let hit = when(filter_expr(numerator)?, lit(1)).end().map_err(|error| explain(&error))?;
            count(hit)
        }
        Measure::DistinctRecipients => approx_distinct(column(Field::Recipient)),
        Measure::Percentile { field, p } => {
            approx_percentile_cont(cast(column(*field), DataType::Float64).sort(true, false), lit(*p), None)
        }
        Measure::Sum { field } => sum(cast(column(*field), DataType::Int64)),
        Measure::Min { field } => min(column(*field)),
        Measure::Max { field } => max(column(*field)),
    })
}

/// The order asked for, or the natural one; ties are broken by the dimensions, so that equal answers look equal.
fn order(query: &Query) -> Vec<Sort> {
    let columns = query.columns();
    let key = |place: usize| match columns[place].kind {
        CellKind::Rate => {
            cast(ident(name(place)), DataType::Float64) / cast(ident(base_name(place)), DataType::Float64)
        }
        _ => ident(name(place)),
    };
    let place_of = |wanted: &str| columns.iter().position(|column| column.name == wanted);
    let mut order: Vec<Sort> = query
        .order
        .iter()
        .filter_map(|order| place_of(&order.by).map(|place| key(place).sort(!order.descending, false)))
        .collect();
    if order.is_empty() {
        let bucket = query.dimensions.iter().position(|dimension| matches!(dimension, Dimension::Bucket { .. }));
        order.push(match bucket {
            Some(place) => key(place).sort(true, false),
            None => key(query.dimensions.len()).sort(false, false),
        });
    }
    order.extend((0..query.dimensions.len()).map(|place| key(place).sort(true, false)));
    order
}

fn add_rows(
    columns: &[ResultColumn],
    arrays: &[ArrayRef],
    count: usize,
    rows: &mut Vec<Vec<Cell>>,
) -> Result<(), QueryError> {
    let first = rows.len();
    rows.resize_with(first + count, || Vec::with_capacity(columns.len()));
    let mut arrays = arrays.iter();
    let missing = || QueryError::Failed("the engine left out a column".to_owned());
    for column in columns {
        let values = arrays.next().ok_or_else(missing)?;
        let cells = match column.kind {
            CellKind::Rate => {
                let bases = counts(arrays.next().ok_or_else(missing)?)?;
                counts(values)?.into_iter().zip(bases).map(|(hits, n)| Cell::Rate(Rate::of(hits, n))).collect()
            }
            kind => cells(values, kind)?,
        };
        rows[first..].iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
    }
    Ok(())
}
