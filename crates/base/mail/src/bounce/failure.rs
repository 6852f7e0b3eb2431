//! Failures without a reply: what happened on our side of the wire, by name.

/// Why an attempt ended without a reply of the other side.
///
/// Each has an entry of its own in the dictionary, so that a broken connection and a refusal are named in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The domain does not exist.
    NoDomain,
    /// The domain says that it takes no mail (RFC 7505).
    NullMx,
    /// The name servers did not answer, or with an error.
    DnsTemporary,
    /// The domain exists but has neither MX nor address.
    NoRoute,
    /// The MX set leads back to this machine.
    Loop,
    /// No TCP connection within the time.
    ConnectTimeout,
    /// The connection was refused.
    ConnectRefused,
    /// The host or network cannot be reached.
    Unreachable,
    /// The connection was closed in the middle of the dialogue.
    Disconnected,
    /// No reply within the time.
    ReplyTimeout,
    /// The connection broke after the final dot: the mail may have been taken.
    LostAfterDot,
    /// The TLS handshake failed.
    Tls,
    /// TLS was required and not offered.
    TlsRequired,
    /// The other side broke the protocol.
    Protocol,
    /// The address needs SMTPUTF8 (RFC 6531) and the host does not offer it.
    NoSmtputf8,
    /// The message needs 8BITMIME (RFC 6152) and the host does not offer it.
    #[serde(rename = "no-8bitmime")]
    No8bitmime,
    /// Larger than the host takes (RFC 1870).
    TooLarge,
    /// Queued for too long.
    Expired,
    /// On a suppression list of ours, or cancelled.
    Suppressed,
    /// Something on our side: content that cannot be rendered.
    Local,
    /// The source cannot send: its address is not of this machine, its proxies do not answer, its certificate cannot be
    /// read.
    SourceDown,
    /// The connection is not what the policy of the recipient's domain demands (RFC 8461).
    PolicyUnmet,
}

impl Failure {
    /// Every one, in the order of declaration.
    pub const ALL: &'static [Failure] = &[
        Failure::NoDomain,
        Failure::NullMx,
        Failure::DnsTemporary,
        Failure::NoRoute,
        Failure::Loop,
        Failure::ConnectTimeout,
        Failure::ConnectRefused,
        Failure::Unreachable,
        Failure::Disconnected,
        Failure::ReplyTimeout,
        Failure::LostAfterDot,
        Failure::Tls,
        Failure::TlsRequired,
        Failure::Protocol,
        Failure::NoSmtputf8,
        Failure::No8bitmime,
        Failure::TooLarge,
        Failure::Expired,
        Failure::Suppressed,
        Failure::Local,
        Failure::SourceDown,
        Failure::PolicyUnmet,
    ];
}
