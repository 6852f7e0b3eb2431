//! The messages in memory: a small record each; what many messages have in common is kept once.
//!
//! A head of some 500 bytes is taken apart. What comes from the sender's job, stream, account and connection is the same
//! for thousands of messages: a **series** (and everything the queue derives from it: class, pool, job, campaign, holds
//! and cancellations of these). What may differ from message to message and seldom does (return path, times, labels) is
//! interned as its **particulars**. What is left of a message is 56 bytes. Nothing is read from disk for it, and nothing
//! is lost: [`Messages::head`] puts it together again.
//!
//! Known gap: a message whose return path or labels are its own costs some 150 bytes and their texts more.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use model::handoff::MessageHead;
use model::id::MessageId;
use model::submission::{Envelope, Labels, Origin, ReturnPath, Routing};
use model::time::Timestamp;

use crate::control::Target;
use crate::core::Cancel;
use crate::entries::{List, NONE};
use crate::ids;
use crate::interned::Interned;
use crate::slab::Slab;

/// Heads put together lately, for those who follow with the same message.
const HEADS_KEPT: usize = 16;

/// What messages of one series have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Common {
    /// Without return path and ENVID.
    envelope: Envelope,
    /// Without times and labels.
    pub routing: Routing,
    pub origin: Origin,
}

/// What a message has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Particulars {
    pub sender: ReturnPath,
    envid: Option<Box<str>>,
    pub not_before: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    labels: Option<Box<Labels>>,
}

impl Common {
    /// What a person's order can be about that covers the whole series: its campaign and its job.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let Routing { campaign, job, .. } = &self.routing;
        let job = (!job.is_empty()).then(|| Target::Job(job.clone()));
        campaign.map(Target::Campaign).into_iter().chain(job)
    }
}

impl Particulars {
    /// What the submitter wants to find again.
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_deref()
    }
}

/// Messages that differ in little.
#[derive(Debug)]
pub(crate) struct Series {
    pub common: Common,
    pub stream: u16,
    pub class: u8,
    /// `None` when the pool it names is not configured (any more).
    pub pool: Option<u16>,
    pub job: u32,
    pub campaign: u32,
    /// How many holds of persons cover it: campaign, job.
    pub holds: u8,
    /// What covers its campaign and its job.
    pub cancel: Option<Arc<Cancel>>,
    /// Its first message; the others follow by their links.
    first: u32,
}

impl Series {
    /// As it is before the core has found out what it means, and without a message.
    pub fn new(common: Common) -> Self {
        Series {
            common,
            stream: 0,
            class: 0,
            pool: None,
            job: NONE,
            campaign: NONE,
            holds: 0,
            cancel: None,
            first: NONE,
        }
    }
}

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub id: MessageId,
    /// When its content was committed; recipients may have come later.
    pub received_at: Timestamp,
    pub size_bytes: u32,
    pub series: u32,
    pub particulars: u32,
    pub recipients: List,
    /// The next recipient that a hold, a release or a cancellation has to look at.
    pub sweep: u32,
    /// The neighbours in its series.
    prev: u32,
    next: u32,
    /// Held by itself.
    pub held: bool,
    /// Given up by itself, as far as a cancellation covers its recipients.
    pub cancelled: bool,
}

/// All messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    messages: Slab<Message>,
    numbers: HashTable<u32>,
    series: Slab<Series>,
    series_numbers: HashTable<u32>,
    particulars: Interned<Particulars>,
    hasher: RandomState,
    heads: [Option<Arc<MessageHead>>; HEADS_KEPT],
}

/// Takes a head apart: what the queue keeps of it beside its number, time and size.
pub(crate) fn take_apart(head: &MessageHead) -> (Common, Particulars) {
    let MessageHead { mut envelope, mut routing, origin, .. } = head.clone();
    let labels = std::mem::take(&mut routing.labels);
    let particulars = Particulars {
        sender: std::mem::take(&mut envelope.sender),
        envid: envelope.envid.take().map(String::into_boxed_str),
        not_before: routing.not_before.take(),
        expires: routing.expires.take(),
        labels: (labels != Labels::default()).then(|| Box::new(labels)),
    };
    (Common { envelope, routing, origin }, particulars)
}

impl Messages {
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// The number of a message.
    pub fn find(&self, id: MessageId) -> Option<u32> {
        self.numbers.find(ids::hash(id.0), |&idx| self.messages[idx].id == id).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Message)> {
        self.messages.iter()
    }

