//! The handle on both engines: the same checks, the same SQL.

mod engine;
mod full_disk;
mod migrations;

use db::Db;
use model::time::Timestamp;

/// Any fixed time.
const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

/// A fresh SQLite database, and the directory that goes with it.
async fn sqlite() -> (Db, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("a file.db");
    (Db::open(&format!("sqlite://{}", path.display())).await.expect("a new file opens"), directory)
}
