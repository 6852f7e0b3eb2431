//! What the tests share: a server with a scripted handler, and escapes in dialogue files.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model::name::Name;
use smtp::BoxFuture;
use smtp::envelope::{Mail, Recipient, Transaction};
use smtp::server::{Answer, Context, Conversation, Credentials, Denied, Handler, Peer, ServerConfig, serve};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All files of a directory under testdata, with their text.
pub fn files(dir: &str) -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(dir);
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// `\r`, `\n`, `\0`, `\\` and `\xNN` in dialogue files.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().expect("something behind the backslash");
        rest = after;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b'0' => 0,
            b'x' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    bytes
}

/// The reverse of [`unescape`]; text beyond ASCII stays readable.
pub fn escape(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n").replace('\0', "\\0")
}

/// An answer as a file or a test names it: `close`, `close after 550 text`, `550 text`.
pub fn answer(text: &str) -> Answer {
    let reply = |text: &str| {
        let (code, text) = text.split_once(' ').unwrap_or((text, ""));
        model::reply::Reply::new(code.parse().unwrap(), &text.replace("\\n", "\n"))
    };
    match text.strip_prefix("close after ") {
        _ if text == "close" => Answer::Close,
        Some(text) => Answer::ReplyAndClose(reply(text)),
        None => Answer::Reply(reply(text)),
    }
}

/// Answers in the order in which they are to be given, by the name of the question.
#[derive(Clone, Default)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<(String, Answer)>>>,
    pub received: Arc<Mutex<Vec<Transaction>>>,
    pub contexts: Arc<Mutex<Vec<Context>>>,
    gate: Arc<Mutex<Option<Arc<Gate>>>>,
}

/// Where messages wait for their answer.
#[derive(Default)]
pub struct Gate {
    /// A message has come.
    pub reached: Notify,
    /// One message may be answered.
    pub open: Notify,
}

impl Script {
    pub fn new(answers: &[(&str, &str)]) -> Self {
        let answers = answers.iter().map(|(question, text)| ((*question).to_owned(), answer(text)));
        Script { answers: Arc::new(Mutex::new(answers.collect())), ..Script::default() }
    }

    /// From now on messages wait at the gate.
    pub fn hold_messages(&self) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub fn push(&self, question: &str, answer: Answer) {
        self.answers.lock().unwrap().push_back((question.to_owned(), answer));
    }

    /// What wrong credentials are answered with.
    pub fn denied(&self) -> Denied {
        match self.take("auth") {
            Answer::Reply(reply) => Denied::Reply(reply),
            _ => Denied::Wrong,
        }
    }

    /// The next answer, if it is for this question.
    pub fn take(&self, question: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        match answers.iter().position(|(name, _)| name == question) {
            Some(at) => answers.remove(at).unwrap().1,
            None => Answer::Accept,
        }
    }

    fn soon(&self, question: &str) -> BoxFuture<'static, Answer> {
        Box::pin(std::future::ready(self.take(question)))
    }
}

impl Handler for Script {
    fn connect<'a>(&'a self, _: &'a Peer) -> BoxFuture<'a, Result<Box<dyn Conversation>, Answer>> {
        let conversation: Box<dyn Conversation> = Box::new(self.clone());
        Box::pin(std::future::ready(match self.take("connect") {
            Answer::Accept => Ok(conversation),
            refusal => Err(refusal),
        }))
    }
}

impl Conversation for Script {
    fn hello<'a>(&'a mut self, _: &'a Context, _: &'a smtp::server::Hello) -> BoxFuture<'a, Answer> {
        self.soon("hello")
    }

    fn starttls<'a>(&'a mut self, _: &'a Context) -> BoxFuture<'a, Answer> {
        self.soon("starttls")
    }

    fn auth<'a>(&'a mut self, _: &'a Context, credentials: &'a Credentials) -> BoxFuture<'a, Result<Name, Denied>> {
        Box::pin(std::future::ready(match (&*credentials.user, &*credentials.password) {
            ("user", "secret") => Ok(Name::from("user")),
            _ => Err(self.denied()),
        }))
    }

    fn mail<'a>(&'a mut self, _: &'a Context, _: &'a Mail) -> BoxFuture<'a, Answer> {
        self.soon("mail")
    }

    fn rcpt<'a>(&'a mut self, _: &'a Context, _: &'a Mail, _: &'a Recipient) -> BoxFuture<'a, Answer> {
        self.soon("rcpt")
    }

    fn data<'a>(&'a mut self, _: &'a Context) -> BoxFuture<'a, Answer> {
        self.soon("data")
    }

    fn message<'a>(&'a mut self, context: &'a Context, transaction: Transaction) -> BoxFuture<'a, Answer> {
        self.received.lock().unwrap().push(transaction);
        self.contexts.lock().unwrap().push(context.clone());
        let (gate, answer) = (self.gate.lock().unwrap().clone(), self.soon("message"));
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.reached.notify_one();
                gate.open.notified().await;
            }
            answer.await
        })
    }
}

/// A server on a loopback port.
pub struct Running {
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    pub task: tokio::task::JoinHandle<()>,
}

pub async fn start(script: &Script, config: ServerConfig, tls: Option<Arc<rustls::ServerConfig>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, Arc::new(script.clone()), config, tls, shutdown.clone()));
    Running { address, shutdown, task }
}
