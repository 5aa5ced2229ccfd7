//! `tenon client-config`: what a client program needs to use a token.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use crate::output::Format;
use crate::table::table;
use crate::token::{Choice, open};
use crate::{Result, module_file};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The client; without one, all of them are listed
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(CLIENTS.map(|client| client.name)))]
    name: Option<String>,
    #[command(flatten)]
    choice: Choice,
    /// The module's file; else $TENON_MODULE; else the one of this program's build or installation
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Label of the key that the client uses, where the lines name one
    #[arg(long, value_name = "LABEL", default_value = "KEY")]
    key: String,
    #[command(flatten)]
    format: Format,
}

/// A client, and the lines for it.
struct Client {
    name: &'static str,
    what: &'static str,
    lines: fn(&Facts) -> String,
}

/// What the lines are made of.
struct Facts {
    module: String,
    slot: u64,
    label: String,
    serial: String,
    /// RFC 7512, of the token.
    uri: String,
    key: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Some(name) = &arguments.name else {
        return list(&arguments.format);
    };
    let client = CLIENTS.iter().find(|client| client.name == name);
    let client = client.ok_or("no such client")?;
    let facts = Facts::of(arguments)?;
    let lines = (client.lines)(&facts);
    let answer = json!({
        "client": client.name,
        "module": facts.module,
        "slot": facts.slot,
        "label": facts.label,
        "serial": facts.serial,
        "uri": facts.uri,
        "lines": lines,
    });
    arguments
        .format
        .print(&answer, |out| writeln!(out, "{lines}"))
}

fn list(format: &Format) -> Result<()> {
    let answer = CLIENTS
        .iter()
        .map(|client| json!({ "client": client.name, "what": client.what }));
    format.print(&answer.collect(), |out| {
        let rows = CLIENTS.map(|client| [client.name.to_owned(), client.what.to_owned()]);
        table(out, ["CLIENT", "WHAT IS PRINTED"], &rows)
    })
}

impl Facts {
    fn of(arguments: &Arguments) -> Result<Self> {
        let slot = arguments.choice.find(&open()?)?;
        let module = match &arguments.module {
            Some(file) => std::path::absolute(file)?,
            None => module_file::find()?,
        };
        let module = canonical(&module);
        let label = percent_encoded(&slot.label);
        Ok(Self {
            module: module.display().to_string(),
            slot: slot.id,
            uri: format!("pkcs11:token={label};serial={}", slot.serial),
            label: slot.label,
            serial: slot.serial,
            key: arguments.key.clone(),
        })
    }

    /// The URI of the key, of this type.
    fn key(&self, kind: &str) -> String {
        format!(
            "{};object={};type={kind}",
            self.uri,
            percent_encoded(&self.key)
        )
    }
}

/// The path without `..`, for a file that a package moves no further.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// As RFC 7512 section 2.3 writes what is no letter, no digit and none of `-._~`.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// As one word of a shell's command.
fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/+:=,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As the content of an element of XML 1.0.
fn xml_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// As a string of JSON, which Python, JavaScript and Go read too.
fn quoted(text: &str) -> serde_json::Value {
    text.into()
}

