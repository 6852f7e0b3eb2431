//! An authoritative name server in the process: serves a [`Zone`] over UDP and TCP on loopback, for the lab and tests.
//!
//! Not for the Internet: it has no rate limits and answers everyone.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_proto::rr::{Name, Record};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use crate::zone::{Zone, ZoneAnswer};

/// A TCP client that says nothing for this long is dropped.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);
/// Answers that one TCP client may leave unread.
const TCP_RESPONSES_MAX: usize = 64;
/// How often another port is tried when UDP and TCP do not get the same one.
const PORT_TRIES: u32 = 20;

/// A running name server; stops when dropped.
pub struct DnsServer {
    address: SocketAddr,
    server: Server<ZoneHandler>,
}

impl DnsServer {
    /// Serves `zone` at `address`; port 0 takes a free one, the same for UDP and TCP.
    ///
    /// # Errors
    /// The error of binding.
    pub async fn start(zone: Zone, address: SocketAddr) -> io::Result<DnsServer> {
        DnsServer::serve(ZoneHandler { zone, authentic: false }, address).await
    }

    /// The same as a server that has validated what it says (AD bit, RFC 4035 3.2.3).
    ///
    /// # Errors
    /// The error of binding.
    pub async fn start_authentic(zone: Zone, address: SocketAddr) -> io::Result<DnsServer> {
        DnsServer::serve(ZoneHandler { zone, authentic: true }, address).await
    }

    async fn serve(handler: ZoneHandler, address: SocketAddr) -> io::Result<DnsServer> {
        let (udp, tcp) = bind(address).await?;
        let address = udp.local_addr()?;
        let mut server = Server::new(handler);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_TIMEOUT, TCP_RESPONSES_MAX);
        Ok(DnsServer { address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it and waits for its tasks.
    pub async fn stop(mut self) {
        // The only error is a task that ended before: stopped is stopped.
        let _ = self.server.shutdown_gracefully().await;
    }
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() == 0 && tries < PORT_TRIES && error.kind() == io::ErrorKind::AddrInUse => {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

struct ZoneHandler {
    zone: Zone,
    /// Answers say that they have been validated.
    authentic: bool,
}

#[async_trait]
impl RequestHandler for ZoneHandler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut responses: R) -> ResponseInfo {
        let Ok(info) = request.request_info() else { return failed(request) };
        // Not `to_string`: that shows internationalised names in U-labels.
        let name = Name::from(info.query.name().clone()).to_ascii();
        let (code, records) = match self.zone.ask(&name, info.query.query_type()) {
            ZoneAnswer::Records(records) => (ResponseCode::NoError, records),
            ZoneAnswer::NoData | ZoneAnswer::EmptyNonTerminal => (ResponseCode::NoError, Vec::new()),
            ZoneAnswer::NoName => (ResponseCode::NXDomain, Vec::new()),
            ZoneAnswer::Failure => (ResponseCode::ServFail, Vec::new()),
        };
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        // Only who asks for it is told (RFC 6840 5.8).
        let asked = request.metadata.authentic_data || request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        metadata.authentic_data = self.authentic && asked;
        metadata.response_code = code;
        let none: [&Record; 0] = [];
        let response =
            MessageResponseBuilder::from_message_request(request).build(metadata, &records, none, none, none);
        responses.send_response(response).await.unwrap_or_else(|_| failed(request))
    }
}

/// What is reported when no answer could be sent: the client will ask again.
fn failed(request: &Request) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = ResponseCode::ServFail;
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
