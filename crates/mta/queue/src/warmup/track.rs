//! One source at one provider on its way through a plan: the day's count, the pace, and the verdict at midnight.
//!
//! Invariant: `delivered + in_flight` of a day never exceeds its volume by anything that is given under it (an order that
//! lowers the volume gives nothing more). What counts is said by [`kind_of`] alone, for the running queue and for the
//! event log alike, so that both come to the same numbers.
//! Limits: [`HISTORY_MAX`].

use std::time::Duration;

use jiff::civil::Date;
use model::category::Category;
use model::event::{Event, EventKind};
use model::name::Name;
use model::time::Timestamp;
use model::units::Rate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::{Plan, Volumes};
use crate::adapt::is_about_connections;
use crate::throttle::Throttle;

/// Most past days kept of one track; only days with mail are kept.
pub const HISTORY_MAX: usize = 120;

/// Fewer refusals, deferrals or complaints than this say nothing.
const EVIDENCE_MIN: u64 = 3;

/// A day is not broken off before so many attempts.
const ATTEMPTS_MIN: u64 = 20;

/// Beyond so many times the limit the plan goes a step back.
const STEP_BACK_AT: f64 = 2.0;

/// The pace is set anew after this long.
const PACE_INTERVAL: Duration = Duration::from_secs(60);

/// A day's volume is never spread over less, unless the plan says so.
const SPREAD_MIN: Duration = Duration::from_secs(3_600);

/// When somebody who waits looks again where no time is known: what is in flight may come back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Longest reply kept as evidence, in bytes.
const EVIDENCE_BYTES_MAX: usize = 200;

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Accepted.
    Delivered,
    /// Deferred by a reply that is no greylisting.
    Deferred,
    /// Refused for good by a reply.
    Refused,
    /// A recipient complained.
    Complaint,
}

/// What an event counts as; nothing where the provider said nothing about us.
pub fn kind_of(event: &Event) -> Option<Kind> {
    let answered = |event: &Event| {
        event.attempt.as_ref().is_some_and(|attempt| {
            let greylisted = attempt.category == Some(Category::Greylisted);
            // One host that has no connection left answers for all who were bound to it.
            let crowded = is_about_connections(attempt.phase)
                && matches!(attempt.category, Some(Category::RateLimited | Category::BadConnection));
            attempt.reply.is_some() && attempt.error.is_none() && !greylisted && !crowded
        })
    };
    match event.kind {
        EventKind::Delivered => Some(Kind::Delivered),
        EventKind::Deferred if answered(event) => Some(Kind::Deferred),
        EventKind::Bounced if answered(event) => Some(Kind::Refused),
        EventKind::Complaint => Some(Kind::Complaint),
        _ => None,
    }
}

/// What was counted on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WarmUpTally)]
pub struct Tally {
    /// Attempts that were accepted: they use the volume up.
    pub delivered: u64,
    /// Attempts that were deferred, but for greylisting.
    pub deferred: u64,
    /// Attempts that were refused for good.
    pub refused: u64,
    /// Complaints that came in.
    pub complaints: u64,
    /// The last reply that deferred or refused.
    pub reply: Option<String>,
}

impl Tally {
    /// Counts what an event tells.
    pub fn add(&mut self, kind: Kind, event: &Event) {
        match kind {
            Kind::Delivered => self.delivered += 1,
            Kind::Deferred => self.deferred += 1,
            Kind::Refused => self.refused += 1,
            Kind::Complaint => self.complaints += 1,
        }
        if matches!(kind, Kind::Deferred | Kind::Refused)
            && let Some(reply) = event.attempt.as_ref().and_then(|attempt| attempt.reply.as_ref())
        {
            let mut text = reply.to_string();
            text.truncate(text.floor_char_boundary(EVIDENCE_BYTES_MAX));
            self.reply = Some(text);
        }
    }

    /// Attempts that a provider answered.
    pub fn attempts(&self) -> u64 {
        self.delivered + self.deferred + self.refused
    }

    fn is_empty(&self) -> bool {
        self.attempts() == 0 && self.complaints == 0
    }
}

