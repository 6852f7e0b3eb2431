//! Why is this recipient waiting: the limiter, its value, who set it, and when it goes on.
//!
//! The time of the next attempt is set by the retry schedule or by what the last reply asks for, never by the adaptive
//! controller: that one slows paths down, and shows as their rate or connections once the recipient is due.

use model::id::RecipientId;
use model::name::Name;
use model::time::Timestamp;
use model::units::{Rate, Span};

use super::QueueCore;
use super::effect::Effect;
use super::learn::CONTROLLER;
use super::tables::SessionPhase;
use crate::control::Target;
use crate::entries::{DueBy, Place};
use crate::providers::{Action, Setting};
use crate::view::{Explanation, Limiter, LimiterKind, ThrottleView};

impl QueueCore {
    /// Why a recipient is where it is; `None` when it is not in the queue.
    pub fn explain(&self, now: Timestamp, recipient: RecipientId) -> Option<Explanation> {
        let idx = self.ids.get(&self.entries, recipient)?;
        let entry = self.entries.get(idx);
        let mut limiters = self.limiters(now, idx);
        let limiter = (!limiters.is_empty()).then(|| limiters.remove(0));
        let next_at = match entry.place {
            Place::InFlight | Place::Held => None,
            Place::Wheel => Some(entry.due()),
            // What has no end of its own ends when something else happens.
            _ => limiter.iter().chain(&limiters).filter_map(|limiter| limiter.until).max(),
        };
        let site = self.domains[entry.domain].site();
        let path = self.path_of_entry(idx).or_else(|| self.first_path_of(idx));
        Some(Explanation {
            recipient: self.view(idx),
            provider: site.map(|site| self.sites[site].spec.provider.clone()),
            ahead: self.ahead(idx),
            limiter,
            also: limiters,
            next_at,
            last_reply: path.and_then(|path| self.paths[path].last_reply.clone()),
        })
    }

    /// What it waits for, the next thing first.
    fn limiters(&self, now: Timestamp, idx: u32) -> Vec<Limiter> {
        let entry = self.entries.get(idx);
        match entry.place {
            Place::Vacant | Place::Nowhere | Place::InFlight => Vec::new(),
            Place::Held => self.hold_limiters(idx),
            Place::Wheel => vec![self.schedule_limiter(idx)],
            Place::Route => vec![Limiter {
                kind: LimiterKind::Route,
                text: format!("The mail hosts of {} are being looked up.", self.domains[entry.domain].name),
                value: None,
                set_by: "DNS".to_owned(),
                until: None,
            }],
            Place::Backlog => self.backlog_limiters(now, idx),
            Place::Ready => {
                let mut limiters = self.gate_limiters(now, entry.holder, idx);
                limiters.extend(self.path_limiters(now, entry.holder));
                limiters.push(turn(self.ahead(idx).unwrap_or(0)));
                limiters
            }
        }
    }

    /// Every hold on it: each has to be released.
    fn hold_limiters(&self, idx: u32) -> Vec<Limiter> {
        let entry = self.entries.get(idx);
        let (message, common) = (&self.messages[entry.message], &self.series_of(idx).common);
        let candidates = [
            Some(Target::Recipient(entry.id)),
            Some(Target::Message(message.id)),
            Some(Target::Job(common.routing.job.clone())),
            common.routing.campaign.map(Target::Campaign),
            Some(Target::Domain(self.domains[entry.domain].name.clone())),
        ];
        let controls = candidates.iter().flatten().filter_map(|target| self.controls.get(target));
        let held = |text: String, value: Option<String>, set_by: String| Limiter {
            kind: LimiterKind::Hold,
            text,
            value,
            set_by,
            until: None,
        };
        let of_targets = controls.map(|control| {
            let text = format!("Its {} is held until a person releases it.", control.target.kind());
            let reason = (!control.reason.is_empty()).then(|| control.reason.clone());
            held(text, reason, control.by.clone())
        });
        let of_orders = self.holds_on(idx).map(|standing| {
            let text = "It is held with all mail of a filter until a person releases that.".to_owned();
            held(text, Some(standing.filter().to_string()), standing.words())
        });
        of_targets.chain(of_orders).collect()
    }

