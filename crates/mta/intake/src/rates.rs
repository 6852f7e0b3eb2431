//! How many messages one client and one user may send in a time, on one listener.
//!
//! Counted at MAIL. The counters of the clients seen last are kept; whoever is not among them begins anew.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use model::name::Name;
use model::time::Timestamp;
use model::units::Rate;
use smtp::server::client_of;

use crate::recorder::Limit;

/// Clients, and users, whose counters are kept; of each so many.
const COUNTERS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

#[derive(Debug)]
pub(crate) struct Rates {
    per_address: Option<Rate>,
    per_user: Option<Rate>,
    addresses: Mutex<LruCache<IpAddr, Limit>>,
    users: Mutex<LruCache<Name, Limit>>,
}

impl Rates {
    pub(crate) fn new(per_address: Option<Rate>, per_user: Option<Rate>) -> Self {
        // Room is made as counters come.
        let (addresses, users) = (LruCache::unbounded(), LruCache::unbounded());
        Rates { per_address, per_user, addresses: Mutex::new(addresses), users: Mutex::new(users) }
    }

    /// Counts a message; `own` is a rate of this user's own.
    ///
    /// # Errors
    /// Whose rate was reached.
    pub(crate) fn count(
        &self,
        address: Option<IpAddr>,
        user: Option<&Name>,
        own: Option<Rate>,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        if let (Some(rate), Some(address)) = (self.per_address, address)
            && !take(&self.addresses, client_of(address), rate, now)
        {
            return Err("address");
        }
        if let (Some(rate), Some(user)) = (own.or(self.per_user), user)
            && !take(&self.users, user.clone(), rate, now)
        {
            return Err("user");
        }
        Ok(())
    }
}

fn take<K: Hash + Eq>(counters: &Mutex<LruCache<K, Limit>>, key: K, rate: Rate, now: Timestamp) -> bool {
    let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = counters.get_or_insert_mut(key, || Limit::new(rate)).take(now);
    if counters.len() > COUNTERS_MAX.get() {
        counters.pop_lru();
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_his_own_counter() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        let rates = Rates::new(Some(rate("2/h")), Some(rate("3/h")));
        let now = Timestamp::from_unix_s(1_790_000_000);
        let (anna, ben) = (Name::from("anna"), Name::from("ben"));
        let at = |address: &str| Some(address.parse().unwrap());
        for (address, user, own, expected) in [
            ("2001:db8::1", None, None, Ok(())),
            ("2001:db8::2", None, None, Ok(())),
            ("2001:db8::3", None, None, Err("address")),
            ("2001:db8:1::1", None, None, Ok(())),
            ("192.0.2.1", Some(&anna), None, Ok(())),
            ("192.0.2.1", Some(&anna), None, Ok(())),
            ("192.0.2.1", Some(&anna), None, Err("address")),
            ("192.0.2.2", Some(&anna), None, Ok(())),
            ("192.0.2.2", Some(&anna), None, Err("user")),
            ("192.0.2.3", Some(&ben), Some(rate("1/h")), Ok(())),
            ("192.0.2.3", Some(&ben), Some(rate("1/h")), Err("user")),
        ] {
            assert_eq!(rates.count(at(address), user, own, now), expected, "{address} {user:?}");
        }
        assert_eq!(rates.count(None, None, None, now), Ok(()), "a proxy's own connection is not counted");
    }
}
