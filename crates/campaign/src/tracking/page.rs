//! The pages behind the unsubscribe link, in French and English, without scripts.
//!
//! They say what is left and what is not, and nothing but a button changes anything. The form posts to the address it
//! was opened at; the one that leaves everything posts to the same place with a token of its own.

use super::HtmlPage;
use crate::language::Language;

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The list of a campaign.
    List,
    /// The stream of a mail that went to no list.
    Stream,
    /// Every stream but the transactional one.
    Everything,
}

/// What a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Asks for confirmation.
    Confirm(Left),
    /// It is done.
    Done(Left),
    /// It was done before.
    Already(Left),
    /// The link is not ours.
    Unknown,
    /// Try again later.
    Later,
}

/// Of whom and of what a page speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// The address, masked: the link may have been forwarded.
    pub(super) address: Option<String>,
    /// The name of the list.
    pub(super) list: Option<String>,
}

/// An address that its owner recognises and nobody else learns: `j•••@example.org`.
pub(super) fn masked(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}•••@{domain}")
}

/// Text inside of HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page of a link of a mail that leads nowhere.
pub(super) fn dead_link(languages: Option<&str>) -> HtmlPage {
    page(Say::Unknown, &About::default(), None, languages)
}

/// The page in the language that the browser prefers; `everything` is the token that leaves everything, where that is
/// more than what the page is about.
pub(super) fn page(say: Say, about: &About, everything: Option<&str>, languages: Option<&str>) -> HtmlPage {
    let language = Language::preferred(languages.unwrap_or_default());
    let (title, text) = words(say, language);
    let mut forms = String::new();
    if let Say::Confirm(_) = say {
        forms.push_str(&form("", "", language.pick("Unsubscribe", "Me désabonner")));
    }
    if let Some(token) = everything {
        let more = language.pick(
            "Or stop everything: no newsletters and no offers from any of our lists. Messages about your own orders and \
             accounts still come.",
            "Ou arrêtez tout : plus aucune lettre d’information ni offre, quelle que soit la liste. Les messages \
             concernant vos commandes et vos comptes continueront d’arriver.",
        );
        forms.push_str(&format!("<p class=\"more\">{more}</p>"));
        forms.push_str(&form(token, "quiet", language.pick("Unsubscribe from everything", "Me désabonner de tout")));
    }
    let status = match say {
        Say::Confirm(_) | Say::Done(_) | Say::Already(_) => 200,
        Say::Unknown => 404,
        Say::Later => 503,
    };
    let html = TEMPLATE
        .replace("{code}", language.code())
        .replace("{title}", title)
        .replace("{text}", text)
        .replace("{forms}", &forms)
        .replace("{about}", &about.html(say, language));
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
.about { overflow-wrap: anywhere; opacity: .8; }
.more { margin-top: 2.5rem; font-size: .95rem; }
button.quiet { margin-top: .2rem; background: transparent; color: CanvasText; box-shadow: inset 0 0 0 1px currentColor; }
button:focus-visible { outline: 3px solid CanvasText; outline-offset: 3px; }
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{about}
{forms}
</main>
</body>
</html>
"#;

impl About {
    /// Below the text; nothing where nothing is known, or the page is about no mail.
    fn html(&self, say: Say, language: Language) -> String {
        let named_list = matches!(say, Say::Confirm(Left::List) | Say::Done(Left::List) | Say::Already(Left::List));
        let list = self.list.as_deref().filter(|_| named_list);
        let parts = [
            list.map(|list| format!("{}{}", language.pick("List: ", "Liste\u{a0}: "), escaped(list))),
            self.address
                .as_deref()
                .map(|it| format!("{}{}", language.pick("Address: ", "Adresse\u{a0}: "), escaped(it))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("<p class=\"about\">{}</p>", parts.join("<br>")) }
    }
}

/// A button; the address is relative to the page's own.
fn form(token: &str, class: &str, label: &str) -> String {
    let action = if token.is_empty() { String::new() } else { format!(" action=\"{token}\"") };
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<form method=\"post\"{action}><button type=\"submit\"{class}>{label}</button></form>")
}

fn words(say: Say, language: Language) -> (&'static str, &'static str) {
    match say {
        Say::Confirm(left) => (language.pick("Unsubscribe?", "Vous désabonner ?"), confirmation(left, language)),
        Say::Done(left) => (language.pick("You are unsubscribed", "Vous êtes désabonné"), farewell(left, language)),
        Say::Already(left) => (
            language.pick("You are unsubscribed already", "Vous êtes déjà désabonné"),
            match left {
                Left::List => language.pick(
                    "This address gets no more mail from this mailing list. There is nothing left to do.",
                    "Cette adresse ne reçoit plus les messages de cette liste de diffusion. Il n’y a rien d’autre à faire.",
                ),
                Left::Stream => language.pick(
                    "This address gets no more messages of this kind from us. There is nothing left to do.",
                    "Cette adresse ne reçoit plus de messages de ce type de notre part. Il n’y a rien d’autre à faire.",
                ),
                Left::Everything => language.pick(
                    "This address gets no more newsletters and offers from us. There is nothing left to do.",
                    "Cette adresse ne reçoit plus ni lettre d’information ni offre. Il n’y a rien d’autre à faire.",
                ),
            },
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

fn confirmation(left: Left, language: Language) -> &'static str {
    match left {
        Left::List => language.pick(
            "Press the button and you will get no more mail from this mailing list.",
            "Appuyez sur le bouton et vous ne recevrez plus les messages de cette liste de diffusion.",
        ),
        Left::Stream => language.pick(
            "Press the button and you will get no more messages of this kind from us.",
            "Appuyez sur le bouton et vous ne recevrez plus de messages de ce type de notre part.",
        ),
        Left::Everything => language.pick(
            "Press the button and we will send you no more newsletters and no more offers, from any of our lists. Messages \
             about your own orders and accounts still come.",
            "Appuyez sur le bouton et nous ne vous enverrons plus ni lettre d’information ni offre, quelle que soit la liste. \
             Les messages concernant vos commandes et vos comptes continueront d’arriver.",
        ),
    }
}

fn farewell(left: Left, language: Language) -> &'static str {
    match left {
        Left::List => language.pick(
            "You will get no more mail from this mailing list. It holds from this moment on.",
            "Vous ne recevrez plus les messages de cette liste de diffusion, dès maintenant.",
        ),
        Left::Stream => language.pick(
            "You will get no more messages of this kind from us. It holds from this moment on.",
            "Vous ne recevrez plus de messages de ce type de notre part, dès maintenant.",
        ),
        Left::Everything => language.pick(
            "We will send you no more newsletters and no more offers, from any of our lists. It holds from this moment on.",
            "Nous ne vous enverrons plus ni lettre d’information ni offre, quelle que soit la liste, dès maintenant.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_text_and_addresses_masked() {
        let about = About { address: Some(masked("jane.doe@example.org")), list: Some("<b>A & B</b>".into()) };
        let page = page(Say::Already(Left::List), &about, None, Some("fr"));
        assert!(page.html.contains("Liste\u{a0}: &lt;b&gt;A &amp; B&lt;/b&gt;<br>Adresse\u{a0}: j•••@example.org"));
        assert!(!page.html.contains("jane") && page.html.contains("déjà désabonné"));
    }

    #[test]
    fn buttons_are_where_there_is_something_to_leave() {
        for left in [Left::List, Left::Stream, Left::Everything] {
            let page = page(Say::Confirm(left), &About::default(), None, None);
            assert_eq!(page.html.matches("<form method=\"post\">").count(), 1, "{left:?}");
        }
        for say in [Say::Done(Left::List), Say::Already(Left::Everything), Say::Unknown, Say::Later] {
            let page = page(say, &About::default(), None, Some("fr"));
            assert!(!page.html.contains("<form"), "{say:?}");
            assert!(
                !["{title}", "{text}", "{forms}", "{code}", "{about}"].iter().any(|place| page.html.contains(place))
            );
            assert!(page.html.contains("lang=\"fr\""));
        }
        for say in [Say::Confirm(Left::List), Say::Done(Left::List)] {
            let page = page(say, &About::default(), Some("TOKEN"), None);
            assert!(page.html.contains("<form method=\"post\" action=\"TOKEN\">"), "{say:?}");
        }
    }
}
