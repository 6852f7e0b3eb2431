//! Submission over SMTP and by function: what reaches the spool.

use expect_test::expect;
use model::event::EventKind;
use model::id::{MessageId, RecipientId};
use model::submission::{
    Checkpoint, Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, Ret, ReturnPath,
    Routing, Submission,
};
use model::time::Timestamp;

use crate::kit::*;

#[tokio::test]
async fn a_message_is_on_disk_when_it_is_answered() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    assert!(client.said.starts_with("220 mx.example.org "), "{}", client.said);
    client.expect("EHLO client.example", "250").await;
    for extension in ["PIPELINING", "SIZE ", "STARTTLS", "AUTH PLAIN LOGIN", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING"]
    {
        assert!(client.said.contains(extension), "{extension}: {}", client.said);
    }
    let message = "From: shop@example.org\nTo: zoe@example.com\nBcc: boss@example.org\nX-Job: spring\nX-iES-Stream: bulk\nSubject: hi\n\n.dot\n";
    let reply = client.send("shop@Example.ORG", &["Zoe@EXAMPLE.com", "u@xn--bcher-kva.example"], message).await;
    let (admitted, raw) = house.taken().await;
    let head = &admitted.message;
    assert_eq!(reply, format!("250 2.0.0 Queued as {}", head.id));
    assert_eq!(head.envelope.sender, ReturnPath::Fixed("shop@example.org".to_owned()));
    assert_eq!((&*head.routing.job, &*head.routing.stream, &*head.routing.tenant), ("spring", "bulk", "default"));
    assert_eq!(head.origin.peer, Some([127, 0, 0, 1].into()));
    let addresses: Vec<_> = admitted.recipients.iter().map(|r| r.address.as_deref().unwrap()).collect();
    assert_eq!(addresses, ["Zoe@example.com", "u@xn--bcher-kva.example"]);
    assert_eq!(&*admitted.recipients[1].domain, "xn--bcher-kva.example");
    assert_eq!(admitted.recipients[0].due, NOW);
    let raw = raw.replace(&head.id.to_string(), "ID").replace("\r\n", "\n");
    expect![[r#"
        Received: from client.example ([127.0.0.1])
        	by mx.example.org with ESMTP id ID;
        	Mon, 21 Sep 2026 14:13:20 +0000
        Message-ID: <ID@mx.example.org>
        Date: Mon, 21 Sep 2026 14:13:20 +0000
        From: shop@example.org
        To: zoe@example.com
        Subject: hi

        .dot

    "#]]
    .assert_eq(&raw);
    assert_eq!(house.close(EventKind::Rejected).await, []);
}

#[tokio::test]
async fn streams_and_pools_that_are_not_there_are_named() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO client.example", "250").await;
    let pools = "550 5.3.5 there is no pool \"nope\"; there are: default, pool-a, pool-b";
    let streams = "550 5.3.5 there is no stream \"bulkk\"; there are: transactional, bulk";
    for (header, expected) in
        [("X-iES-Pool: nope", pools), ("X-Virtual-MTA: nope", pools), ("X-iES-Stream: bulkk", streams)]
    {
        let message = format!("From: shop@example.org\n{header}\nSubject: hi\n\nhi\n");
        assert_eq!(client.send("shop@example.org", &["zoe@example.com"], &message).await, expected);
        assert!(house.admitted.try_recv().is_err());
    }
}

#[tokio::test]
async fn addresses_beyond_ascii_and_delivery_reports() {
    let mut house = House::open(config()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<> SMTPUTF8 BODY=8BITMIME ENVID=abc RET=HDRS", "250").await;
    client.expect("RCPT TO:<zoë@bücher.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;zoe@x.example", "250").await;
    client.expect("DATA", "354").await;
    client.expect("From: zoë@bücher.example\r\nSubject: ö\r\n\r\nö\r\n.", "250").await;
    let (admitted, raw) = house.taken().await;
    assert!(raw.contains("with UTF8SMTP id ") && raw.contains("\tfor <zoë@xn--bcher-kva.example>;"), "{raw}");
    let envelope = &admitted.message.envelope;
    assert_eq!((&envelope.sender, envelope.smtputf8, envelope.eight_bit), (&ReturnPath::Null, true, true));
    assert_eq!((envelope.envid.as_deref(), envelope.ret), (Some("abc"), Some(Ret::Headers)));
    let row = house.spool.read_row(admitted.recipients[0].row).unwrap();
    let dsn = row.dsn.unwrap();
    assert!(dsn.failure && dsn.delay && !dsn.success);
    assert_eq!(dsn.original_recipient.as_deref(), Some("rfc822;zoe@x.example"));
    // Without need SMTPUTF8 is not asked of the next host.
    client.expect("MAIL FROM:<a@example.org> SMTPUTF8", "250").await;
    client.expect("RCPT TO:<u@example.com>", "250").await;
    client.expect("DATA", "354").await;
    client.expect("Subject: x\r\n\r\nö\r\n.", "250").await;
    let (admitted, _) = house.taken().await;
    assert_eq!((admitted.message.envelope.smtputf8, admitted.message.envelope.eight_bit), (false, true));
}

#[tokio::test]
async fn users_submit_after_starttls() {
    let mut house = House::open(strangers()).await;
    let mut client = house.client().await;
    client.expect("EHLO c", "250").await;
    client.expect("MAIL FROM:<a@example.org>", "250").await;
    client.expect("RCPT TO:<u@example.com>", "550 5.7.1").await;
    client.expect("RSET", "250").await;
    let mut client = client.start_tls().await;
    client.expect("EHLO c", "250").await;
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "wrong")), "535 5.7.8").await;
    client.expect(&format!("AUTH PLAIN {}", plain("broken", "x")), "454 4.7.0").await;
    client.expect(&format!("AUTH PLAIN {}", plain("anna", "secret")), "235").await;
    let reply = client.send("a@example.org", &["u@example.com"], "Subject: x\n\nbody").await;
    assert!(reply.starts_with("250 "), "{reply}");
    let (admitted, raw) = house.taken().await;
    assert_eq!(admitted.message.origin.user.as_deref(), Some("anna"));
    assert!(raw.contains("with ESMTPSA id") && raw.contains("(using TLSv1.3 with cipher TLS13_"), "{raw}");
    client.expect("QUIT", "221").await;
    assert!(house.dir.path().join("tls").join(smtp::tls::CERTIFICATE_FILE).exists());
    let rejected = house.close(EventKind::Rejected).await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].note.as_deref(), Some("550 5.7.1 Relaying denied"));
}

