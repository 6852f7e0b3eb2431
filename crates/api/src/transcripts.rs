//! What the API asks of whoever records dialogues of delivery; implemented over delivery by the binary.

use std::pin::Pin;

use model::recording::{NewRecording, Recording, RecordingError};
use model::time::Timestamp;

/// Why an order about recordings is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranscriptRefusal {
    /// What is asked for makes no sense.
    Wrong(RecordingError),
    /// As things are, it cannot be: whoever asks changes that.
    Conflict(String),
    /// It cannot be written down now; in words for the log.
    Failed(String),
}

/// What comes of an order.
pub type TranscriptAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TranscriptRefusal>> + Send + 'a>>;

/// Records dialogues.
pub trait TranscriptDesk: Send + Sync + 'static {
    /// What is being recorded, the oldest first.
    fn list(&self, now: Timestamp) -> Vec<Recording>;

    /// Begins a recording: in force, on disk and told when it is answered.
    fn begin<'a>(&'a self, new: NewRecording, by: &'a str) -> TranscriptAnswer<'a, Recording>;

    /// Ends a recording; false when there is none of this number.
    fn end<'a>(&'a self, id: u32, by: &'a str) -> TranscriptAnswer<'a, bool>;
}
