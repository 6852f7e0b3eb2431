//! A PostgreSQL server of a test's own: made, started, and removed with the value.
//!
//! It needs the programs of Debian's `postgresql-15` (or another version under `/usr/lib/postgresql`). It listens on a
//! socket in its own directory only, so any number can run side by side. PostgreSQL refuses to run as root; then it
//! runs as the user `postgres` or `nobody`.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::error::DbError;
use crate::handle::Db;

/// A running server.
#[derive(Debug)]
pub struct Server {
    directory: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    process: Child,
}

impl Server {
    /// Makes and starts a server; `None`, with the reason printed, where there is no PostgreSQL.
    ///
    /// # Panics
    /// When PostgreSQL is there and does not start.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped on PostgreSQL: no initdb under /usr/lib/postgresql (apt-get install postgresql-15)");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a directory under /tmp");
        let root = std::fs::metadata(directory.path()).expect("the directory was just made").uid() == 0;
        let user = if root { Some(unprivileged_user()?) } else { None };
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).expect("root may give directories away");
        }
        let init = command(&programs, "initdb", user)
            .args(["--auth=trust", "--username=ies", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(directory.path().join("data"))
            .output()
            .expect("initdb can be run");
        assert!(init.status.success(), "initdb: {}", String::from_utf8_lossy(&init.stderr));
        let process = launch(&programs, directory.path(), user);
        Some(Server { directory, programs, user, process })
    }

    /// A new, empty database on this server.
    ///
    /// # Errors
    /// [`DbError`] when it cannot be made.
    pub async fn database(&self, name: &str) -> Result<Db, DbError> {
        let first = Db::open(&self.url("postgres")).await?;
        first.execute(&format!("CREATE DATABASE {name}"), Vec::new()).await?;
        first.close().await;
        Db::open(&self.url(name)).await
    }

    /// The URL of a database on this server.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://ies@localhost/{name}?host={}", self.directory.path().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.directory.path().join("data");
        let stop =
            command(&self.programs, "pg_ctl", self.user).args(["stop", "-m", "immediate", "-D"]).arg(data).output();
        if stop.is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Starts the server and waits until it says that it takes connections.
fn launch(programs: &Path, directory: &Path, user: Option<(u32, u32)>) -> Child {
    let mut process = command(programs, "postgres", user)
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory)
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "lc_messages=C"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("postgres can be run");
    let mut lines = BufReader::new(process.stderr.take().expect("invariant: stderr is a pipe")).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("ready to accept connections"));
    assert!(ready, "the server ended before it took connections");
    // A full pipe would stop the server: read on to the end.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    process
}

fn command(programs: &Path, name: &str, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs.join(name));
    command.current_dir("/tmp").stdout(Stdio::null()).stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// The directory of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let directories = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    directories.filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists()).max()
}

fn unprivileged_user() -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let known = fields.first() == Some(&name);
            if known { Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)) } else { None }
        })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    if user.is_none() {
        println!("skipped on PostgreSQL: it does not run as root, and there is neither a user postgres nor nobody");
    }
    user
}
