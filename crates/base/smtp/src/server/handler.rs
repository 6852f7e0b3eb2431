//! What the user of the server supplies: a [`Handler`] for each listener, a [`Conversation`] for each connection.
//!
//! Futures are not cancelled by timeouts: a handler that has begun to commit a message is allowed to finish. When the
//! client goes away the reply is simply not sent.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use model::name::Name;
use model::reply::Reply;

use crate::BoxFuture;
use crate::envelope::{Mail, Recipient, Transaction};
use crate::server::Credentials;
use crate::server::certificates::ClientCertificate;
use crate::tls::TlsInfo;

/// Decides what a listener accepts.
pub trait Handler: Send + Sync + 'static {
    /// A client has connected: a conversation, or an answer in place of the greeting (such as 421 or 554) after which the
    /// connection is closed.
    fn connect<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>>;

    /// Whether a proxy at this address is believed about the clients it speaks for; asked where
    /// [`ServerConfig::proxy_protocol`](crate::server::ServerConfig::proxy_protocol) is on.
    fn believes(&self, proxy: IpAddr) -> bool {
        let _ = proxy;
        false
    }

    /// A connection was closed without a word, for a reason that its operator should know.
    fn closed(&self, peer: &Peer, why: &str) {
        let _ = (peer, why);
    }
}

/// Answers the questions of one connection, in the order of the dialogue.
///
/// Every method may take its time and may answer with [`Answer::Close`]. Syntax, sequence and limits are checked
/// before a question is asked.
pub trait Conversation: Send {
    /// EHLO or HELO.
    fn hello<'a>(&'a mut self, context: &'a Context, hello: &'a Hello) -> BoxFuture<'a, Answer> {
        let _ = (context, hello);
        accept()
    }

    /// STARTTLS; [`Answer::Accept`] says 220 and begins the handshake.
    fn starttls<'a>(&'a mut self, context: &'a Context) -> BoxFuture<'a, Answer> {
        let _ = context;
        accept()
    }

    /// AUTH with complete credentials: the name under which the client is known from now on, or a refusal.
    fn auth<'a>(
        &'a mut self,
        context: &'a Context,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Name, Denied>> {
        let _ = (context, credentials);
        Box::pin(std::future::ready(Err(Denied::Wrong)))
    }

    /// MAIL.
    fn mail<'a>(&'a mut self, context: &'a Context, mail: &'a Mail) -> BoxFuture<'a, Answer> {
        let _ = (context, mail);
        accept()
    }

    /// RCPT.
    fn rcpt<'a>(&'a mut self, context: &'a Context, mail: &'a Mail, recipient: &'a Recipient) -> BoxFuture<'a, Answer>;

    /// DATA, before 354. Not asked for BDAT.
    fn data<'a>(&'a mut self, context: &'a Context) -> BoxFuture<'a, Answer> {
        let _ = context;
        accept()
    }

    /// The message is complete. A positive reply takes the responsibility for it.
    fn message<'a>(&'a mut self, context: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer>;
}

fn accept<'a>() -> BoxFuture<'a, Answer> {
    Box::pin(std::future::ready(Answer::Accept))
}

/// What a step of the dialogue is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The usual positive reply of this step.
    Accept,
    /// This reply. A positive one (for DATA: 3xx) accepts the step, any other refuses it; 421 closes the connection.
    Reply(Reply),
    /// This reply, then the connection is closed.
    ReplyAndClose(Reply),
    /// The connection is closed without a reply.
    Close,
}

impl Answer {
    /// A reply from its code and its text, which may begin with an enhanced code: `Answer::reply(550, "5.1.1 no")`.
    pub fn reply(code: u16, text: &str) -> Self {
        Answer::Reply(Reply::new(code, text))
    }
}

/// Why a client is not known by its credentials. It counts as a failure in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// User and password do not fit: 535.
    Wrong,
    /// Another reason, said with this reply.
    Reply(Reply),
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address; behind a proxy as the proxy tells it.
    pub address: SocketAddr,
    /// The address to which the client connected: ours, or that of the proxy.
    pub local: SocketAddr,
    /// The proxy in between. When it is also [`Peer::address`], the proxy spoke for itself or knew no client: nothing
    /// follows from the address then.
    pub proxy: Option<SocketAddr>,
}

impl Peer {
    /// Nothing is known of the client but the proxy through which it came.
    pub fn is_unknown(&self) -> bool {
        self.proxy == Some(self.address)
    }
}

/// EHLO or HELO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name the client gave itself; at most 255 printable bytes.
    pub name: String,
    /// EHLO.
    pub extended: bool,
}

/// What is known of a connection so far.
#[derive(Clone, Debug)]
pub struct Context {
    /// Both ends.
    pub peer: Peer,
    /// The last EHLO or HELO that was accepted.
    pub hello: Option<Hello>,
    /// Present when the connection is encrypted.
    pub tls: Option<TlsInfo>,
    /// What the client has shown, where it was asked for a certificate and had one. Who knows it is another question.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Present when the client authenticated.
    pub user: Option<Name>,
    /// Messages accepted on this connection.
    pub messages: u32,
}
