//! Sealed tokens, and the key file.
//!
//! Holds: nothing that was not sealed with our key opens; what was sealed opens as the same, also found as a word and folded
//! to one case where that is promised; with one bit changed, or other keys, it does not open; a key file that is read is
//! written and read as the same.

use std::sync::LazyLock;

use crate::bytes::{Numbers, text};
use mail::token::{Addressee, Keys, MailRef, Mark, TOKEN_TEXT_MAX, Token};
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};

static OURS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&[(7, [3; 32]), (8, [4; 32])]).expect("keys"));
static OTHERS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&[(7, [4; 32]), (8, [3; 32])]).expect("keys"));

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let text = text(data);
    assert!(OURS.open(&text).is_err() && OURS.open_word(&text).is_err() && OURS.open_return(&text).is_err());
    for mark in [Mark::Return, Mark::Ref, Mark::Unsubscribe] {
        assert!(OURS.open_word(&format!("{}{text}", mark.as_str())).is_err());
    }
    if let Ok(keys) = text.parse::<Keys>() {
        let again: Keys = keys.to_file_text().parse().expect("what was written is read");
        assert_eq!(again.to_file_text(), keys.to_file_text());
    }

    let mut numbers = Numbers::of(data);
    let token = token(data, &text);
    let sealed = OURS.seal(&token);
    assert!(sealed.len() <= TOKEN_TEXT_MAX);
    let word = match &token {
        Token::Return { .. } => format!("{}{sealed}", Mark::Return.as_str()),
        _ => sealed.clone(),
    };
    let opened = OURS.open_word(&word).expect("what was sealed opens");
    // What is too long is left out when it is sealed; all else comes back.
    assert_eq!(OURS.seal(&opened), sealed);
    if text.len() < 250 {
        assert_eq!(opened, token);
    }
    if matches!(token, Token::Return { .. }) {
        assert!(word.len() <= 64, "a local part has at most 64 bytes");
        assert_eq!(OURS.open_return(&word.to_uppercase()), Ok(token));
    }
    assert!(OTHERS.open_word(&word).is_err());
    let mut changed = word.clone().into_bytes();
    let at = word.len() - sealed.len() + numbers.next(sealed.len());
    changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
    if let (Ok(changed), false) = (String::from_utf8(changed.clone()), changed.eq_ignore_ascii_case(word.as_bytes())) {
        assert!(OURS.open_word(&changed).is_err(), "{word} and {changed}");
    }
}

fn token(data: &[u8], text: &str) -> Token {
    let number = |at: usize| data.iter().skip(at).take(8).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let flag = |bit: u8| data.first().is_some_and(|byte| byte & (1 << bit) != 0);
    let mail = MailRef {
        message: MessageId(number(1)),
        recipient: RecipientId(number(9)),
        contact: flag(4).then(|| ContactId(number(17))),
        campaign: flag(5).then(|| CampaignId(number(25))),
    };
    match data.first().map_or(0, |byte| byte & 7) {
        0 => Token::Open(mail),
        1 => Token::Click { mail, link: number(3) as u16, url: flag(6).then(|| text.to_owned()) },
        2 => Token::Unsubscribe { mail, list: flag(6).then(|| ListId(number(33))), to: None },
        3 => {
            let half = text.floor_char_boundary(text.len() / 2);
            let to = Addressee { address: text.to_owned(), tenant: text[..half].into(), stream: text[half..].into() };
            Token::Unsubscribe { mail, list: flag(6).then(|| ListId(number(33))), to: Some(to) }
        }
        4 => Token::Return { recipient: mail.recipient, campaign: mail.campaign },
        _ => Token::Ref(mail),
    }
}
