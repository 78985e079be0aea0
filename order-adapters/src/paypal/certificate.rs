//! Whose certificate a webhook is signed with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use order_core::error::BoxError;
use order_core::gateway::Rejected;
use order_core::time::{Duration, Timestamp};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::SERVICE;
use crate::provider::{Call, Credentials, Endpoint, Transport, Verdict};

/// The longest chain that is read, in bytes and in certificates.
const MAX_BYTES: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 8;

/// How many chains are kept, and how long. PayPal has one or two at a time.
const MAX_KEPT: usize = 16;
const KEPT_FOR: Duration = Duration::hours(12);

/// Where certificates may come from, and who may have issued them to whom.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) hosts: Vec<String>,
    pub(super) names: Vec<ServerName<'static>>,
    pub(super) roots: Vec<TrustAnchor<'static>>,
}

/// A certificate, and those that lead from it to a root.
#[derive(Debug)]
pub(super) struct Chain(Vec<CertificateDer<'static>>);

/// Since when a chain is kept, and which one.
type Entry = (Timestamp, Arc<Chain>);

/// The chains that were fetched and found to be PayPal's, by their address.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<HashMap<String, Entry>>>);

impl Kept {
    pub(super) fn get(&self, url: &str, now: Timestamp) -> Option<Arc<Chain>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = |since: Timestamp| (now - since).abs() < KEPT_FOR;
        kept.get(url).filter(|(since, _)| is_young(*since)).map(|(_, chain)| Arc::clone(chain))
    }

    pub(super) fn put(&self, url: &str, chain: &Arc<Chain>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(url.to_owned(), (now, Arc::clone(chain)));
    }
}

impl Trust {
    /// Fetches the chain at an address, if certificates may come from there.
    ///
    /// # Errors
    /// [`Rejected::WrongSignature`] when they may not, or when there is none; [`Rejected::Unavailable`] when it can't be had now.
    pub(super) async fn fetch(&self, url: &str) -> Result<Chain, Rejected> {
        let (origin, target) = self.place(url).ok_or(Rejected::WrongSignature)?;
        let unavailable = |error: BoxError| Rejected::Unavailable(error);
        let transport =
            Transport::new(SERVICE, Endpoint::new(&origin)).map_err(|_| Rejected::WrongSignature)?;
        let reply = transport
            .send_as(&Call::get(target), Credentials::Nobody)
            .await
            .map_err(|error| unavailable(error.into()))?;
        match reply.verdict() {
            Verdict::Done => Chain::read(&reply.body).ok_or(Rejected::WrongSignature),
            Verdict::Refused => Err(Rejected::WrongSignature),
            Verdict::Busy | Verdict::Limited | Verdict::Unauthorised | Verdict::Unknown => {
                Err(unavailable(reply.failure(SERVICE).into()))
            }
        }
    }

    /// Origin and target of an address that certificates may come from. Whether it may be spoken to without TLS is the transport's
    /// decision: only on the same machine.
    fn place(&self, url: &str) -> Option<(String, String)> {
        let url = reqwest::Url::parse(url).ok()?;
        let host = url.host_str()?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_known = self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        // Another service may listen on another port of the same host; where there is no TLS, it is a test's.
        let has_usual_port = url.port().is_none() || url.scheme() == "http";
        let is_allowed = is_bare && is_known && has_usual_port && url.query().is_none();
        is_allowed.then(|| (url.origin().ascii_serialization(), url.path().to_owned()))
    }

    /// Whether a chain leads to a root that we trust, is of a time, and is PayPal's.
    pub(super) fn believes(&self, chain: &Chain, now: Timestamp) -> bool {
        let Some((leaf, others)) = chain.0.split_first() else { return false };
        let (Ok(leaf), Ok(seconds)) = (EndEntityCert::try_from(leaf), u64::try_from(now.timestamp())) else {
            return false;
        };
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let is_issued = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.roots,
            others,
            time,
            KeyUsage::server_auth(),
            None,
            None,
        );
        is_issued.is_ok() && self.names.iter().any(|name| leaf.verify_is_valid_for_subject_name(name).is_ok())
    }
}

impl Chain {
    fn read(pem: &[u8]) -> Option<Self> {
        if pem.len() > MAX_BYTES {
            return None;
        }
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).take(MAX_CERTIFICATES).collect();
        found.ok().filter(|chain| !chain.is_empty()).map(Self)
    }

    /// Whether whoever has the certificate has signed a message: `SHA256withRSA`.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(leaf) = self.0.first().and_then(|leaf| EndEntityCert::try_from(leaf).ok()) else {
            return false;
        };
        let algorithm = webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
        leaf.verify_signature(algorithm, message, signature).is_ok()
    }
}
