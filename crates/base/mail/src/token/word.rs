//! Tokens in running text: with which mark they stand there, and how they are found again. The one parser of the marks.
//!
//! A mark is a letter and a point, which no token begins with. Its case does not matter: a local part may be folded to
//! one case on its way. (A return token is made for that; the others do not survive it and are refused as forged.)

use super::{Keys, LOCAL_PART_MAX, Token, TokenError, base32, payload};

/// What stands in front of a token, and so what kind of token follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// In the local part of a return path: [`Token::Return`].
    Return,
    /// In a Message-ID: [`Token::Ref`].
    Ref,
    /// In the subject of an unsubscribe mail: [`Token::Unsubscribe`].
    Unsubscribe,
}

impl Mark {
    const ALL: [Mark; 3] = [Mark::Return, Mark::Ref, Mark::Unsubscribe];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mark::Return => "b.",
            Mark::Ref => "r.",
            Mark::Unsubscribe => "u.",
        }
    }

    /// The mark that a word begins with, and the rest of the word.
    pub fn split(word: &str) -> Option<(Mark, &str)> {
        let (head, rest) = word.split_at_checked(2)?;
        let mark = Mark::ALL.into_iter().find(|mark| head.eq_ignore_ascii_case(mark.as_str()))?;
        Some((mark, rest))
    }
}

impl Keys {
    /// Opens a word of a text: a token behind its mark, or one without, as in links. What the mark says is what the
    /// token must be; without a mark any kind but [`Token::Return`] is taken.
    ///
    /// # Errors
    /// As [`Keys::open`]; a token behind the mark of another kind is [`TokenError::Malformed`].
    pub fn open_word(&self, word: &str) -> Result<Token, TokenError> {
        let Some((mark, rest)) = Mark::split(word) else { return self.open(word) };
        let token = match mark {
            Mark::Return if word.len() > LOCAL_PART_MAX => return Err(TokenError::Malformed),
            Mark::Return => {
                let sealed = base32::decode(rest).ok_or(TokenError::Malformed)?;
                payload::decode(&self.open_bytes(&sealed)?)?
            }
            Mark::Ref | Mark::Unsubscribe => self.open(rest)?,
        };
        match (mark, &token) {
            (Mark::Return, Token::Return { .. })
            | (Mark::Ref, Token::Ref(_))
            | (Mark::Unsubscribe, Token::Unsubscribe { .. }) => Ok(token),
            _ => Err(TokenError::Malformed),
        }
    }

    /// Opens the local part of a return path, in whatever case it came back: always a [`Token::Return`].
    ///
    /// # Errors
    /// [`TokenError::Malformed`] for every other local part, the others as for [`Keys::open`].
    pub fn open_return(&self, local_part: &str) -> Result<Token, TokenError> {
        match self.open_word(local_part)? {
            token @ Token::Return { .. } => Ok(token),
            _ => Err(TokenError::Malformed),
        }
    }
}
