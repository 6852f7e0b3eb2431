//! How much mail a key may still send.
//!
//! Two limits hold together: a rate (generic cell rate algorithm, weighted: a batch counts as many as it has recipients)
//! and a number for each day. Both are counted in memory; the number of the day is written to the database at most every
//! [`SAVED_EVERY`] while the key is used, so a crash forgives a few seconds, never a day. The rate begins anew with the
//! program.
//!
//! Must not: wait, or refuse anything but numbers. Limits: one entry for each key that has limits and was used.

use std::collections::HashMap;
use std::time::Duration;

use db::params;
use model::id::AccountId;
use model::time::Timestamp;
use model::units::Rate;

use crate::accounts::{AccountError, Accounts};
use crate::api_keys::ApiKey;

/// What was used on a day is written at most this often.
pub const SAVED_EVERY: Duration = Duration::from_secs(5);

const DAY: Duration = Duration::from_secs(86_400);

/// What is left of one limit after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// `rate` or `day`.
    pub name: &'static str,
    /// How many in a window.
    pub limit: u64,
    /// The window.
    pub window: Duration,
    /// How many may follow at once.
    pub remaining: u64,
    /// When all of it is there again.
    pub reset: Duration,
}

/// Why nothing more may be sent now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Try again when `wait` is over.
    #[error("this key may send {} recipients in {}; try again in {} s", limit.limit, in_words(limit.window), wait.as_secs().max(1))]
    Wait {
        /// The limit that was reached.
        limit: Allowance,
        /// Until this many can be taken.
        wait: Duration,
    },
    /// More at once than the limit ever allows: send fewer in one request.
    #[error("this key may send {at_once} recipients at once, and the request has {asked}")]
    TooMany {
        /// How many were asked for.
        asked: u64,
        /// How many there may be.
        at_once: u64,
    },
}

fn in_words(window: Duration) -> String {
    if window == DAY { "a day".to_owned() } else { format!("{} s", window.as_secs()) }
}

/// What one key has used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Theoretical arrival time of the rate, in microseconds since 1970.
    arrival: i64,
    day: i64,
    used: u64,
    saved_at: Timestamp,
}

/// What all keys have used.
pub(crate) type Usages = HashMap<AccountId, Usage>;

impl Usage {
    /// Takes `count` out of both limits, or out of none.
    fn take(&mut self, key: &ApiKey, count: u64, now: Timestamp) -> Result<(), Exceeded> {
        self.begin_day(now);
        if let Some(rate) = key.limits.rate {
            if count > rate.burst {
                return Err(Exceeded::TooMany { asked: count, at_once: rate.burst });
            }
            let wait = self.arrival_after(rate, count, now) - now.0 - tolerance(rate);
            if wait > 0 {
                let wait = Duration::from_micros(wait.unsigned_abs());
                return Err(Exceeded::Wait { limit: self.of_rate(rate, now), wait });
            }
        }
        if let Some(per_day) = key.limits.per_day {
            if count > per_day {
                return Err(Exceeded::TooMany { asked: count, at_once: per_day });
            }
            if self.used.saturating_add(count) > per_day {
                return Err(Exceeded::Wait { limit: self.of_day(per_day, now), wait: until_midnight(now) });
            }
        }
        if let Some(rate) = key.limits.rate {
            self.arrival = self.arrival_after(rate, count, now);
        }
        self.used = self.used.saturating_add(count);
        Ok(())
    }

    fn give_back(&mut self, key: &ApiKey, count: u64, now: Timestamp) {
        self.begin_day(now);
        if let Some(rate) = key.limits.rate {
            self.arrival = self.arrival.saturating_sub(interval(rate, count));
        }
        self.used = self.used.saturating_sub(count);
    }

    fn allowances(&self, key: &ApiKey, now: Timestamp) -> Vec<Allowance> {
        let rate = key.limits.rate.map(|rate| self.of_rate(rate, now));
        let day = key.limits.per_day.map(|per_day| self.of_day(per_day, now));
        rate.into_iter().chain(day).collect()
    }

