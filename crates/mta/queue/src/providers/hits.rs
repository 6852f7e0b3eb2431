//! Replies counted towards the thresholds of rules.

use std::collections::VecDeque;

use model::time::Timestamp;

use super::Rule;

/// Most rules whose replies are counted at a time for one path; the longest unused count is dropped.
const COUNTED_MAX: usize = 32;

/// Times of replies, by number of the rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits(Vec<(u32, VecDeque<Timestamp>)>);

impl Hits {
    /// Counts one reply; true when the rule fires, which starts the count anew.
    pub fn count(&mut self, number: u32, rule: &Rule, now: Timestamp) -> bool {
        let Some(threshold) = rule.threshold else { return true };
        let at = self.0.iter().position(|(known, _)| *known == number);
        let mut entry = match at {
            Some(at) => self.0.remove(at),
            None => (number, VecDeque::new()),
        };
        let needed = usize::try_from(threshold.count).unwrap_or(usize::MAX);
        entry.1.push_back(now);
        while entry.1.front().is_some_and(|first| now.since(*first) > threshold.period) || entry.1.len() > needed {
            entry.1.pop_front();
        }
        let fires = entry.1.len() >= needed;
        if !fires {
            if self.0.len() >= COUNTED_MAX {
                self.0.remove(0);
            }
            self.0.push(entry);
        }
        fires
    }
}
