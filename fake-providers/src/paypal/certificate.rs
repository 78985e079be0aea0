use std::fmt;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, SigningKey as _, date_time_ymd,
};

/// Somebody who signs webhooks: a certificate for a name, with its own root.
pub struct Authority {
    root: Vec<u8>,
    chain_pem: String,
    key: KeyPair,
}

impl Authority {
    /// The name in the certificate that PayPal signs its webhooks with.
    pub const NAME: &'static str = "messageverificationcerts.paypal.com";

    /// An authority with a certificate for a name, valid from the beginning of a year until the beginning of another. Making its key
    /// takes a while.
    ///
    /// # Errors
    /// When a key or a certificate can't be made.
    pub fn new(name: &str, (from, until): (i32, i32)) -> std::io::Result<Self> {
        Self::make(name, from, until).map_err(std::io::Error::other)
    }

    fn make(name: &str, from: i32, until: i32) -> Result<Self, rcgen::Error> {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        root.distinguished_name.push(DnType::CommonName, "A root of a stand-in of PayPal");
        let root_key = KeyPair::generate()?;
        let root_certificate = root.self_signed(&root_key)?;
        let issuer = Issuer::new(root, root_key);
        let mut leaf = CertificateParams::new(vec![name.to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (leaf.not_before, leaf.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        let chain_pem = format!("{}{}", certificate.pem(), root_certificate.pem());
        Ok(Self { root: root_certificate.der().to_vec(), chain_pem, key })
    }

    /// The one of every stand-in in this process: keys are slow to make.
    pub(super) fn shared() -> std::io::Result<&'static Self> {
        static SHARED: OnceLock<std::io::Result<Authority>> = OnceLock::new();
        let made = SHARED.get_or_init(|| Self::new(Self::NAME, (2020, 2100)));
        made.as_ref().map_err(|error| std::io::Error::other(error.to_string()))
    }

    /// The root, as DER: whoever trusts it believes the certificate.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The certificate and its root, as PEM.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// Signs something: `SHA256withRSA`.
    ///
    /// # Errors
    /// When the key can't sign.
    pub fn sign(&self, message: &[u8]) -> std::io::Result<Vec<u8>> {
        self.key.sign(message).map_err(std::io::Error::other)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}
