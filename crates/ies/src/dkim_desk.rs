//! The DKIM keys behind the API: the key store with the resolver of the suite.

use std::sync::Arc;

use api::dkim::{DkimAlgorithm, DkimAnswer, DkimDesk, DkimKey, DkimOrder, DkimRefusal};
use delivery::keystore::{Keeper, KeyInfo, StoreError, published};
use mail::dkim::KeyKind;

/// Keeps the keys.
pub(crate) struct Desk(pub Arc<Keeper>);

impl DkimDesk for Desk {
    fn keys(&self) -> DkimAnswer<'_> {
        let keeper = Arc::clone(&self.0);
        Box::pin(aside(move || keeper.store.list()))
    }

    fn order<'a>(&'a self, domain: &'a str, order: DkimOrder, by: &'a str) -> DkimAnswer<'a> {
        Box::pin(async move {
            if let DkimOrder::Check = order {
                self.check(domain).await?;
            }
            let (keeper, domain, by) = (Arc::clone(&self.0), domain.to_owned(), by.to_owned());
            aside(move || {
                let keys = obey(&keeper, &domain, order, &by)?;
                // In force when it is answered; the events follow within seconds.
                keeper.load()?;
                Ok(keys)
            })
            .await
        })
    }
}

impl Desk {
    async fn check(&self, domain: &str) -> Result<(), DkimRefusal> {
        let now = self.0.clock.now();
        let store = self.0.store.clone();
        let keys = tokio::task::spawn_blocking(move || store.list()).await.map_err(|error| failed(&error))?;
        let keys = keys.map_err(|error| refusal(&error))?;
        for key in keys.iter().filter(|key| key.domain.eq_ignore_ascii_case(domain)) {
            let Some(problem) = published(key, &self.0.resolver).await else { continue };
            let (store, key) = (self.0.store.clone(), key.clone());
            let noted = move || store.note_dns(&key.domain, &key.selector, problem.as_deref(), now);
            let noted = tokio::task::spawn_blocking(noted).await.map_err(|error| failed(&error))?;
            noted.map_err(|error| refusal(&error))?;
        }
        Ok(())
    }
}

fn obey(keeper: &Keeper, domain: &str, order: DkimOrder, by: &str) -> Result<Vec<KeyInfo>, StoreError> {
    let (store, now) = (&keeper.store, keeper.clock.now());
    match order {
        DkimOrder::Make { algorithm, selector } => {
            let kinds: &[KeyKind] = match algorithm {
                DkimAlgorithm::Rsa2048 => &[KeyKind::Rsa],
                DkimAlgorithm::Ed25519 => &[KeyKind::Ed25519],
                DkimAlgorithm::Both => &[KeyKind::Rsa, KeyKind::Ed25519],
            };
            store.make(domain, kinds, selector.as_deref(), by, now)
        }
        DkimOrder::Import { selector, pem } => store.import(domain, &selector, &pem, by, now),
        DkimOrder::Rotate => store.rotate(domain, by, now),
        DkimOrder::Activate { selector } => {
            store.activate(domain, &selector, by, &keeper.rules, now)?;
            of_domain(store.list()?, domain)
        }
        DkimOrder::Remove { selector, force } => {
            store.remove(domain, &selector, force, by, now)?;
            of_domain(store.list()?, domain)
        }
        DkimOrder::Check => of_domain(store.list()?, domain),
    }
}

fn of_domain(mut keys: Vec<KeyInfo>, domain: &str) -> Result<Vec<KeyInfo>, StoreError> {
    keys.retain(|key| key.domain.eq_ignore_ascii_case(domain));
    if keys.is_empty() {
        return Err(StoreError::Refused(format!("{domain} has no key")));
    }
    Ok(keys)
}

/// Making an RSA key takes some tens of milliseconds, and files are read.
async fn aside(
    work: impl FnOnce() -> Result<Vec<KeyInfo>, StoreError> + Send + 'static,
) -> Result<Vec<DkimKey>, DkimRefusal> {
    let keys = tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?;
    Ok(keys.map_err(|error| refusal(&error))?.into_iter().map(view).collect())
}

fn failed(error: &dyn std::error::Error) -> DkimRefusal {
    DkimRefusal::Failed(error.to_string())
}

fn refusal(error: &StoreError) -> DkimRefusal {
    match error {
        StoreError::Refused(reason) => DkimRefusal::Refused(reason.clone()),
        StoreError::Key(error) => DkimRefusal::Refused(error.to_string()),
        StoreError::File { source, .. } => DkimRefusal::Failed(format!("{error}: {source}")),
        StoreError::Damaged { .. } => DkimRefusal::Failed(error.to_string()),
    }
}

fn view(key: KeyInfo) -> DkimKey {
    DkimKey {
        domain: key.domain,
        selector: key.selector,
        algorithm: key.kind.algorithm().to_owned(),
        state: key.state.as_str().to_owned(),
        since: key.since,
        created_at: key.created_at,
        retires_at: key.retires_at,
        record_name: key.record_name,
        record: key.record,
        zone_line: key.zone_line,
        checked_at: key.checked_at,
        problem: key.problem,
    }
}
