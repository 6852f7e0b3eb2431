//! What every source and provider is doing now, added up over all paths, however many there are.
//!
//! A snapshot shows the busiest paths and leaves out the others: sums over it would be too low.

use std::collections::BTreeMap;

use model::name::Name;
use model::time::Timestamp;

use super::QueueCore;
use super::snapshot::top;
use crate::directory::{ActiveThrottle, Doing, Down, ProviderDoing, THROTTLES_MAX};

impl QueueCore {
    /// Sums over all paths, and the busiest paths of each provider that are slowed or stopped.
    pub fn doing(&self, now: Timestamp) -> Doing {
        let mut doing = Doing { controls: self.controls.values().cloned().collect(), ..Doing::default() };
        for source in &self.sources {
            if let Some(down) = &source.down {
                let doing = doing.sources.entry(source.spec.name.clone()).or_default();
                let reason = super::sources::reason(down).to_owned();
                doing.down = Some(Down { since: down.since, reason, next_check: source.check_at });
            }
        }
        let mut throttled: BTreeMap<&Name, Vec<(u64, u32)>> = BTreeMap::new();
        for (idx, path) in self.paths.iter() {
            let (ready, in_flight) = (u64::from(path.ready.len()), u64::from(path.in_flight));
            let source = doing.sources.entry(path.spec.path.source.clone()).or_default();
            source.ready += ready;
            source.in_flight += in_flight;
            source.connections += path.sessions.len() as u32;
            if self.throttle_view(now, idx).is_some() {
                let busy = ready + in_flight + self.backlog(path.site);
                throttled.entry(&self.groups[path.group].provider).or_default().push((busy, idx));
            }
        }
        for (provider, mut paths) in throttled {
            let throttled = paths.len() as u64;
            top(&mut paths, THROTTLES_MAX);
            let active = paths.into_iter().filter_map(|(_, idx)| self.active_throttle(now, idx)).collect();
            doing.providers.insert(provider.clone(), ProviderDoing { throttled, active });
        }
        doing
    }

    fn active_throttle(&self, now: Timestamp, path: u32) -> Option<ActiveThrottle> {
        let spec = &self.paths[path].spec.path;
        let throttle = self.throttle_view(now, path)?;
        Some(ActiveThrottle { source: spec.source.clone(), site: spec.site.clone(), throttle })
    }
}
