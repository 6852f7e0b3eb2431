//! Whether a server is who it should be: certificates judged after the handshake, by public authorities (RFC 5280,
//! RFC 9525) and by TLSA records (RFC 6698, 7671, 7672).
//!
//! The handshake itself takes any certificate but proves that the server holds its key (see [`crate::tls::client`]). So
//! one connection can be judged by several rules, a resumed one is judged like a fresh one, and what was found is known
//! also where nothing was demanded. No IO, no clock, no policy: who asks says what he demands.

use std::fmt;
use std::io;
use std::sync::Arc;

use aws_lc_rs::digest;
use model::dns::Tlsa;
use model::route::TlsFailure;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Certificates of a chain beyond so many are not looked at.
const CHAIN_MAX: usize = 10;

/// TLSA records beyond so many are not looked at.
pub const TLSA_MAX: usize = 64;

/// Authorities whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<WebPkiServerVerifier>);

impl Authorities {
    /// Mozilla's.
    pub fn web() -> Self {
        Authorities::web_and(&[]).expect("invariant: the built-in roots are usable")
    }

    /// Mozilla's and these.
    ///
    /// # Errors
    /// A certificate that cannot be an authority.
    pub fn web_and(further: &[CertificateDer<'_>]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in further {
            roots.add(certificate.clone().into_owned())?;
        }
        verifier(roots).map(Authorities)
    }

    pub(crate) fn verifier(&self) -> Arc<WebPkiServerVerifier> {
        Arc::clone(&self.0)
    }
}

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crate::tls::provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// What the server's certificate has to fulfil for the connection to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing; what it is worth is found out all the same.
    Nothing,
    /// A certificate for the host's name from an authority that is believed.
    Authority,
    /// One of these TLSA records (RFC 7672).
    Dane(Arc<[Tlsa]>),
}

/// What a connection demands, and by what it is judged.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Who is believed.
    pub authorities: Authorities,
    /// What is demanded.
    pub demand: Demand,
    /// The time certificates have to be valid at, in seconds of the Unix epoch.
    pub at_unix_s: u64,
}

/// What is wrong with a certificate or with how TLS is offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TlsFault {
    /// In the words of TLS reports (RFC 8460 4.3).
    pub failure: TlsFailure,
    /// For people.
    pub text: String,
}

/// What was found out about a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether an authority vouches for the host's name.
    pub authority: Result<(), TlsFault>,
    /// Whether a TLSA record fits, where there were any.
    pub dane: Option<Result<(), TlsFault>>,
}

impl Finding {
    /// The fault that forbids to use the connection.
    fn against(&self, demand: &Demand) -> Option<&TlsFault> {
        match demand {
            Demand::Nothing => None,
            Demand::Authority => self.authority.as_ref().err(),
            Demand::Dane(_) => self.dane.as_ref().and_then(|found| found.as_ref().err()),
        }
    }
}

impl Trust {
    /// Judges the certificates that a server has shown, its own first.
    ///
    /// # Errors
    /// The fault, when what is demanded is not fulfilled.
    pub fn judge(&self, chain: &[CertificateDer<'_>], host: &str) -> Result<Finding, TlsFault> {
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.at_unix_s));
        let chain = &chain[..chain.len().min(CHAIN_MAX)];
        let dane = match &self.demand {
            Demand::Dane(records) => Some(dane(records, chain, host, at)),
            _ => None,
        };
        let finding = Finding { authority: vouched(&self.authorities.0, chain, host, at), dane };
        match finding.against(&self.demand) {
            Some(fault) => Err(fault.clone()),
            None => Ok(finding),
        }
    }
}

fn vouched(
    authorities: &WebPkiServerVerifier,
    chain: &[CertificateDer<'_>],
    host: &str,
    at: UnixTime,
) -> Result<(), TlsFault> {
    let fault = |failure, text: &str| TlsFault { failure, text: text.to_owned() };
    let Some((own, others)) = chain.split_first() else {
        return Err(fault(TlsFailure::ValidationFailure, "the server showed no certificate"));
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(name) = ServerName::try_from(bare) else {
        return Err(fault(TlsFailure::CertificateHostMismatch, "the host has no name that a certificate could have"));
    };
    authorities.verify_server_cert(own, others, &name, &[], at).map(|_| ()).map_err(|error| explain(&error, host))
}

/// A refusal by rustls in words, and in those of TLS reports.
fn explain(error: &rustls::Error, host: &str) -> TlsFault {
    use CertificateError as E;
    let (failure, text) = match error {
        rustls::Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => {
            (TlsFailure::CertificateHostMismatch, format!("the certificate is not for {host}"))
        }
        rustls::Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }) => {
            (TlsFailure::CertificateExpired, "the certificate has expired".to_owned())
        }
        rustls::Error::InvalidCertificate(E::NotValidYet | E::NotValidYetContext { .. }) => {
            (TlsFailure::CertificateExpired, "the certificate is not valid yet".to_owned())
        }
        rustls::Error::InvalidCertificate(E::UnknownIssuer) => {
            (TlsFailure::CertificateNotTrusted, "the certificate's issuer is not trusted".to_owned())
        }
        error => (TlsFailure::ValidationFailure, error.to_string()),
    };
    TlsFault { failure, text }
}

