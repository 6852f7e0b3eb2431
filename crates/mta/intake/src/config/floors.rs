//! How little room there may be before new mail is refused for the time being.

use model::config::{Fault, Faults};
use model::units::Size;

/// Floors: with less than this, submissions are refused for the time being (452, 503; over SMTP 421 at the greeting when
/// it is memory), so that what was taken can still be delivered and told of. Each begins and ends with an event. Of two
/// values for the same thing the stricter one holds; 0 switches a value off.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Floors {
    /// Free part of the spool's disk, in per cent.
    pub free_disk_percent_min: u8,
    /// Free inodes of the spool's file system. File systems that do not count them have no such floor.
    pub free_inodes_min: u64,
    /// Free part of the inodes, in per cent.
    pub free_inodes_percent_min: u8,
    /// Memory that is left: of the machine, or of the control group (cgroup) that limits the program, page cache not
    /// counted as used.
    pub free_memory_min: Size,
    /// The same in per cent of the machine's memory or the group's limit.
    pub free_memory_percent_min: u8,
    /// Most memory of the program itself (resident set); 0 for no limit of its own.
    pub memory_max: Size,
    /// Most recipients in the spool; `queue.limits.recipients_max` holds where it is less, because beyond it the queue
    /// takes nothing over.
    pub queued_recipients_max: u64,
    /// Mail is taken again when there is this much more than the floor, in per cent of it: not at every wave.
    pub resume_percent: u8,
}

impl Default for Floors {
    fn default() -> Self {
        Floors {
            free_disk_percent_min: 1,
            free_inodes_min: 1_000,
            free_inodes_percent_min: 1,
            free_memory_min: Size::mb(64),
            free_memory_percent_min: 2,
            memory_max: Size(0),
            queued_recipients_max: 10_000_000,
            resume_percent: 10,
        }
    }
}

impl Floors {
    /// The same with a queue that holds so many recipients.
    #[must_use]
    pub fn with_queue_of(mut self, recipients_max: u64) -> Self {
        let own = self.queued_recipients_max;
        self.queued_recipients_max = if own == 0 { recipients_max } else { own.min(recipients_max) };
        self
    }

    pub(super) fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("free_disk_percent_min", self.free_disk_percent_min, 0..=90);
        faults.within("free_inodes_percent_min", self.free_inodes_percent_min, 0..=90);
        faults.within("free_memory_percent_min", self.free_memory_percent_min, 0..=90);
        faults.within("resume_percent", self.resume_percent, 0..=100);
        faults.unless(self.memory_max.0 == 0 || self.memory_max >= Size::mb(64), || {
            Fault::new("memory_max", "must be 0 or at least 64MB").example("\"2GB\"")
        });
        faults.result()
    }
}