model::names! {
    /// What came of a day.
    #[derive(ToSchema)]
    #[schema(as = WarmUpVerdict)]
    Verdict {
        /// The next day of the plan follows.
        Advance "advance",
        /// Too many refusals, deferrals or complaints: the day is repeated.
        Repeat "repeat",
        /// Too little mail to learn from: the day is repeated.
        TooLittle "too-little",
        /// Far too many refusals, deferrals or complaints: the day before it follows.
        StepBack "step-back",
        /// A person has paused the plan.
        Paused "paused",
        /// No mail for so long that the plan begins anew.
        Restart "restart",
        /// It was the last day: nothing is held back any more.
        Finish "finish",
    }
}

/// A day that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WarmUpDay)]
pub struct PastDay {
    /// The day of the calendar.
    #[schema(value_type = String, example = "2026-12-01")]
    pub date: Date,
    /// The day of the plan, from 1.
    pub day: u32,
    /// Its volume.
    pub volume: u64,
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
}

/// What outlives a restart of a track; the counts of its days stand in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackMemory {
    /// The provider, or [`super::OTHERS`].
    pub provider: Name,
    /// The day of the plan, from 1.
    pub day: u32,
    /// The day of the calendar it is followed on; absent before the first mail.
    #[serde(default)]
    pub date: Option<Date>,
    /// The last day of the calendar with mail.
    #[serde(default)]
    pub last_mail: Option<Date>,
    /// The plan is behind it.
    #[serde(default)]
    pub finished: bool,
    /// The day of the calendar that a person wants to go on, however it goes.
    #[serde(default)]
    pub insisted: Option<Date>,
    /// Past days with mail, oldest first.
    #[serde(default)]
    pub history: Vec<PastDay>,
}

/// One source at one provider.
#[derive(Clone, Debug)]
pub struct Track {
    /// Number of the source.
    pub source: u16,
    /// What outlives a restart.
    pub memory: TrackMemory,
    volumes: Volumes,
    today: Tally,
    /// Given to sessions and not answered.
    pub in_flight: u32,
    /// Bound to paths and not given.
    pub ready: u32,
    /// Nothing more today: it went too badly.
    stopped: bool,
    pace: Option<Pace>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    throttle: Throttle,
    set_at: Timestamp,
}

impl Track {
    /// A track on this day of its plan, with nothing counted.
    pub fn new(source: u16, plan: &Plan, provider: Name, day: u32) -> Track {
        let volumes = plan.volumes(&provider);
        let day = day.clamp(1, volumes.last_day());
        let memory = TrackMemory {
            provider,
            day,
            date: None,
            last_mail: None,
            finished: false,
            insisted: None,
            history: Vec::new(),
        };
        Track::remembered(source, plan, memory, Tally::default())
    }

    /// A track from before a restart, with what the ledger has counted of its day.
    pub fn remembered(source: u16, plan: &Plan, mut memory: TrackMemory, today: Tally) -> Track {
        let volumes = plan.volumes(&memory.provider);
        // A plan that was made shorter meanwhile.
        memory.day = memory.day.clamp(1, volumes.last_day());
        let mut track = Track { source, memory, volumes, today, in_flight: 0, ready: 0, stopped: false, pace: None };
        track.stopped = track.goes_too_badly(plan);
        track
    }

    /// The volume of the day.
    pub fn volume(&self) -> u64 {
        self.volumes.of(self.memory.day).unwrap_or(u64::MAX)
    }

    /// The volumes of all days.
    pub fn volumes(&self) -> &Volumes {
        &self.volumes
    }

    /// What was counted today.
    pub fn today(&self) -> &Tally {
        &self.today
    }

    /// Whether the day was broken off.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Counts an event of this route. True when the day is broken off by it.
    pub fn note(&mut self, plan: &Plan, kind: Kind, event: &Event) -> bool {
        let date = plan.date(event.at);
        if self.memory.date.is_some_and(|today| date < today) {
            // What comes late belongs to its day; the verdict on that was given.
            if let Some(past) = self.memory.history.last_mut().filter(|past| past.date == date) {
                past.tally.add(kind, event);
            }
            return false;
        }
        if self.memory.date.is_none() {
            self.memory.date = Some(date);
        }
        self.memory.last_mail = self.memory.last_mail.max(Some(date));
        self.today.add(kind, event);
        let stops = !self.stopped && self.goes_too_badly(plan);
        self.stopped |= stops;
        stops
    }

