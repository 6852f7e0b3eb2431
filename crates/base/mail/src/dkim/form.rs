//! What a signature covers: which headers, which of them once more than they occur, its time and its end.

use std::time::Duration;

/// Headers that are signed when present, in the order of `h=`.
pub const SIGNED: [&str; 18] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "CFBL-Address",
    "CFBL-Feedback-ID",
];

/// Headers that are signed once more than they occur: those that mail programs show, and those that programs obey.
pub const OVERSIGNED: [&str; 13] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
];

/// Most names in the list of headers.
pub const NAMES_MAX: usize = 64;

/// Headers that other hosts change or add on the way, or that stand for a hop (RFC 6376 5.4.1): never signed.
const NEVER: [&str; 8] = [
    "Received",
    "Return-Path",
    "DKIM-Signature",
    "Authentication-Results",
    "ARC-Seal",
    "ARC-Message-Signature",
    "ARC-Authentication-Results",
    "Bcc",
];

/// A list of headers that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// No header field has this name (RFC 5322 2.2).
    #[error("{0:?} is no name of a header")]
    Name(String),
    /// Other hosts add or change it, so the signature would break on the way.
    #[error("{0} must not be signed: other hosts add or change it")]
    Never(String),
    /// More than [`NAMES_MAX`].
    #[error("there are more than {NAMES_MAX} names")]
    TooMany,
}

/// What a signature covers. Made once, used for many messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub(super) headers: Vec<Covered>,
    pub(super) timestamp: bool,
    pub(super) expires_after: Option<Duration>,
}

/// One header name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    /// In lower case.
    pub(super) name: String,
    pub(super) once_more: bool,
}

impl Default for Form {
    fn default() -> Self {
        Form::new(&SIGNED, &OVERSIGNED).expect("invariant: the constants are names of headers")
    }
}

impl Form {
    /// Signs the headers of `signed` when present, and those of `oversigned` once more than they occur, be it never.
    /// `From` is always signed once more than it occurs.
    ///
    /// # Errors
    /// [`FormError`]: the operator mends the list.
    pub fn new<S: AsRef<str>>(signed: &[S], oversigned: &[S]) -> Result<Self, FormError> {
        let mut headers = vec![Covered { name: "from".to_owned(), once_more: true }];
        let plain = signed.iter().map(|name| (name.as_ref(), false));
        for (name, once_more) in plain.chain(oversigned.iter().map(|name| (name.as_ref(), true))) {
            check(name)?;
            let name = name.to_ascii_lowercase();
            match headers.iter_mut().find(|covered| covered.name == name) {
                Some(covered) => covered.once_more |= once_more,
                None => headers.push(Covered { name, once_more }),
            }
        }
        if headers.len() > NAMES_MAX {
            return Err(FormError::TooMany);
        }
        Ok(Form { headers, timestamp: true, expires_after: None })
    }

    /// Whether the time of the signature is written (`t=`). It is, unless this says otherwise.
    pub fn with_timestamp(self, timestamp: bool) -> Self {
        Form { timestamp, ..self }
    }

    /// How long a signature holds (`x=`), in whole seconds; none, as it is from the beginning: for ever.
    pub fn with_end(self, expires_after: Option<Duration>) -> Self {
        Form { expires_after, ..self }
    }
}

fn check(name: &str) -> Result<(), FormError> {
    // RFC 5322 2.2: printable ASCII but the colon. A semicolon would end `h=`.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b';')) {
        return Err(FormError::Name(name.to_owned()));
    }
    match NEVER.iter().find(|never| never.eq_ignore_ascii_case(name)) {
        Some(never) => Err(FormError::Never((*never).to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_and_checked() {
        let check = |signed: &[&str], oversigned: &[&str], expected: Result<&str, FormError>| {
            let form = Form::new(signed, oversigned).map(|form| {
                let names = form.headers.iter().map(|h| format!("{}{}", h.name, if h.once_more { "+" } else { "" }));
                names.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(form.as_deref().map_err(Clone::clone), expected, "{signed:?} {oversigned:?}");
        };
        check(&[], &[], Ok("from+"));
        check(&["To", "from", "TO"], &["X-Own", "to"], Ok("from+ to+ x-own+"));
        check(&["a b"], &[], Err(FormError::Name("a b".to_owned())));
        check(&["a;d=x"], &[], Err(FormError::Name("a;d=x".to_owned())));
        check(&[""], &[], Err(FormError::Name(String::new())));
        check(&[], &["received"], Err(FormError::Never("Received".to_owned())));
        let many: Vec<String> = (0..NAMES_MAX).map(|number| format!("X-{number}")).collect();
        assert_eq!(Form::new(&many, &[]), Err(FormError::TooMany));
    }
}