/// The records that say something for SMTP (RFC 7672 3.1): usages 2 and 3 with parameters and lengths that are known.
/// Of several digests of the same thing only the strongest counts (RFC 7671 9).
pub fn usable(records: &[Tlsa]) -> Vec<Tlsa> {
    let fits = |record: &&Tlsa| {
        let length = match record.matching {
            0 => !record.data.is_empty(),
            1 => record.data.len() == 32,
            2 => record.data.len() == 64,
            _ => false,
        };
        length && matches!(record.usage, 2 | 3) && record.selector <= 1
    };
    let known: Vec<Tlsa> = records.iter().take(TLSA_MAX).filter(fits).cloned().collect();
    let stronger = |record: &Tlsa| {
        record.matching == 1
            && known
                .iter()
                .any(|other| other.matching == 2 && (other.usage, other.selector) == (record.usage, record.selector))
    };
    known.iter().filter(|record| !stronger(record)).cloned().collect()
}

/// RFC 7672 3.1: usage 3 is the server's own certificate, whatever its name and dates; usage 2 an authority in its
/// chain, and then name and dates count.
fn dane(records: &[Tlsa], chain: &[CertificateDer<'_>], host: &str, at: UnixTime) -> Result<(), TlsFault> {
    let Some((own, others)) = chain.split_first() else {
        let text = "the server showed no certificate".to_owned();
        return Err(TlsFault { failure: TlsFailure::ValidationFailure, text });
    };
    let mut fault =
        TlsFault { failure: TlsFailure::TlsaInvalid, text: "no TLSA record fits the server's certificate".to_owned() };
    for record in usable(records) {
        if record.usage == 3 {
            if fits(&record, own) {
                return Ok(());
            }
            continue;
        }
        let published = (record.selector == 0 && record.matching == 0).then(|| CertificateDer::from(&record.data[..]));
        for anchor in others.iter().filter(|other| fits(&record, other)).chain(&published) {
            match by_anchor(anchor, chain, host, at) {
                Ok(()) => return Ok(()),
                Err(found) => fault = found,
            }
        }
    }
    Err(fault)
}

fn by_anchor(
    anchor: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    host: &str,
    at: UnixTime,
) -> Result<(), TlsFault> {
    let mut roots = RootCertStore::empty();
    let made = roots.add(anchor.clone().into_owned()).and_then(|()| verifier(roots));
    match made {
        Ok(authorities) => vouched(&authorities, chain, host, at),
        Err(error) => {
            let text = format!("the TLSA record's authority cannot be used: {error}");
            Err(TlsFault { failure: TlsFailure::TlsaInvalid, text })
        }
    }
}

fn fits(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let compare = |selected: &[u8]| match record.matching {
        0 => record.data == selected,
        1 => digest::digest(&digest::SHA256, selected).as_ref() == record.data,
        2 => digest::digest(&digest::SHA512, selected).as_ref() == record.data,
        _ => false,
    };
    match record.selector {
        0 => compare(certificate),
        1 => ParsedCertificate::try_from(certificate).is_ok_and(|parsed| compare(&parsed.subject_public_key_info())),
        _ => false,
    }
}

/// What a failed handshake or a refused certificate is called in TLS reports (RFC 8460 4.3).
pub fn failure_of(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref();
    if let Some(fault) = inner.and_then(|inner| inner.downcast_ref::<TlsFault>()) {
        return fault.failure;
    }
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => explain(error, "the host").failure,
        None => TlsFailure::ValidationFailure,
    }
}

/// True when a handshake failed by what was said in it: an alert, or something that is no TLS. False when the connection
/// broke off or went silent, which may be anybody's doing.
pub fn is_spoken(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// True when there is a refused certificate somewhere behind this error; of a handshake: when the certificate is none that
/// can be read, rather than TLS itself having failed.
pub fn is_certificate_fault(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref::<rustls::Error>();
        let found = found.or_else(|| inside.and_then(|inside| inside.downcast_ref::<rustls::Error>()));
        if matches!(found, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        next = match inside {
            Some(inside) if inside.source().is_some() => inside.source(),
            _ => error.source(),
        };
    }
    false
}

impl From<TlsFault> for io::Error {
    fn from(fault: TlsFault) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.dane, &self.authority) {
            (Some(Ok(())), _) => f.write_str("verified by DANE"),
            (_, Ok(())) => f.write_str("verified"),
            (_, Err(fault)) => write!(f, "not verified: {fault}"),
        }
    }
}