    /// `count` go out: the day has begun, and they are kept for.
    pub fn give(&mut self, plan: &Plan, now: Timestamp, count: u32) {
        self.in_flight += count;
        if self.memory.date.is_none() {
            self.memory.date = Some(plan.date(now));
        }
        if let Some(pace) = &mut self.pace {
            pace.throttle.take(now, count);
        }
    }

    /// How many more the volume of the day allows.
    pub fn left(&self) -> u64 {
        if self.stopped {
            return 0;
        }
        self.volume().saturating_sub(self.today.delivered).saturating_sub(u64::from(self.in_flight))
    }

    /// How many may be given now, by volume, hours and pace. [`Track::refresh`] has been called lately.
    pub fn open(&self, plan: &Plan, now: Timestamp) -> u32 {
        let begins = plan.config.start.map_or(Timestamp::default(), |start| plan.begin_of(start));
        if now < begins || plan.hours().opens(now) != Some(now) {
            return 0;
        }
        let wanted = u32::try_from(self.left()).unwrap_or(u32::MAX);
        self.pace.map_or(0, |pace| pace.throttle.available(now, wanted))
    }

    /// How many more may be bound to paths.
    pub fn room(&self, plan: &Plan, now: Timestamp) -> u32 {
        self.open(plan, now).saturating_sub(self.ready)
    }

    /// Sets the pace by what is left of the volume and of the hours.
    pub fn refresh(&mut self, plan: &Plan, now: Timestamp) {
        if self.pace.is_some_and(|pace| now >= pace.set_at && now < pace.set_at.plus(PACE_INTERVAL)) {
            return;
        }
        let Some(closes) = plan.hours().closes(now) else { return };
        let rate = match plan.config.spread {
            Some(spread) => self.rate(self.volume(), spread.0),
            None => self.rate(self.volume().saturating_sub(self.today.delivered), closes.since(now).max(SPREAD_MIN)),
        };
        match &mut self.pace {
            Some(pace) => {
                pace.throttle.rescale(now, rate);
                pace.set_at = now;
            }
            None => self.pace = Some(Pace { throttle: Throttle::new(rate), set_at: now }),
        }
    }

    fn rate(&self, count: u64, period: Duration) -> Rate {
        // Some minutes' worth may go at once, so that a connection is worth opening.
        Rate { count: count.max(1), period, burst: (self.volume() / 200).clamp(1, 100) }
    }

    /// When there may be room again; behind `now`.
    pub fn reopens_at(&self, plan: &Plan, now: Timestamp) -> Timestamp {
        let soon = now.plus(LOOK_AGAIN);
        let opens = |at: Timestamp| plan.hours().opens(at).unwrap_or(at);
        let begins = plan.config.start.map_or(Timestamp::default(), |start| plan.begin_of(start));
        if now < begins {
            return opens(begins);
        }
        let closed = opens(now);
        if closed > now {
            return closed;
        }
        if self.left() == 0 {
            // What is in flight may be deferred, and leave its place to others.
            return if self.in_flight > 0 && !self.stopped { soon } else { opens(plan.end_of(plan.date(now))) };
        }
        if self.open(plan, now) > 0 {
            return soon;
        }
        self.pace.map_or(soon, |pace| pace.throttle.ready_at(now).max(now.plus(Duration::from_millis(10))))
    }

    /// Ends the days that are over: the judged one where it had mail, for the events.
    pub fn roll(&mut self, plan: &Plan, paused: bool, now: Timestamp) -> Option<PastDay> {
        let (date, today) = (self.memory.date?, plan.date(now));
        if today <= date {
            return None;
        }
        let tally = std::mem::take(&mut self.today);
        self.memory.date = Some(today);
        (self.stopped, self.pace) = (false, None);
        if self.memory.finished {
            return None;
        }
        let (verdict, reason) = if tally.is_empty() {
            (Verdict::Restart, self.idle_for(plan, paused, today)?)
        } else {
            self.judge(plan, paused, &tally)
        };
        let past = PastDay { date, day: self.memory.day, volume: self.volume(), tally, verdict, reason };
        match verdict {
            Verdict::Advance => self.memory.day += 1,
            Verdict::StepBack => self.memory.day = self.memory.day.saturating_sub(1).max(1),
            Verdict::Restart => (self.memory.day, self.memory.last_mail) = (1, None),
            Verdict::Finish => self.memory.finished = true,
            Verdict::Repeat | Verdict::TooLittle | Verdict::Paused => {}
        }
        self.memory.history.push(past.clone());
        let surplus = self.memory.history.len().saturating_sub(HISTORY_MAX);
        self.memory.history.drain(..surplus);
        Some(past)
    }

