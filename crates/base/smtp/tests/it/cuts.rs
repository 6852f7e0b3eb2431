//! However the client's bytes are cut into reads, the server does and says the same; and no bytes make it panic.

use proptest::prelude::*;
use smtp::server::Policy;

use crate::kit::{Script, answer};
use crate::server_dialogues::Run;

const PIECES: &[&str] = &[
    "EHLO client.test\r\n",
    "HELO client.test\r\n",
    "MAIL FROM:<a@client.test>\r\n",
    "MAIL FROM:<a@client.test> SIZE=20 BODY=8BITMIME\r\n",
    "RCPT TO:<b@mx.test>\r\n",
    "RCPT TO:<c@mx.test> NOTIFY=NEVER\r\n",
    "DATA\r\n",
    "text\r\n",
    "..\r\n",
    ".\r\n",
    "\r\n.\r\n",
    "BDAT 8\r\n",
    "BDAT 4 LAST\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "AUTH LOGIN\r\n",
    "dXNlcg==\r\n",
    "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n",
    "nonsense\r\n",
    "NOOP 12345678901234567890123456789012345678901234567890123456789\r\n",
    "\r",
    "\n",
    ".",
    "x",
];

fn log_of(bytes: &[u8], chunk_sizes: &[usize]) -> String {
    let mut policy = Policy::new("mx.test");
    policy.extensions.auth = true;
    policy.auth_in_clear = true;
    policy.limits.command_bytes_max = 60;
    policy.limits.message_bytes_max = 40;
    policy.limits.data_line_bytes_max = 30;
    let script = Script::default();
    script.push("rcpt", answer("550 5.1.1 no"));
    let mut run = Run::new(policy, script);
    run.go_on();
    let mut rest = bytes;
    let mut sizes = chunk_sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).min(rest.len()));
        rest = after;
        run.feed(chunk);
    }
    run.log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
        sizes in prop::collection::vec(1_usize..20, 1..6),
    ) {
        let bytes: String = ["EHLO client.test\r\n"].iter().chain(&pieces).copied().collect();
        let whole = log_of(bytes.as_bytes(), &[usize::MAX]);
        prop_assert_eq!(log_of(bytes.as_bytes(), &sizes), whole);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        log_of(&bytes, &[size]);
    }
}
