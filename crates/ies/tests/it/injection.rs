//! Mail of programs by every way, with everything that may break in the middle: a connection, the program, the disk's
//! order. Each recipient gets one mail.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{Program, QUICK_RETRIES, Receiver, config_text, count, ended, events_of};

const PICKUP: &str = "[intake.pickup]\ndirectory = \"pickup\"\npoll = \"100ms\"\n";

/// A domain to which the tests here write one mail.
const LAST_DOMAIN: &str = "xn--mller-kva.example";

/// What is never picked up.
const EVER_THERE: [&str; 4] = [".half.tmp", "failed", "link.eml", "work"];

/// A suite whose mail for `example.org` reaches the test.
struct House {
    dir: tempfile::TempDir,
    receiver: Receiver,
    program: Program,
}

impl House {
    async fn open(more: &str) -> House {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(true).await;
        let text = format!("{}{more}", config_text(dir.path(), receiver.port, QUICK_RETRIES));
        std::fs::write(dir.path().join("ies.toml"), text).unwrap();
        let program = Program::serve(&dir.path().join("ies.toml")).await;
        House { dir, receiver, program }
    }

    async fn kill_and_start(self) -> House {
        let House { dir, receiver, program } = self;
        program.kill();
        let program = Program::serve(&dir.path().join("ies.toml")).await;
        House { dir, receiver, program }
    }

    fn config(&self) -> std::path::PathBuf {
        self.dir.path().join("ies.toml")
    }

    /// Waits until so many recipients at `example.org` have got mail, and checks that nobody got two until then.
    async fn delivered(&mut self, recipients: usize) {
        let mut found = HashSet::new();
        while found.len() < recipients {
            let mail = self.receiver.mails.recv().await.unwrap();
            for recipient in mail.recipients.into_iter().filter(|one| one.address.ends_with("@example.org")) {
                assert!(found.insert(recipient.address.clone()), "{} got two", recipient.address);
            }
        }
    }