    /// The number of the series with this in common.
    pub fn find_series(&self, common: &Common) -> Option<u32> {
        let hash = self.hasher.hash_one(common);
        self.series_numbers.find(hash, |&number| self.series[number].common == *common).copied()
    }

    /// Begins a series that is not here yet; its first message has to follow.
    pub fn begin_series(&mut self, begun: Series) -> u32 {
        let Messages { series, series_numbers, hasher, .. } = self;
        let number = series.insert(begun);
        let hash = |number: &u32| hasher.hash_one(&series[*number].common);
        series_numbers.insert_unique(hash(&number), number, hash);
        number
    }

    /// Takes in a message that is not here yet.
    pub fn insert(&mut self, head: &MessageHead, series: u32, particulars: Particulars) -> u32 {
        let next = self.series[series].first;
        let idx = self.messages.insert(Message {
            id: head.id,
            received_at: head.received_at,
            // A record of the spool is smaller than 4 GiB.
            size_bytes: u32::try_from(head.size_bytes).unwrap_or(u32::MAX),
            series,
            particulars: self.particulars.take(particulars),
            recipients: List::default(),
            sweep: NONE,
            prev: NONE,
            next,
            held: false,
            cancelled: false,
        });
        if next != NONE {
            self.messages[next].prev = idx;
        }
        self.series[series].first = idx;
        let messages = &self.messages;
        let hash = |idx: &u32| ids::hash(messages[*idx].id.0);
        self.numbers.insert_unique(hash(&idx), idx, hash);
        idx
    }

    /// Takes out a message, and its series when that was its last one.
    pub fn remove(&mut self, idx: u32) -> Option<Series> {
        let id = self.messages[idx].id;
        if let Ok(found) = self.numbers.find_entry(ids::hash(id.0), |&other| other == idx) {
            found.remove();
        }
        let Message { series, particulars, prev, next, .. } = self.messages.remove(idx);
        self.particulars.release(particulars);
        let kept = &mut self.heads[idx as usize % HEADS_KEPT];
        if kept.as_ref().is_some_and(|head| head.id == id) {
            *kept = None;
        }
        match prev {
            NONE => self.series[series].first = next,
            prev => self.messages[prev].next = next,
        }
        if next != NONE {
            self.messages[next].prev = prev;
        }
        if self.messages.len() == 0 {
            // A quiet queue gives its memory back.
            (self.messages, self.numbers) = (Slab::default(), HashTable::new());
        }
        (self.series[series].first == NONE).then(|| self.end_series(series))
    }

    fn end_series(&mut self, number: u32) -> Series {
        let hash = self.hasher.hash_one(&self.series[number].common);
        if let Ok(found) = self.series_numbers.find_entry(hash, |&other| other == number) {
            found.remove();
        }
        self.series.remove(number)
    }

    /// The series of a message.
    pub fn series_of(&self, idx: u32) -> &Series {
        &self.series[self.messages[idx].series]
    }

    /// A series by its own number.
    pub fn series(&self, number: u32) -> &Series {
        &self.series[number]
    }

    pub fn series_mut(&mut self, number: u32) -> &mut Series {
        &mut self.series[number]
    }

    /// Every series, with its number.
    pub fn all_series(&self) -> impl Iterator<Item = (u32, &Series)> {
        self.series.iter()
    }

    /// The messages of a series, the latest first.
    pub fn in_series(&self, number: u32) -> impl Iterator<Item = u32> + '_ {
        let behind = |idx: u32| (idx != NONE).then_some(idx);
        std::iter::successors(behind(self.series[number].first), move |&idx| behind(self.messages[idx].next))
    }

    /// What a message has for itself.
    pub fn particulars_of(&self, idx: u32) -> &Particulars {
        &self.particulars[self.messages[idx].particulars]
    }

    /// A message as it came in.
    pub fn head(&mut self, idx: u32) -> Arc<MessageHead> {
        let kept = &self.heads[idx as usize % HEADS_KEPT];
        if let Some(head) = kept.as_ref().filter(|head| head.id == self.messages[idx].id) {
            return Arc::clone(head);
        }
        let head = Arc::new(self.put_together(idx));
        self.heads[idx as usize % HEADS_KEPT] = Some(Arc::clone(&head));
        head
    }

    fn put_together(&self, idx: u32) -> MessageHead {
        let (message, particulars) = (&self.messages[idx], self.particulars_of(idx));
        let Common { envelope, routing, origin } = self.series_of(idx).common.clone();
        let Particulars { sender, envid, not_before, expires, labels } = particulars.clone();
        let labels = labels.map(|labels| *labels).unwrap_or_default();
        MessageHead {
            id: message.id,
            envelope: Envelope { sender, envid: envid.map(String::from), ..envelope },
            routing: Routing { not_before, expires, labels, ..routing },
            origin,
            received_at: message.received_at,
            size_bytes: u64::from(message.size_bytes),
        }
    }

    /// Checks that tables, chains and counts fit; for tests and simulations.
    pub fn check(&self) -> Result<(), String> {
        let mut of_series = 0;
        for (number, series) in self.series.iter() {
            if series.first == NONE || self.find_series(&series.common) != Some(number) {
                return Err(format!("series {number} is empty or not found by what it has in common"));
            }
            let mut before = NONE;
            for idx in self.in_series(number) {
                let message = &self.messages[idx];
                if message.series != number || message.prev != before || self.find(message.id) != Some(idx) {
                    return Err(format!("message {} is not where it belongs", message.id));
                }
                (before, of_series) = (idx, of_series + 1);
            }
        }
        let counted = [of_series, self.numbers.len(), self.particulars.users() as usize];
        if counted.iter().any(|&count| count != self.len()) {
            return Err(format!("{} messages, but {counted:?}", self.len()));
        }
        Ok(())
    }
}

