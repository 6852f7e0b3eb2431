//! The pages behind the unsubscribe link, in French and English, without scripts.
//!
//! The form posts to the address it was opened at; nothing but the button changes anything.

use super::HtmlPage;
use crate::language::Language;

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

/// The page in the language that the browser prefers.
pub(super) fn page(say: Say, languages: Option<&str>) -> HtmlPage {
    let language = Language::preferred(languages.unwrap_or_default());
    let (title, text) = words(say, language);
    let form = match say {
        Say::Confirm => button(language.pick("Unsubscribe", "Me désabonner")),
        _ => String::new(),
    };
    let status = match say {
        Say::Confirm | Say::Done => 200,
        Say::Unknown => 404,
        Say::Later => 503,
    };
    let html = TEMPLATE
        .replace("{code}", language.code())
        .replace("{title}", title)
        .replace("{text}", text)
        .replace("{form}", &form);
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

fn words(say: Say, language: Language) -> (&'static str, &'static str) {
    match say {
        Say::Confirm => (
            language.pick("Unsubscribe?", "Vous désabonner ?"),
            language.pick(
                "Press the button and we will send you no more newsletters. Messages about your own orders and accounts \
                 still come.",
                "Appuyez sur le bouton et nous ne vous enverrons plus de lettres d’information. Les messages concernant vos \
                 commandes et vos comptes continueront d’arriver.",
            ),
        ),
        Say::Done => (
            language.pick("You are unsubscribed", "Vous êtes désabonné"),
            language.pick(
                "We will send you no more newsletters. It holds from this moment on.",
                "Nous ne vous enverrons plus de lettres d’information, dès maintenant.",
            ),
        ),
        Say::Unknown => (
            language.pick("This link does not work", "Ce lien ne fonctionne pas"),
            language.pick(
                "It may have been cut when the message was copied or forwarded. Please use the link in the message itself.",
                "Il a peut-être été coupé lorsque le message a été copié ou transféré. Utilisez le lien du message lui-même.",
            ),
        ),
        Say::Later => (
            language.pick("Please try again", "Veuillez réessayer"),
            language.pick(
                "Your request could not be kept at this moment. Please try again in a minute.",
                "Votre demande n’a pas pu être enregistrée. Veuillez réessayer dans une minute.",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
