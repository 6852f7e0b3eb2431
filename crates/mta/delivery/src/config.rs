//! Settings of delivery: the `[delivery]` table.

use std::path::PathBuf;
use std::time::Duration;

use model::config::{Fault, Faults};
use model::units::{Size, Span};
use serde::{Deserialize, Serialize};
use smtp::client::Timeouts;

use crate::dialogue::{self, Convert8bit, DialogueRule};

/// Settings of delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The port of the receiving hosts.
    pub port: u16,
    /// How long a TCP connection may take.
    pub connect_timeout: Span,
    /// How long the greeting may take (RFC 5321 4.5.3.2: 5 minutes).
    pub greeting_timeout: Span,
    /// How long the reply to EHLO or HELO may take.
    pub ehlo_timeout: Span,
    /// How long the reply to STARTTLS, and then the handshake, may take.
    pub tls_timeout: Span,
    /// How long the reply to MAIL may take (RFC 5321: 5 minutes).
    pub mail_timeout: Span,
    /// How long the reply to one RCPT may take (RFC 5321: 5 minutes).
    pub rcpt_timeout: Span,
    /// How long the reply to DATA may take (RFC 5321: 2 minutes).
    pub data_timeout: Span,
    /// How long writing a part of the message may take (RFC 5321: 3 minutes).
    pub block_timeout: Span,
    /// How long the reply to the final dot may take (RFC 5321: 10 minutes). A shorter time makes duplicates.
    pub dot_timeout: Span,
    /// How long the reply to RSET or QUIT may take.
    pub quit_timeout: Span,
    /// How long a transaction may take until its final dot, whatever its single steps took.
    pub transaction_time_max: Span,
    /// How long opening a session may take over all hosts and addresses that are tried.
    pub open_time_max: Span,
    /// Deliver to hosts in private networks and on this machine, too. Otherwise an MX that points there is no route:
    /// anyone can point the MX of his domain at a machine behind our firewall. For private routes and tests.
    pub allow_private_routes: bool,
    /// At most so many addresses are tried for one session.
    pub addresses_max: usize,
    /// Of a host with addresses of both families, those of IPv6 come first (RFC 8305).
    pub ipv6_first: bool,
    /// An address that has not answered for so long is joined by the next one of the same preference; the first that
    /// connects is used (RFC 8305: 250 ms).
    pub connect_stagger: Span,
    /// The same, where the next one has a worse preference.
    pub backup_stagger: Span,
    /// A host that is connected and has not finished its part of the opening (greeting, EHLO, TLS) for so long is left for
    /// the next one, and tried again when no other can be used. Greetings that are delayed against spam robots take up to
    /// 30 seconds.
    pub slow_host_after: Span,
    /// An address that could not be connected to is tried last for so long, twice as long each further time …
    pub dead_host_memory: Span,
    /// … but at most this long.
    pub dead_host_memory_max: Span,
    /// At most so many connections are being made to one address at a time.
    pub connecting_max: u32,
    /// How often sources are checked: whether their addresses are on this machine and their proxies answer. One that
    /// cannot send is checked four times as often.
    pub source_check_interval: Span,
    /// At most so many tickets are taken at a time by one session.
    pub batch_max: u32,
    /// A session asks for more when it has no more than so many tickets left, so that the connection never idles.
    pub ready_ahead: u32,
    /// Contents and rows are read ahead up to so many bytes for one session.
    pub read_ahead: Size,
    /// With opportunistic TLS: connect again without TLS when the host refuses the handshake, or when it broke off five
    /// minutes ago or longer and breaks off again.
    pub tls_fallback: bool,
    /// A host whose TLS failed again and again is not asked for it for so long (opportunistic TLS only).
    pub tls_broken_memory: Span,
    /// TLS sessions kept for resumption, by source: hosts.
    pub tls_sessions_max: usize,
    /// Further authorities (PEM) to believe beside the public ones, for `verified` and MTA-STS.
    pub tls_authorities: Option<PathBuf>,
    /// Use DANE (RFC 7672) where a host publishes TLSA records in a signed zone. Needs authenticated answers: see
    /// `dns.dnssec`.
    pub dane: bool,
    /// What is done with the MTA-STS policies of domains (RFC 8461).
    pub mta_sts: MtaSts,
    /// The port of the hosts that publish MTA-STS policies; 443 but in closed networks.
    pub mta_sts_port: u16,
    /// How long fetching a policy may take.
    pub mta_sts_timeout: Span,
    /// Send messages with bytes beyond ASCII that `convert_8bit` leaves as they are also to hosts that do not offer
    /// 8BITMIME, without saying so: nearly all take them. When false they bounce with 5.6.3.
    pub assume_8bit: bool,
    /// Encode 8-bit parts anew for hosts that do not offer 8BITMIME.
    pub convert_8bit: Convert8bit,
    /// Send by BDAT where CHUNKING is offered (RFC 3030): a message takes one round trip in place of two.
    pub chunking: bool,
    /// A host that offers CHUNKING and does not know BDAT is sent DATA for so long.
    pub chunking_broken_memory: Span,
    /// Send the commands of the next message together with the final dot of the one before (RFC 2920). Allowed, but not
    /// every server expects it: switch it on for those that do, in `[[delivery.dialogue]]`.
    pub pipeline_ahead: bool,
    /// What is done differently with some providers or for some streams.
    pub dialogue: Vec<DialogueRule>,
    /// What to do when the whole message was sent and the connection broke before the reply.
    pub lost_after_dot: LostAfterDot,
    /// Wait before a message is sent again that was lost after the dot; three times as long for each further time.
    pub lost_after_dot_wait: Span,
    /// So often a message that was lost after the dot is sent again; then it bounces. Each time the recipient may get
    /// it once more.
    pub lost_after_dot_retries: u32,
    /// What to do with a message that was refused for good because of the source address.
    pub permanent_block: PermanentBlock,
    /// Keep the dialogue of one in so many deliveries; of failures it is always kept. 0 keeps none.
    pub transcript_sample: u32,
    /// Longest dialogue kept; the middle of a longer one is left out. At most 16 KB.
    pub transcript_max: Size,
    /// Compiled merge programs kept in memory.
    pub programs_max: usize,
    /// At shutdown: time for transactions that have begun.
    pub shutdown_grace: Span,
}

