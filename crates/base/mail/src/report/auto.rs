//! Answers by machines (RFC 3834): out of office, challenges, receipts.

use super::fields::Fields;

/// What gives an answer away as a machine's: the header's name, or `wording` for a telling subject.
pub(super) fn sign(headers: &Fields) -> Option<&'static str> {
    let value_is = |name: &str, wanted: &[&str]| {
        headers.all(name).any(|value| {
            let value = value.to_ascii_lowercase();
            wanted.iter().any(|wanted| value.starts_with(wanted))
        })
    };
    let submitted = headers.get("Auto-Submitted").map(str::to_ascii_lowercase);
    if submitted.is_some_and(|value| value.starts_with("auto-replied") || value.starts_with("auto-generated")) {
        return Some("Auto-Submitted");
    }
    for name in ["X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-Mail-Autoreply"] {
        if headers.get(name).is_some_and(|value| !value.eq_ignore_ascii_case("no")) {
            return Some(name);
        }
    }
    if value_is("Precedence", &["auto_reply", "auto-reply"]) {
        return Some("Precedence");
    }
    if value_is("X-Auto-Response-Suppress", &["all", "oof", "autoreply"]) && wording(headers) {
        return Some("X-Auto-Response-Suppress");
    }
    wording(headers).then_some("wording")
}

/// Subjects of the usual programs, in the languages we know.
fn wording(headers: &Fields) -> bool {
    const SUBJECTS: [&str; 16] = [
        "auto:",
        "auto-reply",
        "automatic reply",
        "automatic response",
        "autoreply",
        "auto response",
        "out of office",
        "out of the office",
        "vacation",
        "réponse automatique",
        "reponse automatique",
        "absence du bureau",
        "abwesenheit",
        "automatische antwort",
        "respuesta automática",
        "risposta automatica",
    ];
    let subject = headers.get("Subject").unwrap_or("").to_lowercase();
    let subject = subject.trim_start_matches("re:").trim_start();
    SUBJECTS.iter().any(|known| subject.starts_with(known))
}
