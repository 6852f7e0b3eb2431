//! Questions that ask a server to say whether it has validated its answer (RFC 6840 5.7).
//!
//! The AD bit of an answer is set only for those who ask for it, by the same bit or by DO. DO would bring the signatures,
//! too, which nobody reads here: so AD it is. The library asks neither unless it validates by itself.
//!
//! Changes that one bit, and nothing else of how servers are asked.

use std::net::IpAddr;
use std::pin::Pin;

use hickory_proto::op::DnsRequest;
use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::DnsHandle;
use hickory_resolver::{ConnectionProvider, PoolContext};

type Exchange = <TokioRuntimeProvider as ConnectionProvider>::Conn;

/// Makes connections on which every question has the AD bit.
#[derive(Clone, Default)]
pub(crate) struct Asking(TokioRuntimeProvider);

impl ConnectionProvider for Asking {
    type Conn = AskingHandle;
    type FutureConn = Pin<Box<dyn Future<Output = Result<AskingHandle, NetError>> + Send>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let connecting = self.0.new_connection(ip, config, context)?;
        Ok(Box::pin(async move { connecting.await.map(AskingHandle) }))
    }

    fn runtime_provider(&self) -> &TokioRuntimeProvider {
        &self.0
    }
}

/// A connection to a server.
#[derive(Clone)]
pub(crate) struct AskingHandle(Exchange);

impl DnsHandle for AskingHandle {
    type Response = <Exchange as DnsHandle>::Response;
    type Runtime = <Exchange as DnsHandle>::Runtime;

    fn is_verifying_dnssec(&self) -> bool {
        self.0.is_verifying_dnssec()
    }

    fn is_using_edns(&self) -> bool {
        self.0.is_using_edns()
    }

    fn send(&self, mut request: DnsRequest) -> Self::Response {
        request.metadata.authentic_data = true;
        self.0.send(request)
    }
}
