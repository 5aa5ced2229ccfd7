//! What a file holds.

use tenon_pkcs11::api::keytype::Material;

use super::certificate::Certificate;

pub(crate) enum Item {
    /// Its values are proven to belong together.
    PrivateKey(Box<Material>),
    /// An RSA key that its file keeps for RSASSA-PSS signatures.
    PssKey(Box<Material>),
    /// SubjectPublicKeyInfo DER.
    PublicKey(Vec<u8>),
    /// As `PublicKey`, of an RSA key that its file keeps for RSASSA-PSS signatures.
    PssPublicKey(Vec<u8>),
    Certificate(Certificate),
}
