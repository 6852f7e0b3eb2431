//! Connections by the address they go to: how many there are, and who waits until there may be another.
//!
//! How many are allowed is ours to say (`address_connections`, `connecting_max`), so a lack of room is no failure of the
//! host: whoever finds none waits in line. Those who have a place are told that it is wanted and give it back when they
//! have used it for a while, so that no source keeps an address to itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<SocketAddr, Count>>>);

#[derive(Debug, Default)]
struct Count {
    opening: u32,
    open: u32,
    waiting: u32,
    /// Something of the above became less.
    freed: Arc<Notify>,
    /// Somebody began to wait.
    wanted: Arc<Notify>,
}

/// A connection's place at an address; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: SocketAddr,
    open: bool,
}

/// Somebody in line; out of it when dropped.
struct Waiter<'a> {
    places: &'a Places,
    address: SocketAddr,
    in_line: &'a AtomicU32,
}

impl Places {
    /// A place for a connection that is being made: at most `all_max` at a time to this address, of which at most
    /// `opening_max` are not made yet. Waits until there is room; until then it is counted in `in_line`.
    pub async fn take(
        &self,
        address: SocketAddr,
        opening_max: u32,
        all_max: Option<u32>,
        in_line: &AtomicU32,
    ) -> Place {
        let has_room =
            |count: &Count| count.opening < opening_max && all_max.is_none_or(|max| count.opening + count.open < max);
        if let Some(place) = self.take_if(address, has_room) {
            return place;
        }
        let _waiter = self.queue_up(address, in_line);
        loop {
            // Made before looking: what is freed in between is not missed.
            let freed = self.freed(address);
            let freed = freed.notified();
            if let Some(place) = self.take_if(address, has_room) {
                return place;
            }
            freed.await;
        }
    }

    fn take_if(&self, address: SocketAddr, has_room: impl Fn(&Count) -> bool) -> Option<Place> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if !has_room(count) {
            return None;
        }
        count.opening += 1;
        Some(Place { places: self.clone(), address, open: false })
    }

    fn queue_up<'a>(&'a self, address: SocketAddr, in_line: &'a AtomicU32) -> Waiter<'a> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        count.waiting += 1;
        count.wanted.notify_waiters();
        in_line.fetch_add(1, Relaxed);
        Waiter { places: self, address, in_line }
    }

    fn freed(&self, address: SocketAddr) -> Arc<Notify> {
        Arc::clone(&self.lock().entry(address).or_default().freed)
    }

    /// Changes the count of an address, tells those in line, and forgets it when nothing is left.
    fn less(&self, address: SocketAddr, change: impl FnOnce(&mut Count)) {
        let mut counts = self.lock();
        let Some(count) = counts.get_mut(&address) else { return };
        change(count);
        count.freed.notify_waiters();
        if (count.opening, count.open, count.waiting) == (0, 0, 0) {
            counts.remove(&address);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The connection is made.
    pub fn opened(&mut self) {
        if !std::mem::replace(&mut self.open, true) {
            self.places.less(self.address, |count| (count.opening, count.open) = (count.opening - 1, count.open + 1));
        }
    }

    /// Somebody waits for a place at this address.
    pub fn is_wanted(&self) -> bool {
        self.places.lock().get(&self.address).is_some_and(|count| count.waiting > 0)
    }

    /// Waits until somebody waits for a place at this address.
    pub async fn wanted(&self) {
        loop {
            let wanted = Arc::clone(&self.places.lock().entry(self.address).or_default().wanted);
            let wanted = wanted.notified();
            if self.is_wanted() {
                return;
            }
            wanted.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let open = self.open;
        self.places.less(self.address, |count| if open { count.open -= 1 } else { count.opening -= 1 });
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.in_line.fetch_sub(1, Relaxed);
        self.places.less(self.address, |count| count.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const HOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 25);

    async fn at_once(places: &Places, opening_max: u32, all_max: Option<u32>) -> Option<Place> {
        timeout(Duration::from_millis(50), places.take(HOST, opening_max, all_max, &AtomicU32::new(0))).await.ok()
    }

    #[tokio::test]
    async fn places_are_counted_and_given_back() {
        let places = Places::default();
        let mut first = at_once(&places, 1, Some(2)).await.unwrap();
        assert!(at_once(&places, 1, Some(2)).await.is_none(), "one is being made");
        first.opened();
        first.opened();
        let second = at_once(&places, 1, Some(2)).await.unwrap();
        assert!(at_once(&places, 5, Some(2)).await.is_none(), "two in all");
        assert!(at_once(&places, 5, None).await.is_some(), "no limit in all");
        assert!(!first.is_wanted(), "those who gave up waiting are forgotten");
        drop((first, second));
        assert!(places.lock().is_empty());
    }

    #[tokio::test]
    async fn who_waits_is_seen_by_those_who_have_a_place_and_gets_the_next() {
        let places = Places::default();
        let mut holder = at_once(&places, 5, Some(1)).await.unwrap();
        holder.opened();
        let in_line = Arc::new(AtomicU32::new(0));
        let (line, count) = (places.clone(), Arc::clone(&in_line));
        let next = tokio::spawn(async move { line.take(HOST, 5, Some(1), &count).await });
        timeout(Duration::from_secs(1), holder.wanted()).await.expect("the place is wanted");
        assert_eq!(in_line.load(Relaxed), 1);
        drop(holder);
        let place = timeout(Duration::from_secs(1), next).await.unwrap().unwrap();
        assert_eq!(in_line.load(Relaxed), 0);
        assert!(!place.is_wanted());
    }
}
