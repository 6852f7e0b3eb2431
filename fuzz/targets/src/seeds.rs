//! First inputs of the targets: from the project's fixtures and test data, brought to the form that the target reads, and
//! from bytes that the suite itself writes.

use std::fs;
use std::path::{Path, PathBuf};

use model::id::{MessageId, RecipientId};

use crate::log;

/// Larger files teach little and take long.
const BYTES_MAX: usize = 48 << 10;

/// A DKIM key for tests: nobody signs with it.
pub const DKIM_PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPRiKuzZzFkHmRFZmshYeGuIUQY+ipx1jpUWg+haFl2o\n-----END PRIVATE KEY-----\n";

/// The first inputs of the target of this name; none for a name that nobody knows.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = seeds(target);
    seeds.retain(|seed| seed.len() <= BYTES_MAX);
    seeds
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "smtp_server" => smtp("crates/base/smtp/testdata/server", ["C: ", "C> "], "C+ "),
        "smtp_client" => smtp("crates/base/smtp/testdata/client", ["S: ", "S> "], "S+ "),
        "smtp_path" => paths(),
        "mime" | "rewrite" | "report" => files(&["fixtures/mime", "fixtures/bounces", "fixtures/complaints"]),
        "auth" => prefixed(
            b"v=spf1 ip4:127.0.0.1 a mx include:a.test -all\nv=DMARC1; p=reject\nv=DKIM1; k=rsa; p=\n\xff",
            files(&["fixtures/auth/dkim", "fixtures/auth/arc", "fixtures/bounces"]),
        ),
        "dsn" => parts(b"message/delivery-status"),
        "arf" => parts(b"message/feedback-report"),
        "reply_class" => strings(&["fixtures/replies"], "line"),
        "token" => tokens(),
        "liquid" => liquid(),
        "program" => prefixed(&[0x00, 0x2c, 0x75], files(&["fixtures/mjml", "fixtures/demo"])),
        "source" => sources(),
        "mjml" => files(&["fixtures/mjml", "fixtures/demo"]),
        "event" => events(),
        "journal_file" => prefixed(&[0], logs().iter().map(|log| log[64..].to_vec()).collect()),
        "journal_records" => logs().iter().map(|file| log::input_of(&log::read(file))).collect(),
        "address" => lines(&["fixtures/addresses"]),
        "units" => words(&[
            "30s",
            "4d12h",
            "100/min",
            "100/15m,max_burst=5",
            "25MB",
            "2026-09-21T14:13:20.120003Z",
            "0cq2v7m9hk3xa",
            "0000j6hb7h6nx.196610",
            "5.7.26",
            "12:3456",
            "10.0.0.0/8",
            "2001:db8::/32",
            "250ms",
        ]),
        "rules" => pieces(&[
            "data/providers.toml",
            "data/replies.toml",
            "data/mx.toml",
            "fixtures/replies/kumomta-shaping.toml",
        ]),
        "injection" => injections(),
        "pickup" => prefixed(&[1], injections()),
        "aggregate" => {
            [prefixed(&[0, 7], files(&["fixtures/dmarc"])), prefixed(&[11], files(&["fixtures/tlsrpt/report-viewer"]))]
                .concat()
        }
        "sender_records" => sender_records(),
        "dkim_key" => words(&[DKIM_PEM]),
        "csv" => files(&["fixtures/csv"]),
        "search" => strings(&["crates/monitor/src/search/tests.rs"], ""),
        "config" => configs(),
        _ => Vec::new(),
    }
}

/// All files below these places.
fn walk(places: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.map(|entry| entry.expect("an entry").path())),
            Err(_) => found.push(path),
        }
    }
    found.retain(|path| path.extension().is_none_or(|end| end != "md" && end != "json") || places.len() == 1);
    found.sort();
    found
}

fn files(places: &[&str]) -> Vec<Vec<u8>> {
    walk(places).iter().map(|path| fs::read(path).expect("a file")).collect()
}

