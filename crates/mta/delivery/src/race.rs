//! Several ways to the same goal, tried one after another but not one *instead of* another: while none is connected the
//! next one begins when the last one has failed or takes too long (in the manner of RFC 8305).
//!
//! There is never more than one connection: the first that is made ends all other attempts to make one, and when it is
//! too slow with the rest it is closed before another way is tried. Who was left for another's sake comes again.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long after its beginning an attempt is not waited for alone any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// While it is not connected: then the next one begins beside it.
    pub connecting: Duration,
    /// Once it is connected: then it is closed, and the next one begins. It is not shorter.
    pub connected: Duration,
}

/// An attempt that may be made now.
#[derive(Clone, Copy)]
struct Try {
    place: usize,
    /// It was slow once and all others have failed: it gets all the time there is.
    again: bool,
}

/// An attempt that has made its connection, or failed to.
struct Dialed<C, E> {
    which: Try,
    began: Instant,
    result: Result<C, E>,
}

/// Runs the attempts `0..count`: `connect` makes the connection of one, `converse` does the rest with it. `patience` says
/// how long to wait for one; a failure for which `is_final` is true ends the race.
///
/// # Errors
/// All failures in the order of time; none when there was nothing to try.
pub(crate) async fn race<C, T, E, D, F>(
    count: usize,
    connect: impl Fn(usize) -> D,
    converse: impl Fn(usize, C) -> F,
    patience: impl Fn(usize) -> Patience,
    is_final: impl Fn(&E) -> bool,
) -> Result<(usize, T), Vec<(usize, E)>>
where
    D: Future<Output = Result<C, E>>,
    F: Future<Output = Result<T, E>>,
{
    let mut waiting: VecDeque<Try> = (0..count).map(|place| Try { place, again: false }).collect();
    let mut slow = VecDeque::new();
    let mut failures = Vec::new();
    loop {
        if waiting.is_empty() {
            waiting.append(&mut slow);
        }
        let first = first_connection(&mut waiting, &connect, &patience, &is_final, &mut failures).await;
        let (which, began, connected) = match first {
            Some(first) => first,
            None if failures.last().is_some_and(|(_, error)| is_final(error)) || slow.is_empty() => {
                return Err(failures);
            }
            None => continue,
        };
        let place = which.place;
        let rest = converse(place, connected);
        let result = match which.again || waiting.is_empty() {
            true => rest.await,
            false => match timeout_at(began + patience(place).connected, rest).await {
                Ok(result) => result,
                Err(_) => {
                    slow.push_back(Try { place, again: true });
                    continue;
                }
            },
        };
        match result {
            Ok(winner) => return Ok((place, winner)),
            Err(error) => {
                let over = is_final(&error);
                failures.push((place, error));
                if over {
                    return Err(failures);
                }
            }
        }
    }
}

