//! Whose mail is it that came back? Found by the tokens we sealed into it: the address it came to, and the marks in the
//! mail that it quotes. What others claim (addresses, dates) is never taken for a proof.

use mail::report::Original;
use mail::token::{Addressee, Keys, MailRef, TOKEN_TEXT_MAX, Token};
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};

/// Words of quoted fields that are tried as tokens, for one mail.
const WORDS_MAX: usize = 500;
/// A shorter word is no token.
const WORD_LEN_MIN: usize = 30;

/// The mail that is spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribution {
    pub(crate) recipient: RecipientId,
    pub(crate) message: Option<MessageId>,
    pub(crate) contact: Option<ContactId>,
    pub(crate) campaign: Option<CampaignId>,
    /// Named by an unsubscribe token.
    pub(crate) list: Option<ListId>,
    /// Named by an unsubscribe token: the address as we mailed it.
    pub(crate) to: Option<Addressee>,
}

impl Attribution {
    /// What a token says.
    fn of(token: &Token) -> Self {
        let of_mail = |mail: &MailRef, list, to| Attribution {
            recipient: mail.recipient,
            message: Some(mail.message),
            contact: mail.contact,
            campaign: mail.campaign,
            list,
            to,
        };
        match token {
            Token::Open(mail) | Token::Click { mail, .. } | Token::Ref(mail) => of_mail(mail, None, None),
            Token::Unsubscribe { mail, list, to } => of_mail(mail, *list, to.clone()),
            Token::Return { recipient, campaign } => Attribution {
                recipient: *recipient,
                message: None,
                contact: None,
                campaign: *campaign,
                list: None,
                to: None,
            },
        }
    }

    /// Adds what another token says of the same recipient.
    fn complete(self, other: Attribution) -> Self {
        if other.recipient != self.recipient {
            return self;
        }
        Attribution {
            recipient: self.recipient,
            message: self.message.or(other.message),
            contact: self.contact.or(other.contact),
            campaign: self.campaign.or(other.campaign),
            list: self.list.or(other.list),
            to: self.to.or(other.to),
        }
    }

    /// Nothing is left to learn. Most tokens say which mail; only an unsubscribe token says to which address, and a
    /// recipient that is no contact is found by that alone.
    fn is_complete(&self) -> bool {
        self.message.is_some() && self.to.is_some()
    }
}

/// Whose mail it is. `recipient` is the address that the inbound mail came to, `subject` its subject; `original` is what
/// it quotes.
pub(crate) fn attribute(
    keys: &Keys,
    recipient: &str,
    subject: Option<&str>,
    original: Option<&Original>,
) -> Option<Attribution> {
    let mut tries = WORDS_MAX;
    let texts = [Some(recipient), subject].into_iter().flatten();
    let quoted = original.into_iter().flat_map(Original::token_places);
    let mut found: Option<Attribution> = None;
    for text in texts.chain(quoted) {
        for token in tokens_in(keys, text, &mut tries) {
            let next = Attribution::of(&token);
            let known = match found {
                Some(found) => found.complete(next),
                None => next,
            };
            if known.is_complete() {
                return Some(known);
            }
            found = Some(known);
        }
    }
    found
}

/// The tokens of ours in a text: words with their mark, or bare.
fn tokens_in<'a>(keys: &'a Keys, text: &'a str, tries: &'a mut usize) -> impl Iterator<Item = Token> + 'a {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = text.split(move |c: char| !is_of_word(c));
    let words = words.filter(|word| (WORD_LEN_MIN..=TOKEN_TEXT_MAX).contains(&word.len()));
    words.filter_map(move |word| {
        *tries = tries.checked_sub(1)?;
        keys.open_word(word).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&[(1, [7; 32])]).unwrap()
    }

    fn mail() -> MailRef {
        MailRef {
            message: MessageId(10),
            recipient: RecipientId(20),
            contact: Some(ContactId(30)),
            campaign: Some(CampaignId(40)),
        }
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        let keys = keys();
        let complete = Attribution::of(&Token::Ref(mail()));
        let reference = keys.seal(&Token::Ref(mail()));
        let check = |recipient: &str, original: Original, expected: Option<Attribution>| {
            assert_eq!(attribute(&keys, recipient, None, Some(&original)), expected, "{recipient} {original:?}");
        };
        let message_id =
            Original { message_id: Some(format!("r.{reference}@news.example.org")), ..Original::default() };
        check("fbl@example.org", message_id.clone(), Some(complete.clone()));
        let headers = vec![("X-iES-Ref".to_owned(), reference.clone())];
        check("fbl@example.org", Original { headers, ..Original::default() }, Some(complete.clone()));
        let url = format!(
            "<https://t.example.org/u/{}>",
            keys.seal(&Token::Unsubscribe { mail: mail(), list: None, to: None })
        );
        let headers = vec![("List-Unsubscribe".to_owned(), url)];
        check("fbl@example.org", Original { headers, ..Original::default() }, Some(complete.clone()));
        // The address stands in the last of them: the search goes on behind the first that names the mail.
        let to = Some(Addressee { address: "zoe@example.com".into(), ..Addressee::default() });
        let leave = Token::Unsubscribe { mail: mail(), list: Some(ListId(50)), to: to.clone() };
        let headers = vec![("List-Unsubscribe".to_owned(), format!("<https://t.example.org/u/{}>", keys.seal(&leave)))];
        let of_leave = Attribution { list: Some(ListId(50)), to, ..complete.clone() };
        check("fbl@example.org", Original { headers, ..message_id.clone() }, Some(of_leave));
        let path = keys.return_path(RecipientId(20), Some(CampaignId(40)), "bounce.example.org");
        let of_path = Attribution { message: None, contact: None, ..complete.clone() };
        check(&path, Original::default(), Some(of_path.clone()));
        check(&path.to_uppercase(), Original::default(), Some(of_path.clone()));
        check(&path, message_id.clone(), Some(complete));
        // The address it came to is not outdone by a token of somebody else's mail.
        let other = keys.return_path(RecipientId(21), None, "bounce.example.org");
        let of_other = Attribution { recipient: RecipientId(21), campaign: None, ..of_path.clone() };
        check(&other, message_id, Some(of_other));
        check("fbl@example.org", Original { return_path: Some(path), ..Original::default() }, Some(of_path));
    }

    #[test]
    fn what_we_did_not_seal_is_nothing() {
        let foreign = Keys::new(&[(1, [8; 32])]).unwrap();
        let forged = format!("r.{}@x", foreign.seal(&Token::Ref(mail())));
        let original = Original {
            message_id: Some(forged),
            headers: vec![("X-Noise".to_owned(), "a".repeat(100) + " b.c.d")],
            return_path: Some(foreign.return_path(RecipientId(1), None, "x.example")),
            ..Original::default()
        };
        assert_eq!(attribute(&keys(), "b.zzzz@bounce.example.org", Some("u.x"), Some(&original)), None);
    }
}
