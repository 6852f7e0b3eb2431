//! Mail that leaves through a real SOCKS 5 server and a real HAProxy: the next hop sees the address of the source. A proxy
//! that is gone takes its source out, which is said, and its mail waits until the proxy is back. HAProxy in front of a
//! listener: the client's own address counts.

use std::path::Path;
use std::process::Command;

use super::kit::{Peer, Stage, free_port, sender, until};
use crate::world::{Talk, count, ended, events_of, output, program};

/// Addresses of this machine from which the proxies connect.
const BY_SOCKS: &str = "127.0.0.77";
const BY_HAPROXY: &str = "127.0.0.66";

fn socks(stage: Stage) -> impl Future<Output = Peer> {
    let port = stage.port.to_string();
    let command = ["microsocks", "-i", "127.0.0.1", "-p", &port, "-u", "joe", "-P", "se cret", "-b", BY_SOCKS];
    let command = command.map(str::to_owned);
    async move { stage.start(&command.each_ref().map(String::as_str)).await }
}

async fn haproxy(in_port: u16, suite_port: u16) -> Option<Peer> {
    let stage = Stage::new("/usr/sbin/haproxy")?;
    let text = include_str!("haproxy.cfg").replace("@IN_PORT@", &in_port.to_string());
    stage.write("haproxy.cfg", &text.replace("@SUITE_PORT@", &suite_port.to_string()));
    Some(stage.start(&["sh", "-c", "exec haproxy -W -f $PWD/haproxy.cfg"]).await)
}

/// A mail that leaves from this source.
fn by(source: &str) -> Vec<u8> {
    format!("From: shop@example.com\r\nX-Virtual-MTA: {source}\r\nSubject: by {source}\r\n\r\nHello\r\n.\r\n")
        .into_bytes()
}

/// Waits until `ies sources` says these words of a source; the line.
async fn health(config: &Path, source: &str, words: &str) -> String {
    until(async || {
        let mut command = crate::ies();
        command.arg("sources").arg("-c").arg(config);
        let (success, said) = output(command).await;
        assert!(success, "{said}");
        said.lines().find(|line| line.starts_with(source) && line.contains(words)).map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_through_proxies() {
    let (in_port, suite_port) = (free_port(), free_port());
    let Some(stage) = Stage::new("/usr/bin/microsocks") else { return };
    let Some(haproxy) = haproxy(in_port, suite_port).await else { return };
    let Some(postfix) = super::postfix::start(free_port()).await else { return };
    let password = stage.write("password", "se cret\n");
    let socks_port = stage.port;
    let microsocks = socks(stage).await;
    let more = format!(
        "source_check_interval = \"1s\"\n[[queue.sources]]\nname = \"socks\"\nehlo_name = \"out.example.com\"\negress = [{{ kind = \"socks5\", address = \
         \"127.0.0.1:{socks_port}\", user = \"joe\", password_file = \"{}\" }}]\n[[queue.sources]]\nname = \"haproxy\"\nehlo_name = \"out.example.com\"\n\
         address = \"{BY_HAPROXY}\"\negress = [{{ kind = \"proxy-v2\", address = \"127.0.0.1:{}\" }}]\n\
         [[queue.sources]]\nname = \"haproxy-1\"\nehlo_name = \"out.example.com\"\naddress = \"{BY_HAPROXY}\"\negress = [{{ kind = \"proxy-v1\", address = \
         \"127.0.0.1:{}\" }}]\n[[queue.pools]]\nname = \"default\"\nmembers = [{{ source = \"haproxy\" }}]\n\
         [[intake.listeners]]\nlisten = \"127.0.0.1:{suite_port}\"\nproxy_from = [\"127.0.0.1/32\"]\n\
         relay_networks = [\"127.0.0.9/32\"]\n",
        password.display(),
        haproxy.port,
        haproxy.port
    );
    let (dir, suite) = sender(postfix.port, crate::world::QUICK_RETRIES, &more).await;
    let config = dir.path().join("ies.toml");
    let mut talk = Talk::open(suite.smtp()).await;
    for (source, address) in [("socks", BY_SOCKS), ("haproxy", BY_HAPROXY), ("haproxy-1", BY_HAPROXY)] {
        let to = format!("{source}@example.org");
        assert!(talk.send(&to, &by(source)).await.starts_with("250"));
        let events = events_of(&suite.client, &to, ended).await;
        let delivered = events.iter().find(|event| event["kind"] == "delivered").unwrap();
        assert_eq!(delivered["source"], source, "{delivered:#}");
        // A SOCKS server may say from where it connects; this one does not.
        let known = if source == "socks" { "127.0.0.1" } else { address };
        assert_eq!(delivered["attempt"]["source_address"], known, "{delivered:#}");
        postfix.logged(&format!("connect from unknown[{address}]"), 1).await;
    }

    let stage = microsocks.end();
    health(&config, "socks", "down").await;
    let reason = health(&config, "socks", "cannot send since").await;
    assert!(reason.contains(&format!("proxy 127.0.0.1:{socks_port}: Connection refused")), "{reason}");
    assert!(talk.send("waits@example.org", &by("socks")).await.starts_with("250"));
    assert!(talk.send("goes@example.org", &by("haproxy")).await.starts_with("250"));
    assert_eq!(count(&events_of(&suite.client, "goes@example.org", ended).await, &["delivered"]), 1);
    let waiting = events_of(&suite.client, "waits@example.org", |events| count(events, &["received"]) > 0).await;
    assert_eq!(count(&waiting, &["delivered", "bounced"]), 0, "{waiting:#?}");
    let _microsocks = socks(stage).await;
    health(&config, "socks", "fine").await;
    let events = events_of(&suite.client, "waits@example.org", ended).await;
    assert_eq!(count(&events, &["delivered"]), 1, "{events:#?}");

    behind_haproxy(in_port, &suite).await;
    suite.stop().await;
}

/// The client's own address decides, not the proxy's.
async fn behind_haproxy(in_port: u16, suite: &crate::world::Program) {
    let Some(swaks) = program(&["/usr/bin/swaks"]) else { return };
    for (from, to, expected) in
        [("127.0.0.9", "in@example.org", "250 2.0.0"), ("127.0.0.10", "no@example.org", "550 5.7.1")]
    {
        let mut command = Command::new(&swaks);
        command.args(["--server", "127.0.0.1", "--port", &in_port.to_string(), "--local-interface", from]);
        command.args(["--from", "a@example.com", "--to", to]);
        let (_, said) = output(command).await;
        assert!(said.contains(expected), "{from}: {said}");
    }
    let events = events_of(&suite.client, "in@example.org", ended).await;
    assert_eq!(events[0]["origin"]["peer"], "127.0.0.9", "{events:#?}");
}
