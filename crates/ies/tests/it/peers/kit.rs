//! A real peer for one test: its folder, its certificate, its processes, and what it logs.
//!
//! Peers that conflict with one another, or would run as services, are not installed: `scripts/test-tools.sh` unpacks
//! them, and `house.sh` lays them over `/usr` in namespaces of their own, which end with the test whatever happens. That
//! needs root; without it, and without the program, the test is left out with a word.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::world::{Program, config_text};

const HOUSE: &str = include_str!("house.sh");

/// How often a peer is looked at that is awaited: it tells nobody when it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The name of every peer in the zone and in its certificate.
pub const HOST: &str = "mx.example.org";

/// Where the unpacked peers are.
fn peers() -> PathBuf {
    tools().join("peers")
}

/// Where the tools of tests are.
pub fn tools() -> PathBuf {
    let given = std::env::var_os("IES_TEST_TOOLS").map(PathBuf::from);
    given.unwrap_or_else(|| crate::project_file("target/test-tools")).canonicalize().unwrap_or_default()
}

/// A Python with dkimpy, where it is installed.
pub fn python() -> Option<PathBuf> {
    crate::world::program(&[&tools().join("python/bin/python").display().to_string()])
}

/// A port of this machine that nobody has now. Not one of those that the kernel hands out: it is bound later, by somebody
/// else, and must not be given away meanwhile.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    loop {
        let own = std::process::id().wrapping_mul(64) % 20_000;
        let port = 10_000 + u16::try_from(own).unwrap() + GIVEN.fetch_add(1, Ordering::Relaxed) % 64;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Looks at something until it is there; the time limit of the test ends what never comes.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pace = tokio::time::interval(LOOK_EVERY);
    loop {
        pace.tick().await;
        if let Some(found) = look().await {
            return found;
        }
    }
}

/// The folder of a peer before it runs.
pub struct Stage {
    dir: TempDir,
    /// The port that it shall listen on.
    pub port: u16,
}

impl Stage {
    /// `None` where this program, named as on Debian, cannot be run.
    pub fn new(program: &str) -> Option<Stage> {
        let unpacked = peers().join(program.trim_start_matches('/'));
        if !unpacked.exists() && !Path::new(program).exists() {
            println!("left out: {program} is not there");
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            println!("left out: {program} needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Some(Stage { dir, port: free_port() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file; `@DIR@` and `@PORT@` stand for the folder and the port.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let text = text.replace("@DIR@", &self.dir.path().display().to_string());
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text.replace("@PORT@", &self.port.to_string())).unwrap();
        path
    }

    /// A folder that every user may write to.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o1777)).unwrap();
        path
    }

    /// `authority.pem`, and `cert.pem` with `key.pem` for [`HOST`] and `ta.example.org`, which the authority vouches for; `self.pem` with
    /// `self-key.pem`, for which nobody does.
    pub fn certificates(&self) {
        use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
        let write = |name: &str, text: String| {
            self.write(name, &text);
            std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o644)).unwrap();
        };
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, "authority of the tests");
        let authority_key = KeyPair::generate().unwrap();
        write("authority.pem", authority.self_signed(&authority_key).unwrap().pem());
        let issuer = Issuer::new(authority, authority_key);
        let names = || vec![HOST.to_owned(), "ta.example.org".to_owned()];
        let params = || CertificateParams::new(names()).unwrap();
        let (key, own_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        write("cert.pem", params().signed_by(&key, &issuer).unwrap().pem());
        write("key.pem", key.serialize_pem());
        write("self.pem", params().self_signed(&own_key).unwrap().pem());
        write("self-key.pem", own_key.serialize_pem());
    }

    /// Starts a command, and waits until it listens on its port.
    pub async fn start(self, command: &[&str]) -> Peer {
        let port = self.port;
        let peer = self.begin(command);
        peer.listening(SocketAddr::from(([127, 0, 0, 1], port))).await;
        peer
    }

    /// Starts a command.
    pub fn begin(self, command: &[&str]) -> Peer {
        let mut house = Command::new("unshare");
        house.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", HOUSE, "house"]);
        house.arg(peers()).arg(self.dir.path()).args(command);
        let said = std::fs::File::create(self.path("house.log")).unwrap();
        house.stdin(Stdio::piped()).stdout(said.try_clone().unwrap()).stderr(said);
        Peer { house: house.spawn().unwrap(), port: self.port, dir: self.dir }
    }
}

/// A peer that runs. Dropping it ends all of its processes.
pub struct Peer {
    house: Child,
    pub port: u16,
    dir: TempDir,
}

impl Peer {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it has logged so far: its output, and what it writes into its folder by itself.
    pub fn log(&self) -> String {
        let read = |name| String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap_or_default()).into_owned();
        ["house.log", "log", "mail.log", "mainlog", "paniclog"].map(read).concat()
    }

    /// Waits until so many lines of the log contain these words; the log.
    pub async fn logged(&self, words: &str, count: usize) -> String {
        until(async || {
            let log = self.log();
            (log.lines().filter(|line| line.contains(words)).count() >= count).then_some(log)
        })
        .await
    }

    /// Waits until somebody listens there, while the peer runs.
    pub async fn listening(&self, address: SocketAddr) {
        let mut looks = 0;
        until(async || {
            looks += 1;
            assert!(looks < 1_000, "nobody listens on {address}:\n{}", self.log());
            TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// Ends it, and gives its folder back for another life.
    pub fn end(mut self) -> Stage {
        self.stop();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Stage { dir, port: self.port }
    }

    fn stop(&mut self) {
        drop(self.house.stdin.take());
        let _ = self.house.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            println!("the peer's log:\n{}", self.log());
        }
    }
}

/// `ies serve` in a folder of its own, whose mail for `example.org` goes to `port`; `more` is more of its configuration
/// and begins inside of `[delivery]`.
pub async fn sender(port: u16, first: &str, more: &str) -> (TempDir, Program) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}{more}", config_text(dir.path(), port, first));
    std::fs::write(dir.path().join("ies.toml"), text).unwrap();
    let program = Program::serve(&dir.path().join("ies.toml")).await;
    (dir, program)
}

/// Every mail in a maildir, or in the files of a folder.
pub fn mails(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| read(&path)).collect()
}
