//! What comes back from people: pixel, links, unsubscribe page.

/// What recipients open.
#[derive(Clone)]
pub struct Tracking {}

/// What a request tells of the software behind it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visit<'a> {
    /// Address of the client.
    pub client: Option<&'a str>,
    /// User-Agent header.
    pub user_agent: Option<&'a str>,
    /// Accept-Language header.
    pub languages: Option<&'a str>,
}

/// A page for people: complete HTML, no scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtmlPage {
    /// HTTP status.
    pub status: u16,
    /// The document.
    pub html: String,
}

/// How a recipient unsubscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribeMethod {
    /// By the mail program's own button (RFC 8058).
    OneClick,
    /// By the button on our page.
    Page,
}

/// A click that leads nowhere: the token is not ours, or the link is not known (404).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link is not known")]
pub struct UnknownLink;

#[expect(unused_variables, clippy::missing_errors_doc, clippy::unused_async, reason = "signatures first")]
impl Tracking {
    /// The pixel was fetched. Serve the pixel whatever this says; false: the token is not ours.
    pub fn open(&self, token: &str, visit: &Visit<'_>) -> bool {
        todo!()
    }
    /// A link was followed (`counted`: GET; HEAD is answered and not counted). Returns where it leads.
    pub async fn click(&self, token: &str, visit: &Visit<'_>, counted: bool) -> Result<String, UnknownLink> {
        todo!()
    }
    /// The page behind the unsubscribe link. Changes nothing.
    pub fn unsubscribe_page(&self, token: &str, visit: &Visit<'_>) -> HtmlPage {
        todo!()
    }
    /// Unsubscribes; durable and in force when it returns.
    pub async fn unsubscribe(&self, token: &str, method: UnsubscribeMethod, visit: &Visit<'_>) -> HtmlPage {
        todo!()
    }
}
