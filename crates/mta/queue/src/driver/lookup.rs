//! Asking the DNS for mail hosts: so many at a time, the others in line; each question gets one answer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use dns::site::site_name;
use dns::{MxAnswer, Resolver};
use model::name::Name;
use tokio::task::{Id, JoinSet};

use crate::core::{Input, NoRoute, SiteAnswer};

/// A question that takes longer is given up for now.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Questions to the DNS.
pub(super) struct Lookups {
    resolver: Resolver,
    asked_max: usize,
    waiting: VecDeque<Name>,
    asked: JoinSet<Result<SiteAnswer, NoRoute>>,
    names: HashMap<Id, Name>,
}

impl Lookups {
    pub fn new(resolver: Resolver, asked_max: usize) -> Self {
        Lookups { resolver, asked_max, waiting: VecDeque::new(), asked: JoinSet::new(), names: HashMap::new() }
    }

    /// Takes questions; the core asks once for each domain until it has the answer.
    pub fn ask(&mut self, domains: Vec<Name>) {
        self.waiting.extend(domains);
        self.begin();
    }

    pub fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The next answer; cancel safe. Waits for ever when nothing is asked.
    pub async fn next(&mut self) -> Input {
        let Some(ended) = self.asked.join_next_with_id().await else { return std::future::pending().await };
        let (id, answer) = match ended {
            Ok((id, answer)) => (id, answer),
            Err(error) => (error.id(), Err(NoRoute::Temporary(format!("the look-up failed: {error}")))),
        };
        let domain = self.names.remove(&id).expect("invariant: every task has its name");
        self.begin();
        Input::Resolved { domain, answer }
    }

    fn begin(&mut self) {
        while self.asked.len() < self.asked_max {
            let Some(domain) = self.waiting.pop_front() else { return };
            let (resolver, name) = (self.resolver.clone(), domain.clone());
            let task = self.asked.spawn(async move {
                match tokio::time::timeout(ANSWER_MAX, resolver.mx(&name)).await {
                    Ok(answer) => route_of(answer),
                    Err(_) => Err(NoRoute::Temporary("the DNS did not answer in time".to_owned())),
                }
            });
            self.names.insert(task.id(), domain);
        }
    }
}

fn route_of(answer: MxAnswer) -> Result<SiteAnswer, NoRoute> {
    match answer {
        MxAnswer::Hosts(hosts) if hosts.is_empty() => Err(NoRoute::NoDomain),
        MxAnswer::Hosts(hosts) => Ok(SiteAnswer { name: site_name(&hosts), hosts }),
        MxAnswer::NullMx => Err(NoRoute::NullMx),
        MxAnswer::NoDomain => Err(NoRoute::NoDomain),
        MxAnswer::Temporary(reason) => Err(NoRoute::Temporary(reason)),
    }
}
