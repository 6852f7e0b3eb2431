//! How many connections there may be at the same time: on a listener in all, and from one client.
//!
//! A connection takes its place when it is accepted, and is counted for its client as soon as that is known (behind a
//! proxy after its header). A few more are let in to be told that there is no room; beyond them connections are closed
//! without a word, so that the telling has a bound too.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections at the same time that are told that there is no room for them.
pub(crate) const TURNED_AWAY_MAX: usize = 100;

/// The places of a listener.
#[derive(Debug)]
pub(crate) struct Places {
    total_max: usize,
    by_client_max: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    turned_away: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    kind: Kind,
    client: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Served,
    TurnedAway,
    /// Counted nowhere any more.
    Gone,
}

/// What a connection may do once its client is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served.
    Served,
    /// It is told that there is no room, in all or for this client.
    TurnedAway,
    /// It is closed without a word.
    Closed,
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has at least.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

impl Places {
    pub fn new(total_max: usize, by_client_max: usize) -> Arc<Self> {
        Arc::new(Places { total_max, by_client_max, counts: Mutex::default() })
    }

    /// A place for a connection that was just accepted; `None` when not even for being turned away there is one.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if counts.total < self.total_max {
            counts.total += 1;
            Kind::Served
        } else if counts.turned_away < TURNED_AWAY_MAX {
            counts.turned_away += 1;
            Kind::TurnedAway
        } else {
            return None;
        };
        Some(Place { places: Arc::clone(self), kind, client: None })
    }
}

impl Place {
    /// Counts the connection for its client. To be called once.
    pub fn of_client(&mut self, address: IpAddr) -> Admission {
        let client = client_of(address);
        let mut counts = self.places.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.kind == Kind::TurnedAway {
            return Admission::TurnedAway;
        }
        let of_client = counts.by_client.get(&client).copied().unwrap_or(0);
        if of_client < self.places.by_client_max {
            counts.by_client.insert(client, of_client + 1);
            self.client = Some(client);
            return Admission::Served;
        }
        // One client must not take the places of the others by being refused.
        counts.total -= 1;
        if counts.turned_away < TURNED_AWAY_MAX {
            counts.turned_away += 1;
            self.kind = Kind::TurnedAway;
            Admission::TurnedAway
        } else {
            self.kind = Kind::Gone;
            Admission::Closed
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kind {
            Kind::Served => counts.total -= 1,
            Kind::TurnedAway => counts.turned_away -= 1,
            Kind::Gone => {}
        }
        if let Some(client) = self.client
            && let Some(count) = counts.by_client.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_client_and_given_back() {
        let places = Places::new(4, 2);
        let come = |address: &str| {
            let mut place = places.take().unwrap();
            let admitted = place.of_client(address.parse().unwrap()) == Admission::Served;
            (place, admitted)
        };
        let (first, admitted) = come("2001:db8::1");
        assert!(admitted);
        let (_second, admitted) = come("2001:db8::ffff");
        assert!(admitted);
        let (third, admitted) = come("2001:db8:0:0:1::1");
        assert!(!admitted, "the same 64 bits");
        drop((first, third));
        assert!(come("2001:db8::2").1, "a place was given back");
        let _held: Vec<Place> = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"].map(|address| come(address).0).into();
        let turned_away: Vec<Place> = (0..TURNED_AWAY_MAX).map(|_| places.take().unwrap()).collect();
        assert!(places.take().is_none());
        drop(turned_away);
        let mut one = places.take().unwrap();
        let told = one.of_client("198.51.100.1".parse().unwrap());
        assert_eq!(told, Admission::TurnedAway, "told that there is no room");
    }

    #[test]
    fn who_is_refused_takes_no_place_of_others() {
        let places = Places::new(2, 1);
        let refused: Vec<Place> = (0..TURNED_AWAY_MAX + 5)
            .map(|_| {
                let mut place = places.take().unwrap();
                place.of_client("192.0.2.1".parse().unwrap());
                place
            })
            .collect();
        let mut other = places.take().unwrap();
        assert_eq!(other.of_client("192.0.2.2".parse().unwrap()), Admission::Served);
        drop((refused, other));
        let counts = places.counts.lock().unwrap();
        assert_eq!((counts.total, counts.turned_away, counts.by_client.len()), (0, 0, 0));
    }
}
