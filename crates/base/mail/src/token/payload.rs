//! The plain payload inside a token.
//!
//! `head | fields`. Head: bits 0-2 the kind, bit 3 a contact follows, bit 4 a campaign follows, bit 5 something of the
//! kind's own follows (URL, list), bits 6-7 zero. All kinds but 3 begin with the mail: message (8 bytes, big
//! endian), recipient (varint of the zigzag distance from the message), contact and campaign (the same). A return
//! token is `recipient (8 bytes) | campaign (8 bytes)?`. Distances are short because ids are given in the order of
//! time. Every payload has exactly one form: what is left over or padded is refused.
//!
//! Unsubscribe tokens have two kinds: 2, the first form, is `mail | list?`; 5 is `mail | list? | tenant | stream | address`,
//! the names with their length in front.

use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::name::Name;

use super::{ADDRESS_MAX, Addressee, MailRef, NAMES_MAX, Token, TokenError, URL_MAX};

const OPEN: u8 = 0;
const CLICK: u8 = 1;
const UNSUBSCRIBE: u8 = 2;
const RETURN: u8 = 3;
const REF: u8 = 4;
const UNSUBSCRIBE_TO: u8 = 5;

const KIND: u8 = 0b111;
const CONTACT: u8 = 1 << 3;
const CAMPAIGN: u8 = 1 << 4;
const OWN: u8 = 1 << 5;
const KNOWN: u8 = KIND | CONTACT | CAMPAIGN | OWN;

pub(super) fn encode(token: &Token) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    match token {
        Token::Open(mail) => put_mail(OPEN, mail, &mut out),
        Token::Ref(mail) => put_mail(REF, mail, &mut out),
        Token::Click { mail, link, url } => {
            let url = url.as_deref().filter(|url| url.len() <= URL_MAX);
            put_mail(CLICK | flag(url.is_some(), OWN), mail, &mut out);
            put_varint(u64::from(*link), &mut out);
            out.extend_from_slice(url.unwrap_or_default().as_bytes());
        }
        Token::Unsubscribe { mail, list, to } => {
            let to = to.as_ref().filter(|to| to.address.len() <= ADDRESS_MAX);
            let kind = if to.is_some() { UNSUBSCRIBE_TO } else { UNSUBSCRIBE };
            put_mail(kind | flag(list.is_some(), OWN), mail, &mut out);
            if let Some(list) = list {
                put_distance(list.0, mail.message.0, &mut out);
            }
            if let Some(to) = to {
                put_addressee(to, &mut out);
            }
        }
        Token::Return { recipient, campaign } => {
            out.push(RETURN | flag(campaign.is_some(), CAMPAIGN));
            out.extend_from_slice(&recipient.0.to_be_bytes());
            if let Some(campaign) = campaign {
                out.extend_from_slice(&campaign.0.to_be_bytes());
            }
        }
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Token, TokenError> {
    let mut reader = Reader(bytes);
    let token = reader.token().ok_or(TokenError::Malformed)?;
    // One form only: whatever a token says, sealing it again must give the same payload.
    if encode(&token) == bytes { Ok(token) } else { Err(TokenError::Malformed) }
}

const fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

fn put_mail(head: u8, mail: &MailRef, out: &mut Vec<u8>) {
    out.push(head | flag(mail.contact.is_some(), CONTACT) | flag(mail.campaign.is_some(), CAMPAIGN));
    out.extend_from_slice(&mail.message.0.to_be_bytes());
    put_distance(mail.recipient.0, mail.message.0, out);
    if let Some(contact) = mail.contact {
        put_distance(contact.0, mail.message.0, out);
    }
    if let Some(campaign) = mail.campaign {
        put_distance(campaign.0, mail.message.0, out);
    }
}

fn put_addressee(to: &Addressee, out: &mut Vec<u8>) {
    let fits = to.tenant.len() + to.stream.len() <= NAMES_MAX;
    for name in [&to.tenant, &to.stream] {
        let name = if fits { name.as_str() } else { "" };
        put_varint(name.len() as u64, out);
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(to.address.as_bytes());
}

fn put_distance(id: u64, from: u64, out: &mut Vec<u8>) {
    let distance = id.wrapping_sub(from) as i64;
    put_varint(((distance << 1) ^ (distance >> 63)) as u64, out);
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn token(&mut self) -> Option<Token> {
        let head = self.byte()?;
        if head & !KNOWN != 0 {
            return None;
        }
        if head & KIND == RETURN {
            let recipient = RecipientId(self.fixed()?);
            let campaign = if head & CAMPAIGN != 0 { Some(CampaignId(self.fixed()?)) } else { None };
            return Some(Token::Return { recipient, campaign });
        }
        let mail = self.mail(head)?;
        match head & KIND {
            OPEN => Some(Token::Open(mail)),
            REF => Some(Token::Ref(mail)),
            CLICK => {
                let link = u16::try_from(self.varint()?).ok()?;
                let url = if head & OWN != 0 { Some(std::str::from_utf8(self.0).ok()?.to_owned()) } else { None };
                Some(Token::Click { mail, link, url })
            }
            kind @ (UNSUBSCRIBE | UNSUBSCRIBE_TO) => {
                let list = if head & OWN != 0 { Some(ListId(self.distance(mail.message.0)?)) } else { None };
                let to = if kind == UNSUBSCRIBE_TO { Some(self.addressee()?) } else { None };
                Some(Token::Unsubscribe { mail, list, to })
            }
            _ => None,
        }
    }

    fn mail(&mut self, head: u8) -> Option<MailRef> {
        let message = self.fixed()?;
        let recipient = RecipientId(self.distance(message)?);
        let contact = if head & CONTACT != 0 { Some(ContactId(self.distance(message)?)) } else { None };
        let campaign = if head & CAMPAIGN != 0 { Some(CampaignId(self.distance(message)?)) } else { None };
        Some(MailRef { message: MessageId(message), recipient, contact, campaign })
    }

    fn addressee(&mut self) -> Option<Addressee> {
        let (tenant, stream) = (self.name()?, self.name()?);
        Some(Addressee { address: std::str::from_utf8(self.0).ok()?.to_owned(), tenant, stream })
    }

    fn name(&mut self) -> Option<Name> {
        let len = usize::try_from(self.varint()?).ok()?;
        let (name, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(Name::from(std::str::from_utf8(name).ok()?))
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn fixed(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    fn distance(&mut self, from: u64) -> Option<u64> {
        let zigzag = self.varint()?;
        let distance = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        Some(from.wrapping_add(distance as u64))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
