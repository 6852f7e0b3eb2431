//! What came in and what was delivered: in all, within the last minute and hour, and at most in one; since the start.

use model::time::Timestamp;

use super::QueueCore;
use crate::view::{Amount, FlowView, TrafficView};

/// Minutes that are kept: an hour.
const MINUTES: usize = 60;

const MINUTE_US: i64 = 60_000_000;

/// One direction.
#[derive(Clone, Debug)]
struct Flow {
    total: Amount,
    /// By minute, in a ring.
    minutes: [Amount; MINUTES],
    /// The present minute since 1970.
    minute: i64,
    hour: Amount,
    top_minute: Amount,
    top_hour: Amount,
}

impl Flow {
    fn new(now: Timestamp) -> Self {
        Flow {
            total: Amount::default(),
            minutes: [Amount::default(); MINUTES],
            minute: now.0.div_euclid(MINUTE_US),
            hour: Amount::default(),
            top_minute: Amount::default(),
            top_hour: Amount::default(),
        }
    }

    fn slot(minute: i64) -> usize {
        minute.rem_euclid(MINUTES as i64) as usize
    }

    /// The minutes since the last time are over. A clock that steps back stays in its minute.
    fn turn(&mut self, now: Timestamp) {
        let minute = now.0.div_euclid(MINUTE_US);
        for _ in 0..(minute - self.minute).clamp(0, MINUTES as i64) {
            self.top_minute = self.top_minute.max(self.minutes[Self::slot(self.minute)]);
            self.top_hour = self.top_hour.max(self.hour);
            self.minute += 1;
            let gone = std::mem::take(&mut self.minutes[Self::slot(self.minute)]);
            self.hour = self.hour.less(gone);
        }
        self.minute = self.minute.max(minute);
    }

    fn add(&mut self, now: Timestamp, amount: Amount) {
        self.turn(now);
        let slot = Self::slot(self.minute);
        for sum in [&mut self.total, &mut self.minutes[slot], &mut self.hour] {
            *sum = sum.plus(amount);
        }
    }

    fn view(&self, now: Timestamp) -> FlowView {
        let mut flow = self.clone();
        flow.turn(now);
        FlowView {
            total: flow.total,
            last_hour: flow.hour,
            top_hour: flow.top_hour.max(flow.hour),
            last_minute: flow.minutes[Self::slot(flow.minute - 1)],
            top_minute: flow.top_minute,
        }
    }
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Traffic {
    started_at: Timestamp,
    inbound: Flow,
    outbound: Flow,
    connections_top: u32,
}

impl Traffic {
    pub fn new(now: Timestamp) -> Self {
        Traffic { started_at: now, inbound: Flow::new(now), outbound: Flow::new(now), connections_top: 0 }
    }

    /// A message, or more recipients of one (`messages` 0), was taken in.
    pub fn received(&mut self, now: Timestamp, recipients: u64, messages: u64, bytes: u64) {
        self.inbound.add(now, Amount { recipients, messages, bytes });
    }

    /// A recipient has got a message of so many bytes.
    pub fn delivered(&mut self, now: Timestamp, bytes: u64) {
        self.outbound.add(now, Amount { recipients: 1, messages: 1, bytes });
    }

    pub fn connections(&mut self, open: usize) {
        self.connections_top = self.connections_top.max(open as u32);
    }
}

impl QueueCore {
    pub(super) fn traffic_view(&self, now: Timestamp) -> TrafficView {
        TrafficView {
            started_at: self.traffic.started_at,
            inbound: self.traffic.inbound.view(now),
            outbound: self.traffic.outbound.view(now),
            connections_top: self.traffic.connections_top,
            connections_max: self.config.limits.connections_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_hours_pass() {
        let at = |minute: i64| Timestamp(minute * MINUTE_US + 1);
        let mut flow = Flow::new(at(0));
        let add = |flow: &mut Flow, minute, recipients| {
            flow.add(at(minute), Amount { recipients, messages: 1, bytes: 10 * recipients });
        };
        add(&mut flow, 0, 5);
        add(&mut flow, 0, 2);
        add(&mut flow, 1, 3);
        let check = |flow: &Flow, minute, expected: [u64; 5]| {
            let view = flow.view(at(minute));
            let found = [view.total, view.last_hour, view.top_hour, view.last_minute, view.top_minute];
            assert_eq!(found.map(|amount| amount.recipients), expected, "minute {minute}");
        };
        check(&flow, 1, [10, 10, 10, 7, 7]);
        check(&flow, 2, [10, 10, 10, 3, 7]);
        check(&flow, 60, [10, 3, 10, 0, 7]);
        check(&flow, 61, [10, 0, 10, 0, 7]);
        check(&flow, 100_000, [10, 0, 10, 0, 7]);
        // The clock steps back.
        add(&mut flow, 0, 1);
        check(&flow, 1, [11, 11, 11, 7, 7]);
        add(&mut flow, 100_000, 4);
        check(&flow, 100_001, [15, 4, 11, 4, 7]);
        assert_eq!(flow.view(at(100_001)).total, Amount { recipients: 15, messages: 5, bytes: 150 });
    }
}
