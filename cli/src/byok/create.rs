//! `tenon byok create`: an external key without material, as CreateKey with Origin EXTERNAL makes it, or a
//! managed key, whose material the token generates.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::json;
use tenon_pkcs11::api::byok::{Profile, Spec, SpecName, Usage, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::shares::Sharing;
use tenon_pkcs11::api::keytype;
use tenon_pkcs11::api::mechanism;
use tenon_pkcs11::api::rng;
use tenon_pkcs11::api::token::Handle;

use super::approval::Custody;
use super::external::External;
use super::metadata;
use super::share;
use super::spec::{self, NamedUsage};
use super::tags::{Tag, collect, tags_json};
use crate::Result;
use crate::ask::UserPin;
use crate::object::{Id, unused};
use crate::output::{Format, folded, hex, unhex};
use crate::template::Template;
use crate::token::{self, Choice, OpenSession};

/// Bytes of a random CKA_ID.
const ID_LEN: usize = 16;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// The service whose rules the key keeps: open (all is allowed), alibaba-default,
    /// alibaba-software, alibaba-hardware, huawei, aws, google, azure, tencent, oci, vault or ibm;
    /// `tenon byok profiles` shows them
    #[arg(long, value_name = "NAME", default_value = "open", value_parser = known_profile)]
    profile: &'static Profile,
    /// Where the material comes from: external (an import brings it) or generated (by the token, at
    /// once)
    #[arg(long, value_enum, default_value = "external", ignore_case = true)]
    origin: Origin,
    /// What material fits: AES_256, RSA_2048, EC_P256, EC_P256K, SM2, HMAC_256 …, also by the names
    /// of the services
    #[arg(long, value_name = "SPEC", value_parser = spec::parse)]
    spec: SpecName,
    /// ENCRYPT_DECRYPT, SIGN_VERIFY or, for HMAC keys, GENERATE_VERIFY_MAC, also as the service writes it,
    /// for ever; what is usual for the spec unless said
    #[arg(long, value_parser = spec::parse_usage)]
    usage: Option<NamedUsage>,
    /// Let a symmetric key of a service encrypt by every mechanism of its type, as plain PKCS#11
    /// clients do. Then any key with equal material opens what it encrypts; without --raw none does,
    /// since the key works by CKM_TENON_KMS_ENVELOPE alone. Keys of profile open are always raw
    #[arg(long)]
    raw: bool,
    /// Alias (CKA_LABEL)
    #[arg(long)]
    alias: Option<String>,
    /// Where a key has the alias already, make none, and show that one, if profile, spec, origin, --id, usage, --raw,
    /// --require-token, shares and custodians are those asked for
    #[arg(long, requires = "alias")]
    if_missing: bool,
    /// CKA_ID, in hexadecimal digits, for ever: programs that know no KeyId find the key by it; a
    /// random one unless said
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    id: Option<Id>,
    /// What the key is for
    #[arg(long)]
    description: Option<String>,
    /// A tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<Tag>,
    /// Refuse every import without the import token that came with the public key
    #[arg(long)]
    require_token: bool,
    /// The material comes in N shares, K of which make it: each by an import of its own (`split`, `import
    /// --share`)
    #[arg(long, value_name = "K/N", value_parser = share::sharing, requires = "check_value")]
    shares: Option<Sharing>,
    /// The check value of the material in shares, as `split` shows it: it tells a wrong share
    #[arg(long, value_name = "HEX", value_parser = share::check_value_of, requires = "shares")]
    check_value: Option<[u8; 8]>,
    #[command(flatten)]
    custody: Custody,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Origin {
    External,
    Generated,
}

pub(super) fn known_profile(name: &str) -> std::result::Result<&'static Profile, String> {
    profile::find(name.as_bytes()).ok_or_else(|| {
        let names: Vec<_> = profile::all().map(|profile| profile.name).collect();
        folded(&format!("there are {}", names.join(", ")))
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.fits_usage()?;
    let tags = collect(&arguments.tags)?;
    let open = arguments.choice.user_session(&arguments.pin)?;
    // Several that run at once look and make one after another, so one makes the key and the others find it.
    let _turn = match arguments.if_missing {
        true => Some(token::turn()?),
        false => None,
    };
    if let Some(present) = arguments.present(&open)? {
        return arguments.print(&present, false);
    }
    let made = arguments.make(&open, &tags)?;
    arguments.print(&made, true)
}

impl Arguments {
    fn make(&self, open: &OpenSession, tags: &BTreeMap<String, String>) -> Result<External> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => rng::random::<ID_LEN>(&SystemRng).to_vec(),
        };
        unused(&open.session, spec::class(self.spec.spec), &id)?;
        let tags = (!tags.is_empty()).then(|| tags_json(tags));
        let template = self
            .named(&id)
            .bytes(ck::CKA_TENON_PROFILE, self.profile.name.as_bytes())
            .bytes(ck::CKA_TENON_KEY_SPEC, self.spec.name.as_bytes())
            .maybe(
                ck::CKA_TENON_DESCRIPTION,
                self.description.as_deref().map(str::as_bytes),
            )
            .maybe(ck::CKA_TENON_TAGS, tags.as_deref().map(str::as_bytes));
        let template = self.custody.add(template)?;
        let made = match self.origin {
            Origin::External => self.external(open, template)?,
            Origin::Generated => self.generated(open, template, &id)?,
        };
        External::of(&open.session, made)
    }

    /// The key that has the alias, if it is as asked for and --if-missing allows one.
    fn present(&self, open: &OpenSession) -> Result<Option<External>> {
        let alias = self.alias.as_deref().filter(|alias| !alias.is_empty());
        let mut taken = Vec::new();
        if let Some(alias) = alias {
            taken = External::with_alias(&open.session, alias)?;
        }
        let Some(key) = taken.pop() else {
            return Ok(None);
        };
        let (alias, id) = (&key.alias, &key.key_id);
        let difference = match taken.is_empty() {
            true => self.difference(&key)?,
            false => Some("another key of the same alias beside it".to_owned()),
        };
        if let Some(difference) = difference {
            return Err(format!(
                "the key {id} has the alias {alias}, and is not the one asked for: it has {difference}. Choose \
                 another alias, or ask for the key as it is"
            )
            .into());
        }
        if !self.if_missing {
            return Err(format!(
                "the key {id} has the alias {alias}: choose another, or say --if-missing to go on with that key"
            )
            .into());
        }
        Ok(Some(key))
    }

    /// What is fixed for the key's life and differs from what is asked for; `None` where nothing does.
    fn difference(&self, key: &External) -> Result<Option<String>> {
        let generated = self.origin == Origin::Generated;
        let same = key.profile == self.profile.name && key.spec == Some(self.spec.spec);
        if !same || key.generated != generated {
            return Ok(Some(format!(
                "profile {}, spec {} and origin {}",
                key.profile,
                key.spec(),
                key.origin()
            )));
        }
        if self.id.as_ref().is_some_and(|id| *id != key.id) {
            return Ok(Some(format!("CKA_ID {}", hex(&key.id))));
        }
        if key.usage != self.usage() {
            let asked = self.profile.usage_name(Some(self.spec.spec), self.usage());
            return Ok(Some(format!("usage {}, not {asked}", key.usage())));
        }
        match key.independence() {
            "envelope" if self.raw => {
                return Ok(Some(
                    "no raw mechanisms (it was made without --raw)".to_owned(),
                ));
            }
            "raw" if !self.raw && !self.profile.takes_every_way() => {
                return Ok(Some("raw mechanisms (it was made with --raw)".to_owned()));
            }
            _ => {}
        }
        if key.require_token != self.require_token {
            let without = if key.require_token { "" } else { "out" };
            return Ok(Some(format!("been made with{without} --require-token")));
        }
        let asked = self.shares.map(|of| vec![of.needed(), of.of()]);
        if key.sharing != asked.unwrap_or_default() {
            return Ok(Some(match key.sharing.as_slice() {
                [needed, of] => format!("shares {needed}/{of}"),
                _ => "no shares".to_owned(),
            }));
        }
        self.custody.difference(key)
    }

    /// Prints the key that was made, or found.
    fn print(&self, key: &External, made: bool) -> Result<()> {
        let answer = json!({ "Changed": made, "KeyMetadata": metadata::of_key(key) });
        self.format.print(&answer, |out| {
            let done = if made { "Made" } else { "Found" };
            writeln!(out, "{done} {}", key.words())?;
            match key.generated || key.state != Some(ck::STATE_PENDING_IMPORT) {
                true => Ok(()),
                false => writeln!(out, "Next: tenon byok parameters {}", key.name()),
            }
        })
    }

    fn usage(&self) -> Usage {
        match &self.usage {
            Some(named) => named.usage,
            None => spec::usual_usage(&self.spec),
        }
    }

    /// Refuses the word of HMAC keys for another key that signs, and that of other keys for an HMAC key.
    fn fits_usage(&self) -> Result<()> {
        let (spec, profile) = (self.spec.spec, self.profile);
        let hmac = matches!(spec, Spec::Hmac(_));
        let named = self.usage.as_ref();
        let Some(named) = named.filter(|named| named.usage.sign && named.of_hmac != hmac) else {
            return Ok(());
        };
        let usages = profile.usages(spec).into_iter();
        let allowed: Vec<_> = usages
            .map(|usage| profile.usage_name(Some(spec), usage))
            .collect();
        let for_what = if hmac { "is not for" } else { "is for" };
        Err(format!(
            "{} {for_what} HMAC keys; {spec} keys of {} have the usage {}",
            named.name,
            profile.service,
            allowed.join(" or ")
        )
        .into())
    }

    /// Alias and CKA_ID of a token object.
    fn named(&self, id: &[u8]) -> Template {
        Template::default()
            .flag(ck::CKA_TOKEN, true)
            .maybe(ck::CKA_LABEL, self.alias.as_deref().map(str::as_bytes))
            .bytes(ck::CKA_ID, id)
    }

    /// Adds class, type, size and usage of the key, or of its private half.
    fn sized(&self, template: Template) -> Template {
        let template = template.and(spec::template(self.spec.spec));
        let template = spec::with_usage(template, self.spec.spec, self.usage());
        match self.raw && !self.spec.spec.private() {
            true => template.numbers(ck::CKA_ALLOWED_MECHANISMS, &ciphers(self.spec.spec)),
            false => template,
        }
    }

    fn external(&self, open: &OpenSession, template: Template) -> Result<Handle> {
        let template = self
            .sized(template)
            .maybe(
                ck::CKA_TENON_SHARES,
                self.shares.map(|of| [of.needed(), of.of()]),
            )
            .maybe(ck::CKA_TENON_SHARES_CHECK_VALUE, self.check_value)
            .flag(ck::CKA_TENON_REQUIRE_TOKEN, self.require_token);
        let request = open.request(ck::CKM_TENON_EXTERNAL_KEY_GEN)?;
        Ok(open.session.generate_key(request, template.as_slice())?)
    }

    fn generated(&self, open: &OpenSession, template: Template, id: &[u8]) -> Result<Handle> {
        if self.require_token || self.shares.is_some() {
            return Err(
                "nothing is imported into a generated key: leave --require-token and --shares out"
                    .into(),
            );
        }
        let request = open.request(generator(self.spec.spec)?)?;
        let session = &open.session;
        if !self.spec.spec.private() {
            let template = self.sized(template);
            return Ok(session.generate_key(request, template.as_slice())?);
        }
        unused(session, ck::CKO_PUBLIC_KEY, id)?;
        let (_, size, value) = self.spec.spec.attributes();
        let public = self.named(id).value(size, &value);
        let private = spec::with_usage(template, self.spec.spec, self.usage());
        let pair = session.generate_key_pair(request, public.as_slice(), private.as_slice())?;
        Ok(pair.1)
    }
}

/// The mechanism that generates keys of a spec.
fn generator(spec: Spec) -> Result<ck::CK_MECHANISM_TYPE> {
    let (key_type, size, value) = spec.attributes();
    let row = keytype::find(key_type);
    let made_by = row.and_then(|row| row.made_by(&vec![(size, value)]));
    made_by.ok_or_else(|| format!("no mechanism makes keys of {spec}").into())
}

/// Every mechanism by which keys of a spec encrypt or wrap.
fn ciphers(spec: Spec) -> Vec<ck::CK_MECHANISM_TYPE> {
    const USES: ck::CK_FLAGS = ck::CKF_ENCRYPT | ck::CKF_DECRYPT | ck::CKF_WRAP | ck::CKF_UNWRAP;
    let (key_type, ..) = spec.attributes();
    mechanism::all()
        .filter(|row| row.key_types.contains(&key_type) && row.info().flags & USES != 0)
        .map(|row| row.id)
        .collect()
}
