//! Several ways to the same goal, tried one after another but not one *instead of* another: the next one begins when the
//! last one has failed or takes too long, and the first that arrives wins (in the manner of RFC 8305).

use std::future::Future;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Through this an attempt says that it is connected.
pub(crate) type Progress = watch::Sender<bool>;

/// How long after its beginning an attempt is joined by the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// While it is not connected.
    pub connecting: Duration,
    /// Once it is connected; not shorter.
    pub connected: Duration,
}

/// The attempt that was begun last.
struct Latest {
    place: usize,
    connected: watch::Receiver<bool>,
    began: Instant,
}

impl Latest {
    /// Resolves when the next attempt shall begin beside this one.
    async fn is_slow(&mut self, patience: Patience) {
        let connected = async { self.connected.wait_for(|connected| *connected).await.map(drop) };
        match timeout_at(self.began + patience.connecting, connected).await {
            Err(_) => {}
            Ok(Ok(_)) => sleep_until(self.began + patience.connected).await,
            // It has ended, which is told elsewhere.
            Ok(Err(_)) => std::future::pending().await,
        }
    }
}

/// Runs the attempts `0..count`. `attempt` makes the future of one; `patience` says how long to wait for one before the
/// next begins beside it; a failure for which `is_final` is true ends the race. Whoever is still running when there is a
/// winner is dropped.
///
/// # Errors
/// All failures in the order of time; none when there was nothing to try.
pub(crate) async fn race<T, E, F>(
    count: usize,
    mut attempt: impl FnMut(usize, Progress) -> F,
    patience: impl Fn(usize) -> Patience,
    is_final: impl Fn(&E) -> bool,
) -> Result<(usize, T), Vec<(usize, E)>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut running = FuturesUnordered::new();
    let mut failures = Vec::new();
    let mut latest: Option<Latest> = None;
    let mut next = 0;
    loop {
        if running.is_empty() {
            latest = None;
        }
        let ended = match &mut latest {
            None if next >= count => return Err(failures),
            None => None,
            Some(latest) if next < count => {
                let place = latest.place;
                tokio::select! {
                    biased;
                    ended = running.next() => ended,
                    () = latest.is_slow(patience(place)) => None,
                }
            }
            Some(_) => running.next().await,
        };
        match ended {
            Some((place, Ok(winner))) => return Ok((place, winner)),
            Some((place, Err(error))) => {
                let over = is_final(&error);
                failures.push((place, error));
                if over {
                    return Err(failures);
                }
                // The one that failed was waited for: its successor need not wait as well.
                if latest.as_ref().is_some_and(|latest| latest.place != place) {
                    continue;
                }
            }
            None => {}
        }
        if next < count {
            let (progress, connected) = watch::channel(false);
            let place = next;
            running.push(attempt(place, progress).map(move |result| (place, result)));
            latest = Some(Latest { place, connected, began: Instant::now() });
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an attempt does.
    #[derive(Clone, Copy)]
    enum Does {
        Arrive,
        Fail,
        FailForAll,
        /// Connects and says nothing any more.
        Stall,
        /// Not even that.
        Hang,
    }
    use Does::{Arrive, Fail, FailForAll, Hang, Stall};

    const SOON: Duration = Duration::from_millis(1);
    const NEVER: Duration = Duration::from_secs(86_400);

    /// Says who won, or who failed in which order, or `nobody` when nothing more happens.
    async fn check(attempts: &[Does], connecting: Duration, connected: Duration, expected: &str) {
        let run = |place: usize, progress: Progress| async move {
            match attempts[place] {
                Arrive => Ok(()),
                Fail => Err(false),
                FailForAll => Err(true),
                Stall => {
                    progress.send_replace(true);
                    std::future::pending().await
                }
                Hang => {
                    let result = std::future::pending().await;
                    drop(progress);
                    result
                }
            }
        };
        let patience = |_| Patience { connecting, connected };
        let raced = race(attempts.len(), run, patience, |is_final| *is_final);
        let found = match tokio::time::timeout(Duration::from_millis(200), raced).await {
            Err(_) => "nobody".to_owned(),
            Ok(Ok((place, ()))) => format!("{place} wins"),
            Ok(Err(failures)) => {
                let order: Vec<usize> = failures.into_iter().map(|(place, _)| place).collect();
                format!("{order:?} failed")
            }
        };
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn the_first_that_arrives_wins() {
        check(&[], NEVER, NEVER, "[] failed").await;
        check(&[Arrive, Arrive], NEVER, NEVER, "0 wins").await;
        // Refused: the next one at once.
        check(&[Fail, Fail, Arrive], NEVER, NEVER, "2 wins").await;
        check(&[Fail, Fail], NEVER, NEVER, "[0, 1] failed").await;
        check(&[FailForAll, Arrive], NEVER, NEVER, "[0] failed").await;
        // Dead: the next one soon, beside it.
        check(&[Hang, Hang, Arrive], SOON, NEVER, "2 wins").await;
        check(&[Hang, Arrive], NEVER, NEVER, "nobody").await;
        check(&[Hang, Fail, Arrive], SOON, NEVER, "2 wins").await;
        // Connected and then slow has more time, but not for ever.
        check(&[Stall, Arrive], SOON, NEVER, "nobody").await;
        check(&[Stall, Arrive], SOON, SOON, "1 wins").await;
    }
}