    fn schedule_limiter(&self, idx: u32) -> Limiter {
        let entry = self.entries.get(idx);
        if entry.due_by == DueBy::Window {
            return self.window_limiter(idx);
        }
        if entry.attempts == 0 {
            return Limiter {
                kind: LimiterKind::NotBefore,
                text: "It is not to be attempted before its time.".to_owned(),
                value: None,
                set_by: "submission".to_owned(),
                until: Some(entry.due()),
            };
        }
        let stream = &self.streams[usize::from(self.series_of(idx).stream)].config;
        let of_site = self.domains[entry.domain].site().and_then(|site| self.sites[site].retry);
        let retry = of_site.unwrap_or(stream.retry);
        let configured = usize::from(entry.retry).checked_sub(1).and_then(|place| self.config.retries.get(place));
        let schedule_of = match (configured, of_site) {
            (Some(_), _) => format!("queue.retries[{}]", entry.retry - 1),
            (None, Some(_)) => self.providers.file().to_string(),
            (None, None) => format!("stream {}", stream.name),
        };
        let failed = format!("{} failed", attempts(entry.attempts));
        let schedule = match configured {
            Some(schedule) => schedule.words(),
            None => format!("{} doubling to {}", retry.first, retry.longest),
        };
        let longest = configured.map_or(retry.longest, |schedule| Span(schedule.longest_wait()));
        let by_reply = |text: String| {
            let reply = self.replies.get(entry.wording).map(str::to_owned);
            (LimiterKind::ReplyWait, text, reply, format!("reply to attempt {}", entry.attempts))
        };
        let by_schedule = |text: String| (LimiterKind::RetrySchedule, text, Some(schedule), schedule_of.clone());
        let (kind, text, value, set_by) = match entry.due_by {
            DueBy::Submission | DueBy::Schedule | DueBy::Person | DueBy::Window => {
                by_schedule(format!("{failed}; the next attempt is due."))
            }
            DueBy::Reply => by_reply(format!("{failed}; the reply, as the dictionary reads it, asks for this wait.")),
            DueBy::Greylisting => by_reply(format!("{failed}; the reply greylists, which most hosts do for minutes.")),
            DueBy::Longest => by_reply(format!(
                "{failed}; the reply asks for a wait beyond the longest of {schedule_of}, {longest}, which is kept to."
            )),
            DueBy::Restart => {
                let set_by = format!("the last reply or {schedule_of}, before the program was started");
                (LimiterKind::RetrySchedule, format!("{failed}; the next attempt is due."), None, set_by)
            }
        };
        Limiter { kind, text, value, set_by, until: Some(entry.due()) }
    }

    fn window_limiter(&self, idx: u32) -> Limiter {
        let entry = self.entries.get(idx);
        let routing = &self.series_of(idx).common.routing;
        let fitting = self.config.windows.iter().enumerate();
        let fitting = fitting.filter(|(_, entry)| entry.fits(&routing.stream, &routing.tenant, &routing.job));
        let (places, windows): (Vec<String>, Vec<String>) = fitting
            .map(|(place, entry)| {
                let open: Vec<String> = entry.open.iter().map(ToString::to_string).collect();
                (format!("queue.windows[{place}]"), open.join(" or "))
            })
            .unzip();
        Limiter {
            kind: LimiterKind::Window,
            text: "Its sending window is closed.".to_owned(),
            value: Some(windows.join(" and ")),
            set_by: places.join(", "),
            until: Some(entry.due()),
        }
    }

    /// Due and not bound to a path: the paths it could take are stopped or full.
    fn backlog_limiters(&self, now: Timestamp, idx: u32) -> Vec<Limiter> {
        let entry = self.entries.get(idx);
        let line = &self.lines[entry.holder];
        let mut blocked: Vec<Limiter> = Vec::new();
        for &source in &self.pools[usize::from(line.pool)].sources {
            if let Some(limiter) = self.warm_up_limiter(now, source, line.site) {
                blocked.push(limiter);
                continue;
            }
            let Some(&path) = self.path_keys.get(&(source, line.site)) else {
                let block = self.route_block(now, source, line.site);
                blocked.extend(block.map(|block| block_limiter(&self.route_block_view(block))));
                continue;
            };
            match self.blocked(now, path) {
                Some(block) => blocked.push(block_limiter(&self.block_view(path, block))),
                None => {
                    let mut limiters = self.gate_limiters(now, path, idx);
                    limiters.extend(self.path_limiters(now, path));
                    limiters.push(turn(line.backlog.ahead(self.seat(idx))));
                    return limiters;
                }
            }
        }
        // The one that ends first lets it go.
        blocked.sort_by_key(|limiter| limiter.until.unwrap_or(crate::fair::NEVER));
        if blocked.is_empty() {
            blocked.push(turn(line.backlog.ahead(self.seat(idx))));
        }
        blocked.truncate(1);
        blocked
    }

