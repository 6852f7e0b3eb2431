//! OpenSMTPD as the next hop: ten messages a session, and then 452 to MAIL. Debian's package cannot sign a TLS handshake
//! with its OpenSSL (`EVP lib`), so it also stands for a host that offers STARTTLS and does not know it.

use super::kit::{Stage, sender};
use crate::world::{Talk, count, ended, events_of, letter};

#[tokio::test(flavor = "multi_thread")]
async fn opensmtpd_is_the_next_hop() {
    let Some(stage) = Stage::new("/usr/sbin/smtpd") else { return };
    stage.certificates();
    let open = |name| std::os::unix::fs::chown(stage.path(name), Some(0), Some(0)).unwrap();
    for name in ["cert.pem", "key.pem"] {
        open(name);
        std::fs::set_permissions(stage.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    stage.folder("mail");
    stage.write("smtpd.conf", include_str!("opensmtpd.conf"));
    let peer = stage.start(&["sh", "-c", "chown nobody mail; exec smtpd -d -f $PWD/smtpd.conf"]).await;
    let more = "transcript_sample = 1\n[[queue.overrides]]\nconnections = 1\nmessages_per_connection = 500\n";
    let (_dir, program) = sender(peer.port, "", more).await;
    let mut talk = Talk::open(program.smtp()).await;
    for n in 0..45 {
        let reply = talk.send(&format!("u{n}@example.org"), &letter(&format!("number {n}"))).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    let log = peer.logged("smtp message msgid=", 45).await;
    assert!(log.contains("452 4.5.3"), "it limits the messages of a session: {log}");
    for n in [0, 9, 10, 11, 20, 44] {
        let events = events_of(&program.client, &format!("u{n}@example.org"), ended).await;
        assert_eq!(count(&events, &["deferred"]), 0, "a session that is used up is nobody's failure: {events:#?}");
        assert_eq!(count(&events, &["delivered"]), 1, "{events:#?}");
    }
    program.stop().await;
}
