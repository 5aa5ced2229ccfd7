//! What decrypting a private key costs, as the file says: refused before any of it is spent.

use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, ScryptParams};

use crate::Result;

/// Greatest iteration count of PBKDF2: some ten seconds. RFC 8018 section 4.2 names it as the most that a
/// critical key may want.
const MOST_ITERATIONS: u32 = 10_000_000;

/// Greatest memory of scrypt in MiB; OpenSSL writes keys that need 16.
const MOST_MEMORY: u64 = 256;

/// Greatest parallelization of scrypt, of which each part takes the time of the whole memory; OpenSSL
/// writes 1.
const MOST_PARALLEL: u16 = 16;

/// Greatest number of rounds of OpenSSH's bcrypt: some ten seconds; OpenSSH writes 16 to 24.
const MOST_ROUNDS: u32 = 1024;

const MIB: u128 = 1 << 20;

/// Refuses a key whose password is stretched at a cost beyond these limits. The file names the cost, so
/// its maker could otherwise use up the memory or the time of whoever reads it.
pub(super) fn check(scheme: &EncryptionScheme) -> Result<()> {
    let EncryptionScheme::Pbes2(scheme) = scheme else {
        return Ok(());
    };
    match &scheme.kdf {
        Kdf::Pbkdf2(params) => check_iterations("PBKDF2", params.iteration_count),
        Kdf::Scrypt(params) => scrypt(params),
        _ => Ok(()),
    }
}

/// The same for a function, called `what`, that is costly by its iterations alone.
pub(super) fn check_iterations(what: &str, iterations: u32) -> Result<()> {
    if iterations <= MOST_ITERATIONS {
        return Ok(());
    }
    Err(too_costly(
        &format!("{what} with {iterations} iterations"),
        &format!("{MOST_ITERATIONS} iterations"),
    ))
}

/// The same for OpenSSH's keys.
pub(super) fn check_rounds(rounds: u32) -> Result<()> {
    if rounds <= MOST_ROUNDS {
        return Ok(());
    }
    Err(format!(
        "the key is encrypted by bcrypt with {rounds} rounds, and at most {MOST_ROUNDS} are read: `ssh-keygen -p \
         -a 24 -f FILE` encrypts the key anew, on a machine that can decrypt it"
    )
    .into())
}

/// RFC 7914 section 2: N blocks of 128·r bytes, and p blocks more.
fn scrypt(params: &ScryptParams) -> Result<()> {
    let blocks = u128::from(params.cost_parameter) + u128::from(params.parallelization);
    let memory = (128 * u128::from(params.block_size) * blocks).div_ceil(MIB);
    // The p blocks beside the memory proper are no reason to refuse a power of two.
    if memory > u128::from(MOST_MEMORY) + 1 {
        return Err(too_costly(
            &format!("scrypt with {memory} MiB of memory"),
            &format!("{MOST_MEMORY} MiB"),
        ));
    }
    if params.parallelization > MOST_PARALLEL {
        return Err(too_costly(
            &format!(
                "scrypt with a parallelization of {}",
                params.parallelization
            ),
            &format!("{MOST_PARALLEL}"),
        ));
    }
    Ok(())
}

fn too_costly(what: &str, most: &str) -> Box<dyn std::error::Error> {
    format!(
        "the key is encrypted by {what}, and at most {most} are read: `openssl pkcs8 -topk8 -iter 600000` encrypts the \
         key anew, on a machine that can decrypt it"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use pkcs8::pkcs5::pbes2;

    use super::*;

    fn of(kdf: Kdf) -> EncryptionScheme {
        let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: [0; 16] };
        EncryptionScheme::Pbes2(pbes2::Parameters { kdf, encryption })
    }

    #[test]
    fn costs_beyond_the_limits_are_refused_and_those_of_openssl_are_not() {
        let salt = || pbes2::Salt::new([7; 16]).unwrap();
        for (iterations, read) in [(2048, true), (10_000_000, true), (10_000_001, false)] {
            let kdf = Kdf::Pbkdf2(pbes2::Pbkdf2Params {
                salt: salt(),
                iteration_count: iterations,
                key_length: None,
                prf: pbes2::Pbkdf2Prf::HmacWithSha256,
            });
            assert_eq!(check(&of(kdf)).is_ok(), read, "{iterations}");
        }
        for (cost, block, parallel, read) in [
            (1 << 14, 8, 1, true),
            (1 << 18, 8, 16, true),
            (1 << 19, 8, 1, false),
            (1 << 40, 8, 1, false),
            (u64::MAX, u16::MAX, u16::MAX, false),
            (1 << 14, 8, 17, false),
        ] {
            let kdf = Kdf::Scrypt(pbes2::ScryptParams {
                salt: salt(),
                cost_parameter: cost,
                block_size: block,
                parallelization: parallel,
                key_length: None,
            });
            assert_eq!(check(&of(kdf)).is_ok(), read, "{cost} {block} {parallel}");
        }
    }
}