    fn first_path_of(&self, idx: u32) -> Option<u32> {
        let entry = self.entries.get(idx);
        if entry.place != Place::Backlog {
            return None;
        }
        let line = &self.lines[entry.holder];
        let sources = &self.pools[usize::from(line.pool)].sources;
        sources.iter().find_map(|&source| self.path_keys.get(&(source, line.site))).copied()
    }

    fn ahead(&self, idx: u32) -> Option<u64> {
        let entry = self.entries.get(idx);
        let before = |order: &mut dyn Iterator<Item = u32>| order.take_while(|&other| other != idx).count() as u64;
        match entry.place {
            Place::Ready => Some(before(&mut self.paths[entry.holder].ready.indices(&self.entries))),
            Place::Backlog => Some(self.lines[entry.holder].backlog.ahead(self.seat(idx))),
            _ => None,
        }
    }

    /// What holds up the work of a path that is not blocked.
    fn path_limiters(&self, now: Timestamp, path_idx: u32) -> Vec<Limiter> {
        let path = &self.paths[path_idx];
        let group = &self.groups[path.group];
        let mut limiters = Vec::new();
        if let Some(block) = self.blocked(now, path_idx) {
            limiters.push(block_limiter(&self.block_view(path_idx, block)));
        }
        limiters.extend(self.warm_up_limiter_of_path(now, path_idx));
        if let (Some(rate), Some(value)) = (path.rate, path.rate_now)
            && rate.available(now, 1) == 0
        {
            let set_by = self.rate_set_by(value, &path.effects, path.learned.rate(), path.limits.rate.as_ref());
            let text = format!("Messages from {} to {} are limited.", path.spec.path.source, path.spec.path.site);
            limiters.push(limiter(LimiterKind::PathRate, text, value, set_by, Some(rate.ready_at(now))));
        }
        if let (Some(rate), Some(value)) = (group.rate, group.rate_now)
            && rate.available(now, 1) == 0
        {
            let set_by = self.rate_set_by(value, &group.effects, None, group.limits.provider_rate.as_ref());
            let text =
                format!("Messages from {} to all sites of {} are limited.", path.spec.path.source, group.provider);
            limiters.push(limiter(LimiterKind::ProviderRate, text, value, set_by, Some(rate.ready_at(now))));
        }
        self.connection_limiters(now, path_idx, &mut limiters);
        limiters
    }

    fn connection_limiters(&self, now: Timestamp, path_idx: u32, limiters: &mut Vec<Limiter>) {
        let path = &self.paths[path_idx];
        let group = &self.groups[path.group];
        let open = path.sessions.len();
        if open >= self.connections_now(path_idx) as usize {
            let value = self.connections_now(path_idx);
            let set_by = self.connections_set_by(path_idx, value);
            let text = "All connections the path may have are in use.".to_owned();
            limiters.push(limiter(LimiterKind::PathConnections, text, connections(value), set_by, None));
        } else if path.waits_for_group {
            let value = self.group_connections_now(path.group);
            let by_rule = group.effects.iter().find(|effect| effect.action == Action::Connections(value));
            let set_by = match by_rule {
                Some(effect) => self.rule_of(effect),
                None => set_by(group.limits.provider_connections.as_ref()),
            };
            let text =
                format!("All connections that {} may have with {} are in use.", path.spec.path.source, group.provider);
            limiters.push(limiter(LimiterKind::ProviderConnections, text, connections(value), set_by, None));
        } else if path.waits_for_total {
            let value = self.config.limits.connections_max;
            let text = "All connections the program may have are in use.".to_owned();
            let set_by = "queue.limits.connections_max".to_owned();
            limiters.push(limiter(LimiterKind::TotalConnections, text, connections(value), set_by, None));
        } else if path.open_after > now {
            let text =
                format!("{} to connect failed; the next one follows.", attempts(path.failures.min(65_535) as u16));
            let set_by = "connection failures".to_owned();
            limiters.push(limiter(LimiterKind::Unreachable, text, "pause", set_by, Some(path.open_after)));
        } else if let Some(rate) = path.connection_rate.filter(|rate| rate.available(now, 1) == 0) {
            let value = path.limits.connection_rate.as_ref();
            let text = "New connections are limited.".to_owned();
            let words = value.map_or_else(String::new, |setting| setting.value.to_string());
            limiters.push(limiter(LimiterKind::ConnectionRate, text, words, set_by(value), Some(rate.ready_at(now))));
        } else if path.sessions.iter().any(|&idx| self.sessions[idx].phase == SessionPhase::Opening) {
            let text = "A connection is being made.".to_owned();
            limiters.push(limiter(LimiterKind::Connecting, text, connections(open as u32), "network".to_owned(), None));
        }
    }

