//! `tenon byok schedule-deletion`: never without --yes or a question.

use std::ops::RangeInclusive;

use clap::Args;
use tenon_pkcs11::api::byok::profile;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;

use super::approval::Approvals;
use super::external::{Target, now};
use crate::ask::confirm;
use crate::template::Template;
use crate::when::{DAY, utc};
use crate::{Result, WrongUsage};

/// Seconds until the token reads its own clock, which must still find 7 days.
const MARGIN: UnixTime = 60;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Days until then: 7 to 30, or what else the key's profile has (`tenon byok profiles`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1096))]
    days: u64,
    #[command(flatten)]
    approvals: Approvals,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    let window = window(&key.profile, arguments.days)?;
    let at = deletion_at(arguments.days, *window.end(), now());
    let question = format!(
        "Delete the key {} for ever, with its material, on {}?",
        key.name(),
        utc(at)
    );
    confirm(&question, arguments.yes)?;
    arguments.approvals.give(&open, &key)?;
    let template = Template::default().bytes(ck::CKA_TENON_DELETION_AT, &at.to_be_bytes());
    let done = format!("To be deleted on {}:", utc(at));
    arguments.target.set(&open, &key, &template, &done)
}

/// The days that the profile allows.
fn window(name: &str, days: u64) -> Result<RangeInclusive<u64>> {
    let profile = profile::find(name.as_bytes()).ok_or("the key's profile is unknown")?;
    if !profile.deletion_days.contains(&days) {
        let (least, most) = (profile.deletion_days.start(), profile.deletion_days.end());
        let service = profile.service;
        return Err(WrongUsage(format!(
            "{service} deletes a key {least} to {most} days after the request, not {days}"
        ))
        .into());
    }
    Ok(profile.deletion_days.clone())
}

fn deletion_at(days: u64, most: u64, now: UnixTime) -> UnixTime {
    let longest = now.saturating_add(most * DAY);
    now.saturating_add(days * DAY + MARGIN).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletion_is_inside_the_window_when_the_token_reads_its_clock() {
        for later in [0, 1, 59] {
            for days in [7, 8, 29, 30] {
                let ahead = deletion_at(days, 30, 1000) - (1000 + later);
                assert!((7 * DAY..=30 * DAY).contains(&ahead), "{days} {later}");
            }
        }
    }
}
