//! What outlives a restart beside the recipients: holds, suspensions, cancellations, learned limits, effects of rules.
//!
//! The driver writes it to a file and gives it back; losing it loses no mail, but forgets what persons have ordered.

use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::bulk::Standing;
use super::cancel::Cancel;
pub use super::recall::EffectMemory;
use super::warm_up_orders::WarmUpMemory;
use super::{Out, QueueCore};
use crate::view::ControlView;

/// Most paths remembered; those with the longest memory go first.
const PATHS_MAX: usize = 20_000;

/// What outlives a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Holds and suspensions by persons.
    pub controls: Vec<ControlView>,
    /// Cancellations that a crash could undo.
    pub cancels: Vec<Cancel>,
    /// Bulk orders in force.
    pub orders: Vec<Standing>,
    /// What was learned about paths.
    pub paths: Vec<PathMemory>,
    /// Rules that persons have put into shadow (true) or taken out of it.
    pub shadows: std::collections::BTreeMap<Name, bool>,
    /// How far plans of warming sources are.
    pub warm_ups: WarmUpMemory,
}

/// What was learned about one path, or about a source at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathMemory {
    /// The source.
    pub source: Name,
    /// The site, or `provider:` and the provider's name.
    pub site: Name,
    /// Learned messages per second.
    #[serde(default)]
    pub rate_per_s: Option<f64>,
    /// Learned connections.
    #[serde(default)]
    pub connections: Option<u32>,
    /// The rate that was refused last.
    #[serde(default)]
    pub refused_per_s: Option<f64>,
    /// Until when the learned values hold.
    #[serde(default)]
    pub expires: Timestamp,
    /// Effects of rules.
    #[serde(default)]
    pub effects: Vec<EffectMemory>,
}

impl PathMemory {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until() <= now
    }

    /// Until when anything of it holds.
    fn until(&self) -> Timestamp {
        self.effects.iter().map(|effect| effect.until).fold(self.expires, Timestamp::max)
    }
}

impl QueueCore {
    /// What is to outlive a restart.
    pub fn memory(&self, now: Timestamp) -> Memory {
        let mut paths = self.paths_memory(now);
        if paths.len() > PATHS_MAX {
            // What holds longest is worth most.
            paths.sort_by_key(|memory| std::cmp::Reverse(memory.until()));
            paths.truncate(PATHS_MAX);
        }
        let controls = self.controls.values().cloned().collect();
        Memory {
            controls,
            cancels: self.cancels_memory(),
            orders: self.standing_memory(),
            paths,
            shadows: self.shadows.clone(),
            warm_ups: self.warm_up_memory(),
        }
    }

    /// Takes up what a queue before a restart remembered. Call before anything is admitted.
    pub fn restore(&mut self, now: Timestamp, memory: Memory, out: &mut Out) {
        for control in memory.controls {
            if control.until.is_none_or(|until| until > now)
                && let Err(error) = self.add_control(control)
            {
                tracing::warn!(%error, "a remembered hold or suspension was dropped");
            }
        }
        for cancel in memory.cancels {
            if let Err(error) = self.add_cancel(cancel) {
                tracing::warn!(%error, "a remembered cancellation was dropped");
            }
        }
        memory.orders.into_iter().take(crate::bulk::STANDING_MAX).for_each(|order| self.add_standing(order));
        for (rule, shadow) in memory.shadows {
            // A rule that is gone is forgotten here as well.
            if self.providers.set_shadow(&rule, shadow) {
                self.shadows.insert(rule, shadow);
            }
        }
        self.restore_warm_ups(memory.warm_ups, now, out);
        self.remember_paths(now, memory.paths.into_iter().take(PATHS_MAX).filter(|path| !path.is_over(now)));
        self.settle(now, out);
    }
}