    fn of_rate(&self, rate: Rate, now: Timestamp) -> Allowance {
        let owed = (self.arrival - now.0).max(0);
        let free = (tolerance(rate) - owed).max(0);
        let each = (rate.period.as_micros() / u128::from(rate.count)).max(1);
        let remaining = u64::try_from(free.unsigned_abs() as u128 / each).unwrap_or(u64::MAX).min(rate.burst);
        let reset = Duration::from_micros(owed.unsigned_abs());
        Allowance { name: "rate", limit: rate.count, window: rate.period, remaining, reset }
    }

    fn of_day(&self, per_day: u64, now: Timestamp) -> Allowance {
        let remaining = per_day.saturating_sub(self.used);
        Allowance { name: "day", limit: per_day, window: DAY, remaining, reset: until_midnight(now) }
    }

    fn arrival_after(&self, rate: Rate, count: u64, now: Timestamp) -> i64 {
        self.arrival.max(now.0).saturating_add(interval(rate, count))
    }

    fn begin_day(&mut self, now: Timestamp) {
        let today = day_of(now);
        if self.day < today {
            (self.day, self.used) = (today, 0);
        }
    }
}

/// Microseconds that `count` of a rate take.
fn interval(rate: Rate, count: u64) -> i64 {
    let micros = rate.period.as_micros().saturating_mul(u128::from(count)) / u128::from(rate.count);
    i64::try_from(micros).unwrap_or(i64::MAX / 4)
}

fn tolerance(rate: Rate) -> i64 {
    interval(rate, rate.burst)
}

fn day_of(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY.as_micros() as i64)
}

fn until_midnight(now: Timestamp) -> Duration {
    Duration::from_micros((DAY.as_micros() as i64 - now.0.rem_euclid(DAY.as_micros() as i64)).unsigned_abs())
}

impl Accounts {
    /// Counts `count` recipients against the limits of a key, all or none; what is left then. Keys without such limits
    /// always may.
    ///
    /// # Errors
    /// The inner one: [`Exceeded`], nothing was counted. The outer one: the database could not tell what was used today.
    pub async fn charge(&self, key: &ApiKey, count: u64) -> Result<Result<Vec<Allowance>, Exceeded>, AccountError> {
        if key.limits.rate.is_none() && key.limits.per_day.is_none() {
            return Ok(Ok(Vec::new()));
        }
        let now = self.clock.now();
        self.remember_usage(key).await?;
        let (taken, save) = {
            let mut usages = self.usages();
            let usage = usages.entry(key.id).or_default();
            let taken = usage.take(key, count, now).map(|()| usage.allowances(key, now));
            let due = taken.is_ok() && key.limits.per_day.is_some() && now.since(usage.saved_at) >= SAVED_EVERY;
            if due {
                usage.saved_at = now;
            }
            (taken, due.then_some((usage.day, usage.used)))
        };
        if let Some((day, used)) = save {
            self.save_usage(key.id, day, used).await;
        }
        Ok(taken)
    }

    /// Takes a [`Accounts::charge`] back: nothing was sent after all.
    pub fn give_back(&self, key: &ApiKey, count: u64) {
        let now = self.clock.now();
        if let Some(usage) = self.usages().get_mut(&key.id) {
            usage.give_back(key, count, now);
        }
    }

    /// What is left of the limits of a key, for showing.
    ///
    /// # Errors
    /// [`AccountError::Db`].
    pub async fn allowances(&self, key: &ApiKey) -> Result<Vec<Allowance>, AccountError> {
        let now = self.clock.now();
        self.remember_usage(key).await?;
        let mut usage = self.usages().get(&key.id).cloned().unwrap_or_default();
        usage.begin_day(now);
        Ok(usage.allowances(key, now))
    }

