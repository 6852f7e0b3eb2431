//! How subcommands talk to a running suite on the same machine: over its HTTP API, with a key that the suite leaves in
//! its data directory for whoever may read it there.
//!
//! The key is made at every start and lives as long as the suite.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name of the file in the data directory.
const FILE: &str = "local.json";

/// Where the suite listens, and the key that opens it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Door {
    /// Beginning of the API's URLs.
    pub url: String,
    /// An API key with all scopes.
    pub key: String,
    /// Process of the suite.
    pub pid: u32,
    /// Where the first SMTP listener is, if there is one.
    pub smtp: Option<std::net::SocketAddr>,
}

impl Door {
    /// The file in this data directory.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Leaves the door in the data directory, readable by the owner only.
    ///
    /// # Errors
    /// The error of writing.
    pub fn write(&self, data_dir: &Path) -> std::io::Result<()> {
        journal::file::replace(&Door::path(data_dir), &serde_json::to_vec_pretty(self)?, 0o600)
    }

    /// The door of the suite that runs on this data directory.
    ///
    /// # Errors
    /// When no suite runs there, or it belongs to another user.
    pub fn read(data_dir: &Path) -> anyhow::Result<Door> {
        let path = Door::path(data_dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("no suite runs"),
            Err(error) => bail!("{} cannot be read: {error}", path.display()),
        };
        let door: Door = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        // A suite that was killed leaves its door behind.
        anyhow::ensure!(door.is_there(), "no suite runs, process {} is gone", door.pid);
        Ok(door)
    }

    /// Whether its process is there. One of another user is.
    fn is_there(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

/// A client of the API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    /// A client that goes through this door.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(door: &Door) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Client { http, url: door.url.clone(), key: door.key.clone() })
    }

    /// `GET` of a path such as `/api/v1/queues`.
    ///
    /// # Errors
    /// When the suite does not answer, or refuses; its own words are in the error.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// `GET` of a file.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn download(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        body(self.ask(self.http.get(format!("{}{path}", self.url))).await?).await
    }

    /// `GET` of something that may not be there: `None` when the suite does not know it.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let response = self.ask(self.http.get(format!("{}{path}", self.url))).await?;
        if response.status() == reqwest::StatusCode::NOT_FOUND { Ok(None) } else { read(response).await.map(Some) }
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.send(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// `DELETE` of something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        body(self.ask(self.http.delete(format!("{}{path}", self.url))).await?).await.map(drop)
    }

    /// `POST` of a body of any type.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn upload<T: DeserializeOwned>(&self, path: &str, kind: &str, body: Vec<u8>) -> anyhow::Result<T> {
        self.send(self.http.post(format!("{}{path}", self.url)).header("content-type", kind).body(body)).await
    }

    /// `POST` of mail, under an idempotency key where there is one: what the suite answered, whatever it was.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn hand_in(
        &self,
        path: &str,
        kind: &str,
        body: reqwest::Body,
        key: Option<&str>,
    ) -> Result<Answer, Unanswered> {
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", kind).body(body);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let unanswered = |error: reqwest::Error| Unanswered { url: self.url.clone(), is_unreached: error.is_connect() };
        let response = request.bearer_auth(&self.key).send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(unanswered)?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        read(self.ask(request).await?).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        request
            .bearer_auth(&self.key)
            .send()
            .await
            .with_context(|| format!("the suite does not answer at {}", self.url))
    }
}

/// What the suite answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when it is not JSON.
    pub body: serde_json::Value,
}

impl Answer {
    /// The sentence of a refusal, or the bare status.
    pub fn refusal(&self) -> String {
        let message = self.body["error"]["message"].as_str();
        message.map_or_else(|| format!("the suite answered {}", self.status), str::to_owned)
    }
}

/// The suite did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the suite does not answer at {url}")]
pub struct Unanswered {
    /// Where it should be.
    pub url: String,
    /// There was nobody who could have taken anything.
    pub is_unreached: bool,
}

/// What the suite answered, or its refusal in its own words.
async fn read<T: DeserializeOwned>(response: reqwest::Response) -> anyhow::Result<T> {
    let body = body(response).await?;
    serde_json::from_slice(&body).with_context(|| format!("unexpected answer: {}", String::from_utf8_lossy(&body)))
}

async fn body(response: reqwest::Response) -> anyhow::Result<Vec<u8>> {
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("{}", refusal(status.as_u16(), &body));
    }
    Ok(body.to_vec())
}

/// The sentence in the API's error form, or the bare status.
fn refusal(status: u16, body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = parsed.as_ref().and_then(|value| value["error"]["message"].as_str());
    message.map_or_else(|| format!("the suite answered {status}"), str::to_owned)
}
