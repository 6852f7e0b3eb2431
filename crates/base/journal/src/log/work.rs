//! Who does the work of a log that blocks: threads, or tasks of one runtime.
//!
//! In the product a committer, a reclaimer and blocking reads have threads of their own, so that no disk holds up the
//! async side. Threads have no order among each other, though, and a virtual clock does not know of them. A simulation
//! that must repeat itself from a seed therefore makes them tasks of its one-threaded runtime ([`Work::Tasks`]): each
//! step runs whole, and what comes between two steps is the runtime's order, which is always the same.
//!
//! Both ways run the same steps of the same committer; only who calls them differs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

/// Who does the work that blocks.
#[derive(Clone, Default)]
pub enum Work {
    /// Threads of the log's own, and the blocking pool of the runtime.
    #[default]
    Threads,
    /// For simulations only: tasks of the runtime in which the log is opened, which they block. That runtime must be a
    /// one-threaded one. The function says how long the disk lets the next piece of work wait, by the runtime's clock.
    Tasks(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Work {
    /// Does something that may block beside the async side.
    pub fn aside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match self {
            Work::Threads => tokio::task::spawn_blocking(work),
            Work::Tasks(_) => {
                let pause = self.pause();
                tokio::spawn(async move {
                    pause.await;
                    work()
                })
            }
        }
    }

    /// Waits as long as a simulated disk lets one wait; not at all in the product.
    pub(crate) fn pause(&self) -> impl Future<Output = ()> + Send + 'static {
        let pause = match self {
            Work::Threads => Duration::ZERO,
            Work::Tasks(pause) => pause(),
        };
        async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Work::Threads => "Threads",
            Work::Tasks(_) => "Tasks",
        })
    }
}

/// Something that runs until it is told to end.
pub(crate) enum Worker {
    Thread(std::thread::JoinHandle<()>),
    Task(JoinHandle<()>),
}

impl Worker {
    /// Waits for its end. A panic in it has been noted by its own guard.
    pub(crate) async fn ended(self) {
        match self {
            Worker::Thread(thread) => {
                tokio::task::spawn_blocking(move || thread.join().ok()).await.ok();
            }
            Worker::Task(task) => {
                task.await.ok();
            }
        }
    }
}