fn prefixed(options: &[u8], files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let with = |option: u8| files.iter().map(move |file| [&[option], file.as_slice()].concat());
    options.iter().flat_map(|&option| with(option)).collect()
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn lines(places: &[&str]) -> Vec<Vec<u8>> {
    let text = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
    let texts: Vec<String> = walk(places).iter().map(text).collect();
    let all = texts.iter().flat_map(|text| text.lines()).map(|line| line.split([',', ';']).next().unwrap_or(line));
    let cut = |line: &str| line.trim().trim_matches(['"', ' ']).as_bytes().to_vec();
    all.map(cut).filter(|line| line.contains(&b'@')).collect()
}

/// The quoted texts of files, those behind this name where one is given.
fn strings(places: &[&str], name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for path in walk(places) {
        let text = fs::read_to_string(path).unwrap_or_default();
        for line in text.lines() {
            let Some((before, rest)) = line.split_once('"') else { continue };
            let rest = match name {
                "" => Some(rest).filter(|_| before.contains("check") || before.trim().is_empty()),
                name => rest.strip_prefix(name).and_then(|rest| rest.strip_prefix("\": \"")),
            };
            found.extend(rest.and_then(|rest| rest.split('"').next()).map(|text| text.as_bytes().to_vec()));
        }
    }
    found
}

/// Files cut at empty lines, some tables each.
fn pieces(places: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(places) {
        let text = String::from_utf8_lossy(&file).into_owned();
        let tables: Vec<&str> = text.split("\n\n").collect();
        found.extend(tables.chunks(4).map(|chunk| chunk.join("\n\n").into_bytes()));
    }
    found
}

/// The bytes of one side of the dialogues of a directory.
fn smtp(dir: &str, ends: [&str; 2], open: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(&[dir]) {
        let mut stream = vec![6];
        for line in String::from_utf8_lossy(&file).lines() {
            if let Some(said) = ends.iter().find_map(|mark| line.strip_prefix(mark)) {
                stream.extend_from_slice(said.as_bytes());
                stream.extend_from_slice(b"\r\n");
            } else if let Some(said) = line.strip_prefix(open) {
                stream.extend_from_slice(said.replace("\\r", "\r").replace("\\n", "\n").as_bytes());
            }
        }
        found.push(stream);
    }
    found
}

fn paths() -> Vec<Vec<u8>> {
    let mut found = words(&[
        "<a@b.c> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159 AUTH=<>",
        "<@hop.test,@two.test:\"a b\\\"\"@[IPv6:2001:db8::1]> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@example.org",
        "<> RET=FULL",
        "<postmaster>",
    ]);
    found.extend(lines(&["fixtures/addresses"]).iter().map(|line| [b"<", line.as_slice(), b">"].concat()));
    found
}

/// The insides of the parts of this media type, the text part behind a NUL.
fn parts(kind: &[u8]) -> Vec<Vec<u8>> {
    let kind = String::from_utf8_lossy(kind).into_owned();
    let mut found = Vec::new();
    for file in files(&["fixtures/bounces", "fixtures/complaints"]) {
        let tree = mail::mime::parse(&file);
        let Some(part) = tree.find(&kind) else { continue };
        let mut input = part.text().replace('\r', "").into_bytes();
        if kind.contains("delivery") {
            input.push(0);
            input.extend_from_slice(
                tree.find("text/plain").map(|part| part.text()).unwrap_or_default().replace('\r', "").as_bytes(),
            );
        }
        found.push(input);
    }
    found
}

/// The TXT records of the scenarios for SPF, those of one scenario together.
fn sender_records() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(&["fixtures/auth/spf/mail-auth"]) {
        for scenario in String::from_utf8_lossy(&file).split("\n---") {
            let quoted = scenario.split('"').skip(1).step_by(2).flat_map(|text| text.split('"'));
            let plain = scenario.lines().filter_map(|line| line.find("v=spf1").map(|at| &line[at..]));
            let records: Vec<&str> = plain.chain(quoted.filter(|text| text.contains("v="))).take(12).collect();
            found.push(records.join("\n").into_bytes());
        }
    }
    found.retain(|records| !records.is_empty());
    found
}

