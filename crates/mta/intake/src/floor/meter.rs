//! Measures the machine: the spool's file system, memory, the queue.
//!
//! What cannot be measured is left out and is no reason to refuse: the commit will tell. Memory is that of the machine
//! or, when it is less, that of a control group (cgroup, both versions) around the program. Page cache counts as free in
//! both: the kernel gives it back before anybody starves.

use std::fs;
use std::path::{Path, PathBuf};

use journal::spool::Spool;

/// Something that can say how much room there is.
pub trait Meter: Send + Sync + 'static {
    /// Measures now; short enough to be called between two mails.
    fn read(&self) -> Reading;
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of the spool's file system.
    pub disk: Option<Share>,
    /// Its inodes, when it counts them.
    pub inodes: Option<Share>,
    /// Memory, in bytes.
    pub memory: Option<Share>,
    /// Memory of the program itself, in bytes.
    pub resident_bytes: u64,
    /// Recipients in the spool.
    pub queued_recipients: u64,
}

/// How much of something is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Free.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// The machine itself.
pub struct SystemMeter {
    spool: Spool,
    groups: Vec<Group>,
}

/// A control group that limits memory, from the program's own upwards.
struct Group {
    limit: PathBuf,
    used: PathBuf,
    stat: PathBuf,
    /// In `stat`: page cache that can be given back.
    cache: [&'static str; 2],
}

impl SystemMeter {
    /// For the file system on which this spool is.
    pub fn new(spool: Spool) -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        SystemMeter { spool, groups: groups(&own, Path::new("/sys/fs/cgroup")) }
    }
}

impl Meter for SystemMeter {
    fn read(&self) -> Reading {
        let (disk, inodes) = file_system(self.spool.dir());
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let limited = self.groups.iter().filter_map(Group::share);
        let memory = limited.chain(machine(&text("/proc/meminfo"))).min_by_key(|share| share.free);
        let resident_bytes = kilobytes(&text("/proc/self/status"), "VmRSS:").unwrap_or(0);
        Reading { disk, inodes, memory, resident_bytes, queued_recipients: self.spool.stats().live_recipients }
    }
}

fn file_system(dir: &Path) -> (Option<Share>, Option<Share>) {
    let Ok(found) = rustix::fs::statvfs(dir) else { return (None, None) };
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    let disk = Share { free: bytes(found.f_bavail), total: bytes(found.f_blocks) };
    let inodes = Share { free: found.f_favail, total: found.f_files };
    (Some(disk), (inodes.total > 0).then_some(inodes))
}

/// `MemAvailable` is what the kernel thinks can be had without swapping.
fn machine(meminfo: &str) -> Option<Share> {
    Some(Share { free: kilobytes(meminfo, "MemAvailable:")?, total: kilobytes(meminfo, "MemTotal:")? })
}

/// The value of a line such as `VmRSS:     1234 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The groups of `/proc/self/cgroup`: lines of `0::/path` (version 2) and `4:memory:/path` (version 1).
fn groups(own: &str, root: &Path) -> Vec<Group> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let version_2 = controllers.is_empty();
        if !version_2 && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        let base = if version_2 { root.to_owned() } else { root.join("memory") };
        let dirs = Path::new(path.trim_start_matches('/')).ancestors().map(|below| base.join(below));
        found.extend(dirs.map(|dir| if version_2 { Group::version_2(&dir) } else { Group::version_1(&dir) }));
    }
    found
}

impl Group {
    fn version_2(dir: &Path) -> Group {
        let [limit, used, stat] = ["memory.max", "memory.current", "memory.stat"].map(|name| dir.join(name));
        Group { limit, used, stat, cache: ["inactive_file", "active_file"] }
    }

    fn version_1(dir: &Path) -> Group {
        let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"];
        let [limit, used, stat] = names.map(|name| dir.join(name));
        Group { limit, used, stat, cache: ["total_inactive_file", "total_active_file"] }
    }

    /// What is left below the limit; `None` without one.
    fn share(&self) -> Option<Share> {
        let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let (limit, used) = (number(&self.limit)?, number(&self.used)?);
        let stat = fs::read_to_string(&self.stat).unwrap_or_default();
        let line = |key: &str| stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        let cache: u64 = self.cache.iter().filter_map(|key| line(key)).sum();
        // Version 1 writes a huge number for no limit.
        let limited = limit < 1 << 60;
        limited.then(|| Share { free: limit.saturating_sub(used.saturating_sub(cache)), total: limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_kernel() {
        let meminfo = "MemTotal:       16000 kB\nMemFree:         100 kB\nMemAvailable:    8000 kB\n";
        assert_eq!(machine(meminfo), Some(Share { free: 8_000 << 10, total: 16_000 << 10 }));
        assert_eq!(machine("nothing"), None);
        assert_eq!(kilobytes("VmPeak: 1 kB\nVmRSS:\t    12 kB\n", "VmRSS:"), Some(12 << 10));
    }

    /// The smallest share of groups whose files have these texts.
    fn check(own: &str, files: &[(&str, &str)], expected: Option<(u64, u64)>) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = groups(own, root.path()).iter().filter_map(Group::share).min_by_key(|share| share.free);
        assert_eq!(found.map(|share| (share.free, share.total)), expected, "{own}");
    }

    #[test]
    fn control_groups() {
        let cache = "anon 10\ninactive_file 300\nactive_file 100\n";
        let own = ("a/b/memory.max", "max\n");
        let (above, used, stat) = (("a/memory.max", "1000\n"), ("a/memory.current", "900\n"), ("a/memory.stat", cache));
        check("0::/a/b\n", &[own, above, used, stat], Some((500, 1_000)));
        check("0::/\n", &[("memory.max", "1000"), ("memory.current", "900")], Some((100, 1_000)));
        check("0::/a/b\n", &[own], None);
        let first = [
            ("memory/x/memory.limit_in_bytes", "2000\n"),
            ("memory/x/memory.usage_in_bytes", "1500\n"),
            ("memory/x/memory.stat", "total_inactive_file 100\ntotal_active_file 0\ninactive_file 7\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/memory.usage_in_bytes", "5\n"),
        ];
        check("5:cpu:/y\n4:pids,memory:/x\n0::/z\n", &first, Some((600, 2_000)));
        check("", &[], None);
        check("rubbish\n1:\n", &[], None);
    }
}
