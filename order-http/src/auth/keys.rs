use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName};
use order_core::Invalid;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::{AuthError, Authenticator, Caller};

const SERVICE_KEY: HeaderName = HeaderName::from_static("x-service-key");

/// The keys of other services, in the header `X-Service-Key`.
///
/// Only their SHA-256 digests are kept, so that a configuration that leaks gives no key away: keys have to be long and random
/// (32 bytes). A service may have several, so that they can be rotated. Every digest is compared, each in constant time.
#[derive(Clone, Default)]
pub struct ServiceKeys {
    keys: Vec<(String, [u8; 32])>,
}

impl std::fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(name, _)| name)).finish()
    }
}

impl ServiceKeys {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key by the hexadecimal SHA-256 digest of it.
    ///
    /// # Errors
    /// When the text is not 64 hexadecimal digits, or the service has no name.
    pub fn with_digest(mut self, service: impl Into<String>, sha256: &str) -> Result<Self, Invalid> {
        let service = service.into();
        if service.is_empty() {
            return Err(Invalid::field("/service", "required", "must not be empty"));
        }
        let digest = read_digest(sha256)
            .ok_or_else(|| Invalid::field("/sha256", "malformed", "must be 64 hexadecimal digits"))?;
        self.keys.push((service, digest));
        Ok(self)
    }

    /// The digest of a key, as [`with_digest`](Self::with_digest) takes it.
    pub fn digest(key: &str) -> String {
        crate::call::hex(&Sha256::digest(key.as_bytes()))
    }

    fn service_of(&self, key: &[u8]) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut found = u32::MAX;
        for (index, (_, known)) in (0_u32..).zip(&self.keys) {
            let same: Choice = digest.ct_eq(known);
            found.conditional_assign(&index, same);
        }
        let index = usize::try_from(found).ok()?;
        self.keys.get(index).map(|(name, _)| name.as_str())
    }
}

fn read_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0_u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        let start = index.checked_mul(2)?;
        let pair = text.get(start..start.checked_add(2)?).filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

#[async_trait]
impl Authenticator for ServiceKeys {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Caller>, AuthError> {
        let Some(key) = headers.get(SERVICE_KEY) else { return Ok(None) };
        match self.service_of(key.as_bytes()) {
            Some(name) => Ok(Some(Caller::Service(name.to_owned()))),
            None => Err(AuthError::Refused("The service key is not known.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest_alone() {
        let keys = ServiceKeys::new()
            .with_digest("stock", &ServiceKeys::digest("first"))
            .unwrap()
            .with_digest("stock", &ServiceKeys::digest("second").to_uppercase())
            .unwrap()
            .with_digest("billing", &ServiceKeys::digest("third"))
            .unwrap();
        assert_eq!(keys.service_of(b"first"), Some("stock"));
        assert_eq!(keys.service_of(b"second"), Some("stock"));
        assert_eq!(keys.service_of(b"third"), Some("billing"));
        assert_eq!(keys.service_of(b"fourth"), None);
        assert_eq!(ServiceKeys::new().service_of(b"first"), None);
        assert!(!format!("{keys:?}").contains(&ServiceKeys::digest("first")));
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let digest = ServiceKeys::digest("key");
        for text in [
            "",
            "00",
            &digest[1..],
            &format!("+{}", &digest[1..]),
            &digest.replace(['a', 'b', 'c', 'd', 'e', 'f'], "g"),
        ] {
            assert!(ServiceKeys::new().with_digest("stock", text).is_err(), "{text}");
        }
        assert!(ServiceKeys::new().with_digest("", &digest).is_err());
    }
}