/// What is done with MTA-STS policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MtaSts {
    /// What they ask for.
    #[default]
    Enforce,
    /// They are looked up, and what they would have stopped is noted.
    Testing,
    /// Nothing.
    Off,
}

/// The whole message was sent, and the connection broke before the reply to the final dot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LostAfterDot {
    /// Send it again: the recipient may get it twice.
    #[default]
    Retry,
    /// Take it for delivered: the recipient may not get it at all.
    AssumeDelivered,
}

/// A permanent reply that concerns the source address, not the recipient ("your address is on our list").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermanentBlock {
    /// Bounce it, as RFC 5321 says; the address is not suppressed.
    #[default]
    Bounce,
    /// Try again, perhaps from another source, until it expires.
    Retry,
}

impl Default for Config {
    fn default() -> Self {
        let timeouts = Timeouts::default();
        Config {
            port: 25,
            connect_timeout: Span(timeouts.connect),
            greeting_timeout: Span(timeouts.greeting),
            ehlo_timeout: Span(timeouts.ehlo),
            tls_timeout: Span(timeouts.tls),
            mail_timeout: Span(timeouts.mail),
            rcpt_timeout: Span(timeouts.rcpt),
            data_timeout: Span(timeouts.data),
            block_timeout: Span(timeouts.block),
            dot_timeout: Span(timeouts.dot),
            quit_timeout: Span(timeouts.quit),
            transaction_time_max: Span(timeouts.transaction),
            open_time_max: Span::s(600),
            allow_private_routes: false,
            addresses_max: 8,
            ipv6_first: true,
            connect_stagger: Span(Duration::from_millis(250)),
            backup_stagger: Span::s(5),
            slow_host_after: Span::s(30),
            dead_host_memory: Span::s(300),
            dead_host_memory_max: Span::s(3_600),
            connecting_max: 50,
            source_check_interval: Span::s(60),
            batch_max: 64,
            ready_ahead: 16,
            read_ahead: Size(512 << 10),
            tls_fallback: true,
            tls_broken_memory: Span::s(3_600),
            tls_sessions_max: 256,
            tls_authorities: None,
            dane: true,
            mta_sts: MtaSts::Enforce,
            mta_sts_port: 443,
            mta_sts_timeout: Span::s(20),
            assume_8bit: true,
            convert_8bit: Convert8bit::WhenSafe,
            chunking: true,
            chunking_broken_memory: Span::s(3 * 86_400),
            pipeline_ahead: false,
            dialogue: Vec::new(),
            lost_after_dot: LostAfterDot::Retry,
            lost_after_dot_wait: Span::s(600),
            lost_after_dot_retries: 3,
            permanent_block: PermanentBlock::Bounce,
            transcript_sample: 100,
            transcript_max: Size(model::event::TRANSCRIPT_MAX as u64),
            programs_max: 64,
            shutdown_grace: Span::s(30),
        }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.at_least("port", self.port, 1);
        faults.at_least("addresses_max", self.addresses_max, 1);
        faults.at_least("connecting_max", self.connecting_max, 1);
        faults.at_least("mta_sts_port", self.mta_sts_port, 1);
        faults.at_least("mta_sts_timeout", self.mta_sts_timeout, Span::s(1));
        faults.at_least("tls_sessions_max", self.tls_sessions_max, 1);
        faults.at_least("source_check_interval", self.source_check_interval, Span::s(1));
        faults.unless(self.connect_stagger.0 >= Duration::from_millis(10), || {
            Fault::new("connect_stagger", "must be at least 10ms").example("\"250ms\"")
        });
        faults.unless(self.dead_host_memory <= self.dead_host_memory_max, || {
            Fault::new("dead_host_memory", "must not be longer than").than("dead_host_memory_max")
        });
        faults.at_least("batch_max", self.batch_max, 1);
        faults.at_least("read_ahead", self.read_ahead, Size(1));
        faults.at_least("programs_max", self.programs_max, 1);
        faults.join(dialogue::validate(&self.dialogue));
        faults.unless(self.ready_ahead < self.batch_max || self.batch_max <= 1, || {
            Fault::new("ready_ahead", "must be smaller than").than("batch_max")
        });
        let transcript_max = Size(model::event::TRANSCRIPT_MAX as u64);
        faults.within("transcript_max", self.transcript_max, Size(1_024)..=transcript_max);
        faults.result()
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: self.connect_timeout.0,
            greeting: self.greeting_timeout.0,
            ehlo: self.ehlo_timeout.0,
            tls: self.tls_timeout.0,
            mail: self.mail_timeout.0,
            rcpt: self.rcpt_timeout.0,
            data: self.data_timeout.0,
            block: self.block_timeout.0,
            dot: self.dot_timeout.0,
            quit: self.quit_timeout.0,
            transaction: self.transaction_time_max.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_written_as_they_are_read() {
        let config = Config::default();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("lost_after_dot = \"retry\"") && text.contains("dot_timeout = \"10m\""), "{text}");
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
        assert!(toml::from_str::<Config>("portt = 25").is_err());
    }

    #[test]
    fn errors_name_the_key() {
        let check = |text: &str, expected: &str| {
            assert_eq!(toml::from_str::<Config>(text).unwrap().validate().unwrap_err().to_string(), expected);
        };
        check("port = 0", "port must be at least 1");
        check("ready_ahead = 64", "ready_ahead must be smaller than batch_max");
        check("transcript_max = \"1MB\"", "transcript_max must be between 1KB and 16KB");
        check("port = 0\nread_ahead = \"0\"", "port must be at least 1; read_ahead must be at least 1");
    }
}
