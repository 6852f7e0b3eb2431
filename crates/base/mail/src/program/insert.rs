//! What is written for one recipient beside the language: link addresses, the pixel, the unsubscribe link.

use super::rewrite::is_web;
use super::{Personal, Program};
use crate::merge::{Inserts, escape_html, escape_url};
use crate::token::{Keys, MailRef, Token, URL_MAX};

/// One recipient's.
pub(super) struct Personalia<'p> {
    program: &'p Program,
    keys: Option<&'p Keys>,
    mail: MailRef,
    /// Addresses are put into HTML attributes.
    html: bool,
}

impl<'p> Personalia<'p> {
    pub(super) fn new(program: &'p Program, personal: &Personal<'p>, html: bool) -> Self {
        let Personal { message, recipient, contact, .. } = *personal;
        let mail = MailRef { message, recipient, contact, campaign: program.campaign };
        Personalia { program, keys: personal.keys, mail, html }
    }

    /// The unsubscribe token; nothing when the mail has no such way, or no keys.
    pub(super) fn unsubscribe_token(&self) -> Option<String> {
        self.program.unsubscribe.as_ref()?;
        Some(self.keys?.seal(&Token::Unsubscribe { mail: self.mail, list: self.program.list }))
    }

    /// The token of the Message-ID.
    pub(super) fn ref_token(&self) -> Option<String> {
        Some(self.keys?.seal(&Token::Ref(self.mail)))
    }

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
        match self.keys {
            Some(keys) if self.program.clicks && sealable => {
                out.push_str(&self.program.base_url);
                out.push_str("/c/");
                keys.seal_into(&Token::Click { mail: self.mail, link: index, url: made }, out);
            }
            _ => self.put(address, out),
        }
    }

    fn pixel(&self, out: &mut String) {
        let Some(keys) = self.keys else { return };
        out.push_str("<img src=\"");
        out.push_str(&self.program.base_url);
        out.push_str("/o/");
        keys.seal_into(&Token::Open(self.mail), out);
        out.push_str(".gif\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;width:1px;height:1px;border:0\">");
    }
}
