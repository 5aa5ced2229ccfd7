//! AES key wrap: RFC 3394 (KW) and RFC 5649 (KWP).

use crate::crypto::aes::Direction;
use crate::crypto::sys::cipher::Schedule;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// Both wraps work on half blocks of AES.
const SEMIBLOCK: usize = 8;

/// Length in bytes of RFC 5649's shortest output.
pub(crate) const KWP_MIN_LEN: usize = 2 * SEMIBLOCK;

/// RFC 5649's output is a multiple of so many bytes.
pub(crate) const KWP_UNIT: usize = SEMIBLOCK;

/// The initial value of RFC 3394 section 2.2.3.1.
pub(crate) const KW_IV: [u8; SEMIBLOCK] = [0xA6; SEMIBLOCK];

/// Greatest length of data in bytes: keys are small, and KWP counts bytes in 32 bits.
pub(crate) const KW_MAX: usize = 1 << 20;

/// RFC 3394 section 2.2.1 with the initial value `iv`. `data` is a multiple of 8 and at least 16
/// bytes long; the result is 8 bytes longer.
pub(crate) fn kw_wrap(kek: &[u8], iv: &[u8; SEMIBLOCK], data: &[u8]) -> Result<Vec<u8>> {
    if data.len() < 2 * SEMIBLOCK || data.len() > KW_MAX || !data.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len() + SEMIBLOCK];
    Schedule::new(kek, Direction::Encrypt)?.wrap(iv, data, &mut out)?;
    Ok(out)
}

/// RFC 3394 section 2.2.2 with the initial value `iv`. `wrapped` is a multiple of 8 and at least
/// 24 bytes long.
pub(crate) fn kw_unwrap(kek: &[u8], iv: &[u8; SEMIBLOCK], wrapped: &[u8]) -> Result<Secret> {
    let fits = (3 * SEMIBLOCK..=KW_MAX + SEMIBLOCK).contains(&wrapped.len());
    if !fits || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len() - SEMIBLOCK);
    Schedule::new(kek, Direction::Decrypt)?.unwrap(iv, wrapped, &mut out)?;
    Ok(out)
}

/// PKCS#7 padding to a multiple of 8 bytes, then RFC 3394. `data` has at least 8 bytes; the result
/// is 9 to 16 bytes longer, a multiple of 8.
pub(crate) fn kw_pkcs7_wrap(kek: &[u8], iv: &[u8; SEMIBLOCK], data: &[u8]) -> Result<Vec<u8>> {
    if data.len() < SEMIBLOCK || data.len() > KW_MAX - SEMIBLOCK {
        return Err(Error::InputLength);
    }
    let missing = SEMIBLOCK - data.len() % SEMIBLOCK;
    let mut padded = Secret::zeroed(data.len() + missing);
    let (text, padding) = padded.split_at_mut(data.len());
    text.copy_from_slice(data);
    // 1 to 8.
    padding.fill(missing as u8);
    kw_wrap(kek, iv, &padded)
}

/// Reverses [`kw_pkcs7_wrap`]. The padding is judged after the wrap's own check, so a wrong padding
/// tells nothing of a key to somebody who cannot wrap.
pub(crate) fn kw_pkcs7_unwrap(kek: &[u8], iv: &[u8; SEMIBLOCK], wrapped: &[u8]) -> Result<Secret> {
    let padded = kw_unwrap(kek, iv, wrapped)?;
    let missing = usize::from(padded[padded.len() - 1]);
    let len = padded.len().saturating_sub(missing);
    let right = padded[len..]
        .iter()
        .all(|byte| usize::from(*byte) == missing);
    if !(1..=SEMIBLOCK).contains(&missing) || !right {
        return Err(Error::BadCiphertext);
    }
    Ok(padded.truncated(len))
}

/// RFC 5649 section 4.1. `data` has 1 byte or more; the result is 8 to 15 bytes longer, a multiple
/// of 8.
pub(crate) fn kwp_wrap(kek: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if data.is_empty() || data.len() > KW_MAX {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK];
    Schedule::new(kek, Direction::Encrypt)?.wrap_padded(data, &mut out)?;
    Ok(out)
}

