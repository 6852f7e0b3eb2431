//! Sources that cannot send, and who sends in their place.
//!
//! Delivery says when a source's address is not on the machine or its proxies are dead. Such a source is treated like a
//! suspended one: what was bound to it goes back to its lines, and other members of its pools take it. A pool falls back
//! on its standby members, then on its fallback pool, only where a member *may not* send (down, suspended by a person or
//! a rule), never because it is merely busy: limits are there to be kept.

use std::time::Duration;

use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;

use super::tell::Change;
use super::{Out, QueueCore};
use crate::control::{Action, Target};
use crate::view::ControlView;

/// Who takes sources out and puts them back by himself.
pub(super) const HEALTH: &str = "source health";

/// Most pools that are followed from one to its fallback and so on.
const FALLBACKS_MAX: usize = 8;

/// Why a source cannot send, of the entry that keeps it out.
pub(super) fn reason(down: &ControlView) -> &str {
    down.by.strip_prefix(HEALTH).map_or(&down.by, |rest| rest.trim_start_matches(": "))
}

impl QueueCore {
    /// A source can send again, or cannot; and when it is looked at again.
    pub(super) fn source_health(
        &mut self,
        now: Timestamp,
        source: &Name,
        down: Option<String>,
        check_in: Option<Duration>,
        out: &mut Out,
    ) {
        let Some(idx) = self.sources.iter().position(|state| state.spec.name == *source) else { return };
        self.sources[idx].check_at = check_in.filter(|_| down.is_some()).map(|wait| now.plus(wait));
        if self.sources[idx].down.is_some() == down.is_some() {
            return;
        }
        let (kind, action) = match down {
            Some(_) => (EventKind::Throttled, Action::Suspend),
            None => (EventKind::Restored, Action::Resume),
        };
        let value = down.clone();
        self.sources[idx].down = down.map(|reason| ControlView {
            target: Target::Source(source.clone()),
            action: Action::Suspend,
            by: format!("{HEALTH}: {reason}"),
            since: now,
            until: None,
            reason: String::new(),
        });
        let change = Change {
            kind,
            target: "source",
            name: source.to_string(),
            action: action.as_str(),
            value,
            until: None,
            by: HEALTH.to_owned(),
            reply: None,
        };
        self.tell_change(now, change, None, out);
        self.routes_changed();
    }

    /// Members of a pool for a site, with the weights that count now: those of standby members and fallback pools are 0
    /// as long as a better one may send. The members and their order depend on the configuration alone.
    pub(super) fn members_now(&self, now: Timestamp, pool: usize, site: u32) -> (Vec<u16>, Vec<u32>) {
        let (mut sources, mut weights) = (Vec::new(), Vec::new());
        let (mut next, mut found) = (Some(pool), false);
        for _ in 0..FALLBACKS_MAX {
            let Some(state) = next.map(|pool| &self.pools[pool]) else { break };
            for standby in [false, true] {
                let before = found;
                for member in (0..state.sources.len()).filter(|&member| state.standby[member] == standby) {
                    let (source, weight) = (state.sources[member], state.weights[member]);
                    let able = !before && weight > 0 && !self.route_suspended(now, source, site);
                    // Who warms up leaves to the next ones what it has no room for.
                    found |= able && !self.passes_on(source, site);
                    sources.push(source);
                    weights.push(if able { weight } else { 0 });
                }
            }
            next = state.fallback.map(usize::from);
        }
        (sources, weights)
    }
}
