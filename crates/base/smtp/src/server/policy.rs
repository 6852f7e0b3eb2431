//! What a listener offers and how much it lets one connection do.

/// Name, extensions and limits of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Name in the greeting and in the reply to EHLO.
    pub host_name: String,
    /// Text behind the name in the greeting.
    pub greeting: String,
    /// What EHLO advertises; what is not advertised is refused.
    pub extensions: Extensions,
    /// Offer AUTH on connections that are not encrypted.
    pub auth_in_clear: bool,
    /// Bounds on what one connection may do.
    pub limits: Limits,
}

impl Policy {
    /// The defaults under this name.
    pub fn new(host_name: &str) -> Self {
        Policy {
            host_name: host_name.to_owned(),
            greeting: "ESMTP".to_owned(),
            extensions: Extensions::default(),
            auth_in_clear: false,
            limits: Limits::default(),
        }
    }
}

/// Extensions that EHLO advertises. The default is everything but AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE with [`Limits::message_bytes_max`] (RFC 1870).
    pub size: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING: BDAT (RFC 3030).
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034). When off, our own replies carry none; replies of the handler go out as they are.
    pub enhanced_status_codes: bool,
    /// STARTTLS (RFC 3207). Advertised only when the listener has a TLS configuration, and only in the clear.
    pub starttls: bool,
    /// AUTH PLAIN LOGIN (RFC 4954).
    pub auth: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions {
            pipelining: true,
            size: true,
            eight_bit_mime: true,
            smtputf8: true,
            chunking: true,
            dsn: true,
            enhanced_status_codes: true,
            starttls: true,
            auth: false,
        }
    }
}

/// Bounds on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest command line, CRLF included (RFC 5321 4.5.3.1.4 asks for 512, AUTH for 12,288).
    pub command_bytes_max: usize,
    /// Longest line of a message, CRLF included (RFC 5321 allows clients 1,000; much mail has more).
    pub data_line_bytes_max: usize,
    /// Largest message.
    pub message_bytes_max: u64,
    /// Most recipients of a message (RFC 5321 4.5.3.1.8 asks for at least 100); more get 452.
    pub recipients_max: usize,
    /// So many errors of syntax or sequence close the connection with 421.
    pub errors_max: u32,
    /// So many recipients refused for good (5xx) since the last accepted message close the connection with 421: whoever
    /// guesses addresses has to connect again and again.
    pub refused_recipients_max: u32,
    /// So many failed AUTH close the connection with 421.
    pub auth_failures_max: u32,
    /// So many commands without an accepted message in between, RCPT not counted, close the connection with 421.
    pub idle_commands_max: u32,
    /// Messages on one connection; a further MAIL gets 421. 0 stands for no limit.
    pub messages_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            command_bytes_max: 12_288,
            data_line_bytes_max: 64 * 1024,
            message_bytes_max: 50 << 20,
            recipients_max: 1_000,
            errors_max: 20,
            refused_recipients_max: 200,
            auth_failures_max: 3,
            idle_commands_max: 200,
            messages_max: 0,
        }
    }
}
