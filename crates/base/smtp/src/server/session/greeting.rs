//! EHLO, HELO, STARTTLS and AUTH.

use std::sync::Arc;

use super::{Asked, Session, State};
use crate::reply;
use crate::server::auth;
use crate::server::certificates::ClientCertificate;
use crate::server::fixed;
use crate::tls::TlsInfo;

impl Session {
    pub(super) fn say_hello(&mut self, extended: bool) {
        let name = self.policy.host_name.as_str();
        if !extended {
            return reply::write_parts(250, None, name, &mut self.output);
        }
        let offered = &self.policy.extensions;
        let encrypted = self.context.tls.is_some();
        let size = format!("SIZE {}", self.policy.limits.message_bytes_max);
        let keywords = [
            (offered.pipelining, "PIPELINING"),
            (offered.size, size.as_str()),
            (offered.starttls && !encrypted, "STARTTLS"),
            (offered.auth && (encrypted || self.policy.auth_in_clear), "AUTH PLAIN LOGIN"),
            (offered.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
            (offered.eight_bit_mime, "8BITMIME"),
            (offered.smtputf8, "SMTPUTF8"),
            (offered.dsn, "DSN"),
            (offered.chunking, "CHUNKING"),
        ];
        let mut text = name.to_owned();
        for (_, keyword) in keywords.iter().filter(|(offered, _)| *offered) {
            text.push('\n');
            text.push_str(keyword);
        }
        reply::write_parts(250, None, &text, &mut self.output);
    }

    pub(super) fn starttls(&mut self) {
        if self.context.tls.is_some() {
            self.refuse(fixed::TLS_ALREADY);
        } else if !self.policy.extensions.starttls {
            self.refuse(fixed::NOT_OFFERED);
        } else {
            self.ask_for(Asked::StartTls);
        }
    }

    /// The handshake is done. Everything the client said before is forgotten (RFC 3207 4.2), and so is what it sent
    /// behind STARTTLS in the clear.
    pub fn tls_started(&mut self, tls: TlsInfo, certificate: Option<ClientCertificate>) {
        self.reset();
        self.lines.clear();
        self.context.hello = None;
        self.context.user = None;
        self.context.tls = Some(tls);
        self.context.certificate = certificate.map(Arc::new);
        self.state = State::Command;
    }

    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) {
        if !self.policy.extensions.auth {
            self.refuse(fixed::NOT_OFFERED);
        } else if self.context.hello.is_none() {
            self.refuse(fixed::HELLO_FIRST);
        } else if self.context.tls.is_none() && !self.policy.auth_in_clear {
            self.refuse(fixed::TLS_FOR_AUTH);
        } else if self.context.user.is_some() {
            self.refuse(fixed::AUTH_ALREADY);
        } else if self.in_transaction() {
            self.refuse(fixed::IN_TRANSACTION);
        } else {
            self.auth_step(auth::begin(mechanism, initial));
        }
    }

    pub(super) fn auth_step(&mut self, step: auth::Step) {
        match step {
            auth::Step::Challenge(reply, expect) => {
                self.say(reply);
                self.state = State::Auth(expect);
            }
            auth::Step::Complete(credentials) => self.ask_for(Asked::Auth(credentials)),
            auth::Step::Refuse(reply) => self.refuse(reply),
        }
    }
}