fn tokens() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> =
        (0..8_u8).map(|kind| [kind | 0x70].into_iter().chain(b"0123456789".repeat(5)).collect()).collect();
    let keys = mail::token::Keys::new(&[(9, [9; 32]), (200, [1; 32])]).expect("keys");
    found.push(keys.to_file_text().into_bytes());
    let text = keys.return_path(RecipientId(1 << 50), None, "b.test");
    found.push(text.split('@').next().unwrap_or_default().as_bytes().to_vec());
    found
}

fn liquid() -> Vec<Vec<u8>> {
    let mut found = strings(&["crates/base/mail/src/merge/tests"], "");
    found.extend(words(&[
        "{% for p in products %}{{ forloop.index }} {{ p.title | upcase }}{% else %}-{% endfor %}",
        "{{ mixed | sort | join: ', ' }}", "{{ mixed | sort: 'n' | map: 'title' | uniq | join }}",
        "{% case n %}{% when 7 %}{{ when | date: '%d.%m.%Y' }}{% endcase %}",
        "{% assign x = text | split: ' ' | reverse %}{{ x | join: '-' }}{% capture y %}{{ html }}{% endcapture %}{{ y }}",
        "{% if list contains 'a' and n > 3 %}{{ html | escape_once }}{% elsif no %}{{ n | divided_by: 2.0 }}{% endif %}",
        "{{ contact['first_name'] | append: name | truncate: 3, '…' | url_encode }}{% for i in (1..n) reversed %}{{ i }}{% endfor %}",
    ]));
    found
}

fn sources() -> Vec<Vec<u8>> {
    let html = "<body><a href=\"https://x.test/{{ id }}\">{{ name }}</a></body>".to_owned();
    let source = mail::program::Source { html: Some(html), subject: "{{ name }}".to_owned(), ..Default::default() };
    let mut whole = source.clone();
    whole.from.address = "a@x.test".to_owned();
    whole.base_url = "https://c.test".to_owned();
    whole.unsubscribe = Some(mail::program::UnsubscribeWays { mailto_domain: Some("b.test".to_owned()) });
    whole.list_id = Some("List <l.x.test>".to_owned());
    whole.tracking = mail::program::TrackingSwitches { opens: true, clicks: true };
    let mut frozen = whole.clone();
    let _ = frozen.freeze();
    [source, whole, frozen].iter().map(mail::program::Source::to_bytes).collect()
}

fn events() -> Vec<Vec<u8>> {
    let json = files(&["crates/base/model/testdata/event_v1.json"]).remove(0);
    let event: model::event::Event = serde_json::from_slice(&json).expect("the golden file");
    let binary = event.to_binary();
    let small = model::event::Event::of_recipient(model::event::EventKind::Delivered, RecipientId(5), 1, event.at);
    vec![json, binary, small.to_binary(), serde_json::to_vec(&small).expect("JSON")]
}

