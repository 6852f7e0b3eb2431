//! Routes of the operator: which mail goes to hosts he names, before anybody asks for MX hosts.
//!
//! The first route in the order of the configuration that takes a mail has it. A route that asks for a provider lets the
//! DNS be asked first; it is looked at again when the answer is there.

use std::sync::Arc;

use model::name::Name;
use model::route::{MxHost, Site as SiteSpec};
use model::smarthost::{Fit, Route, Traits};

use super::QueueCore;

impl QueueCore {
    /// The site of the route that takes this recipient's mail; `None` when it goes the way of the DNS, or when that has
    /// to be asked first.
    pub(super) fn smarthost_of(&mut self, idx: u32, pool: u16) -> Option<u32> {
        if self.smarthosts.is_empty() {
            return None;
        }
        let entry = self.entries.get(idx);
        let domain = &self.domains[entry.domain];
        let routing = &self.series_of(idx).common.routing;
        let mail = Traits {
            domain: &domain.name,
            tenant: &routing.tenant,
            stream: &routing.stream,
            pool: &self.pools[usize::from(pool)].name,
            provider: domain.site().map(|site| &*self.sites[site].spec.provider),
        };
        let decided = self.smarthosts.iter().find_map(|route| match route.fits(&mail) {
            Fit::No => None,
            Fit::Yes => Some(Some(Arc::clone(route))),
            Fit::AskProvider => Some(None),
        });
        decided.flatten().map(|route| self.site_of_smarthost(route))
    }

    fn site_of_smarthost(&mut self, route: Arc<Route>) -> u32 {
        let name = route.site_name();
        if let Some(&site) = self.site_names.get(&name) {
            return site;
        }
        let hosts = route.hosts.iter().filter(|host| host.weight > 0);
        let hosts = hosts.map(|host| MxHost { name: Name::from(host.host.as_str()), preference: host.priority });
        let hosts = hosts.collect();
        self.new_site(SiteSpec { name: name.clone(), provider: name, hosts, smarthost: Some(route) })
    }
}
