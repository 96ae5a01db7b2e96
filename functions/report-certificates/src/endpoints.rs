//! TLS endpoints: every address is met, and whatever it presents is taken down before anything is judged.
//!
//! So an expired, untrusted or misnamed certificate is read like any other. Nothing but the handshake is sent, and
//! nothing that a server says is trusted: the handshake's signature is not even checked, because a weak key would fail it
//! and hide the certificate that the report is for.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_config::{AddressKind, Endpoint};
use lamplighter_core::{Coverage, Error as CoreError, Result as CoreResult};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::certificate::Certificate;
use crate::cloud::Reading;
use crate::greet::greet;
use crate::inventory::{Place, Role, Served, Sighting};
use crate::trust::Roots;

/// What one endpoint served, beside the reading.
#[derive(Default)]
pub(crate) struct Met {
    pub(crate) reading: Reading,
    pub(crate) served: Vec<Served>,
}

/// How endpoints are met.
pub(crate) struct Manner<'a> {
    pub(crate) kind: AddressKind,
    pub(crate) timeout: Duration,
    pub(crate) roots: &'a Roots,
    pub(crate) now: DateTime<Utc>,
    pub(crate) account: &'a Arc<str>,
    pub(crate) tls: &'a Tls,
}

/// Meets every address of an endpoint.
pub(crate) async fn meet(endpoint: &Endpoint, manner: &Manner<'_>) -> Met {
    let scope = format!("endpoints/{}", endpoint.text);
    let mut met = Met::default();
    let addresses = match addresses(endpoint, manner).await {
        Ok(addresses) => addresses,
        Err(error) => {
            met.reading = Reading::unreadable(scope, error);
            return met;
        }
    };
    let presented = futures::future::join_all(addresses.iter().map(|address| async move {
        let work = present(endpoint, *address, manner.tls);
        match timeout(manner.timeout, work).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", manner.timeout.as_secs())),
        }
    }))
    .await;

    let mut failures = Vec::new();
    for (address, result) in addresses.iter().zip(presented) {
        let ders = match result {
            Ok(ders) => ders,
            Err(error) => {
                failures.push(format!("{}: {error}", address.ip()));
                continue;
            }
        };
        let mut chain = Vec::new();
        for der in &ders {
            match Certificate::from_der(der) {
                Ok(certificate) => chain.push(Arc::new(certificate)),
                Err(error) => failures.push(format!("{}: {error}", address.ip())),
            }
        }
        if chain.len() == ders.len() {
            take_down(endpoint, address.ip(), ders, chain, manner, &mut met);
        }
    }
    let read: usize = met.served.iter().map(|served| served.chain.len()).sum();
    met.reading.coverage.push(match failures.as_slice() {
        [] => Coverage::read(scope, read),
        failures => Coverage {
            inspected: read,
            ..Coverage::unreadable(
                scope,
                format!("cannot meet `{}`: {}", endpoint.text, failures.join("; ")),
            )
        },
    });
    met
}

/// Adds what an address presented; addresses that presented the same are one.
fn take_down(
    endpoint: &Endpoint,
    address: IpAddr,
    ders: Vec<CertificateDer<'static>>,
    chain: Vec<Arc<Certificate>>,
    manner: &Manner<'_>,
    met: &mut Met,
) {
    if let Some(same) = met.served.iter_mut().find(|served| served.chain == chain) {
        same.addresses.push(address.to_string());
        return;
    }
    let name: Arc<str> = endpoint.text.as_str().into();
    for (at, certificate) in chain.iter().enumerate() {
        met.reading.sightings.push(Sighting {
            certificate: Some(Arc::clone(certificate)),
            place: Place::Endpoint {
                account: Arc::clone(manner.account),
                endpoint: Arc::clone(&name),
            },
            role: if at == 0 { Role::Leaf } else { Role::Chain },
        });
    }
    met.served.push(Served {
        account: Arc::clone(manner.account),
        endpoint: name,
        host: endpoint.host.clone(),
        addresses: vec![address.to_string()],
        trust: manner.roots.judge(&ders, &chain, manner.now),
        chain,
    });
}

/// Every address of the wanted kind.
async fn addresses(endpoint: &Endpoint, manner: &Manner<'_>) -> Result<Vec<SocketAddr>, String> {
    let asked = lookup_host((endpoint.host.as_str(), endpoint.port));
    let cannot =
        |error: String| format!("cannot find the addresses of `{}`: {error}", endpoint.host);
    let found = match timeout(manner.timeout, asked).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(cannot(error.to_string())),
        Err(_) => {
            return Err(cannot(format!(
                "no answer within {} s",
                manner.timeout.as_secs()
            )));
        }
    };
    let mut addresses: Vec<SocketAddr> = found
        .filter(|address| match manner.kind {
            AddressKind::All => true,
            AddressKind::Ipv4 => address.is_ipv4(),
            AddressKind::Ipv6 => address.is_ipv6(),
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(cannot(format!(
            "it has none of `endpoint_addresses = \"{}\"`",
            manner.kind
        )));
    }
    Ok(addresses)
}

/// The chain that one address presents, the leaf first.
async fn present(
    endpoint: &Endpoint,
    address: SocketAddr,
    tls: &Tls,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("no connection: {error}"))?;
    greet(endpoint.protocol, &mut stream).await?;
    let name = ServerName::try_from(endpoint.host.clone())
        .map_err(|_| "its name cannot be asked for in TLS".to_owned())?;
    let recorder = Arc::new(Recorder {
        provider: Arc::clone(&tls.provider),
        chain: Mutex::default(),
    });
    let config = tls
        .config(&recorder)
        .map_err(|error| format!("no TLS: {error}"))?;
    let shaken = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    let chain = std::mem::take(
        &mut *recorder
            .chain
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    // A handshake that fails after the certificate (it may want one of ours) has told what was asked.
    match (chain.is_empty(), shaken) {
        (false, _) => Ok(chain),
        (true, Err(error)) => Err(format!("no TLS: {error}")),
        (true, Ok(_)) => Err("it presents no certificate".to_owned()),
    }
}

/// The TLS of the SDK.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
}

impl Tls {
    pub(crate) fn new() -> CoreResult<Self> {
        let tls = Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
        };
        let probe = Arc::new(Recorder {
            provider: Arc::clone(&tls.provider),
            chain: Mutex::default(),
        });
        tls.config(&probe)
            .map_err(|error| CoreError::permanent("cannot set up TLS").caused_by(error))?;
        Ok(tls)
    }

    fn config(&self, recorder: &Arc<Recorder>) -> Result<ClientConfig, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(recorder) as _;
        Ok(
            ClientConfig::builder_with_provider(Arc::clone(&self.provider))
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth(),
        )
    }
}

/// Takes down what is presented, and accepts it: it is judged afterwards.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = std::iter::once(end_entity).chain(intermediates);
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        *chain = presented.map(|der| der.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        // Old servers know nothing else; their certificates are of interest too.
        schemes.extend([
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]);
        schemes
    }
}
