//! No host, or none that answers; the next host when the first does not.

use model::category::Disposition;
use model::reply::Phase;

use crate::kit::{Setup, Stage, raw, show};

#[tokio::test]
async fn the_next_host_is_tried() {
    let mut stage = Stage::new(Setup { hosts: vec!["dead.test", "mx.test"], ..Setup::default() }).await;
    let tickets = stage.admit(raw("one"), &["a@x.test"]).await;
    let (outcomes, _) = stage.deliver(tickets).await;
    assert_eq!(show(&outcomes), ["a@x.test: delivered recipient - Dot 250 2.0.0 OK"]);
    assert_eq!(outcomes[0].attempt.mx_host.as_deref(), Some("mx.test"));
}

#[tokio::test]
async fn no_host_answers() {
    let mut stage = Stage::new(Setup { hosts: vec!["dead.test"], ..Setup::default() }).await;
    stage.open().await;
    let (_, trouble) = stage.until_closed().await;
    let trouble = trouble.unwrap();
    assert_eq!(trouble.attempt.error.as_deref(), Some("Connection refused"));
    assert_eq!(trouble.attempt.mx_address.as_deref(), Some("127.0.0.99"));
    assert_eq!(trouble.verdict.category.unwrap().as_str(), "bad-connection");
}

#[tokio::test]
async fn an_mx_on_this_machine_is_no_route() {
    let mut stage = Stage::new(Setup { private_routes: false, ..Setup::default() }).await;
    stage.open().await;
    let (_, trouble) = stage.until_closed().await;
    let trouble = trouble.unwrap();
    let expected = "5.4.6: the MX points to a private address: mx.test (127.0.0.1)";
    assert_eq!(trouble.attempt.error.as_deref(), Some(expected));
    assert_eq!((trouble.attempt.phase, trouble.attempt.mx_address), (Some(Phase::Route), None));
    assert_eq!(trouble.verdict.disposition, Disposition::Bounced);
}

#[tokio::test]
async fn no_host_has_an_address() {
    let mut stage = Stage::new(Setup { hosts: vec!["gone.test"], ..Setup::default() }).await;
    stage.open().await;
    let (_, trouble) = stage.until_closed().await;
    let trouble = trouble.unwrap();
    assert_eq!(trouble.attempt.error.as_deref(), Some("gone.test: no address"));
    assert_eq!(trouble.verdict.category.unwrap().as_str(), "routing-errors");
}
