//! Who is believed what. Pure: one table.
//!
//! | the mail claims | with a token of ours | without |
//! |---|---|---|
//! | a bounce | believed: `token` | never |
//! | a complaint | believed: `token` | an operator of feedback loops who authenticates: `operator` |
//! | a person leaves | believed: `token` | DMARC passes for the address in From, which leaves: `dmarc` |
//! | an aggregate report | – | DMARC passes for the domain that reports: `dmarc` |
//! | anything else | `token` | `dmarc` |
//!
//! Whoever got mail of ours knows its token and no other, so a lie with a token harms the liar alone. A name in From
//! proves nothing unless DMARC passes for it; an operator must be one of the list in `data/feedback-operators.txt` or of
//! `inbound.feedback_operators`, and SPF or an unshortened DKIM signature must pass for its domain.

use std::collections::BTreeSet;

use mail::auth::Checked;

/// Operators of feedback loops who are known to everybody.
const BUILT_IN: &str = include_str!("../../../../data/feedback-operators.txt");

/// What a mail wants us to take for true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    /// Mail could not be delivered.
    Bounce,
    /// A person called mail spam.
    Complaint,
    /// A person wants no more mail.
    Leave,
    /// Figures of a provider, with the domain of its contact address.
    Aggregate {
        /// Who says to be the reporter.
        contact: Option<&'a str>,
    },
    /// Nothing that has an effect.
    Other,
}

/// Domains of operators of feedback loops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operators(BTreeSet<String>);

impl Operators {
    /// Those that everybody knows, and these.
    pub(crate) fn new(more: &[String]) -> Self {
        let built_in = BUILT_IN.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let all = built_in.chain(more.iter().map(|domain| domain.trim())).filter(|domain| !domain.is_empty());
        Operators(all.map(str::to_ascii_lowercase).collect())
    }

    /// Whether one of them stands behind a mail.
    fn sent(&self, checked: &Checked) -> bool {
        self.0.iter().any(|domain| checked.speaks_for(domain))
    }
}

/// What a claim is believed for; None: it is not believed. `token`: the mail carries one of ours.
pub(crate) fn believed(
    claim: Claim<'_>,
    token: bool,
    checked: Option<&Checked>,
    operators: &Operators,
) -> Option<&'static str> {
    let aligned = checked.filter(|checked| checked.is_aligned());
    let by_dmarc = aligned.map(|_| "dmarc");
    match claim {
        Claim::Aggregate { contact } => {
            let author = aligned?.author_domain();
            contact.is_none_or(|contact| is_related(contact, author)).then_some("dmarc")
        }
        _ if token => Some("token"),
        Claim::Bounce => None,
        Claim::Complaint => checked.filter(|checked| operators.sent(checked)).map(|_| "operator"),
        Claim::Leave | Claim::Other => by_dmarc,
    }
}

/// One is the other, or below it.
fn is_related(one: &str, other: &str) -> bool {
    let below = |name: &str, domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    one == other || below(&one, &other) || below(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::auth::{Letter, Peer};
    use model::dns::{Answer, Answers, Question};
    use model::time::Timestamp;

    /// A mail with this From and return path, from an address for which SPF passes for `fbl.operator.test` and
    /// `example.org`, of which only the latter has a policy.
    fn checked(from: &str, mail_from: &str) -> Checked {
        let raw = format!("From: {from}\r\n\r\nx\r\n");
        let letter = Letter::parse(raw.as_bytes()).unwrap();
        let peer = Peer { address: "192.0.2.1".parse().unwrap(), helo: "mx.test", mail_from };
        let mut answers = Answers::default();
        loop {
            match Checked::of(&letter, &peer, Timestamp::from_unix_s(1_790_000_000), &answers) {
                Ok(checked) => return checked,
                Err(question) => {
                    let text = match &question {
                        Question::Txt(name) => match name.as_str() {
                            "fbl.operator.test" | "example.org" => Some("v=spf1 ip4:192.0.2.1 -all"),
                            "_dmarc.example.org" => Some("v=DMARC1; p=reject"),
                            _ => None,
                        },
                        _ => None,
                    };
                    answers.insert(question, text.map_or(Answer::Nothing, |text| Answer::Texts(vec![text.to_owned()])));
                }
            }
        }
    }

    #[test]
    fn the_table() {
        let operators = Operators::new(&["Operator.test".to_owned()]);
        let operator = checked("fbl@operator.test", "a@fbl.operator.test");
        let person = checked("zoe@example.org", "zoe@example.org");
        // A name in From that nobody vouches for, sent by somebody who has a name of his own.
        let forged = checked("fbl@operator.test", "a@example.org");
        let nobody = checked("zoe@example.org", "");
        let check = |claim: Claim<'_>, checked: &Checked, with_token: Option<&str>, without: Option<&str>| {
            assert_eq!(believed(claim, true, Some(checked), &operators), with_token, "{claim:?} with a token");
            assert_eq!(believed(claim, false, Some(checked), &operators), without, "{claim:?} without");
        };
        for mail in [&operator, &person, &forged, &nobody] {
            check(Claim::Bounce, mail, Some("token"), None);
        }
        check(Claim::Complaint, &operator, Some("token"), Some("operator"));
        for mail in [&person, &forged, &nobody] {
            check(Claim::Complaint, mail, Some("token"), None);
        }
        check(Claim::Leave, &person, Some("token"), Some("dmarc"));
        for mail in [&operator, &forged, &nobody] {
            check(Claim::Leave, mail, Some("token"), None);
            check(Claim::Other, mail, Some("token"), None);
        }
        let about = |contact| Claim::Aggregate { contact };
        check(about(Some("example.org")), &person, Some("dmarc"), Some("dmarc"));
        check(about(Some("reports.example.org")), &person, Some("dmarc"), Some("dmarc"));
        check(about(None), &person, Some("dmarc"), Some("dmarc"));
        check(about(Some("big.test")), &person, None, None);
        check(about(Some("example.org")), &nobody, None, None);
        for claim in [Claim::Bounce, Claim::Complaint, Claim::Leave, Claim::Other, about(None)] {
            assert_eq!(believed(claim, false, None, &operators), None, "nothing was checked: {claim:?}");
        }
    }

    #[test]
    fn the_list_is_of_domains() {
        let operators = Operators::new(&[]);
        assert!(operators.0.len() > 5);
        for domain in &operators.0 {
            assert!(mail::address::Address::parse(&format!("a@{domain}")).is_ok(), "{domain}");
        }
    }
}