/// The first connection that can be made to one of those who wait. They are taken from `waiting` in their order; whoever
/// is still connecting then is let go and put back in front. None: nobody is left, or a failure is final.
async fn first_connection<C, E, D: Future<Output = Result<C, E>>>(
    waiting: &mut VecDeque<Try>,
    connect: impl Fn(usize) -> D,
    patience: impl Fn(usize) -> Patience,
    is_final: impl Fn(&E) -> bool,
    failures: &mut Vec<(usize, E)>,
) -> Option<(Try, Instant, C)> {
    let mut running = FuturesUnordered::new();
    let mut under_way: Vec<Try> = Vec::new();
    let mut next_at = Instant::now();
    loop {
        let dialed = tokio::select! {
            biased;
            Some(dialed) = running.next() => Some(dialed),
            () = sleep_until(next_at), if !waiting.is_empty() => None,
            else => return None,
        };
        let Some(Dialed { which, began, result }) = dialed else {
            let which = waiting.pop_front()?;
            let began = Instant::now();
            running.push(connect(which.place).map(move |result| Dialed { which, began, result }));
            under_way.push(which);
            next_at = began + patience(which.place).connecting;
            continue;
        };
        let latest = under_way.last().is_some_and(|latest| latest.place == which.place);
        under_way.retain(|other| other.place != which.place);
        match result {
            Ok(connected) => {
                under_way.into_iter().rev().for_each(|other| waiting.push_front(other));
                return Some((which, began, connected));
            }
            Err(error) => {
                let over = is_final(&error);
                failures.push((which.place, error));
                if over {
                    return None;
                }
                // The one that failed was waited for: its successor need not wait as well.
                if latest {
                    next_at = Instant::now();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    /// What an attempt does.
    #[derive(Clone, Copy)]
    enum Does {
        Arrive,
        Fail,
        FailForAll,
        /// Connects, and fails then.
        Part,
        /// Connects and says nothing any more.
        Stall,
        /// Connects and is slow.
        Linger,
        /// Does not even connect.
        Hang,
    }
    use Does::{Arrive, Fail, FailForAll, Hang, Linger, Part, Stall};

    const SOON: Duration = Duration::from_millis(1);
    const LATER: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(86_400);

    /// A connection, counted while it is there.
    struct Connection<'a>(&'a Cell<u32>);

    impl<'a> Connection<'a> {
        fn new(count: &'a Cell<u32>) -> Self {
            count.set(count.get() + 1);
            assert_eq!(count.get(), 1, "connections at a time");
            Connection(count)
        }
    }

    impl Drop for Connection<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    /// Says who won, or who failed in which order, or `nobody` when nothing more happens.
    async fn check(attempts: &[Does], connecting: Duration, connected: Duration, expected: &str) {
        let count = Cell::new(0);
        let count = &count;
        let connect = |place: usize| async move {
            match attempts[place] {
                Fail => Err(false),
                FailForAll => Err(true),
                Hang => pending().await,
                Arrive | Part | Stall | Linger => Ok(Connection::new(count)),
            }
        };
        let converse = |place: usize, connection| async move {
            let result = match attempts[place] {
                Part => Err(false),
                Stall => pending().await,
                Linger => {
                    tokio::time::sleep(LATER).await;
                    Ok(())
                }
                _ => Ok(()),
            };
            drop(connection);
            result
        };
        let patience = |_| Patience { connecting, connected };
        let raced = race(attempts.len(), connect, converse, patience, |is_final| *is_final);
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
        check(&[Part, Fail, Arrive], NEVER, NEVER, "2 wins").await;
        check(&[Fail, Part], NEVER, NEVER, "[0, 1] failed").await;
        check(&[FailForAll, Arrive], NEVER, NEVER, "[0] failed").await;
        // Dead: the next one soon, beside it.
        check(&[Hang, Hang, Arrive], SOON, NEVER, "2 wins").await;
        check(&[Hang, Arrive], NEVER, NEVER, "nobody").await;
        check(&[Hang, Fail, Arrive], SOON, NEVER, "2 wins").await;
        // Who was let go for a connection that came to nothing is tried again.
        check(&[Hang, Part], SOON, NEVER, "nobody").await;
        check(&[Hang, Part, Arrive], SOON, NEVER, "2 wins").await;
    }

    #[tokio::test]
    async fn one_that_is_connected_and_slow_has_its_time_and_is_closed() {
        check(&[Stall, Arrive], SOON, NEVER, "nobody").await;
        check(&[Stall, Arrive], SOON, SOON, "1 wins").await;
        check(&[Stall, Stall, Arrive], SOON, SOON, "2 wins").await;
        // There is no better one: it has all the time there is.
        check(&[Linger], SOON, SOON, "0 wins").await;
        check(&[Linger, Fail], SOON, SOON, "0 wins").await;
        check(&[Linger, Part, Fail], SOON, SOON, "0 wins").await;
        check(&[Stall, Linger], SOON, SOON, "1 wins").await;
        check(&[Stall, FailForAll], SOON, SOON, "[1] failed").await;
    }
}
