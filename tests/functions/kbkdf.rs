//! SP 800-108 by the C functions: several keys at once (section 6.42, "Deriving Additional Keys").

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{CKK_GENERIC_SECRET_BYTES, Hsm, len, open, pointer, test};
use crate::client::{Attribute, Key, Mechanism};

fn entries(template: &[Attribute<'_>]) -> Vec<CK_ATTRIBUTE> {
    let entry = |(kind, value): &Attribute<'_>| CK_ATTRIBUTE {
        type_: *kind,
        pValue: pointer(value).cast(),
        ulValueLen: len(value),
    };
    template.iter().map(entry).collect()
}

fn readable(size: &[u8]) -> Vec<Attribute<'_>> {
    let mut template = open(CKK_GENERIC_SECRET_BYTES);
    template.push((CKA_VALUE_LEN, size));
    template
}

/// Derives from `base` in counter mode with HMAC-SHA-256, where `length` stands for the output's length.
fn derive(
    hsm: &Hsm,
    base: Key,
    length: CK_PRF_DATA_PARAM,
    first: &[Attribute<'_>],
    more: &mut [CK_DERIVED_KEY],
) -> Result<Key, CK_RV> {
    let counter = CK_SP800_108_COUNTER_FORMAT {
        bLittleEndian: CK_FALSE,
        ulWidthInBits: 16,
    };
    let format = Mechanism::structure(&counter);
    let mut data = [
        CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: pointer(format).cast(),
            ulValueLen: len(format),
        },
        length,
    ];
    let params = CK_SP800_108_KDF_PARAMS {
        prfType: CKM_SHA256_HMAC,
        ulNumberOfDataParams: 2,
        pDataParams: data.as_mut_ptr(),
        ulAdditionalDerivedKeys: CK_ULONG::try_from(more.len()).unwrap(),
        pAdditionalDerivedKeys: more.as_mut_ptr(),
    };
    let mechanism = Mechanism::Bytes(CKM_SP800_108_COUNTER_KDF, Mechanism::structure(&params));
    let mut first = entries(first);
    let count = CK_ULONG::try_from(first.len()).unwrap();
    let mut key = 0;
    match mechanism.with(|mechanism| {
        call!(
            hsm,
            C_DeriveKey(mechanism, base, first.as_mut_ptr(), count, &raw mut key)
        )
    }) {
        CKR_OK => Ok(key),
        rv => Err(rv),
    }
}

fn asked(template: &mut [CK_ATTRIBUTE], key: &mut CK_OBJECT_HANDLE) -> CK_DERIVED_KEY {
    CK_DERIVED_KEY {
        pTemplate: template.as_mut_ptr(),
        ulAttributeCount: CK_ULONG::try_from(template.len()).unwrap(),
        phKey: key,
    }
}

fn literal(bytes: &[u8]) -> CK_PRF_DATA_PARAM {
    CK_PRF_DATA_PARAM {
        type_: CK_SP800_108_BYTE_ARRAY,
        pValue: pointer(bytes).cast(),
        ulValueLen: len(bytes),
    }
}

test! {
    fn several_keys_are_of_blocks_of_their_own(hsm) {
        let base = hsm.generic(&[7; 32]);
        let size = |size: CK_ULONG| size.to_ne_bytes();
        // The specification's example: 48 and 16 bytes are three blocks of 32.
        for (method, bits) in [
            (CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, 512_u16),
            (CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, 768),
        ] {
            let whole = size(96);
            let whole = derive(hsm, base, literal(&bits.to_be_bytes()), &readable(&whole), &mut []);
            let whole = hsm.value(whole.unwrap());
            let format = CK_SP800_108_DKM_LENGTH_FORMAT {
                dkmLengthMethod: method,
                bLittleEndian: CK_FALSE,
                ulWidthInBits: 16,
            };
            let format = Mechanism::structure(&format);
            let length = CK_PRF_DATA_PARAM {
                type_: CK_SP800_108_DKM_LENGTH,
                pValue: pointer(format).cast(),
                ulValueLen: len(format),
            };
            let (long, short) = (size(48), size(16));
            let mut template = entries(&readable(&short));
            let mut second = 0;
            let mut more = [asked(&mut template, &mut second)];
            let first = derive(hsm, base, length, &readable(&long), &mut more).unwrap();
            assert_eq!(hsm.value(first), whole[..48]);
            assert_eq!(hsm.value(second), whole[64..80]);
        }
    }

    fn where_one_template_is_refused_no_key_is_made(hsm) {
        let base = hsm.generic(&[7; 32]);
        let class = CKO_SECRET_KEY.to_ne_bytes();
        let secrets = || hsm.client.find(&[(CKA_CLASS, &class)]).unwrap().len();
        let before = secrets();
        let size = 16_u64.to_ne_bytes();
        let mut good = entries(&readable(&size));
        let mut without_len = entries(&open(CKK_GENERIC_SECRET_BYTES));
        let (mut second, mut third) = (77, 77);
        let mut more = [asked(&mut good, &mut second), asked(&mut without_len, &mut third)];
        let refused = derive(hsm, base, literal(b"label"), &readable(&size), &mut more);
        assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
        assert_eq!((second, third), (77, CK_INVALID_HANDLE));
        let mut nowhere = [CK_DERIVED_KEY { phKey: null_mut(), ..more[0] }];
        let refused = derive(hsm, base, literal(b"label"), &readable(&size), &mut nowhere);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(secrets(), before);
    }
}
