//! What is written for one recipient beside the language: link addresses, the pixel, the unsubscribe link.

use std::cell::RefCell;

use model::id::ListId;
use model::name::Name;

use super::rewrite::is_web;
use super::{Personal, Program};
use crate::merge::{Inserts, escape_html, escape_url};
use crate::token::{Addressee, Keys, MailRef, Token, URL_MAX};

/// The tokens of one mail, those of fixed links sealed once for both parts.
pub(super) struct Tokens<'p> {
    personal: &'p Personal<'p>,
    keys: Option<&'p Keys>,
    mail: MailRef,
    list: Option<ListId>,
    clicks: RefCell<Vec<Option<Box<str>>>>,
}

impl<'p> Tokens<'p> {
    pub(super) fn new(program: &Program, personal: &'p Personal<'p>) -> Self {
        let Personal { message, recipient, contact, keys, .. } = *personal;
        let mail = MailRef { message, recipient, contact, campaign: program.campaign };
        Tokens { personal, keys, mail, list: program.list, clicks: RefCell::new(vec![None; program.links.len()]) }
    }

    /// For the unsubscribe link.
    pub(super) fn unsubscribe(&self) -> Option<String> {
        // Whoever leaves a list leaves that list; without one, the stream of this mail.
        let stream = |name: &str| Name::from(if self.list.is_none() { name } else { "" });
        let to = Addressee {
            address: self.personal.address.to_owned(),
            tenant: stream(self.personal.tenant),
            stream: stream(self.personal.stream),
        };
        Some(self.keys?.seal(&Token::Unsubscribe { mail: self.mail, list: self.list, to: Some(to) }))
    }

    /// For the Message-ID.
    pub(super) fn reference(&self) -> Option<String> {
        Some(self.keys?.seal(&Token::Ref(self.mail)))
    }

    fn put_click(&self, keys: &Keys, index: u16, url: Option<String>, out: &mut String) {
        let mut clicks = self.clicks.borrow_mut();
        match (clicks.get_mut(usize::from(index)), url) {
            (Some(known), None) => {
                let seal = || keys.seal(&Token::Click { mail: self.mail, link: index, url: None }).into();
                out.push_str(known.get_or_insert_with(seal));
            }
            (_, url) => keys.seal_into(&Token::Click { mail: self.mail, link: index, url }, out),
        }
    }
}

/// What is written for one recipient into one part.
pub(super) struct Personalia<'p> {
    pub(super) program: &'p Program,
    pub(super) tokens: &'p Tokens<'p>,
    /// Addresses are put into HTML attributes.
    pub(super) html: bool,
}

impl Personalia<'_> {
    fn put(&self, address: &str, out: &mut String) {
        if self.html { escape_html(address, out) } else { out.push_str(address) }
    }
}

impl Inserts for Personalia<'_> {
    fn link(&self, index: u16, address: Option<&str>, out: &mut String) {
        let fixed = self.program.links.get(usize::from(index)).map_or("", |link| &link.url);
        let made = address.map(|address| escape_url(address.trim()));
        let address = made.as_deref().unwrap_or(fixed);
        if !is_web(address) {
            // Made of a value: only what a mail may lead to as it is; anything else leads nowhere.
            let plain = ["mailto:", "tel:", "#"].iter().any(|scheme| address.starts_with(scheme));
            return self.put(if plain { address } else { "#" }, out);
        }
        // Too long to be sealed: it leads straight to its target.
        let sealable = made.as_ref().is_none_or(|made| made.len() <= URL_MAX);
        match self.tokens.keys {
            Some(keys) if self.program.clicks && sealable => {
                out.push_str(&self.program.base_url);
                out.push_str("/c/");
                self.tokens.put_click(keys, index, made, out);
            }
            _ => self.put(address, out),
        }
    }

    fn pixel(&self, out: &mut String) {
        let Some(keys) = self.tokens.keys else { return };
        out.push_str("<img src=\"");
        out.push_str(&self.program.base_url);
        out.push_str("/o/");
        keys.seal_into(&Token::Open(self.tokens.mail), out);
        out.push_str(".gif\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;width:1px;height:1px;border:0\">");
    }
}