    /// A request that is written a piece at a time.
    async fn begin(&self, path: &str, key: &str, length: usize) -> TcpStream {
        let address = self.program.door.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n",
            self.program.door.key
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn post(&self, path: &str, key: &str, body: &str) -> (u16, Value) {
        let mut stream = self.begin(path, key, body.len()).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Recipients in the queue.
    async fn waiting(&self) -> u64 {
        totals(&self.queue().await)
    }

    /// Recipients in the queue when everything that was taken has come there: a mail behind it all, to another domain,
    /// is waited for and not counted.
    async fn taken(&self) -> u64 {
        let last =
            json!({"from": "shop@example.com", "sender": "", "text": "x", "to": [format!("last@{LAST_DOMAIN}")]});
        let (status, answer) = self.post("/api/v1/messages", "last", &last.to_string()).await;
        assert_eq!(status, 202, "{answer}");
        loop {
            let queue = self.queue().await;
            if queue["domains"].as_array().unwrap().iter().any(|domain| domain["domain"] != "example.org") {
                return totals(&queue) - 1;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn queue(&self) -> Value {
        self.program.client.get("/api/v1/queues").await.unwrap()
    }

    /// Nobody gets anything from now on, so that everyone who was taken can be counted.
    fn put_off(&self) {
        self.receiver.manners.busy.store(true, Ordering::SeqCst);
    }
}

fn totals(queue: &Value) -> u64 {
    let count = |state: &str| queue["totals"][state].as_u64().unwrap();
    ["scheduled", "held", "ready", "in_flight"].into_iter().map(count).sum()
}

fn bulk(count: usize) -> String {
    let recipients: Vec<Value> = (0..count)
        .map(|n| json!({"address": format!("u{n}@example.org"), "variables": {"first": "Zoë", "last": format!("L{n}"), "city": "Lyon", "n": n, "code": format!("C{n}")}}))
        .collect();
    json!({
        "from": {"name": "Shop", "address": "shop@example.com"}, "sender": "bounces@example.com",
        "subject": "{{ first }} {{ last }}", "text": "{{ city }} {{ n }} {{ code }}", "stream": "bulk",
        "tags": ["spring"], "metadata": {"order": 4711}, "recipients": recipients,
    })
    .to_string()
}

fn lines(count: usize) -> String {
    let head = json!({"from": "shop@example.com", "sender": "bounces@example.com", "subject": "{{ n }}", "text": "x"});
    let rows: String =
        (0..count).map(|n| format!("{{\"address\": \"u{n}@example.org\", \"variables\": {{\"n\": {n}}}}}\n")).collect();
    format!("{head}\n{rows}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_in_one_request() {
    let house = House::open("").await;
    let body = bulk(100_000);
    let (status, answer) = house.post("/api/v1/messages", "bulk", &body).await;
    assert_eq!((status, &answer["recipients"]), (202, &100_000.into()), "{answer}");
    house.program.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_that_a_crash_cut_off_is_sent_once() {
    let mut house = House::open("").await;
    house.put_off();
    let body = bulk(20_000);
    // Killed at some moment between the request and its answer, several times.
    for pause in [10, 40, 120] {
        let mut stream = house.begin("/api/v1/messages", "k", body.len()).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let answered = tokio::time::timeout(std::time::Duration::from_millis(pause), stream.read_u8()).await;
        drop(answered);
        house = house.kill_and_start().await;
    }
    let (status, answer) = house.post("/api/v1/messages", "k", &body).await;
    assert_eq!((status, &answer["recipients"]), (202, &20_000.into()), "{answer}");
    assert_eq!(house.post("/api/v1/messages", "k", &body).await, (202, answer));
    let other = house.post("/api/v1/messages", "k", &bulk(3)).await;
    assert_eq!(other.0, 422, "{}", other.1);
    assert_eq!(house.taken().await, 20_000, "each is there once");
    let events =
        events_of(&house.program.client, "u19999@example.org", |events| count(events, &["received"]) > 0).await;
    assert_eq!(count(&events, &["received"]), 1, "{events:#?}");
    assert_eq!((&events[0]["tags"], &events[0]["metadata"]), (&json!(["spring"]), &json!({"order": "4711"})));
    house.program.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_is_gone_on_with() {
    let mut house = House::open("").await;
    house.put_off();
    let body = lines(12_000);
    let mut stream = house.begin("/api/v1/messages/stream", "s", body.len()).await;
    stream.write_all(&body.as_bytes()[..body.len() * 3 / 4]).await.unwrap();
    while house.waiting().await == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    house = house.kill_and_start().await;
    let (status, answer) = house.post("/api/v1/messages/stream", "s", &body).await;
    assert_eq!((status, &answer["recipients"]), (202, &12_000.into()), "{answer}");
    assert!(answer["resumed_after"].as_u64().is_some_and(|line| line > 4_000), "{answer}");
    assert_eq!(house.taken().await, 12_000, "each is there once");
    house.program.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_picked_up_once_whatever_happens() {
    let mut house = House::open(PICKUP).await;
    let pickup = house.dir.path().join("data").join("pickup");
    house.put_off();
    // Killed when it has begun with what is there, in whatever state that is: moved, committed, or put away.
    for turn in 0..5 {
        for n in 0..60 {
            drop_file(&pickup, turn * 60 + n);
        }
        while names(&pickup).contains(&format!("{}.json", turn * 60)) {
            tokio::task::yield_now().await;
        }
        house = house.kill_and_start().await;
    }
    std::fs::write(pickup.join(".half.tmp"), "x-sender: a@b.example").unwrap();
    place(&pickup, "bad.eml", "x-receiver: a@example.org\n\nno sender\n");
    std::os::unix::fs::symlink("/etc/hostname", pickup.join("link.eml")).unwrap();
    while names(&pickup).len() > EVER_THERE.len() || !names(&pickup.join("work")).is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.taken().await, 300, "each is there once");
    house.receiver.manners.busy.store(false, Ordering::SeqCst);
    house.delivered(300).await;
    for n in [0, 59, 60, 150, 299] {
        let address = format!("p{n}@example.org");
        let events = events_of(&house.program.client, &address, ended).await;
        assert_eq!(count(&events, &["received"]), 1, "{address}: {events:#?}");
        assert_eq!(events[0]["origin"]["protocol"], "pickup", "{events:#?}");
    }
    let failed = names(&pickup.join("failed"));
    let reason = failed.iter().find(|name| name.ends_with(".reason")).unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(std::fs::read_to_string(pickup.join("failed").join(reason)).unwrap().contains("no x-sender"));
    let mut left = names(&pickup);
    left.sort();
    assert_eq!(left, EVER_THERE);
    house.program.stop().await;
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn place(pickup: &Path, name: &str, text: &str) {
    let draft = pickup.join(format!(".{name}.tmp"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, pickup.join(name)).unwrap();
}

fn drop_file(pickup: &Path, n: usize) {
    if n.is_multiple_of(3) {
        let mail = json!({"sender": "", "from": "shop@example.com", "text": "x", "to": [format!("p{n}@example.org")]});
        return place(pickup, &format!("{n}.json"), &mail.to_string());
    }
    let text = format!(
        "x-sender: <shop@example.com>\nx-receiver: p{n}@example.org\nX-Job: j{n}\nFrom: shop@example.com\nSubject: {n}\n\nHello\n"
    );
    place(pickup, &format!("{n}.eml"), &text);
}

/// Runs a program with a text on its standard input: exit code, what it printed, what it complained of.
fn run(mut command: Command, input: &str) -> (i32, String, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that complains before it reads has closed its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn inject_is_a_sendmail() {
    let mut house = House::open(PICKUP).await;
    let config = house.config();
    let inject = |arguments: &[&str], input: &str| {
        let mut command = crate::ies();
        command.arg("inject").args(arguments).arg("-c").arg(&config);
        run(command, input)
    };
    let mail = "From: shop@example.com\nTo: Zoe <zoe@example.org>\nBcc: boss@example.org\nSubject: hi\n\none\n.\ntwo\n";
    let (code, said, complained) =
        inject(&["-t", "-f", "b@example.com", "--job", "spring", "--metadata", "order=1"], mail);
    assert_eq!(code, 0, "{complained}");
    assert!(said.contains(": 2 recipients"), "{said}");
    let mail_to = house.receiver.mails.recv().await.unwrap();
    let text = String::from_utf8(mail_to.data.clone()).unwrap();
    assert!(!text.contains("Bcc") && text.contains("one\r\n") && !text.contains("two"), "{text}");
    // In one transaction, or in two.
    let mut reached = mail_to.recipients.len();
    while reached < 2 {
        reached += house.receiver.mails.recv().await.unwrap().recipients.len();
    }
    assert_eq!(inject(&["-i", "-f", "b@example.com", "a@example.org"], mail).0, 0);
    let whole = house.receiver.mails.recv().await.unwrap();
    assert!(String::from_utf8(whole.data).unwrap().contains("two"));

    let check = |arguments: &[&str], input: &str, code: i32, words: &str| {
        let found = inject(arguments, input);
        assert!(found.0 == code && found.2.contains(words), "{arguments:?}: {found:?}");
    };
    check(&["-f", "b@example.com"], mail, 64, "no recipients");
    check(&["--no-such-option"], mail, 64, "--no-such-option");
    check(&["-bs", "a@example.org"], mail, 64, "-bs");
    check(&["-f", "b@example.com", "a@example.org", "--stream", "nope"], mail, 65, "there is no stream");
    check(&["-f", "b@example.com", "nobody"], mail, 65, "not one of them");
    check(&["-f", "b@example.com", "a@example.org", "nobody"], mail, 67, "nobody: the address has no @");

    let sendmail = house.dir.path().join("sendmail");
    std::os::unix::fs::symlink(crate::ies().get_program(), &sendmail).unwrap();
    let mut command = Command::new(&sendmail);
    command.args(["-oi", "-oem", "-B8BITMIME", "-F", "Shop", "-fshop@example.com", "c@example.org"]);
    command.env("IES_CONFIG", &config);
    let (code, said, complained) = run(command, "Subject: no author\n\nx\n");
    assert_eq!((code, said.as_str(), complained.as_str()), (0, "", ""));
    while house.receiver.next_to().await != "c@example.org" {}

    let list = house.dir.path().join("list.ndjson");
    std::fs::write(&list, lines(10)).unwrap();
    let list = list.to_str().unwrap();
    let (_, first, _) = inject(&["--ndjson", list, "--idempotency-key", "l"], "");
    assert!(first.contains(": 10 recipients"), "{first}");
    assert_eq!(inject(&["--ndjson", list, "--idempotency-key", "l"], "").1, first);
    house.delivered(10).await;

    // The suite is down: the message waits as a file, and goes when the suite is there again.
    let House { dir, receiver, program } = house;
    program.stop().await;
    let (code, _, complained) = inject(&["-f", "b@example.com", "later@example.org"], mail);
    assert!(code == 0 && complained.contains("the message waits in"), "{complained}");
    check(&["--ndjson", list], "", 75, "no suite runs");
    check(&["--idempotency-key", "x", "-f", "b@example.com", "a@example.org"], mail, 75, "no idempotency key");
    let program = Program::serve(&dir.path().join("ies.toml")).await;
    let mut house = House { dir, receiver, program };
    while house.receiver.next_to().await != "later@example.org" {}
    house.program.stop().await;
}
