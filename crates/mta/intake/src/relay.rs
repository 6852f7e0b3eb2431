//! Who may send what to whom: the one place that keeps this from being an open relay.
//!
//! Pure. A recipient is either one of ours (mail that comes back: taken from everyone, never passed on), or somebody
//! else's: then only users and the clients in the configured networks may write to him. An address is judged by the
//! same parser that brings it into the spool, so no spelling is one thing here and another there.

use std::collections::HashSet;
use std::net::IpAddr;

use mail::address::Address;
use mail::token::Mark;
use model::reply::Reply;

use crate::config::{Config, Listener};
use crate::network::Network;

/// Where mail to a recipient goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the spool, to be delivered to this address.
    Relay(Address),
    /// Read here.
    Inbound(Mailbox),
    /// Nowhere.
    Refused(Reply),
}

/// A mailbox of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// `b.TOKEN@` a bounce domain: reports about one recipient.
    ReturnPath,
    /// Unsubscribing by mail.
    Unsubscribe,
    /// Feedback loops and other reports.
    Reports,
    /// Whoever runs this host: RFC 5321 4.5.1 obliges to take his mail.
    Postmaster,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Its address; `None` when only the proxy in front of it is known.
    pub address: Option<IpAddr>,
    /// Under which name it authenticated.
    pub user: Option<&'a str>,
}

/// The rules of one listener, made of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    networks: Vec<Network>,
    /// Mail that comes back is taken here.
    inbound: bool,
    bounce_domains: HashSet<String>,
    /// By [`Address::key`].
    reports: HashSet<String>,
    unsubscribe: HashSet<String>,
}

impl Rules {
    /// From a valid configuration; what is not valid in it has no effect.
    pub fn new(config: &Config, listener: &Listener) -> Self {
        let domain = |domain: &String| Some(Address::parse(&format!("a@{domain}")).ok()?.domain().to_owned());
        let key = |address: &String| Some(Address::parse(address).ok()?.key());
        Rules {
            networks: listener.relay_networks.as_ref().unwrap_or(&config.relay_networks).clone(),
            inbound: listener.inbound,
            bounce_domains: config.inbound.bounce_domains.iter().filter_map(domain).collect(),
            reports: config.inbound.feedback_addresses.iter().filter_map(key).collect(),
            unsubscribe: config.inbound.unsubscribe_addresses.iter().filter_map(key).collect(),
        }
    }

    /// Whether a client may write to everyone.
    pub fn may_relay(&self, client: Client<'_>) -> bool {
        let trusted = |address| self.networks.iter().any(|network| network.contains(address));
        client.user.is_some() || client.address.is_some_and(trusted)
    }

    /// Where mail of this client to this recipient goes.
    pub fn way(&self, client: Client<'_>, recipient: &str) -> Way {
        // RFC 5321 4.5.1: the postmaster is reached without a domain.
        if recipient.eq_ignore_ascii_case("postmaster") {
            return self.inbound(Mailbox::Postmaster);
        }
        let address = match Address::parse(recipient) {
            Ok(address) => address,
            Err(error) => return Way::Refused(Reply::new(553, &format!("5.1.3 Bad recipient address: {error}"))),
        };
        if let Some(mailbox) = self.mailbox(&address) {
            return self.inbound(mailbox);
        }
        if self.bounce_domains.contains(address.domain()) {
            return Way::Refused(Reply::new(550, "5.1.1 No such mailbox here"));
        }
        if self.may_relay(client) {
            return Way::Relay(address);
        }
        Way::Refused(Reply::new(550, "5.7.1 Relaying denied"))
    }

    fn inbound(&self, mailbox: Mailbox) -> Way {
        if self.inbound {
            return Way::Inbound(mailbox);
        }
        Way::Refused(Reply::new(550, "5.7.1 Mail that comes back is not taken here"))
    }

