//! The queue's state file: holds, cancellations, learned limits. Written by us; a person or a disk may have changed it.
//!
//! Holds: what is read is taken up or dropped, never a panic, and leaves a queue that is consistent, that can go on, and
//! whose own memory is read again as the same.

use std::sync::LazyLock;

use model::time::Timestamp;
use queue::config::Config;
use queue::core::{Memory, Out, QueueCore};
use queue::providers::Providers;

static RULES: LazyLock<Providers> = LazyLock::new(Providers::builtin);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let Ok(memory) = serde_json::from_slice::<Memory>(data) else { return };
    let now = Timestamp::from_unix_s(1_790_000_000);
    let mut core = QueueCore::new(Config::default(), RULES.clone(), now);
    core.restore(now, memory, &mut Out::default());
    core.check().expect("consistent after it was taken up");
    let kept = core.memory(now);
    let written = serde_json::to_vec(&kept).expect("a memory has a JSON form");
    let again: Memory = serde_json::from_slice(&written).expect("what was written is read");
    assert_eq!(serde_json::to_vec(&again).ok(), Some(written));
    for later_s in [1, 3_600, 40 * 86_400] {
        core.step(now.plus(std::time::Duration::from_secs(later_s)), [], &mut Out::default());
        core.check().expect("consistent as time goes on");
    }
}
