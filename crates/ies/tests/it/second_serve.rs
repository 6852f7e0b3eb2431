//! Two suites on one data directory would send everything twice: the second one is refused with a clear word.

use std::sync::Arc;

use model::time::SystemClock;
use suite::config::Config;
use suite::topology::Suite;

/// A suite of a test's own: free ports, its own directory.
fn config(dir: &std::path::Path) -> Config {
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[[intake.listeners]]\nlisten = \"127.0.0.1:0\"\n[dns]\nservers = [\"127.0.0.1:9\"]\n";
    let mut config = Config::parse(text, std::path::Path::new("test.toml")).unwrap();
    config.data_dir = dir.to_owned();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Suite::start(config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    let second = Suite::start(config(dir.path()), Arc::new(SystemClock)).await;
    let reason = format!("{:#}", second.err().expect("the directory is taken"));
    assert!(reason.contains("another process") || reason.contains("in use") || reason.contains("locked"), "{reason}");
    first.shutdown().await.unwrap();
    let again = Suite::start(config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    again.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_suites_run_in_one_process() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = Suite::start(config(one.path()), Arc::new(SystemClock)).await.unwrap();
    let other = Suite::start(config(other.path()), Arc::new(SystemClock)).await.unwrap();
    assert_ne!(one.http(), other.http());
    one.shutdown().await.unwrap();
    other.shutdown().await.unwrap();
}
