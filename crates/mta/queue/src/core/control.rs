//! Orders of persons: hold, release and cancel mail; suspend and resume routes.
//!
//! Effective at once by a mark on what they concern; recipients are moved in portions afterwards (see `sweep`), so an
//! order about a million recipients does not stop the queue.

use model::event::EventKind;
use model::time::Timestamp;

use super::sweep::Sweep;
use super::tell::Change;
use super::{Out, QueueCore};
use crate::control::{Action, Done, Order, OrderError, Target};
use crate::timers::Part;
use crate::view::ControlView;

/// Most holds and suspensions at a time.
pub const CONTROLS_MAX: usize = 10_000;

impl QueueCore {
    /// Carries out an order of a person, or counts what it would concern.
    ///
    /// # Errors
    /// [`OrderError`]: the person mends the order.
    pub fn control(&mut self, now: Timestamp, order: &Order, by: &str, out: &mut Out) -> Result<Done, OrderError> {
        order.validate()?;
        let target = &order.target;
        if !self.knows(target) {
            return Err(OrderError::Unknown { kind: target.kind(), name: target.name() });
        }
        let affected = self.affected(target);
        if order.dry_run {
            return Ok(Done { affected, dry_run: true });
        }
        match order.action {
            Action::Hold | Action::Suspend => {
                let until = order.until.filter(|_| order.action == Action::Suspend);
                let control = ControlView {
                    target: target.clone(),
                    action: order.action,
                    by: by.to_owned(),
                    since: now,
                    until,
                    reason: order.reason.clone(),
                };
                self.add_control(control)?;
            }
            Action::Release => self.remove_control(target),
            Action::Resume => {
                self.remove_control(target);
                self.recover_routes(now, target);
            }
            Action::Cancel => {
                self.start_cancel(now, target, by, out)?;
                // Nobody is left to be held; a domain and a job go on with other mail.
                if matches!(target, Target::Campaign(_) | Target::Message(_) | Target::Recipient(_)) {
                    self.remove_control(target);
                }
            }
        }
        let change = Change {
            kind: EventKind::Control,
            target: target.kind(),
            name: target.name(),
            action: order.action.as_str(),
            value: Some(format!("{affected} recipients")),
            until: order.until,
            by: by.to_owned(),
            reply: None,
        };
        self.tell_change(now, change, None, out);
        if let Some(told) = out.events.last_mut().filter(|_| !order.reason.is_empty()) {
            told.event.note = Some(order.reason.clone());
        }
        self.settle(now, out);
        Ok(Done { affected, dry_run: false })
    }

    fn knows(&self, target: &Target) -> bool {
        match target {
            // Mail that comes in later is concerned as well.
            Target::Campaign(_) | Target::Domain(_) => true,
            // No name is no job.
            Target::Job(name) => !name.is_empty(),
            Target::Message(id) => self.messages.find(*id).is_some() || self.controls.contains_key(target),
            Target::Recipient(id) => self.ids.get(&self.entries, *id).is_some() || self.controls.contains_key(target),
            Target::Source(name) => self.sources.iter().any(|source| source.spec.name == *name),
            Target::Site(name) => self.site_names.contains_key(name) || self.controls.contains_key(target),
            Target::Provider(name) => {
                self.sites.iter().any(|(_, site)| site.spec.provider == *name)
                    || self.providers.entries().iter().any(|entry| entry.name == *name)
                    || self.controls.contains_key(target)
            }
            Target::Path(path) => {
                let known = self.site_names.contains_key(&path.site) || self.controls.contains_key(target);
                known && self.sources.iter().any(|source| source.spec.name == path.source)
            }
        }
    }

    /// Puts a hold or a suspension in force.
    pub(super) fn add_control(&mut self, control: ControlView) -> Result<(), OrderError> {
        if self.controls.len() >= CONTROLS_MAX && !self.controls.contains_key(&control.target) {
            return Err(OrderError::TooMany(CONTROLS_MAX));
        }
        let (target, hold) = (control.target.clone(), control.action == Action::Hold);
        let known = self.controls.insert(target.clone(), control).is_some();
        if !hold {
            self.suspensions += u32::from(!known);
            self.routes_changed();
        } else if !known {
            self.mark_held(&target, true);
        }
        Ok(())
    }

    fn remove_control(&mut self, target: &Target) {
        let Some(control) = self.controls.remove(target) else { return };
        if control.action == Action::Hold {
            self.mark_held(target, false);
        } else {
            self.suspensions -= 1;
            self.routes_changed();
        }
    }

    fn mark_held(&mut self, target: &Target, held: bool) {
        for series in self.series_of_target(target).clone() {
            let state = self.messages.series_mut(series);
            state.holds = if held { state.holds.saturating_add(1) } else { state.holds.saturating_sub(1) };
        }
        for message in self.messages_of(target).collect::<Vec<_>>() {
            self.sweep_message(message);
        }
        match target {
            Target::Message(id) => {
                if let Some(message) = self.messages.find(*id) {
                    self.messages[message].held = held;
                }
            }
            Target::Recipient(id) => {
                if let Some(idx) = self.ids.get(&self.entries, *id) {
                    self.entries.get_mut(idx).held = held;
                    self.sweeps.push_back(Sweep::Recipient(*id));
                }
            }
            Target::Domain(name) => {
                if let Some(&domain) = self.domain_names.get(name) {
                    self.domains[domain].held = held;
                    self.sweep_domain(domain);
                }
            }
            _ => {}
        }
    }

    /// Forgets what was learned, what rules have done and failures, on all routes of a target.
    fn recover_routes(&mut self, now: Timestamp, target: &Target) {
        let fitting: Vec<u32> =
            self.paths.iter().filter(|(_, path)| self.path_fits(path, target)).map(|(idx, _)| idx).collect();
        for path in fitting {
            let state = &mut self.paths[path];
            state.learned.forget();
            state.effects.clear();
            (state.failures, state.rests, state.rest_until) = (0, 0, None);
            state.open_after = now;
            let group = state.group;
            self.refresh_path(now, path);
            self.forget_learned_rates(now, group);
            if matches!(target, Target::Source(_) | Target::Provider(_)) {
                self.groups[group].effects.clear();
                self.refresh_group(now, group);
            }
        }
        self.end_effects_on_gates(now, target);
    }

    /// Suspensions have changed: everything that waits is looked at.
    pub(super) fn routes_changed(&mut self) {
        let (lines, paths): (Vec<u32>, Vec<u32>) =
            (self.lines.iter().map(|(idx, _)| idx).collect(), self.paths.iter().map(|(idx, _)| idx).collect());
        paths.into_iter().for_each(|path| self.mark_path(path));
        lines.into_iter().for_each(|line| self.mark_line(line));
        let next = self.controls.values().filter_map(|control| control.until).min();
        self.timers.set(Part::Controls, next);
    }

    /// Ends the suspensions whose time is over.
    pub(super) fn end_suspensions(&mut self, now: Timestamp, out: &mut Out) {
        let over = |control: &&ControlView| control.until.is_some_and(|until| until <= now);
        let ended: Vec<ControlView> = self.controls.values().filter(over).cloned().collect();
        for control in ended {
            self.remove_control(&control.target);
            let change = Change {
                kind: EventKind::Control,
                target: control.target.kind(),
                name: control.target.name(),
                action: Action::Resume.as_str(),
                value: None,
                until: None,
                by: control.by,
                reply: None,
            };
            self.tell_change(now, change, None, out);
        }
        self.routes_changed();
    }
}
