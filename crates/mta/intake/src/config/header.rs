//! The header fields with which a message says how it is to be treated.

model::names! {
    /// A header field that tells how a message is treated. Taken out of every message, whether it is honoured or not.
    #[derive(schemars::JsonSchema)]
    Header {
        /// A source or a pool (PowerMTA's name).
        VirtualMta "x-virtual-mta",
        /// The unit of work (PowerMTA's name).
        Job "x-job",
        /// The envelope id, where MAIL gave none (PowerMTA's name; RFC 3461 4.4).
        Envid "x-envid",
        /// A moment before which, or a window in which, it is sent (PowerMTA's name).
        Schedule "x-schedule",
        /// The kind of traffic.
        Stream "x-ies-stream",
        /// Whose mail it is.
        Tenant "x-ies-tenant",
        /// A pool or a source.
        Pool "x-ies-pool",
        /// Not to be attempted before this moment.
        NotBefore "x-ies-not-before",
        /// Not to be attempted after this moment.
        Expires "x-ies-expires",
        /// Words for sorting, with commas between them; may be there more than once.
        Tag "x-ies-tag",
        /// `name=text`, found with every event of the message; may be there more than once.
        Metadata "x-ies-metadata",
    }
}
