//! A mail of a stranger, and the answers of a stranger's DNS: SPF, DKIM, DMARC and ARC, what is said of them, and a seal.
//!
//! In front of the first 0xff stand the TXT records, one a line, for whatever is asked for in turn; behind it the mail.
//! Holds: checks end; what we write is plain header lines that nobody else can begin; what claims to be of us is out of
//! the mail afterwards; a seal of ours is three headers, and nothing of the stranger's is among them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use mail::auth::{ArcResult, Checked, Letter, Peer, arc, is_ours, without_results};
use mail::dkim::{DkimKey, KeyKind, Sealing, seal};
use model::dns::{Answer, Answers, Question};
use model::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);
const OURS: &str = "mx.test";
/// More than the most look-ups of one mail: SPF 111, DKIM 16, ARC 100, DMARC some.
const QUESTIONS_MAX: usize = 400;

static KEY: LazyLock<DkimKey> = LazyLock::new(|| DkimKey::generate(KeyKind::Rsa, "seal.test", "s").unwrap());

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let cut = data.iter().position(|byte| *byte == 0xff).unwrap_or(0);
    let (zone, raw) = data.split_at(cut);
    let raw = raw.strip_prefix(&[0xff]).unwrap_or(raw);
    let zone = String::from_utf8_lossy(zone);
    let texts: Vec<&str> = zone.lines().collect();

    let cleaned = without_results(raw.to_vec(), OURS);
    assert!(cleaned.len() <= raw.len());
    for field in mail::mime::fields(&cleaned).all("Authentication-Results") {
        // The two readers of headers cut fields at different line ends; with SMTP's own they agree.
        assert!(has_bare_line_ends(raw) || !is_ours(field.value, OURS));
    }
    let Some(letter) = Letter::parse(raw) else { return };
    let sender = texts.first().copied().unwrap_or_default();
    let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), helo: "mx.stranger.test", mail_from: sender };
    let checked = settle(&texts, |answers| Checked::of(&letter, &peer, NOW, answers));
    let header = checked.to_results(OURS);
    assert!(header.is_ascii() && header.starts_with(OURS));
    assert!(header.split("\r\n").skip(1).all(|line| line.starts_with('\t')), "{header}");
    assert!(!header.replace("\r\n\t", "").bytes().any(|byte| byte.is_ascii_control()), "{header}");
    let event = checked.to_event();
    assert!(!event.authentic && event.dkim_domains.len() <= 4);

    let sealing = Sealing { key: &KEY, results: &header, chain: &checked.arc, at: NOW };
    if let Ok(set) = seal(raw, &sealing) {
        let text = String::from_utf8(set).expect("in seven bits");
        let fields = mail::mime::fields(text.as_bytes()).fields;
        let names: Vec<&[u8]> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names, [&b"ARC-Seal"[..], b"ARC-Message-Signature", b"ARC-Authentication-Results"], "{text}");
        // Read by a verifier it is judged, whatever stands below it.
        let whole = [text.as_bytes(), raw].concat();
        let letter = Letter::parse(&whole).expect("it has a header");
        let after = settle(&texts, |answers| arc(&letter, NOW, answers));
        assert_ne!(after.result, ArcResult::None, "{after:?}");
    }
}

fn has_bare_line_ends(raw: &[u8]) -> bool {
    let before = |at: usize| at.checked_sub(1).map(|at| raw[at]);
    raw.iter().enumerate().any(|(at, byte)| match byte {
        b'\n' => before(at) != Some(b'\r'),
        b'\r' => raw.get(at + 1) != Some(&b'\n'),
        _ => false,
    })
}

fn settle<T>(texts: &[&str], evaluate: impl Fn(&Answers) -> Result<T, Question>) -> T {
    let mut answers = Answers::default();
    for turn in 0..QUESTIONS_MAX {
        match evaluate(&answers) {
            Ok(result) => return result,
            Err(question) => {
                let answer = match (&question, texts.get(turn % texts.len().max(1))) {
                    (Question::Txt(name), _) if name.as_str() == KEY.record_name() => {
                        Answer::Texts(vec![KEY.record_text().unwrap()])
                    }
                    (Question::Txt(_), Some(text)) if !text.is_empty() => Answer::Texts(vec![(*text).to_owned()]),
                    (Question::A(_), Some(_)) => Answer::Addresses(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
                    (Question::Mx(name), Some(_)) => Answer::Names(vec![name.clone()]),
                    (_, Some(text)) if text.len() % 2 == 1 => Answer::Failed((*text).to_owned()),
                    _ => Answer::Nothing,
                };
                answers.insert(question, answer);
            }
        }
    }
    panic!("more than {QUESTIONS_MAX} questions");
}
