//! TXT records of a stranger: SPF, DMARC, DKIM keys, and the signature that asks for them.
//!
//! Lines are records; they are the answers to whatever is asked. Holds: each check ends within the standard's number of
//! questions; a domain that says nothing passes nothing; the same answers give the same verdict; a signature that nobody
//! made is none, whatever the key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::auth::{DkimResult, Letter, Peer, SpfResult, dkim, dmarc, spf};
use model::time::Timestamp;
use model::dns::{Answer, Answers, Question};

use crate::bytes::text;

/// RFC 7208 4.6.4 allows 10 terms that ask, each with up to ten further questions.
const QUESTIONS_MAX: usize = 130;
const LETTER: &[u8] = b"From: a@mail.stranger.test\r\nDKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; \
    d=stranger.test; s=k; h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n\r\n";

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let input = text(data);
    let lines: Vec<&str> = input.lines().collect();
    for address in [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let peer = Peer { address, helo: "mx.stranger.test", mail_from: "a@stranger.test" };
        let verdict = settle(&lines, |answers| spf(&peer, answers));
        assert_eq!(settle(&lines, |answers| spf(&peer, answers)), verdict);
        if !input.to_ascii_lowercase().contains("v=spf1") {
            assert_ne!(verdict.result, SpfResult::Pass, "{verdict:?}");
        }
        let letter = Letter::parse(LETTER).expect("a letter");
        let now = Timestamp::from_unix_s(1_790_000_000);
        let signed = settle(&lines, |answers| dkim(&letter, now, answers));
        assert!(signed.iter().all(|verdict| verdict.result != DkimResult::Pass), "nobody has signed: {signed:?}");
        let judged = settle(&lines, |answers| dmarc(&letter, &verdict, &signed, answers));
        assert_eq!(settle(&lines, |answers| dmarc(&letter, &verdict, &signed, answers)), judged);
        if verdict.result != SpfResult::Pass {
            assert_eq!(judged.aligned_by, None, "{judged:?}");
        }
    }
}

/// Answers questions in turn until there is a verdict.
fn settle<T>(texts: &[&str], evaluate: impl Fn(&Answers) -> Result<T, Question>) -> T {
    let mut answers = Answers::default();
    for turn in 0..QUESTIONS_MAX {
        match evaluate(&answers) {
            Ok(result) => return result,
            Err(question) => {
                let text = texts.get(turn % texts.len().max(1)).copied().unwrap_or_default();
                let answer = match &question {
                    _ if text.is_empty() => Answer::Nothing,
                    Question::Txt(_) if text == "!" => Answer::Failed("nobody answers".to_owned()),
                    Question::Txt(_) => Answer::Texts(vec![text.to_owned()]),
                    Question::A(_) => Answer::Addresses(vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))]),
                    Question::Mx(name) => Answer::Names(vec![name.clone(); 3]),
                    _ => Answer::Nothing,
                };
                answers.insert(question, answer);
            }
        }
    }
    panic!("more than {QUESTIONS_MAX} questions");
}
