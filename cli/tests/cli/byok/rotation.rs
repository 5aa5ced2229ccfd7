//! Versions of a key from the command line, where new material is imported before the rotation.

use super::common::{bring, byok, create, desk, metadata, now};
use super::openssl::openssl;
use crate::cli::common::{Desk, text};

const NAME: &str = "RSAES_OAEP_SHA_256";

fn import(desk: &Desk, file: &str, more: &[&str]) -> crate::cli::common::Answer {
    bring(desk, file, NAME, &[&["--expires", "never"], more].concat())
}

fn version(desk: &Desk, number: usize, field: &str) -> String {
    let versions = byok(desk, &["versions", "k", "--json"]).ok().json();
    text(&versions["KeyVersions"][number - 1], field).to_owned()
}

#[test]
fn new_material_is_imported_and_then_rotated_to() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    import(&desk, "secret.bin", &[]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["--new-material"]);
    import(&desk, "secret.bin", &["--new-material"]).refused(1, &["has already"]);
    import(&desk, "other.bin", &["--new-material"]).ok();
    assert_eq!(version(&desk, 2, "KeyState"), "PendingRotation");
    let said = byok(&desk, &["rotate", "k"]).ok().out();
    assert!(said.contains("current version"), "{said}");
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(key["PrimaryKeyVersion"], 2);
    assert_eq!(
        text(&key, "KeyMaterialId"),
        version(&desk, 2, "KeyMaterialId")
    );

    let first = version(&desk, 1, "KeyMaterialId");
    let delete = |id: &str| byok(&desk, &["delete-material", "k", "--material", id, "--yes"]);
    delete("77").refused(1, &["tenon byok versions"]);
    delete(&first).ok();
    assert_eq!(version(&desk, 1, "MaterialEndReason"), "deleted");
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(
        text(&key, "KeyState"),
        "PendingImport",
        "it needs every version"
    );
    let again = delete(&first).ok().out();
    assert!(again.contains("nothing changed"), "{again}");
    for login in [&["--login"][..], &[]] {
        let list = [&["list", "--expiring", "1d"], login].concat();
        byok(&desk, &list).status(3);
    }
    let soon = (now() + 3600).to_string();
    bring(&desk, "secret.bin", NAME, &["--expires", &soon]).ok();
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(text(&key, "KeyState"), "Enabled");
    byok(&desk, &["list", "--expiring", "1d", "--login"]).status(3);
    byok(&desk, &["list", "--expiring", "10m", "--login"]).status(0);
}

#[test]
fn raw_keys_are_rotated_by_force() {
    let desk = desk();
    create(&desk, &["--profile", "oci", "--spec", "AES_256", "--raw"]);
    import(&desk, "secret.bin", &[]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["raw", "--force"]);
    byok(&desk, &["rotate", "k", "--force"]).ok();
    import(&desk, "secret.bin", &["--new-material"]).refused(1, &["OCI"]);
}