impl std::ops::Index<u32> for Messages {
    type Output = Message;

    fn index(&self, idx: u32) -> &Message {
        &self.messages[idx]
    }
}

impl std::ops::IndexMut<u32> for Messages {
    fn index_mut(&mut self, idx: u32) -> &mut Message {
        &mut self.messages[idx]
    }
}

#[cfg(test)]
mod tests {
    use model::id::CampaignId;
    use model::name::Name;
    use model::submission::{Protocol, Ret};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Option<Message>>() <= 56, "{} bytes", size_of::<Option<Message>>());
    }

    fn heads() -> impl Strategy<Value = MessageHead> {
        let texts = || prop::option::of("[ab]{1,2}");
        let times = || prop::option::of((0_i64..2).prop_map(Timestamp));
        let envelope = (texts(), texts(), any::<[bool; 3]>()).prop_map(|(sender, envid, [eight_bit, notify, full])| {
            let sender = sender.map_or(ReturnPath::Null, ReturnPath::Fixed);
            Envelope { sender, envid, eight_bit, notify, ret: full.then_some(Ret::Full), smtputf8: false }
        });
        let routing = (texts(), 0_u64..3, times(), times(), texts()).prop_map(|(job, id, not_before, expires, tag)| {
            let labels = Labels { tags: tag.iter().map(|tag| Name::from(&**tag)).collect(), ..Labels::default() };
            let (job, campaign) = (Name::from(job.unwrap_or_default()), (id > 0).then_some(CampaignId(id)));
            Routing { job, campaign, not_before, expires, labels, ..Routing::default() }
        });
        (envelope, routing, 0_u64..9).prop_map(|(envelope, routing, size_bytes)| {
            let origin = Origin { protocol: Protocol::Smtp, peer: None, user: None };
            MessageHead { id: MessageId(0), envelope, routing, origin, received_at: Timestamp(7), size_bytes }
        })
    }

    fn put(messages: &mut Messages, head: &MessageHead) -> u32 {
        let (common, particulars) = take_apart(head);
        let known = messages.find_series(&common);
        let number = known.unwrap_or_else(|| messages.begin_series(Series::new(common)));
        messages.insert(head, number, particulars)
    }

    proptest! {
        /// Whatever comes and goes: each message is found, is as it came in, and leaves nothing behind.
        #[test]
        fn a_head_comes_back_as_it_was(steps in prop::collection::vec((heads(), any::<bool>(), any::<usize>()), 1..80)) {
            let (mut messages, mut known) = (Messages::default(), Vec::new());
            for (number, (head, comes, place)) in steps.into_iter().enumerate() {
                if comes || known.is_empty() {
                    let head = MessageHead { id: MessageId(number as u64), ..head };
                    known.push((put(&mut messages, &head), head));
                } else {
                    let (idx, _) = known.swap_remove(place % known.len());
                    messages.remove(idx);
                }
                prop_assert_eq!(messages.check(), Ok(()));
                for (idx, head) in &known {
                    prop_assert_eq!(messages.find(head.id), Some(*idx));
                    prop_assert_eq!(&*messages.head(*idx), head);
                }
            }
            for (idx, _) in known {
                messages.remove(idx);
            }
            prop_assert_eq!((messages.len(), messages.series.len(), messages.particulars.len()), (0, 0, 0));
        }
    }
}
