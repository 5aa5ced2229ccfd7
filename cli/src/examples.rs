//! The examples of `--help`: for each command the lines that do what it is mostly used for.

use clap::Command;

use crate::status::EXIT_STATUS;

/// A command without the program's name, and its examples.
pub(crate) type Row = (&'static str, &'static [&'static str]);

pub(crate) const EXAMPLES: [Row; 63] = [
    (
        "init",
        &[
            "tenon init --label payments",
            "tenon init --label payments --if-missing --so-pin-file so.pin --pin-file user.pin",
        ],
    ),
    (
        "slots",
        &["tenon slots", "tenon slots --json | jq '.[].label'"],
    ),
    (
        "objects list",
        &[
            "tenon objects list --login",
            "tenon objects list --type cert",
        ],
    ),
    (
        "objects show",
        &["tenon objects show --label signing --login"],
    ),
    (
        "objects update",
        &["tenon objects update --label old --new-label new"],
    ),
    (
        "objects delete",
        &["tenon objects delete --label signing --type privkey"],
    ),
    (
        "keys generate",
        &[
            "tenon keys generate --type ec:P-256 --label signing --usage sign",
            "tenon keys generate --type aes:256 --label data",
        ],
    ),
    (
        "import",
        &[
            "tenon import bundle.pem --label site",
            "tenon import secret.bin --type aes --label data",
        ],
    ),
    (
        "export",
        &["tenon export --type pubkey --label signing --output public.pem"],
    ),
    (
        "migrate softhsm",
        &["tenon migrate softhsm /var/lib/softhsm/tokens --from old --token payments --dry-run"],
    ),
    (
        "migrate kryoptic",
        &["tenon migrate kryoptic /var/lib/kryoptic/token.sql --token payments"],
    ),
    (
        "migrate pkcs11",
        &["tenon migrate pkcs11 --module /usr/lib/other-hsm.so --from old --token payments"],
    ),
    (
        "csr",
        &[
            "tenon csr --label tls --subject CN=www.example.org --dns www.example.org --out request.pem",
        ],
    ),
    (
        "cert self-sign",
        &[
            "tenon cert self-sign --label tls --subject CN=www.example.org --valid 90d --out certificate.pem",
        ],
    ),
    (
        "byok create",
        &["tenon byok create --profile aws --spec AES_256 --alias card"],
    ),
    (
        "byok parameters",
        &["tenon byok parameters card --algorithm RSAES_OAEP_SHA_256 --directory job"],
    ),
    (
        "byok requests",
        &[
            "tenon byok requests",
            "tenon byok requests card --revoke-all",
        ],
    ),
    (
        "byok split",
        &["tenon byok split key.bin --shares 3 --threshold 2 --directory shares"],
    ),
    (
        "byok wrap",
        &[
            "tenon byok wrap key.bin --public-key publickey.pem --algorithm RSAES_OAEP_SHA_256 --output blob",
        ],
    ),
    (
        "byok import",
        &["tenon byok import card blob --import-token token.txt --expires 90d"],
    ),
    ("byok describe", &["tenon byok describe card --json"]),
    (
        "byok profiles",
        &["tenon byok profiles", "tenon byok profiles aws"],
    ),
    (
        "byok list",
        &["tenon byok list --login", "tenon byok list --expiring 7d"],
    ),
    (
        "byok update",
        &["tenon byok update card --alias card-2027 --tag owner=shop"],
    ),
    ("byok disable", &["tenon byok disable card"]),
    ("byok enable", &["tenon byok enable card"]),
    ("byok delete-material", &["tenon byok delete-material card"]),
    (
        "byok schedule-deletion",
        &["tenon byok schedule-deletion card --days 30"],
    ),
    (
        "byok request-approval",
        &["tenon byok request-approval card --days 30 --output statement"],
    ),
    (
        "byok approve",
        &["tenon byok approve statement --key custodian.pem --output approval"],
    ),
    ("byok cancel-deletion", &["tenon byok cancel-deletion card"]),
    ("byok rotate", &["tenon byok rotate card"]),
    ("byok versions", &["tenon byok versions card"]),
    (
        "byok receipt",
        &["tenon byok receipt card --directory receipts"],
    ),
    (
        "byok check-parameters",
        &[
            "tenon byok check-parameters statement --public-key publickey.pem --attestation-key attestation.pem",
        ],
    ),
    (
        "byok check-receipt",
        &["tenon byok check-receipt key.bin --receipt receipt --attestation-key attestation.pem"],
    ),
    (
        "byok attestation-key",
        &["tenon byok attestation-key --output attestation.pem"],
    ),
    ("byok sweep", &["tenon byok sweep"]),
    (
        "store move",
        &[
            "tenon store move --token payments --to 'postgresql://tenon@db/keys?sslrootcert=/etc/tenon/ca.pem'",
        ],
    ),
    ("store take-back", &["tenon store take-back --slot 0"]),
    ("store rotate", &["tenon store rotate"]),
    ("token delete", &["tenon token delete --token old"]),
    ("token rename", &["tenon token rename payments --token old"]),
    ("pin change", &["tenon pin change", "tenon pin change --so"]),
    ("pin unlock", &["tenon pin unlock --token payments"]),
    (
        "audit list",
        &[
            "tenon audit list --login --limit 20",
            "tenon audit list --since 2027-01-15",
        ],
    ),
    (
        "audit verify",
        &[
            "tenon audit verify",
            "tenon audit verify --archive 2026.audit",
        ],
    ),
    ("audit archive", &["tenon audit archive 2026.audit"]),
    (
        "audit export",
        &[
            "tenon audit export --cursor-file cursor >> records.json",
            "tenon audit export --follow --syslog",
        ],
    ),
    (
        "audit check-export",
        &[
            "tenon audit check-export export.json --statement export.statement --attestation-key attestation.pem",
        ],
    ),
    ("clock show", &["tenon clock show"]),
    ("clock accept", &["tenon clock accept"]),
    ("anchor show", &["tenon anchor show"]),
    ("anchor accept", &["tenon anchor accept"]),
    ("backup", &["tenon backup backups/payments --replace"]),
    (
        "restore",
        &[
            "tenon restore backups/payments",
            "tenon restore backups/payments --slot 3",
        ],
    ),
    ("doctor", &["tenon doctor", "tenon doctor --login --json"]),
    (
        "metrics",
        &["tenon metrics --output /var/lib/node_exporter/tenon.prom"],
    ),
    (
        "config",
        &["tenon config", "tenon config --example > softhsm.conf"],
    ),
    (
        "client-config",
        &[
            "tenon client-config",
            "tenon client-config uri --key signing",
        ],
    ),
    ("random", &["tenon random 32 --hex"]),
    ("manual", &["tenon manual /usr/local/share/man"]),
    ("demo", &["tenon demo", "tenon demo --keep story"]),
];

/// The whole command line, with the examples.
pub(crate) fn add_to(program: Command) -> Command {
    with_examples(program, "").after_help(EXIT_STATUS)
}

/// `command`, whose name is `name` without the program's, and those below it.
fn with_examples(command: Command, name: &str) -> Command {
    if command.has_subcommands() {
        return command.mut_subcommands(|below| {
            let name = format!("{name} {}", below.get_name());
            with_examples(below, name.trim())
        });
    }
    let rows = EXAMPLES.iter().filter(|row| row.0 == name);
    let lines = rows.flat_map(|row| row.1).map(|line| format!("  {line}\n"));
    let lines: String = lines.collect();
    let status = command.get_after_help().map(ToString::to_string);
    let status = status.unwrap_or_else(|| EXIT_STATUS.to_owned());
    command.after_help(format!("Examples:\n{lines}\n{status}"))
}
