//! The pages behind the unsubscribe link, in French and English, without scripts.
//!
//! The form posts to the address it was opened at; nothing but the button changes anything.

use super::HtmlPage;

/// What a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Asks for confirmation.
    Confirm,
    /// It is done.
    Done,
    /// The link is not ours.
    Unknown,
    /// Try again later.
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    English,
    French,
}

/// The page in the language that the browser prefers.
pub(super) fn page(say: Say, languages: Option<&str>) -> HtmlPage {
    let language = preferred(languages.unwrap_or_default());
    let (code, title, text) = words(say, language);
    let form = match (say, language) {
        (Say::Confirm, Language::English) => button("Unsubscribe"),
        (Say::Confirm, Language::French) => button("Me désabonner"),
        _ => String::new(),
    };
    let status = match say {
        Say::Confirm | Say::Done => 200,
        Say::Unknown => 404,
        Say::Later => 503,
    };
    let html =
        TEMPLATE.replace("{code}", code).replace("{title}", title).replace("{text}", text).replace("{form}", &form);
    HtmlPage { status, html }
}

const TEMPLATE: &str = r#"<!doctype html>
<html lang="{code}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText;
  font: 1.05rem/1.6 system-ui, sans-serif; }
main { max-width: 30rem; padding: 2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
button { font: inherit; font-weight: 600; margin-top: 1rem; padding: .7rem 1.4rem; border: 0; border-radius: .5rem;
  background: #1d4ed8; color: #fff; cursor: pointer; }
button:focus-visible { outline: 3px solid CanvasText; outline-offset: 3px; }
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{form}
</main>
</body>
</html>
"#;

fn button(label: &str) -> String {
    format!("<form method=\"post\"><button type=\"submit\">{label}</button></form>")
}

fn words(say: Say, language: Language) -> (&'static str, &'static str, &'static str) {
    match (language, say) {
        (Language::English, Say::Confirm) => (
            "en",
            "Unsubscribe?",
            "Press the button and we will send you no more newsletters. Messages about your own orders and accounts still come.",
        ),
        (Language::English, Say::Done) => {
            ("en", "You are unsubscribed", "We will send you no more newsletters. It holds from this moment on.")
        }
        (Language::English, Say::Unknown) => (
            "en",
            "This link does not work",
            "It may have been cut when the message was copied or forwarded. Please use the link in the message itself.",
        ),
        (Language::English, Say::Later) => {
            ("en", "Please try again", "Your request could not be kept at this moment. Please try again in a minute.")
        }
        (Language::French, Say::Confirm) => (
            "fr",
            "Vous désabonner ?",
            "Appuyez sur le bouton et nous ne vous enverrons plus de lettres d’information. Les messages concernant vos commandes et vos comptes continueront d’arriver.",
        ),
        (Language::French, Say::Done) => {
            ("fr", "Vous êtes désabonné", "Nous ne vous enverrons plus de lettres d’information, dès maintenant.")
        }
        (Language::French, Say::Unknown) => (
            "fr",
            "Ce lien ne fonctionne pas",
            "Il a peut-être été coupé lorsque le message a été copié ou transféré. Utilisez le lien du message lui-même.",
        ),
        (Language::French, Say::Later) => (
            "fr",
            "Veuillez réessayer",
            "Votre demande n’a pas pu être enregistrée. Veuillez réessayer dans une minute.",
        ),
    }
}

/// The better liked of the two in an Accept-Language header (RFC 9110 12.5.4); English when neither is named.
fn preferred(languages: &str) -> Language {
    let mut best = (Language::English, 0.0_f32);
    for entry in languages.split(',').take(32) {
        let mut parts = entry.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("fr") => Language::French,
            Some("en") => Language::English,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if quality > best.1 {
            best = (language, quality);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(languages: &str, expected: Language) {
        assert_eq!(preferred(languages), expected, "{languages:?}");
    }

    #[test]
    fn the_better_liked_language_is_chosen() {
        check("", Language::English);
        check("de-DE,de;q=0.9", Language::English);
        check("fr-FR,fr;q=0.9,en;q=0.8", Language::French);
        check("en;q=0.5, fr;q=0.7", Language::French);
        check("en-GB,fr;q=0.9", Language::English);
        check("fr;q=x", Language::French);
        check("fr;q=0", Language::English);
    }

    #[test]
    fn only_the_first_page_has_a_button() {
        assert!(page(Say::Confirm, None).html.contains("<form method=\"post\">"));
        for say in [Say::Done, Say::Unknown, Say::Later] {
            let page = page(say, Some("fr"));
            assert!(!page.html.contains("<form"), "{say:?}");
            assert!(!page.html.contains('{') || page.html.contains("body {"), "all places are filled in");
            assert!(page.html.contains("lang=\"fr\""));
        }
    }
}