/// Segment files of a spool and of an event log that have seen some work.
fn logs() -> Vec<Vec<u8>> {
    use journal::events::{Cursor, EventLog, EventLogOptions};
    use journal::spool::{Ack, Admission, AdmitMessage, Hold, Spool, SpoolOptions};
    use model::handoff::MessageHead;
    use model::submission::{Checkpoint, Content, Envelope, NewRecipient, Origin, Protocol, Routing};
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let at = model::time::Timestamp::from_unix_s(1_790_000_000);
    let spool = dir.path().join("spool");
    let mut opened =
        Spool::open(&spool, SpoolOptions { log: crate::reopen::options(), ..Default::default() }).expect("a spool");
    let recipient = |nth: u64| {
        let values = vec![model::value::Value::from("x"), model::value::Value::Int(3)];
        (RecipientId(100 + nth), NewRecipient { address: format!("a{nth}@x.test"), values, ..NewRecipient::default() })
    };
    runtime.block_on(async {
        for nth in 0..3_u64 {
            let head = MessageHead {
                id: MessageId(nth + 1),
                envelope: Envelope::default(),
                routing: Routing::default(),
                origin: Origin { protocol: Protocol::Http, peer: None, user: None },
                received_at: at,
                size_bytes: 5,
            };
            let message =
                AdmitMessage::New { head: Box::new(head), content: Content::Raw(b"From: x\r\n\r\n".to_vec()) };
            let hold = if nth == 0 { Hold::Open } else { Hold::Unchanged };
            let recipients = (0..3).map(|row| recipient(nth * 10 + row)).collect();
            let admission = Admission {
                message,
                recipients,
                due: at,
                checkpoint: Some(Checkpoint { feed: 1, position: nth }),
                hold,
            };
            opened.spool.admit(admission).await.expect("room");
            let admitted = opened.admitted.recv().await.expect("an admission");
            let first = &admitted.recipients[0];
            let second = &admitted.recipients[1];
            opened.spool.note_applied(Cursor { segment: 1, offset: 64 });
            let deferred = Ack::Deferred { recipient: second.id, row: second.row, attempts: 1, due: at };
            opened.spool.ack(vec![Ack::Done(first.id, first.row), deferred]).await.expect("room");
        }
        let more = Admission {
            message: AdmitMessage::Existing(MessageId(1)),
            recipients: vec![recipient(50)],
            due: at,
            checkpoint: None,
            hold: Hold::Closed,
        };
        opened.spool.admit(more).await.expect("room");
        opened.spool.finish(MessageId(1)).await.expect("room");
        opened.spool.forget(1).await.expect("room");
        opened.spool.close().await;
    });
    let events = dir.path().join("events");
    runtime.block_on(async {
        let options = EventLogOptions { log: crate::reopen::options(), ..Default::default() };
        let log = EventLog::open(&events, options).expect("a log");
        for nth in 0..3_u16 {
            let event = model::event::Event::of_recipient(model::event::EventKind::Delivered, RecipientId(9), nth, at);
            log.append_marked(&[event.clone(), event], Some(("spool", u64::from(nth)))).await.expect("room");
        }
        log.close().await;
    });
    [spool, events].iter().map(|dir| trimmed(fs::read(dir.join("0000000001.seg")).expect("a segment"))).collect()
}

/// Without the zeros at its end.
fn trimmed(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    file.truncate(end);
    file
}

fn injections() -> Vec<Vec<u8>> {
    words(&[
        r#"{"from": {"name": "Shop", "address": "shop@example.com"}, "subject": "Hello {{ name }}", "text": "{{ order.number }}",
           "recipients": [{"address": "a@Example.org", "variables": {"name": "Zoë", "order": {"number": 7}}}]}"#,
        r#"{"to": ["a@example.org", "b"], "raw": "From: x@y.example\nSubject: t\n\nline\rline\n", "sender": "", "job": "j",
           "pool": "p", "stream": "s", "tenant": "t", "not_before": "2026-09-21T14:13:20Z"}"#,
        r#"{"to": ["a@example.org"], "from": "a@example.com", "html": "<a href='https://x/{{ u }}'>x</a>", "reply_to": "r@x.test",
           "headers": {"X-A": "b {{ c }}"}, "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8=",
           "content_id": "c1"}], "sender": "bounce@example.com"}"#,
    ])
}

fn configs() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in files(&["docs/guide", "docs/generated/config.md"]) {
        let text = String::from_utf8_lossy(&file).into_owned();
        found.extend(
            text.split("```toml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next())
                .map(|toml| toml.as_bytes().to_vec()),
        );
    }
    found.extend(words(&[
        "node = 3\n[http]\nlisten = \"[::1]:80\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nforwarded_header = \"forwarded\"\n",
        "[dns]\nttl_max = \"1s\"\n[spool]\nsync = \"relaxed\"\n[log]\nformat = \"json\"\n[[dkim]]\ndomain = \"x.test\"\nselector = \"s\"\nkey_file = \"k\"\n",
        "[[queue.sources]]\nname = \"ip-1\"\naddress = \"192.0.2.1\"\n[[queue.pools]]\nname = \"p\"\n[delivery]\nehlo_timeout = \"5m\"\n",
    ]));
    found
}
