//! `tenon byok create`: an external key without material, as CreateKey with Origin EXTERNAL makes it.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::byok::{Profile, SpecName, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::rng;

use super::external::External;
use super::spec::{self, Usage};
use super::tags::{Tag, collect, tags_json};
use crate::Result;
use crate::ask::UserPin;
use crate::object::{Id, unused};
use crate::output::{Format, unhex};
use crate::token::Choice;

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
    /// What material fits: AES_256, RSA_2048, EC_P256, EC_P256K, SM2, HMAC_256 …, also by the names
    /// of the services
    #[arg(long, value_name = "SPEC", value_parser = spec::parse)]
    spec: SpecName,
    /// ENCRYPT/DECRYPT or SIGN/VERIFY, for ever; what is usual for the spec unless said
    #[arg(long, value_parser = Usage::parse)]
    usage: Option<Usage>,
    /// Alias (CKA_LABEL)
    #[arg(long)]
    alias: Option<String>,
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
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

pub(super) fn known_profile(name: &str) -> std::result::Result<&'static Profile, String> {
    profile::find(name.as_bytes()).ok_or_else(|| {
        let names: Vec<_> = profile::all().map(|profile| profile.name).collect();
        format!("there are {}", names.join(", "))
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let named = &arguments.spec;
    let spec = named.spec;
    let usage = arguments.usage.unwrap_or_else(|| Usage::usual(named));
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => rng::random::<ID_LEN>(&SystemRng).to_vec(),
    };
    let tags = (!arguments.tags.is_empty()).then(|| tags_json(&collect(&arguments.tags)));
    let template = usage
        .add(spec::template(spec), spec)
        .flag(ck::CKA_TOKEN, true)
        .bytes(ck::CKA_TENON_PROFILE, arguments.profile.name.as_bytes())
        .bytes(ck::CKA_TENON_KEY_SPEC, named.name.as_bytes())
        .flag(ck::CKA_TENON_REQUIRE_TOKEN, arguments.require_token)
        .maybe(ck::CKA_LABEL, arguments.alias.as_deref().map(str::as_bytes))
        .bytes(ck::CKA_ID, &id)
        .maybe(
            ck::CKA_TENON_DESCRIPTION,
            arguments.description.as_deref().map(str::as_bytes),
        )
        .maybe(ck::CKA_TENON_TAGS, tags.as_deref().map(str::as_bytes));
    let open = arguments.choice.user_session(&arguments.pin)?;
    unused(&open.session, spec::class(spec), &id)?;
    let request = open.request(ck::CKM_TENON_EXTERNAL_KEY_GEN)?;
    let made = open.session.generate_key(request, template.as_slice())?;
    let key = External::of(&open.session, made)?;
    let answer = json!({ "KeyMetadata": key.json() });
    arguments.format.print(&answer, |out| {
        writeln!(out, "Made {}", key.words())?;
        writeln!(out, "Next: tenon byok parameters {}", key.name())
    })
}