    /// Goes on with another day, today.
    pub fn set_day(&mut self, plan: &Plan, day: u32) {
        self.memory.day = day.clamp(1, self.volumes.last_day());
        self.memory.finished = false;
        self.pace = None;
        self.insist();
        debug_assert!(plan.volumes(&self.memory.provider) == self.volumes, "the plan of the track");
    }

    /// Goes on after the end, or after the day was broken off.
    pub fn resume(&mut self) {
        self.memory.finished = false;
        self.insist();
    }

    /// A person knows how the day went so far: it goes on, and is judged at its end.
    fn insist(&mut self) {
        (self.memory.insisted, self.stopped) = (self.memory.date, false);
    }

    /// Without mail for so long that the plan begins anew: said in words.
    fn idle_for(&self, plan: &Plan, paused: bool, today: Date) -> Option<String> {
        let limit = plan.config.restart_after_days;
        let last = self.memory.last_mail?;
        let idle = last.until(today).map_or(0, |span| span.get_days());
        let over = limit > 0 && !paused && self.memory.day > 1 && idle > i32::try_from(limit).unwrap_or(i32::MAX);
        over.then(|| format!("no mail since {last}, for more than {limit} days: the plan begins anew"))
    }

    fn judge(&self, plan: &Plan, paused: bool, tally: &Tally) -> (Verdict, String) {
        if paused {
            return (Verdict::Paused, "paused by a person".to_owned());
        }
        if let Some((times, text)) = trouble(plan, tally) {
            let verdict = if times > STEP_BACK_AT { Verdict::StepBack } else { Verdict::Repeat };
            return (verdict, text);
        }
        let volume = self.volume();
        let (needed, used) =
            (u128::from(volume) * u128::from(plan.config.traffic_percent), u128::from(tally.delivered) * 100);
        if used < needed {
            let text = format!("{} of {volume} accepted: less than {} %", tally.delivered, plan.config.traffic_percent);
            return (Verdict::TooLittle, text);
        }
        let text = format!("{} of {volume} accepted, all within limits", tally.delivered);
        match self.memory.day >= self.volumes.last_day() {
            true => (Verdict::Finish, text),
            false => (Verdict::Advance, text),
        }
    }

    fn goes_too_badly(&self, plan: &Plan) -> bool {
        self.today.attempts() >= ATTEMPTS_MIN
            && !self.memory.finished
            && (self.memory.insisted.is_none() || self.memory.insisted != self.memory.date)
            && trouble(plan, &self.today).is_some_and(|(times, _)| times > STEP_BACK_AT)
    }
}

/// The worst of what is beyond its limit: by how many times, and in words.
pub fn trouble(plan: &Plan, tally: &Tally) -> Option<(f64, String)> {
    let config = &plan.config;
    let kinds = [
        (tally.complaints, tally.delivered, config.complaints_percent, "accepted mails led to complaints"),
        (tally.refused, tally.attempts(), config.refusals_percent, "attempts were refused"),
        (tally.deferred, tally.attempts(), config.deferrals_percent, "attempts were deferred"),
    ];
    let beyond = kinds.into_iter().filter_map(|(count, of, limit, words)| {
        // Complaints of earlier days may come on a day with little mail.
        let percent = 100.0 * count as f64 / of.max(count).max(1) as f64;
        let text = || format!("{count} of {of} {words} ({percent:.1} %, the limit is {limit} %)");
        (count >= EVIDENCE_MIN && percent > limit).then(|| (percent / limit, text()))
    });
    beyond.max_by(|(a, _), (b, _)| a.total_cmp(b))
}
