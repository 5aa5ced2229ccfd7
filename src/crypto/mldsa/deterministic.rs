//! Deterministic signatures, which aws-lc does not make.

use ml_dsa::{ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsaParams};

use crate::crypto::{Error, Result};

use super::set::ParameterSet;

/// Signs a message representative with zeros for the randomness (FIPS 204 section 3.4); fills `out`,
/// which is as long as a signature. `expanded` is an expanded private key of this set that was proven.
pub(super) fn sign(
    set: ParameterSet,
    expanded: &[u8],
    mu: &[u8; 64],
    out: &mut [u8],
) -> Result<()> {
    match set {
        ParameterSet::MlDsa44 => signed::<ml_dsa::MlDsa44>(expanded, mu, out),
        ParameterSet::MlDsa65 => signed::<ml_dsa::MlDsa65>(expanded, mu, out),
        ParameterSet::MlDsa87 => signed::<ml_dsa::MlDsa87>(expanded, mu, out),
    }
}

fn signed<P: MlDsaParams>(expanded: &[u8], mu: &[u8; 64], out: &mut [u8]) -> Result<()> {
    let wrong = |_| Error::Internal("ML-DSA key length");
    let bytes = <&ExpandedSigningKeyBytes<P>>::try_from(expanded).map_err(wrong)?;
    #[expect(
        deprecated,
        reason = "a key may have come without its seed; it was proven"
    )]
    let key = Box::new(ExpandedSigningKey::<P>::from_expanded(bytes));
    let signature = key.sign_mu_deterministic(&(*mu).into()).encode();
    if signature.len() != out.len() {
        return Err(Error::Internal("ML-DSA signature length"));
    }
    out.copy_from_slice(&signature);
    Ok(())
}
