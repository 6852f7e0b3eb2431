//! Passwords: argon2id (RFC 9106, the library's second recommended setting), made and checked off the async threads.
//!
//! A hash costs 19 MiB and some 30 ms of a core, and anybody may ask for one: so few are made at a time, a few more
//! wait, and further ones are refused ([`Busy`]).

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shortest password taken, in characters. Length counts, rules of composition do not (NIST SP 800-63B 5.1.1.2).
pub const PASSWORD_LEN_MIN: usize = 12;

/// Longest password taken, in bytes: hashing must not be a way to burn our time.
pub const PASSWORD_LEN_MAX: usize = 256;

/// Passwords that are hashed at the same time; each takes a core and 19 MiB.
pub const HASHES_AT_ONCE: usize = 2;

/// Passwords that wait to be hashed; further log-ins are refused for a moment.
pub const HASHES_WAITING_MAX: usize = 16;

/// Too many passwords are waiting to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Makes and checks hashes, a bounded number at a time.
#[derive(Debug)]
pub(crate) struct Hasher {
    /// Being hashed or waiting.
    places: Arc<Semaphore>,
    /// Being hashed.
    running: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(HASHES_AT_ONCE + HASHES_WAITING_MAX));
        Hasher { places, running: Arc::new(Semaphore::new(HASHES_AT_ONCE)) }
    }
}

impl Hasher {
    /// The hash of a password, in PHC form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Busy> {
        self.work(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.expect("invariant: the length is limited and the parameters are valid").to_string()
        })
        .await
    }

    /// True when the password has this hash.
    pub(crate) async fn verify(&self, password: String, hash: String) -> Result<bool, Busy> {
        self.work(move || {
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let turn = self.turn().await?;
        // The turn ends with the work, also when nobody waits for it any more: the thread cannot be stopped.
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        Ok(worked.await.expect("invariant: hashing does not panic and is not cancelled"))
    }

    async fn turn(&self) -> Result<[OwnedSemaphorePermit; 2], Busy> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| Busy)?;
        Ok([place, running])
    }
}

/// Some hash that no password has: checked when there is no such account, so that the answer takes as long.
pub(crate) const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9i$\
                                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let hasher = Hasher::default();
        let hash = hasher.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify("correct horse battery".to_owned(), hash.clone()).await.unwrap());
        assert!(!hasher.verify("correct horse batterz".to_owned(), hash).await.unwrap());
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok(), "it must cost the same");
        assert!(!hasher.verify("anything at all".to_owned(), NOBODYS_HASH.to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn few_hash_some_wait_others_are_refused() {
        let hasher = Arc::new(Hasher::default());
        let mut running = Vec::new();
        for _ in 0..HASHES_AT_ONCE {
            running.push(hasher.turn().await.unwrap());
        }
        let third = pin!(hasher.turn()).poll(&mut Context::from_waker(Waker::noop()));
        assert!(third.is_pending(), "no more than {HASHES_AT_ONCE} at a time");

        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..HASHES_WAITING_MAX {
            let hasher = hasher.clone();
            waiting.spawn(async move { hasher.verify(String::new(), "no hash".to_owned()).await });
        }
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.verify(String::new(), "no hash".to_owned()).await, Err(Busy));
        drop(running);
        while let Some(verified) = waiting.join_next().await {
            assert_eq!(verified.unwrap(), Ok(false));
        }
        assert_eq!(hasher.places.available_permits(), HASHES_AT_ONCE + HASHES_WAITING_MAX);
    }
}
