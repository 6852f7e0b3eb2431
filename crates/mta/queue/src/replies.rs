//! What providers answered to those who wait because of it: each wording once, a number of two bytes with the recipient.
//!
//! A greylisted campaign has one wording for all, or one for each recipient where hosts quote the address; so the number
//! of wordings is limited, and beyond the limit a recipient goes without: its history has the reply all the same.

use std::collections::HashMap;
use std::sync::Arc;

/// Most wordings kept at a time, each at most [`WORDING_BYTES_MAX`].
pub(crate) const WORDINGS_MAX: usize = 20_000;

/// Longest wording kept, in bytes; the rest is cut off.
const WORDING_BYTES_MAX: usize = 300;

/// The number of a wording that was kept; [`Replies::NONE`] for none.
pub(crate) type Wording = u16;

#[derive(Debug, Default)]
struct Slot {
    text: Arc<str>,
    users: u32,
}

/// Wordings in use.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    slots: Vec<Slot>,
    free: Vec<Wording>,
    numbers: HashMap<Arc<str>, Wording>,
}

impl Replies {
    /// Nothing was kept.
    pub const NONE: Wording = Wording::MAX;

    /// Keeps a wording for one more recipient.
    pub fn take(&mut self, text: &str) -> Wording {
        let text = &text[..text.floor_char_boundary(WORDING_BYTES_MAX)];
        if let Some(&number) = self.numbers.get(text) {
            self.slots[usize::from(number)].users += 1;
            return number;
        }
        if self.numbers.len() >= WORDINGS_MAX {
            return Self::NONE;
        }
        let text: Arc<str> = Arc::from(text);
        let slot = Slot { text: text.clone(), users: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[usize::from(number)] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as Wording
            }
        };
        self.numbers.insert(text, number);
        number
    }

    /// One recipient less needs it.
    pub fn release(&mut self, number: Wording) {
        let Some(slot) = self.slots.get_mut(usize::from(number)) else { return };
        slot.users -= 1;
        if slot.users > 0 {
            return;
        }
        let slot = std::mem::take(slot);
        self.numbers.remove(&slot.text);
        self.free.push(number);
        if self.numbers.is_empty() {
            *self = Replies::default();
        }
    }

    pub fn get(&self, number: Wording) -> Option<&str> {
        self.slots.get(usize::from(number)).map(|slot| &*slot.text)
    }

    /// How many are kept, for how many recipients.
    pub fn counts(&self) -> (usize, u64) {
        (self.numbers.len(), self.slots.iter().map(|slot| u64::from(slot.users)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_kept_once_and_as_long_as_somebody_needs_it() {
        let mut replies = Replies::default();
        let (first, same, other) = (replies.take("450 later"), replies.take("450 later"), replies.take("421 busy"));
        assert_eq!((first, replies.get(first), replies.counts()), (same, Some("450 later"), (2, 3)));
        replies.release(first);
        assert_eq!(replies.get(same), Some("450 later"));
        replies.release(same);
        replies.release(Replies::NONE);
        assert_eq!(
            (replies.take("451 new"), replies.get(other)),
            (first, Some("421 busy")),
            "the number is used again"
        );
        replies.release(first);
        replies.release(other);
        assert_eq!((replies.counts(), replies.get(first)), ((0, 0), None));
    }

    #[test]
    fn wordings_are_limited() {
        let mut replies = Replies::default();
        for number in 0..WORDINGS_MAX {
            assert_ne!(replies.take(&format!("450 {number}")), Replies::NONE);
        }
        assert_eq!(replies.take("450 one more"), Replies::NONE);
        assert_eq!(replies.take("450 7"), 7, "a known one is still taken");
        let mut replies = Replies::default();
        let long = replies.take(&"é".repeat(WORDING_BYTES_MAX));
        assert_eq!(replies.get(long).map(str::len), Some(WORDING_BYTES_MAX));
    }
}