    fn rate_set_by(
        &self,
        rate: Rate,
        effects: &[Effect],
        learned: Option<Rate>,
        configured: Option<&Setting<Rate>>,
    ) -> String {
        if let Some(effect) = effects.iter().find(|effect| effect.action == Action::Rate(rate)) {
            return self.rule_of(effect);
        }
        if learned == Some(rate) { CONTROLLER.to_owned() } else { set_by(configured) }
    }

    fn connections_set_by(&self, path: u32, value: u32) -> String {
        let state = &self.paths[path];
        if let Some(effect) = state.effects.iter().find(|effect| effect.action == Action::Connections(value)) {
            return self.rule_of(effect);
        }
        if state.learned.connections == Some(value) {
            return CONTROLLER.to_owned();
        }
        state.limits.connections.set_by.to_string()
    }

    pub(super) fn rule_of(&self, effect: &Effect) -> String {
        self.providers.rule_place(&self.providers.rules()[effect.rule as usize])
    }

    /// What slows or stops a path beyond its configured limits, in one view.
    pub(super) fn throttle_view(&self, now: Timestamp, path: u32) -> Option<ThrottleView> {
        if let Some(block) = self.blocked(now, path) {
            return Some(self.block_view(path, block));
        }
        let state = &self.paths[path];
        let effects = state.effects.iter().chain(&self.groups[state.group].effects);
        if let Some(last) = effects.max_by_key(|effect| effect.until) {
            return Some(ThrottleView {
                stopped: false,
                reason: last.action.words(),
                until: Some(last.until),
                by: self.rule_of(last),
                reply: Some(last.reply.clone()),
            });
        }
        if let Some((flow, _)) = self.learned_rate(path) {
            return Some(ThrottleView {
                stopped: false,
                reason: flow.learned.words(),
                until: Some(flow.learned.expires),
                by: CONTROLLER.to_owned(),
                reply: flow.learned.cause.clone(),
            });
        }
        (!state.learned.is_idle()).then(|| ThrottleView {
            stopped: false,
            reason: state.learned.words(),
            until: Some(state.learned.expires),
            by: CONTROLLER.to_owned(),
            reply: state.learned.cause.clone(),
        })
    }
}

fn limiter(kind: LimiterKind, text: String, value: impl ToString, set_by: String, until: Option<Timestamp>) -> Limiter {
    Limiter { kind, text, value: Some(value.to_string()), set_by, until }
}

fn block_limiter(view: &ThrottleView) -> Limiter {
    let resting = view.reason.starts_with("resting");
    Limiter {
        kind: if resting { LimiterKind::Unreachable } else { LimiterKind::Suspended },
        text: format!("Nothing is sent there now: {}.", view.reason),
        value: view.reply.as_ref().map(ToString::to_string),
        set_by: view.by.clone(),
        until: view.until,
    }
}

fn turn(ahead: u64) -> Limiter {
    Limiter {
        kind: LimiterKind::Turn,
        text: "Others are before it.".to_owned(),
        value: Some(ahead.to_string()),
        set_by: "order of priority and turns".to_owned(),
        until: None,
    }
}

fn set_by<T>(setting: Option<&Setting<T>>) -> String {
    setting.map_or_else(Name::default, |setting| setting.set_by.clone()).to_string()
}

fn connections(count: u32) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

fn attempts(count: u16) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}
