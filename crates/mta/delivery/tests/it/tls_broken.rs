//! STARTTLS is offered and does not work.

use std::time::Duration;

use delivery::Config;
use model::category::Scope;
use model::reply::Phase;
use model::route::TlsPolicy;

use crate::kit::{SESSION, Setup, Stage, raw, show};

fn broken(path_tls: TlsPolicy, config: Config) -> Setup {
    Setup { tls: true, path_tls, config, ..Setup::default() }
}

/// One connection that breaks off in the handshake may be anybody's doing: it takes two, with time between.
#[tokio::test]
async fn opportunistic_tls_falls_back_when_it_fails_again() {
    let mut stage = Stage::new(broken(TlsPolicy::Opportunistic, Config::default())).await;
    let deliver = async |stage: &mut Stage, to: &str, connections: u32| {
        let tickets = stage.admit(raw("one"), &[to]).await;
        let (outcomes, trouble) = stage.deliver(tickets).await;
        assert!(trouble.is_none());
        assert_eq!(show(&outcomes), [format!("{to}: delivered recipient - Dot 250 2.0.0 OK")]);
        assert_eq!(*stage.host.connections.lock().unwrap(), connections, "{to}");
        outcomes[0].attempt.tls.is_some()
    };
    let fails = async |stage: &mut Stage, connections: u32| {
        stage.host.answer("starttls", "close");
        stage.open().await;
        let (_, trouble) = stage.until_closed().await;
        let trouble = trouble.unwrap();
        assert_eq!((trouble.attempt.phase, trouble.verdict.scope), (Some(Phase::Tls), Scope::Connection));
        assert_eq!(*stage.host.connections.lock().unwrap(), connections);
    };
    fails(&mut stage, 1).await;
    fails(&mut stage, 2).await;
    assert!(deliver(&mut stage, "a@x.test", 3).await, "once more, and it is encrypted");
    stage.clock.advance(Duration::from_secs(300));
    fails(&mut stage, 4).await;
    stage.clock.advance(Duration::from_secs(300));
    stage.host.answer("starttls", "close");
    assert!(!deliver(&mut stage, "b@x.test", 6).await, "it failed again: now without");
    // The next session does not even ask for TLS, although it would work now.
    assert!(!deliver(&mut stage, "c@x.test", 7).await);
    stage.clock.advance(Duration::from_secs(3_600));
    assert!(deliver(&mut stage, "d@x.test", 8).await, "it is tried again every hour");
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
    let mut stage = Stage::new(broken(TlsPolicy::Opportunistic, config)).await;
    for connections in 1..=3 {
        stage.host.answer("starttls", "close");
        stage.open().await;
        let (_, trouble) = stage.until_closed().await;
        assert_eq!(trouble.unwrap().attempt.phase, Some(Phase::Tls));
        assert_eq!(*stage.host.connections.lock().unwrap(), connections);
        stage.clock.advance(Duration::from_secs(3_600));
    }
}
