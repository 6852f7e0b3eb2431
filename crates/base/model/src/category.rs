//! How a failure is named: category (what), family (group), scope (whom it concerns).
//!
//! The names only; which reply gets which name is decided by the reply dictionary in `mail::bounce`.

numbered_names! {
    /// Bounce category: PowerMTA's seventeen names, and seven of ours.
    Category {
        /// The remote system is set up wrongly.
        0 BadConfiguration "bad-configuration",
        /// The connection broke or was refused.
        1 BadConnection "bad-connection",
        /// The domain does not exist or takes no mail.
        2 BadDomain "bad-domain",
        /// No such mailbox.
        3 BadMailbox "bad-mailbox",
        /// The content was refused for its form (size, attachment, syntax).
        4 ContentRelated "content-related",
        /// The mailbox exists but is disabled.
        5 InactiveMailbox "inactive-mailbox",
        /// The sender address is not acceptable.
        6 InvalidSender "invalid-sender",
        /// Queued for too long.
        7 MessageExpired "message-expired",
        /// Nobody answered.
        8 NoAnswerFromHost "no-answer-from-host",
        /// Nothing else fits.
        9 Other "other",
        /// Refused by a rule of the recipient's side.
        10 PolicyRelated "policy-related",
        /// The dialogue went wrong.
        11 ProtocolErrors "protocol-errors",
        /// The mailbox is full.
        12 QuotaIssues "quota-issues",
        /// The remote host does not relay for this recipient.
        13 RelayingIssues "relaying-issues",
        /// No route: loops, DNS trouble.
        14 RoutingErrors "routing-errors",
        /// The message was taken for spam. (A sending address on a blocklist is `reputation`.)
        15 SpamRelated "spam-related",
        /// Taken for a virus.
        16 VirusRelated "virus-related",
        /// SPF, DKIM or DMARC did not pass.
        17 AuthenticationFailed "authentication-failed",
        /// Too much in too short a time.
        18 RateLimited "rate-limited",
        /// Come again in some minutes (greylisting).
        19 Greylisted "greylisted",
        /// Refused or slowed for the reputation of address or domain.
        20 Reputation "reputation",
        /// Too many recipients in one transaction.
        21 TooManyRecipients "too-many-recipients",
        /// An answer by a machine, not a failure.
        22 AutoReply "auto-reply",
        /// Not sent: the address is on a suppression list of ours.
        23 Suppressed "suppressed",
    }
}

numbered_names! {
    /// Groups of categories, for charts and rules of thumb.
    Family {
        /// No such user, moved, suspended.
        0 Recipient "recipient",
        /// The mailbox is full.
        1 Full "full",
        /// Blocked, rate, PTR, connections, sender address refused.
        2 Reputation "reputation",
        /// SPF, DKIM, DMARC.
        3 Auth "auth",
        /// The message itself: form, size, spam, virus, policy.
        4 Content "content",
        /// Expired, network, system, routing.
        5 Delivery "delivery",
        /// A complaint.
        6 Feedback "feedback",
        /// An answer by a machine.
        7 Auto "auto",
        /// Nothing else fits.
        8 Unknown "unknown",
    }
}

numbered_names! {
    /// Whom a reply concerns, and so what has to wait or stop.
    Scope {
        /// This recipient alone.
        0 Recipient "recipient",
        /// This message, whoever gets it.
        1 Message "message",
        /// Everything from this source address.
        2 Source "source",
        /// Everything from this sending domain.
        3 Domain "domain",
        /// This connection; another may do.
        4 Connection "connection",
    }
}

numbered_names! {
    /// How one attempt, or the whole life of a recipient, ended.
    Disposition {
        /// The receiving host took responsibility (250 after the final dot).
        0 Delivered "delivered",
        /// Not now; another attempt follows.
        1 Deferred "deferred",
        /// Never: a permanent refusal.
        2 Bounced "bounced",
        /// Queued for too long.
        3 Expired "expired",
        /// Not attempted: on a suppression list, or cancelled by a person.
        4 Suppressed "suppressed",
    }
}

impl Category {
    /// The group this category belongs to.
    pub const fn family(self) -> Family {
        match self {
            Category::BadDomain | Category::BadMailbox | Category::InactiveMailbox => Family::Recipient,
            Category::QuotaIssues => Family::Full,
            Category::Greylisted
            | Category::InvalidSender
            | Category::RateLimited
            | Category::Reputation
            | Category::TooManyRecipients => Family::Reputation,
            Category::AuthenticationFailed => Family::Auth,
            Category::ContentRelated | Category::PolicyRelated | Category::SpamRelated | Category::VirusRelated => {
                Family::Content
            }
            Category::BadConfiguration
            | Category::BadConnection
            | Category::MessageExpired
            | Category::NoAnswerFromHost
            | Category::ProtocolErrors
            | Category::RelayingIssues
            | Category::RoutingErrors => Family::Delivery,
            Category::AutoReply => Family::Auto,
            Category::Other | Category::Suppressed => Family::Unknown,
        }
    }
}

impl Disposition {
    /// True when nothing follows: everything but [`Disposition::Deferred`].
    pub const fn is_final(self) -> bool {
        !matches!(self, Disposition::Deferred)
    }
}