    fn mailbox(&self, address: &Address) -> Option<Mailbox> {
        let key = address.key();
        if self.unsubscribe.contains(&key) {
            return Some(Mailbox::Unsubscribe);
        }
        if self.reports.contains(&key) {
            return Some(Mailbox::Reports);
        }
        if !self.bounce_domains.contains(address.domain()) {
            return None;
        }
        let local = address.local();
        match Mark::split(local) {
            Some((Mark::Return, _)) => Some(Mailbox::ReturnPath),
            Some((Mark::Unsubscribe, _)) => Some(Mailbox::Unsubscribe),
            _ if local.eq_ignore_ascii_case("unsubscribe") => Some(Mailbox::Unsubscribe),
            _ if local.eq_ignore_ascii_case("postmaster") => Some(Mailbox::Postmaster),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let mut config = Config::default();
        config.inbound.bounce_domains = vec!["Bounce.Example.org".to_owned()];
        config.inbound.feedback_addresses = vec!["fbl@example.org".to_owned()];
        config.inbound.unsubscribe_addresses = vec!["leave@example.org".to_owned()];
        Rules::new(&config, &Listener::default())
    }

    fn way(client: &str, user: Option<&str>, recipient: &str) -> String {
        match rules().way(Client { address: client.parse().ok(), user }, recipient) {
            Way::Relay(address) => format!("relay {address}"),
            Way::Inbound(mailbox) => format!("{mailbox:?}"),
            Way::Refused(reply) => format!("{} {}", reply.code, reply.enhanced.unwrap()),
        }
    }

    #[test]
    fn strangers_relay_nothing() {
        for client in ["203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9", "128.0.0.1", "10.0.0.1"] {
            for recipient in [
                "user@example.com",
                "user@example.org",
                "\"user@example.com\"@bounce.example.org",
                "user%example.com@bounce.example.org",
                "example.com!user@bounce.example.org",
                "b.x@example.com",
                "b.@example.com",
                "unsubscribe@example.com",
                "postmaster@example.com",
                "fbl@example.org.example.com",
                "fbl@example.com",
                "user@[127.0.0.1]",
                "user@localhost",
                "user@bounce.example.org@example.com",
                "user@example.com.",
                "user@sub.bounce.example.org",
                "",
                "@example.com",
                "user",
            ] {
                let found = way(client, None, recipient);
                assert!(found.starts_with("55"), "{client} to {recipient}: {found}");
            }
        }
    }

    #[test]
    fn users_and_trusted_networks_relay() {
        for (client, user) in
            [("127.0.0.1", None), ("::1", None), ("::ffff:127.9.9.9", None), ("203.0.113.9", Some("a"))]
        {
            assert_eq!(way(client, user, "Zoë@Bücher.example"), "relay Zoë@xn--bcher-kva.example");
            assert_eq!(way(client, user, "user@localhost"), "553 5.1.3");
            assert_eq!(way(client, user, "nobody@bounce.example.org"), "550 5.1.1", "ours is never passed on");
        }
    }

    #[test]
    fn mail_that_comes_back_is_taken_from_everyone() {
        for client in ["203.0.113.9", "127.0.0.1"] {
            assert_eq!(way(client, None, "b.abc@bounce.example.org"), "ReturnPath");
            assert_eq!(way(client, None, "B.ABC@BOUNCE.EXAMPLE.ORG"), "ReturnPath");
            assert_eq!(way(client, None, "unsubscribe@bounce.example.org"), "Unsubscribe");
            assert_eq!(way(client, None, "u.abc@bounce.example.org"), "Unsubscribe");
            assert_eq!(way(client, None, "LEAVE@example.org"), "Unsubscribe");
            assert_eq!(way(client, None, "fbl@example.ORG"), "Reports");
            assert_eq!(way(client, None, "postmaster@bounce.example.org"), "Postmaster");
            assert_eq!(way(client, None, "Postmaster"), "Postmaster");
        }
    }
}
