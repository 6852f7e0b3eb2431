//! STARTTLS is offered and does not work.

use delivery::Config;
use model::reply::Phase;
use model::route::TlsPolicy;

use crate::kit::{SESSION, Setup, Stage, raw, show};

fn broken(path_tls: TlsPolicy, config: Config) -> Setup {
    Setup { tls: true, path_tls, config, ..Setup::default() }
}

#[tokio::test]
async fn opportunistic_tls_falls_back_and_remembers() {
    let mut stage = Stage::new(broken(TlsPolicy::Opportunistic, Config::default())).await;
    stage.host.answer("starttls", "close");
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, trouble) = stage.deliver(tickets).await;
    assert!(trouble.is_none());
    assert_eq!(show(&outcomes), ["a@x.test: delivered recipient - Dot 250 2.0.0 OK"]);
    assert_eq!(outcomes[0].attempt.tls, None);
    assert_eq!(*stage.host.connections.lock().unwrap(), 2);
    // The next session does not even ask for TLS, although it would work now.
    let tickets = stage.admit(raw("two"), &["b@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(outcomes[0].attempt.tls, None);
    assert_eq!(*stage.host.connections.lock().unwrap(), 3);
}

async fn check_trouble(setup: Setup, answer: &str, connections: u32, expected: &str) {
    let mut stage = Stage::new(setup).await;
    stage.host.answer("starttls", answer);
    stage.open().await;
    let (outcomes, trouble) = stage.until_closed().await;
    assert!(outcomes.is_empty());
    let trouble = trouble.unwrap();
    let (verdict, attempt) = (&trouble.verdict, &trouble.attempt);
    let what = attempt.error.clone().or(attempt.reply.as_ref().map(ToString::to_string)).unwrap();
    assert_eq!(format!("{} {} {what}", verdict.disposition, verdict.scope), expected);
    assert_eq!(attempt.phase, Some(Phase::Tls));
    assert_eq!(*stage.host.connections.lock().unwrap(), connections, "session {SESSION}");
}

#[tokio::test]
async fn required_tls_does_not_fall_back() {
    let closed = "deferred connection connection closed by the server without a reply";
    check_trouble(broken(TlsPolicy::Required, Config::default()), "close", 1, closed).await;
    let refused = "deferred connection 454 4.7.0 TLS not available";
    check_trouble(broken(TlsPolicy::Required, Config::default()), "454 4.7.0 TLS not available", 1, refused).await;
}

#[tokio::test]
async fn the_operator_may_forbid_the_fallback() {
    let config = Config { tls_fallback: false, ..Config::default() };
    let closed = "deferred connection connection closed by the server without a reply";
    check_trouble(broken(TlsPolicy::Opportunistic, config), "close", 1, closed).await;
}