const CLIENTS: [Client; 24] = [
    Client {
        name: "module",
        what: "the path of the module, for scripts",
        lines: |facts| facts.module.clone(),
    },
    Client {
        name: "uri",
        what: "the URI of a private key (RFC 7512), for scripts",
        lines: |facts| facts.key("private"),
    },
    Client {
        name: "pkcs11-tool",
        what: "a command of OpenSC",
        lines: |facts| {
            format!(
                "pkcs11-tool --module {} --token-label {} --login --list-objects",
                shell(&facts.module),
                shell(&facts.label)
            )
        },
    },
    Client {
        name: "openssl-engine",
        what: "a configuration of OpenSSL with libp11's engine",
        lines: |facts| {
            format!(
                "# OPENSSL_CONF=openssl.cnf openssl pkey -engine pkcs11 -inform engine -in '{}' -pubout\n\
                 openssl_conf = openssl_init\n\n\
                 [openssl_init]\nengines = engines\n\n\
                 [engines]\npkcs11 = pkcs11\n\n\
                 [pkcs11]\nengine_id = pkcs11\nMODULE_PATH = {}\ninit = 0\n\n\
                 # what `openssl req` asks for\n[req]\ndistinguished_name = name\n[name]",
                facts.key("private"),
                facts.module
            )
        },
    },
    Client {
        name: "openssl-provider",
        what: "a configuration of OpenSSL 3 with pkcs11-provider",
        lines: |facts| {
            format!(
                "# OPENSSL_CONF=openssl.cnf openssl pkey -in '{}' -pubout\n\
                 openssl_conf = openssl_init\n\n\
                 [openssl_init]\nproviders = providers\n\n\
                 [providers]\ndefault = default_provider\npkcs11 = pkcs11_provider\n\n\
                 [default_provider]\nactivate = 1\n\n\
                 [pkcs11_provider]\nmodule = pkcs11.so\npkcs11-module-path = {}\nactivate = 1",
                facts.key("private"),
                facts.module
            )
        },
    },
    Client {
        name: "p11-kit",
        what: "a module file, as in /etc/pkcs11/modules/tenon.module",
        lines: |facts| format!("module: {}", facts.module),
    },
    Client {
        name: "gnutls",
        what: "commands of p11tool and certtool",
        lines: |facts| {
            format!(
                "p11tool --provider {} --login --list-all '{}'\n\
                 certtool --provider {} --generate-self-signed --load-privkey '{}' --load-pubkey '{}' --template FILE",
                shell(&facts.module),
                facts.uri,
                shell(&facts.module),
                facts.key("private"),
                facts.key("public")
            )
        },
    },
    Client {
        name: "openssh",
        what: "commands, and lines of ~/.ssh/config",
        lines: |facts| {
            format!(
                "# ssh-keygen -D {module}          the public keys, for authorized_keys\n\
                 # ssh-add -s {module}             the agent keeps the PIN\n\
                 Host *\n    PKCS11Provider {module}",
                module = facts.module
            )
        },
    },
    Client {
        name: "curl",
        what: "a command, with libp11's engine",
        lines: |facts| {
            format!(
                "curl --engine pkcs11 --key-type ENG --key '{}' --cert CERTIFICATE.pem https://HOST/",
                facts.key("private")
            )
        },
    },
    Client {
        name: "nginx",
        what: "lines of a server, with libp11's engine",
        lines: |facts| {
            format!(
                "# main context, and openssl-engine's configuration in the environment, which workers get by name:\n\
                 env OPENSSL_CONF;\nenv TENON_DIRECTORIES_TOKENDIR;\nenv TENON_CONF;\nssl_engine pkcs11;\n\
                 # server:\n\
                 ssl_certificate CERTIFICATE.pem;\n\
                 ssl_certificate_key 'engine:pkcs11:{};pin-source=file:/PIN/FILE';",
                facts.key("private")
            )
        },
    },
    Client {
        name: "stunnel",
        what: "lines of stunnel.conf, with libp11's engine",
        lines: |facts| {
            format!(
                "engine = pkcs11\nengineCtrl = MODULE_PATH:{}\nengineCtrl = PIN:PIN\n\
                 # service:\nengineId = pkcs11\ncert = CERTIFICATE.pem\nkey = {}",
                facts.module,
                facts.key("private")
            )
        },
    },
    Client {
        name: "java",
        what: "a configuration of SunPKCS11, for keytool and jarsigner too",
        lines: |facts| {
            format!(
                "name = Tenon\nlibrary = {}\nslot = {}\n\
                 attributes(*, CKO_PRIVATE_KEY, *) = {{\n  CKA_TOKEN = true\n  CKA_SIGN = true\n}}\n\
                 # keytool -providerClass sun.security.pkcs11.SunPKCS11 -providerArg FILE -storetype PKCS11 -keystore NONE -list",
                facts.module, facts.slot
            )
        },
    },
    Client {
        name: "python",
        what: "a program with python-pkcs11",
        lines: |facts| {
            format!(
                "import pkcs11\n\
                 token = pkcs11.lib({}).get_token(token_label={}, token_serial=b{})\n\
                 with token.open(user_pin=PIN) as session:\n    \
                 key = session.get_key(label={}, object_class=pkcs11.ObjectClass.PRIVATE_KEY)",
                quoted(&facts.module),
                quoted(&facts.label),
                quoted(&facts.serial),
                quoted(&facts.key)
            )
        },
    },
    Client {
        name: "node",
        what: "a program with graphene-pk11",
        lines: |facts| {
            format!(
                "const {{ Module, ObjectClass, SessionFlag }} = require(\"graphene-pk11\");\n\
                 const tenon = Module.load({}, \"Tenon\");\n\
                 tenon.initialize();\n\
                 const slots = tenon.getSlots(true);\n\
                 const tokens = Array.from({{ length: slots.length }}, (_, index) => slots.items(index));\n\
                 const slot = tokens.find((slot) => slot.getToken().serialNumber.trim() === {});\n\
                 const session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION);\n\
                 session.login(PIN);\n\
                 const key = session.find({{ class: ObjectClass.PRIVATE_KEY, label: {} }}).items(0);",
                quoted(&facts.module),
                quoted(&facts.serial),
                quoted(&facts.key)
            )
        },
    },
    Client {
        name: "go",
        what: "a file for ConfigureFromFile of crypto11",
        lines: |facts| {
            format!(
                "{{\n  \"Path\": {},\n  \"TokenSerial\": {},\n  \"Pin\": \"PIN\"\n}}",
                quoted(&facts.module),
                quoted(&facts.serial)
            )
        },
    },
    Client {
        name: "rust",
        what: "the beginning of a program with the crate cryptoki",
        lines: |facts| {
            format!(
                "let library = Pkcs11::new({:?})?;\n\
                 library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;\n\
                 let mut slots = library.get_slots_with_token()?.into_iter();\n\
                 let is_ours = |slot: &Slot| library.get_token_info(*slot).is_ok_and(|token| token.serial_number() == {:?});\n\
                 let slot = slots.find(is_ours).ok_or(\"no such token\")?;",
                facts.module, facts.serial
            )
        },
    },
    Client {
        name: "barbican",
        what: "a section of barbican.conf",
        lines: |facts| {
            format!(
                "[p11_crypto_plugin]\nlibrary_path = {}\ntoken_serial_number = {}\nlogin = PIN\n\
                 mkek_label = mkek-1\nmkek_length = 32\nhmac_label = hmac-1\nhmac_key_type = CKK_GENERIC_SECRET\n\
                 hmac_keygen_mechanism = CKM_GENERIC_SECRET_KEY_GEN\nhmac_mechanism = CKM_SHA256_HMAC\n\
                 encryption_mechanism = CKM_AES_GCM\nkey_wrap_mechanism = CKM_AES_KEY_WRAP_KWP\n\
                 key_wrap_generate_iv = False\nos_locking_ok = True",
                facts.module, facts.serial
            )
        },
    },
    Client {
        name: "parsec",
        what: "a provider of Parsec's config.toml",
        lines: |facts| {
            format!(
                "[[provider]]\nprovider_type = \"Pkcs11\"\nkey_info_manager = \"sqlite-manager\"\n\
                 library_path = {}\nserial_number = {}\nuser_pin = \"PIN\"",
                quoted(&facts.module),
                quoted(&facts.serial)
            )
        },
    },
    Client {
        name: "nss",
        what: "a command for an NSS database (Firefox, Chromium)",
        lines: |facts| {
            format!(
                "modutil -dbdir sql:FOLDER -add Tenon -libfile {} -force",
                shell(&facts.module)
            )
        },
    },
    Client {
        name: "opendnssec",
        what: "a repository of OpenDNSSEC's conf.xml",
        lines: |facts| {
            format!(
                "<Repository name=\"tenon\">\n  <Module>{}</Module>\n  <TokenLabel>{}</TokenLabel>\n  <PIN>PIN</PIN>\n</Repository>",
                facts.module,
                xml_escaped(&facts.label)
            )
        },
    },
    Client {
        name: "strongswan",
        what: "lines of strongswan.conf, for charon, swanctl and pki",
        lines: |facts| {
            format!(
                "# In swanctl.conf, a section `token` of `secrets`: handle (the CKA_ID), slot = {slot}, module = tenon, pin.\n\
                 libstrongswan {{\n  plugins {{\n    pkcs11 {{\n      modules {{\n        tenon {{\n          \
                 path = {module}\n        }}\n      }}\n    }}\n  }}\n}}",
                slot = facts.slot,
                module = facts.module
            )
        },
    },
    Client {
        name: "openvpn",
        what: "lines of OpenVPN's configuration",
        lines: |facts| {
            format!(
                "# pkcs11-id: as `openvpn --show-pkcs11-ids {module}` names the certificate\npkcs11-providers {module}",
                module = facts.module
            )
        },
    },
    Client {
        name: "sbsign",
        what: "a command for UEFI Secure Boot, with libp11's engine",
        lines: |facts| {
            format!(
                "sbsign --engine pkcs11 --key '{}' --cert CERTIFICATE.pem IMAGE.efi",
                facts.key("private")
            )
        },
    },
    Client {
        name: "git",
        what: "settings of Git, which signs with a key of OpenSSH's agent",
        lines: |facts| {
            format!(
                "# ssh-add -s {module}\n\
                 git config gpg.format ssh\n\
                 git config user.signingkey \"key::$(ssh-keygen -D {module} | head -n 1)\"",
                module = shell(&facts.module)
            )
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_word_to_a_shell() {
        for text in ["plain/path-1.so", "web & mail", "it's", "a\"b$c`d\\", ""] {
            let command = format!("printf %s {}", shell(text));
            let run = std::process::Command::new("sh")
                .args(["-c", &command])
                .output();
            assert_eq!(run.unwrap().stdout, text.as_bytes());
        }
        assert_eq!(shell("plain/path-1.so"), "plain/path-1.so");
    }

    #[test]
    fn labels_are_written_as_in_a_uri() {
        assert_eq!(percent_encoded("a b;c=é"), "a%20b%3Bc%3D%C3%A9");
        assert_eq!(percent_encoded("plain-1.0_~"), "plain-1.0_~");
    }
}
