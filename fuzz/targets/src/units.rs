//! Small texts: lengths of time, rates, sizes, times, ids, cursors, status codes.
//!
//! Holds: what is read is written so that it is read as the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::bytes::text;
use model::id::{EventId, MessageId};
use model::reply::EnhancedStatus;
use model::time::Timestamp;
use model::units::{Rate, Size, Span};

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    check::<Span>(&text);
    check::<Rate>(&text);
    check::<Size>(&text);
    check::<Timestamp>(&text);
    check::<MessageId>(&text);
    check::<EventId>(&text);
    check::<EnhancedStatus>(&text);
    check::<journal::events::Cursor>(&text);
    check::<intake::Network>(&text);
}

fn check<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            match written.parse::<T>() {
                Ok(again) => assert_eq!(again, value, "{text:?} is written as {written:?}"),
                Err(error) => panic!("{text:?} is written as {written:?}: {error}"),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