fn recipient(address: &str) -> NewRecipient {
    NewRecipient { address: address.to_owned(), ..NewRecipient::default() }
}

fn new_message(content: Content) -> NewMessage {
    NewMessage {
        content,
        envelope: Envelope { sender: ReturnPath::PerRecipient("Bounce.example.org".to_owned()), ..Envelope::default() },
        routing: Routing::default(),
        origin: Origin { protocol: Protocol::Http, peer: None, user: None },
    }
}

fn submission(content: ContentSource, recipients: &[&str], position: Option<u64>) -> Submission {
    let checkpoint = position.map(|position| Checkpoint { feed: 9, position });
    Submission { content, recipients: recipients.iter().map(|address| recipient(address)).collect(), checkpoint }
}

#[tokio::test]
async fn a_first_attempt_in_a_far_future_is_refused() {
    let mut config = config();
    config.not_before_max = "2d".parse().unwrap();
    let house = House::open(config).await;
    for (ahead_s, taken) in [(172_800, true), (172_801, false), (u32::MAX.into(), false)] {
        let mut message = new_message(Content::Merge(b"program".to_vec()));
        message.routing.not_before = Some(NOW.plus(std::time::Duration::from_secs(ahead_s)));
        let asked = submission(ContentSource::New(Box::new(message)), &["a@example.com"], None);
        match house.intake.submit(asked).await {
            Ok(_) => assert!(taken, "{ahead_s} s ahead"),
            Err(Refusal::Invalid { reason }) => {
                assert!(!taken && reason.ends_with("is more than 2d ahead"), "{reason}")
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_feed_adds_recipients_until_it_is_finished() {
    let mut house = House::open(config()).await;
    let mut message = new_message(Content::Merge(b"program".to_vec()));
    let later = Timestamp::from_unix_s(1_790_003_600);
    message.routing.not_before = Some(later);
    assert_eq!(house.intake.checkpoint(9), None);
    let first = submission(ContentSource::New(Box::new(message)), &["a@example.com", "b@example.com"], Some(2));
    let receipt = house.intake.submit(first).await.unwrap();
    assert_eq!(receipt.count, 2);
    let admitted = house.admitted.recv().await.unwrap();
    assert_eq!(admitted.message.envelope.sender, ReturnPath::PerRecipient("bounce.example.org".to_owned()));
    let ids: Vec<RecipientId> = admitted.recipients.iter().map(|r| r.id).collect();
    assert_eq!(ids, [receipt.first_recipient, RecipientId(receipt.first_recipient.0 + 1)]);
    let second = submission(ContentSource::Existing(receipt.message), &["c@example.com"], Some(3));
    let added = house.intake.submit(second).await.unwrap();
    assert_eq!((added.message, added.count), (receipt.message, 1));
    assert!(added.first_recipient > receipt.first_recipient);
    assert_eq!(house.admitted.recv().await.unwrap().recipients[0].due, later);
    assert_eq!(house.intake.checkpoint(9), Some(3));
    assert_eq!(house.spool.held_open(), [receipt.message]);
    house.intake.finish(receipt.message).await.unwrap();
    house.intake.finish(receipt.message).await.unwrap();
    let nobody = submission(ContentSource::Existing(MessageId(4)), &["c@example.com"], None);
    assert_eq!(house.intake.submit(nobody).await, Err(Refusal::UnknownMessage(MessageId(4))));
    // What is finished counts with the next commit at the latest.
    let last = new_message(Content::Raw(b"From: a@example.org\r\n\r\n".to_vec()));
    house.intake.submit(submission(ContentSource::New(Box::new(last)), &["d@example.com"], None)).await.unwrap();
    assert!(house.spool.held_open().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let mut house = House::open(config()).await;
    let raw = |bytes: &[u8]| new_message(Content::Raw(bytes.to_vec()));
    let good = b"From: a@example.org\r\n\r\nx\r\n";
    let mut check = async |message: NewMessage, recipients: &[&str], expected: &str| {
        let refused = house.intake.submit(submission(ContentSource::New(Box::new(message)), recipients, None)).await;
        assert_eq!(refused, Err(Refusal::Invalid { reason: expected.to_owned() }));
        assert!(house.admitted.try_recv().is_err());
    };
    check(raw(good), &[], "no recipients").await;
    check(raw(good), &["a@example.com", "b"], "recipient 2: the address has no @").await;
    check(raw(good), &["a@example.com"; 4_097], "4097 recipients; at most 4096 at a time").await;
    check(raw(b"From: a\nx"), &["a@example.com"], "a line end other than CRLF in the message").await;
    check(raw(b"no header\r\n\r\n"), &["a@example.com"], "the header of the message is not well-formed").await;
    check(raw(b"From: a\r\n\r\n\0"), &["a@example.com"], "a NUL byte in the message").await;
    check(new_message(Content::Merge(Vec::new())), &["a@example.com"], "the content is empty").await;
    let bytes_max = house.intake.message_bytes_max() + 4_096;
    let large = [good.as_slice(), &vec![b'x'; 600_000]].concat();
    let reason = format!("the message has {} bytes; at most {bytes_max}", large.len());
    check(raw(&large), &["a@example.com"], &reason).await;
    let mut message = raw(good);
    message.envelope.sender = ReturnPath::Fixed("nobody".to_owned());
    check(message, &["a@example.com"], "sender: the address has no @").await;
    let mut message = raw(good);
    message.routing.tenant = "".into();
    check(message, &["a@example.com"], "tenant: no name").await;
    let mut message = raw(good);
    message.routing.job = "a\nb".into();
    check(message, &["a@example.com"], "job: a control character in it").await;
}

#[tokio::test]
async fn a_program_may_leave_out_date_and_message_id() {
    let mut house = House::open(config()).await;
    let message = new_message(Content::Raw(b"From: a@example.org\r\nBcc: b@example.org\r\n\r\nx\r\n".to_vec()));
    let receipt =
        house.intake.submit(submission(ContentSource::New(Box::new(message)), &["u@example.com"], None)).await;
    let (admitted, raw) = house.taken().await;
    let id = receipt.unwrap().message;
    let date = "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n";
    assert_eq!(raw, format!("Message-ID: <{id}@mx.example.org>\r\n{date}From: a@example.org\r\n\r\nx\r\n"));
    assert_eq!(admitted.message.size_bytes, raw.len() as u64);
}