    /// Brings what a key had used before the program started into memory.
    async fn remember_usage(&self, key: &ApiKey) -> Result<(), AccountError> {
        if self.usages().contains_key(&key.id) {
            return Ok(());
        }
        let sql = "SELECT day, used FROM api_key_usage WHERE api_key = $1";
        let row = self.db.query_optional(sql, params![key.id]).await?;
        let mut usage = Usage::default();
        if let Some(row) = row {
            (usage.day, usage.used) = (row.get("day")?, u64::try_from(row.get::<i64>("used")?).unwrap_or(0));
        }
        self.usages().entry(key.id).or_insert(usage);
        Ok(())
    }

    async fn save_usage(&self, key: AccountId, day: i64, used: u64) {
        let sql = "INSERT INTO api_key_usage (api_key, day, used) VALUES ($1, $2, $3)
                   ON CONFLICT (api_key) DO UPDATE SET day = excluded.day, used = excluded.used";
        self.note_use(sql, params![key, day, i64::try_from(used).unwrap_or(i64::MAX)]).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_limits::KeyLimits;

    const NOON: i64 = 1_790_000_000 / 86_400 * 86_400 + 43_200;

    fn key(rate: Option<&str>, per_day: Option<u64>) -> ApiKey {
        let limits = KeyLimits { rate: rate.map(|text| text.parse().unwrap()), per_day, ..KeyLimits::default() };
        ApiKey {
            id: AccountId(1),
            name: "shop".to_owned(),
            scopes: Vec::new(),
            prefix: String::new(),
            created_by: String::new(),
            created_at: Timestamp::default(),
            last_used_at: None,
            limits,
        }
    }

    /// Requests of so many recipients at so many seconds after noon, and what each is told.
    fn check(key: &ApiKey, requests: &[(i64, u64, &str)]) {
        let mut usage = Usage::default();
        for &(at, count, expected) in requests {
            let now = Timestamp::from_unix_s(NOON + at);
            let found = match usage.take(key, count, now) {
                Ok(()) => {
                    let left = usage.allowances(key, now);
                    left.iter().map(|left| format!("{} {}", left.name, left.remaining)).collect::<Vec<_>>().join(", ")
                }
                Err(Exceeded::Wait { limit, wait }) => format!("{} wait {}", limit.name, wait.as_secs()),
                Err(Exceeded::TooMany { at_once, .. }) => format!("too many: {at_once}"),
            };
            assert_eq!(found, expected, "{count} at {at}");
        }
    }

    #[test]
    fn a_rate_is_kept_and_comes_back_with_time() {
        let hundred = key(Some("100/min"), None);
        check(&hundred, &[(0, 40, "rate 60"), (0, 60, "rate 0"), (0, 1, "rate wait 0"), (0, 50, "rate wait 30")]);
        check(&hundred, &[(0, 100, "rate 0"), (30, 50, "rate 0"), (59, 48, "rate 0"), (120, 100, "rate 0")]);
        check(&hundred, &[(0, 101, "too many: 100"), (0, 100, "rate 0")]);
        check(
            &key(Some("100/min,max_burst=10"), None),
            &[(0, 11, "too many: 10"), (0, 10, "rate 0"), (6, 10, "rate 0")],
        );
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let day = key(None, Some(10));
        check(&day, &[(0, 8, "day 2"), (1, 3, "day wait 43199"), (2, 2, "day 0"), (43_200, 10, "day 0")]);
        check(
            &key(Some("5/s"), Some(6)),
            &[(0, 5, "rate 0, day 1"), (1, 5, "day wait 43199"), (1, 1, "rate 4, day 0")],
        );
    }

    #[test]
    fn what_was_not_sent_is_given_back() {
        let key = key(Some("10/min"), Some(10));
        let (mut usage, now) = (Usage::default(), Timestamp::from_unix_s(NOON));
        usage.take(&key, 10, now).unwrap();
        usage.give_back(&key, 10, now);
        usage.take(&key, 10, now).unwrap();
        usage.take(&key, 1, now).unwrap_err();
    }
}
