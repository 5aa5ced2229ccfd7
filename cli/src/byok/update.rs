//! `tenon byok update`: alias, description and tags.

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};
use tenon_pkcs11::api::ck;

use super::tags::{Tag, collect, tags_json};
use super::target::Target;
use crate::Result;
use crate::template::Template;

#[derive(Args)]
#[command(group = ArgGroup::new("change").args(["alias", "description", "tags", "untag"]).required(true).multiple(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// New alias (CKA_LABEL)
    #[arg(long)]
    alias: Option<String>,
    /// New description
    #[arg(long)]
    description: Option<String>,
    /// A tag to set; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<Tag>,
    /// The key of a tag to take away; may be repeated
    #[arg(long = "untag", value_name = "KEY")]
    untag: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let retagged = !arguments.tags.is_empty() || !arguments.untag.is_empty();
    let new_tags = collect(&arguments.tags)?;
    if let Some(both) = arguments
        .untag
        .iter()
        .find(|key| new_tags.contains_key(*key))
    {
        return Err(format!("--tag sets {both} and --untag takes it away: say one of them").into());
    }
    let (open, key) = arguments.target.open()?;
    let mut template = Template::default()
        .maybe(ck::CKA_LABEL, arguments.alias.as_deref().map(str::as_bytes))
        .maybe(
            ck::CKA_TENON_DESCRIPTION,
            arguments.description.as_deref().map(str::as_bytes),
        );
    if retagged {
        let mut tags: BTreeMap<_, _> = key.tags.iter().cloned().collect();
        for gone in &arguments.untag {
            if tags.remove(gone).is_none() {
                return Err(format!("{} has no tag {gone}", key.name()).into());
            }
        }
        tags.extend(new_tags);
        template = template.bytes(ck::CKA_TENON_TAGS, tags_json(&tags).as_bytes());
    }
    arguments.target.set(&open, &key, &template, "Changed")
}
