use super::*;
use crate::crypto::hash::Hash;
use crate::crypto::rand::SystemRng;
use crate::mechanism::find;

fn params(params: TlsParams) -> Params {
    Params::Tls(params)
}

#[test]
fn a_pre_master_secret_begins_with_its_version() {
    let generate = find(ck::CKM_TLS_PRE_MASTER_KEY_GEN)
        .unwrap()
        .generate
        .unwrap();
    let make = || generate(&SystemRng, &Params::Version([3, 1]), MASTER).unwrap();
    let (one, other) = (make(), make());
    assert_eq!((one.len(), &one[..2]), (48, &[3, 1][..]));
    assert!(!one.ct_eq(&other));
    for len in [0, 47, 49] {
        let refused = generate(&SystemRng, &Params::Version([3, 3]), len)
            .err()
            .unwrap();
        assert_eq!(refused.rv, ck::CKR_KEY_SIZE_RANGE);
    }
}

/// Of the longer block each part begins where the one before it ends.
#[test]
fn a_key_block_is_cut_in_the_order_of_the_standard() {
    let key = Key::new(Secret::copy(&[7; MASTER]));
    let (mac_len, key_len, iv_len) = (20, 16, 4);
    let prf = TlsPrf::Tls12(Hash::Sha256);
    let keys = params(TlsParams::Keys(TlsKeys {
        prf,
        seed: b"seed".to_vec(),
        mac_len,
        key_len,
        iv_len,
    }));
    let block = connection_keys(&key, &keys).unwrap();
    let parts = [block.macs, block.keys, block.ivs].map(|pair| pair.unwrap());
    let whole: Vec<u8> = parts
        .iter()
        .flatten()
        .flat_map(|part| part.to_vec())
        .collect();
    let expected = prf.derive(&[7; MASTER], b"key expansion", b"seed", whole.len());
    assert_eq!(whole, **expected.as_ref().unwrap());
    assert!(safe_keys(&key, &keys).unwrap().ivs.is_none());
    let none = TlsParams::Keys(TlsKeys {
        prf,
        seed: Vec::new(),
        mac_len: 0,
        key_len: 0,
        iv_len: 0,
    });
    let block = connection_keys(&key, &params(none)).unwrap();
    assert!(block.macs.is_none() && block.keys.is_none() && block.ivs.is_none());
}
