//! Policies of recipient domains (MTA-STS) against the connection there is: who may go over it.
//!
//! The connection was made for a site, which serves many domains; each mail's domain has its own say.

use std::collections::BTreeSet;

use futures::future::join_all;
use mail::bounce::Failure;
use model::dialogue::TlsUse;
use model::id::RecipientId;
use model::name::Name;
use model::reply::Phase;
use model::route::TlsFailure;

use super::Session;
use super::report::What;
use crate::compose::ascii_form;
use crate::load::Loaded;
use crate::sts::{Mode, Ruling};

/// What a policy said of a mail that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The policy is enforced and fulfilled.
    enforced: bool,
    /// What is not fulfilled, of a policy that is only tested.
    failure: Option<TlsFailure>,
}

impl Session {
    /// Those who may go over this connection, in their order. The others have got their answer: later, over another one.
    pub(super) async fn permitted(&mut self, loaded: Vec<Loaded>) -> Vec<Loaded> {
        self.notes.clear();
        let Some(sts) = self.shared.sts.clone().filter(|_| self.path.site.smarthost.is_none()) else { return loaded };
        let domains: BTreeSet<Name> = loaded.iter().filter_map(domain_of).collect();
        let secured = self.client.secured().cloned();
        let rulings = domains.iter().map(|domain| sts.judge(domain, &self.host, secured.as_ref()));
        let rulings = join_all(rulings).await;
        let ruling_of = |loaded: &Loaded| {
            let domain = domain_of(loaded)?;
            domains.iter().position(|known| *known == domain).map(|place| &rulings[place])
        };
        let mut kept = Vec::with_capacity(loaded.len());
        for mail in loaded {
            match ruling_of(&mail) {
                None | Some(Ruling::Fine(None | Some(Mode::None))) => {}
                Some(Ruling::Fine(Some(mode))) => {
                    self.note(mail.ticket.recipient, Note { enforced: *mode == Mode::Enforce, failure: None });
                }
                Some(Ruling::Noted(fault)) => {
                    tracing::debug!(host = %self.host, failure = %fault.failure, reason = %fault, "MTA-STS, testing");
                    self.note(mail.ticket.recipient, Note { enforced: false, failure: Some(fault.failure) });
                }
                Some(Ruling::Unknown) => {
                    let verdict = self.shared.judge.failure(Failure::PolicyUnmet);
                    let reason = "the MTA-STS policy of the domain is not known yet: its host takes its time";
                    self.done(&mail, verdict, What::Error(Phase::Tls, reason.to_owned())).await;
                    continue;
                }
                Some(Ruling::Refused(fault)) => {
                    self.look_elsewhere();
                    let verdict = self.shared.judge.failure(Failure::PolicyUnmet);
                    let what = What::Error(Phase::Tls, format!("{}: {fault}", fault.failure));
                    self.done(&mail, verdict, what).await;
                    continue;
                }
            }
            kept.push(mail);
        }
        kept
    }

    fn note(&mut self, recipient: RecipientId, note: Note) {
        self.notes.insert(recipient, note);
    }

    /// The next connections to the site try its other hosts first, and this one's TLS anew.
    fn look_elsewhere(&self) {
        let (shared, now) = (&self.shared, self.shared.clock.now());
        shared.unfit.note(&self.path.site.name, &self.host, now.plus(shared.config.dead_host_memory_max.0));
        if shared.broken_tls.trouble(&self.host, now).is_some() {
            shared.broken_tls.forget(&self.host);
        }
    }

    /// How the connection is encrypted, as this mail's policy sees it.
    pub(super) fn tls_use_of(&self, recipient: RecipientId) -> Option<TlsUse> {
        let tls = self.tls_use.clone()?;
        let Some(note) = self.notes.get(&recipient) else { return Some(tls) };
        let by_dane = tls.policy.as_deref() == Some("dane");
        let policy = if note.enforced && !by_dane { Some(Name::from("mta-sts")) } else { tls.policy.clone() };
        let failure = note.failure.map(|failure| Name::from(failure.as_str()));
        Some(TlsUse { policy, failure, ..tls })
    }
}

/// The domain of an address in A-labels; none for address literals.
fn domain_of(loaded: &Loaded) -> Option<Name> {
    let address = &loaded.recipient.address;
    let ascii = ascii_form(address);
    let (_, domain) = ascii.as_deref().unwrap_or(address).rsplit_once('@')?;
    let domain = domain.trim_end_matches('.');
    (!domain.starts_with('[') && domain.is_ascii() && !domain.is_empty())
        .then(|| Name::from(domain.to_ascii_lowercase()))
}
