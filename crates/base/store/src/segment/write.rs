//! Writing of segments.

use std::fs::File;
use std::path::Path;

use datafusion::arrow::array::{AsArray, DictionaryArray, PrimitiveArray};
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use journal::file::sync_parent;
use model::time::Timestamp;

use super::{Segment, SegmentEntry, day_of};
use crate::columns::{ADDRESS_HASH, ID_ROOT, TRANSCRIPT, schema};
use crate::disk::StoredFile;
use crate::error::StoreError;
use crate::field::Field;
use crate::hot::HotBatch;

/// Most events of a row group: what a bloom filter rules out is skipped in pieces of this size.
pub(crate) const ROW_GROUP_ROWS: usize = 131_072;
/// Most bytes of a row group in memory while it is written.
pub(crate) const ROW_GROUP_BYTES: usize = 32 << 20;
/// Events sorted and written in one go.
const CHUNK_ROWS: usize = 8_192;
/// Wrong answers of the bloom filters.
const BLOOM_FPP: f64 = 0.01;

/// A segment in the making; gone again without [`Writer::finish`] and a manifest that names it.
pub(crate) struct Writer {
    writer: ArrowWriter<File>,
    file: StoredFile,
    entry: SegmentEntry,
}

impl Writer {
    /// Begins a segment of this day below the store's directory.
    pub fn create(dir: &Path, day: String, number: u64) -> Result<Writer, StoreError> {
        let entry = SegmentEntry { day, number, rows: 0, bytes: 0, from: i64::MAX, to: i64::MIN };
        let path = dir.join(entry.relative());
        let parent = path.parent().expect("invariant: segments lie in directories");
        std::fs::create_dir_all(parent).map_err(StoreError::io(parent))?;
        sync_parent(parent).map_err(StoreError::io(parent))?;
        let created = File::create(&path).map_err(StoreError::io(&path))?;
        let file = StoredFile::fresh(path);
        let writer = ArrowWriter::try_new(created, schema(), Some(properties()))
            .map_err(StoreError::columns("beginning a segment"))?;
        Ok(Writer { writer, file, entry })
    }

    /// Adds rows; they must not be older than those before.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let times = times(batch)?;
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            self.entry.from = self.entry.from.min(*first);
            self.entry.to = self.entry.to.max(*last);
        }
        self.entry.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(StoreError::columns("writing a segment"))
    }

    /// Completes the file and makes it durable.
    pub fn finish(self) -> Result<Segment, StoreError> {
        let Writer { writer, file, mut entry } = self;
        let written = writer.into_inner().map_err(StoreError::columns("completing a segment"))?;
        let sync = || -> std::io::Result<u64> {
            written.sync_all()?;
            sync_parent(file.path())?;
            Ok(written.metadata()?.len())
        };
        entry.bytes = sync().map_err(StoreError::io(file.path()))?;
        Ok(Segment::of(entry, file))
    }
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(3).expect("invariant: a valid level");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("ies event store 1".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    let column = |name: &str| ColumnPath::from(name);
    for name in [Field::At.as_str(), ID_ROOT, Field::Recipient.as_str(), Field::Message.as_str()] {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [Field::At.as_str(), Field::Recipient.as_str()] {
        properties = properties.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    for name in [TRANSCRIPT, Field::Reply.as_str(), Field::Note.as_str(), Field::Address.as_str()] {
        properties = properties.set_column_statistics_enabled(column(name), EnabledStatistics::None);
    }
    for name in [ADDRESS_HASH, TRANSCRIPT] {
        properties = properties.set_column_dictionary_enabled(column(name), false);
    }
    for name in [Field::Recipient.as_str(), Field::Message.as_str(), ADDRESS_HASH] {
        properties = properties
            .set_column_bloom_filter_enabled(column(name), true)
            .set_column_bloom_filter_fpp(column(name), BLOOM_FPP)
            .set_column_bloom_filter_max_ndv(column(name), ROW_GROUP_ROWS as u64);
    }
    properties.build()
}

/// Writes batches to one segment for each of their days, sorted.
///
/// # Errors
/// [`StoreError`]: the files made so far are removed.
pub(crate) fn write_sorted(
    dir: &Path,
    batches: &[HotBatch],
    mut next_number: impl FnMut() -> u64,
) -> Result<Vec<Segment>, StoreError> {
    let batches: Vec<&RecordBatch> = batches.iter().map(|hot| &hot.batch).collect();
    let order = sorted_places(&batches)?;
    let mut written = Vec::new();
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let (day, end) = day_of(Timestamp(first.at));
        let (of_day, later) = rest.split_at(rest.partition_point(|place| place.at < end.0).max(1));
        let mut writer = Writer::create(dir, day, next_number())?;
        for chunk in of_day.chunks(CHUNK_ROWS) {
            let places: Vec<(usize, usize)> = chunk.iter().map(|place| (place.batch, place.row)).collect();
            let sorted = interleave_record_batch(&batches, &places).map_err(StoreError::columns("sorting"))?;
            writer.write(&sorted)?;
        }
        written.push(writer.finish()?);
        rest = later;
    }
    Ok(written)
}

/// Where an event lies in the batches.
struct Place {
    at: i64,
    batch: usize,
    row: usize,
}

/// The events of all batches by time, then provider, then as they came.
fn sorted_places(batches: &[&RecordBatch]) -> Result<Vec<Place>, StoreError> {
    let mut places = Vec::with_capacity(batches.iter().map(|batch| batch.num_rows()).sum());
    for (number, batch) in batches.iter().enumerate() {
        places.extend(times(batch)?.iter().enumerate().map(|(row, &at)| Place { at, batch: number, row }));
    }
    let providers: Vec<_> = batches
        .iter()
        .map(|batch| batch.column_by_name(Field::Provider.as_str()).map(|array| array.as_dictionary()))
        .collect();
    let provider = |place: &Place| {
        let array: &DictionaryArray<Int32Type> = providers[place.batch]?;
        let value = array.key(place.row)?;
        Some(array.values().as_string::<i32>().value(value))
    };
    places.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| provider(a).cmp(&provider(b))));
    Ok(places)
}

fn times(batch: &RecordBatch) -> Result<&[i64], StoreError> {
    let column = batch.column_by_name(Field::At.as_str()).and_then(|column| column.as_primitive_opt());
    let column: Option<&PrimitiveArray<TimestampMicrosecondType>> = column;
    match column {
        Some(column) => Ok(column.values()),
        None => Err(StoreError::Columns { what: "reading times", reason: "there is no column of times".to_owned() }),
    }
}
