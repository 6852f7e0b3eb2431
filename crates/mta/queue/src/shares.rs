//! Shares: how turns are divided among tenants, and among the jobs of a tenant, where both wait for the same path.
//!
//! Every tenant weighs 1 and so does every job, unless an entry says otherwise: a tenant of weight 3 gets three turns for
//! one of another, however many jobs either has. Shares hold within a priority and while there is something to share.

use model::config::{Fault, Faults};
use model::name::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Highest weight.
pub const WEIGHT_MAX: u32 = 1_000;

/// How much a tenant, or a job, weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareEntry {
    /// The tenant; with a job, only that tenant's.
    #[serde(default)]
    pub tenant: Option<Name>,
    /// The job, among the jobs of its tenant.
    #[serde(default)]
    pub job: Option<Name>,
    /// Its turns for one of others (1 to 1,000).
    pub weight: u32,
}

impl ShareEntry {
    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.unless(self.tenant.is_some() || self.job.is_some(), || Fault::new("tenant", "or job must be there"));
        faults.within("weight", self.weight, 1..=WEIGHT_MAX);
        faults.result()
    }
}

/// The weights of a tenant and of one of its jobs: of each the last fitting entry.
pub fn weights(entries: &[ShareEntry], tenant: &Name, job: &Name) -> (u32, u32) {
    let of_tenant = entries.iter().rev().find(|entry| entry.job.is_none() && entry.tenant.as_ref() == Some(tenant));
    let of_job = entries
        .iter()
        .rev()
        .find(|entry| entry.job.as_ref() == Some(job) && entry.tenant.as_ref().is_none_or(|wanted| wanted == tenant));
    (of_tenant.map_or(1, |entry| entry.weight), of_job.map_or(1, |entry| entry.weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fitting_entry_weighs() {
        let entry = |tenant: &str, job: &str, weight| ShareEntry {
            tenant: (!tenant.is_empty()).then(|| Name::from(tenant)),
            job: (!job.is_empty()).then(|| Name::from(job)),
            weight,
        };
        let entries = [entry("a", "", 2), entry("a", "", 3), entry("", "news", 4), entry("b", "news", 5)];
        entries.iter().for_each(|entry| entry.validate().unwrap());
        let check = |tenant: &str, job: &str, expected| {
            assert_eq!(weights(&entries, &Name::from(tenant), &Name::from(job)), expected, "{tenant} {job}");
        };
        check("a", "news", (3, 4));
        check("b", "news", (1, 5));
        check("c", "", (1, 1));
        assert!(entry("", "", 1).validate().is_err());
        assert!(entry("a", "", 0).validate().is_err());
    }
}
