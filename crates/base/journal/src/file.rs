//! Small files that are written whole: keys, states, manifests.
//!
//! The bytes go into `<name>.new` beside the file and are synced; then the file's name passes to them in one step, and
//! the directory is synced. What a crash leaves:
//!
//! | crash | found afterwards |
//! |---|---|
//! | before the name has passed | what was there before, and perhaps a `<name>.new`, whole or torn: the next writer removes it |
//! | before the directory is synced | what was there before, or the new file: never a part of it, its bytes were synced first |
//! | later | the new file |
//!
//! Must not: be called by two writers of one file at a time (they would share `<name>.new`), hold what grows (that is
//! for the logs). Errors do not name the file; the caller does.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Puts a file in the place of another, or of none: whoever opens `path` sees the old one or the new one, whole.
///
/// `mode` holds whatever the old file's was, less the umask.
///
/// # Errors
/// Only when the old one is still there. When the new one has its name but the directory could not be synced, a crash
/// may bring the old one back: that is logged, and the caller goes on with the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    rename_over(path, bytes, mode)?;
    if let Err(error) = sync_parent(path) {
        tracing::error!(path = %path.display(), %error, "the directory could not be synced");
    }
    Ok(())
}

/// As [`replace`], for what somebody is promised to be on disk: nobody may be told so while a crash could undo it.
///
/// # Errors
/// Also when only the directory could not be synced. The new file has its name then, and may have the old one's place
/// after a crash or not: the caller does it again, or says that it is not sure.
pub fn replace_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    rename_over(path, bytes, mode)?;
    sync_parent(path)
}

fn rename_over(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft(path, bytes, mode)?;
    fs::rename(&draft, path).inspect_err(|_| discard(&draft))
}

/// Makes a file that is whole from its first moment and survives a crash from the return on.
///
/// # Errors
/// `AlreadyExists`: there is one, and it is left alone. Otherwise the machine's; when only the directory could not be
/// synced, the file is there until a crash.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft(path, bytes, mode)?;
    // Not a rename: that would take the place of a file that is there.
    let linked = fs::hard_link(&draft, path);
    discard(&draft);
    linked?;
    sync_parent(path)
}

/// Makes the entry of a file in its directory durable.
///
/// # Errors
/// The machine's.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The bytes beside the file, synced. A draft that a crash left is removed first: its mode may be another.
fn draft(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    let draft = path.with_file_name(name);
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| discard(&draft))?;
    Ok(draft)
}

/// A draft that stays costs its room only; the next writer removes it.
fn discard(draft: &Path) {
    let _ = fs::remove_file(draft);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    type Write = fn(&Path, &[u8], u32) -> io::Result<()>;

    /// What lies in a directory: name, mode and text of each file, sorted.
    fn found(dir: &Path) -> Vec<String> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let text = fs::read_to_string(&path).unwrap_or_else(|_| "directory".to_owned());
            format!("{} {mode:o} {text}", path.file_name().unwrap().display())
        };
        let mut found: Vec<String> = fs::read_dir(dir).unwrap().map(entry).collect();
        found.sort();
        found
    }

    #[test]
    fn whatever_a_crash_left_the_file_is_whole() {
        let check = |there: &[(&str, &str)], write: Write, expected: Result<(), io::ErrorKind>, left: &str| {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in there {
                fs::write(dir.path().join(name), text).unwrap();
                fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
            }
            let written = write(&dir.path().join("a.keys"), b"fresh", 0o600);
            assert_eq!(written.map_err(|error| error.kind()), expected, "{there:?}");
            assert_eq!(found(dir.path()).join(", "), left, "{there:?}");
        };
        let exists = Err(io::ErrorKind::AlreadyExists);
        check(&[], replace, Ok(()), "a.keys 600 fresh");
        check(&[], replace_durably, Ok(()), "a.keys 600 fresh");
        check(&[], create, Ok(()), "a.keys 600 fresh");
        check(&[("a.keys", "the old one")], replace, Ok(()), "a.keys 600 fresh");
        check(&[("a.keys", "the old one")], create, exists, "a.keys 644 the old one");
        // Crashes before the name had passed: a torn draft, open to everyone.
        check(&[("a.keys.new", "half of a longer one")], replace, Ok(()), "a.keys 600 fresh");
        check(&[("a.keys.new", "half of a longer one")], create, Ok(()), "a.keys 600 fresh");
        check(&[("a.keys", "old"), ("a.keys.new", "ha")], replace, Ok(()), "a.keys 600 fresh");
        check(&[("a.keys", "old"), ("a.keys.new", "ha")], create, exists, "a.keys 644 old");
        // A name of its own: the draft of another file stays.
        check(&[("a.new", "not ours")], replace, Ok(()), "a.keys 600 fresh, a.new 644 not ours");
    }

    #[test]
    fn until_the_name_has_passed_the_old_file_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        replace(&path, b"old", 0o600).unwrap();
        draft(&path, b"new", 0o600).unwrap();
        assert_eq!(found(dir.path()), ["state 600 old", "state.new 600 new"]);
    }

    #[test]
    fn a_failure_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        for write in [replace as Write, create] {
            write(&taken, b"text", 0o600).unwrap_err();
            write(&dir.path().join("missing").join("file"), b"text", 0o600).unwrap_err();
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_reader_sees_one_or_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let texts = [[b'a'; 65_536], [b'b'; 65_536]];
        replace(&path, &texts[0], 0o600).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..50 {
                    replace(&path, &texts[turn % 2], 0o600).unwrap();
                }
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let seen = fs::read(&path).unwrap();
                assert!(texts.iter().any(|text| text[..] == seen[..]), "{} bytes", seen.len());
            }
        });
    }
}