/// RFC 5649 section 4.2. `wrapped` is a multiple of 8 and at least 16 bytes long.
pub(crate) fn kwp_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 2 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len());
    let len = Schedule::new(kek, Direction::Decrypt)?.unwrap_padded(wrapped, &mut out)?;
    Ok(out.truncated(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_an_independent_implementation() {
        use aes_kw::{AesKw, AesKwp, KeyInit};
        let (kw, kwp) = (
            AesKw::<aes::Aes192>::new(&[7; 24].into()),
            AesKwp::<aes::Aes192>::new(&[7; 24].into()),
        );
        for len in 1..=80 {
            let data: Vec<u8> = (1..=len).collect();
            let mut out = [0; 96];
            let wrapped = kwp.wrap_key(&data, &mut out).unwrap();
            assert_eq!(kwp_wrap(&[7; 24], &data).unwrap(), wrapped);
            if data.len() >= 16 && data.len().is_multiple_of(8) {
                let wrapped = kw.wrap_key(&data, &mut out).unwrap();
                assert_eq!(kw_wrap(&[7; 24], &KW_IV, &data).unwrap(), wrapped);
            }
        }
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
                let wrapped = kw_wrap(&kek, &KW_IV, &data);
                if len % 8 != 0 || len < 16 {
                    assert_eq!(wrapped, Err(Error::InputLength));
                    continue;
                }
                let wrapped = wrapped.unwrap();
                assert_eq!(wrapped.len(), data.len() + 8);
                assert_eq!(&*kw_unwrap(&kek, &KW_IV, &wrapped).unwrap(), data);
            }
            for len in [0, 1, 8, 15, 17, 23, 25] {
                let refused = kwp_unwrap(&kek, &vec![0; len]).unwrap_err();
                assert_eq!(refused, Error::CiphertextLength);
                let refused = kw_unwrap(&kek, &KW_IV, &vec![0; len]).unwrap_err();
                assert_eq!(refused, Error::CiphertextLength);
            }
        }
        assert_eq!(kwp_wrap(&[7; 16], &[]), Err(Error::InputLength));
        assert_eq!(
            kw_unwrap(&[7; 16], &KW_IV, &[0; 16]).unwrap_err(),
            Error::CiphertextLength
        );
        assert_eq!(
            kw_unwrap(&[7; 16], &KW_IV, &[0; 24]).unwrap_err(),
            Error::BadCiphertext
        );
        assert_eq!(kwp_wrap(&[7; 20], &[1]), Err(Error::KeySize));
        assert_eq!(kwp_unwrap(&[7; 20], &[0; 16]).unwrap_err(), Error::KeySize);
    }

    #[test]
    fn kw_takes_another_initial_value() {
        let (kek, iv) = ([7; 32], *b"own iv 8");
        let wrapped = kw_wrap(&kek, &iv, &[5; 24]).unwrap();
        assert_ne!(wrapped, kw_wrap(&kek, &KW_IV, &[5; 24]).unwrap());
        assert_eq!(kw_unwrap(&kek, &iv, &wrapped).unwrap()[..], [5; 24]);
        let refused = kw_unwrap(&kek, &KW_IV, &wrapped).unwrap_err();
        assert_eq!(refused, Error::BadCiphertext);
    }

    #[test]
    fn pkcs7_pads_to_half_blocks() {
        let kek = [7; 16];
        for len in 8..=40 {
            let data = vec![5; len];
            let wrapped = kw_pkcs7_wrap(&kek, &KW_IV, &data).unwrap();
            assert_eq!(wrapped.len(), len / 8 * 8 + 16);
            let missing = 8 - len % 8;
            let padded = [&data[..], &vec![u8::try_from(missing).unwrap(); missing]].concat();
            assert_eq!(kw_unwrap(&kek, &KW_IV, &wrapped).unwrap()[..], padded);
            let opened = kw_pkcs7_unwrap(&kek, &KW_IV, &wrapped).unwrap();
            assert_eq!(opened[..], data);
        }
        for len in [0, 7] {
            let refused = kw_pkcs7_wrap(&kek, &KW_IV, &vec![5; len]);
            assert_eq!(refused, Err(Error::InputLength));
        }
        for end in [[0; 8], [9; 8], [1, 2, 3, 3, 3, 4, 4, 4]] {
            let wrapped = kw_wrap(&kek, &KW_IV, &[&[5; 8][..], &end].concat()).unwrap();
            let refused = kw_pkcs7_unwrap(&kek, &KW_IV, &wrapped).unwrap_err();
            assert_eq!(refused, Error::BadCiphertext);
        }
    }
}
