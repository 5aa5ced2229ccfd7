//! What a profile says when it refuses: the rule, and what the service has instead.

use crate::ck;
use crate::keytype::Spec;

use super::super::algorithm::WrappingKey;
use super::row::{DAY, Profile, Rotation, Rule};
use super::usage::Usage;

impl Profile {
    /// A sentence without a full stop, which begins with the service's name.
    #[must_use]
    pub fn refusal(&self, rule: Rule) -> String {
        format!("{} {}", self.service, self.what_is_refused(rule))
    }

    fn what_is_refused(&self, rule: Rule) -> String {
        match rule {
            Rule::Spec(spec) => format!("has no {spec} keys; it has {}", self.spec_list()),
            Rule::Usage(spec) => {
                let usages: Vec<_> = self
                    .usages(spec)
                    .into_iter()
                    .map(|usage| self.usage_name(Some(spec), usage))
                    .collect();
                format!("gives a {spec} key the usage {}", usages.join(" or "))
            }
            Rule::Wrapping(algorithm, spec) => format!(
                "does not wrap {spec} material by {algorithm}; it has {}",
                self.way_list(spec)
            ),
            Rule::WrappingKey(algorithm, key, spec) => {
                let has_some = self.ways(spec).iter().any(|(way, _)| *way == algorithm);
                let list = if has_some {
                    format!(
                        ", {} takes {}",
                        algorithm.name,
                        self.key_list(spec, algorithm.number)
                    )
                } else {
                    String::new()
                };
                format!("has no {key} wrapping keys for {spec} material{list}")
            }
            Rule::Way => "takes material by its own wrapping algorithms alone".to_owned(),
            Rule::ManyKeys => {
                "has import jobs for one key each: name the key (CKA_TENON_IMPORT_TARGET), and leave `--every-key` out"
                    .to_owned()
            }
            Rule::Rotation => {
                "does not rotate this key: make a new external key for the new material".to_owned()
            }
            Rule::NextMaterial => format!(
                "takes no material ahead of a rotation: leave CKA_TENON_NEW_MATERIAL (`--new-material`) out{}",
                self.how_new_material_comes()
            ),
            Rule::Versions(most) => format!(
                "keeps at most {most} versions of a key, the current one and the next one included"
            ),
            Rule::RotationByImport => {
                "makes a version of each new material by its import alone: import the new material"
                    .to_owned()
            }
            Rule::JobLifeFixed => {
                "says itself how long import parameters live: leave CKA_TENON_NOT_AFTER (`--valid`) out"
                    .to_owned()
            }
            Rule::JobLife => {
                let (least, most) = self.job.lives.unwrap_or_default();
                format!("keeps import parameters {least} to {most} seconds")
            }
            Rule::ExpiryUnnamed => {
                "wants an expiry in every import (CKA_TENON_EXPIRES_AT): a time, or 0 for never"
                    .to_owned()
            }
            Rule::ExpiryMaximum => format!("keeps material {} at most", self.longest_life()),
            Rule::Deletion => format!(
                "deletes a key {} to {} days after the request; 0 cancels",
                self.deletion_days.start(),
                self.deletion_days.end()
            ),
            Rule::Metadata(what) => what.to_owned(),
        }
    }

    /// What brings other material than the key has, behind the advice to import without CKA_TENON_NEW_MATERIAL.
    fn how_new_material_comes(&self) -> &'static str {
        match self.rotation {
            Rotation::No => ". Its keys do not rotate: make a new external key for other material",
            Rotation::Manual => {
                ". Where the key has its material already, rotate it before other material comes (`tenon byok rotate`)"
            }
            Rotation::OnImport => ". Each import of other material makes a version",
            Rotation::Pending { .. } => "",
        }
    }

    fn spec_list(&self) -> String {
        let any_usage = |spec: Spec| {
            let usage = self.usages(spec).first().copied().unwrap_or(Usage::SIGN);
            self.spec_name(spec, usage)
        };
        let names: Vec<_> = self.specs().into_iter().map(any_usage).collect();
        names.join(", ")
    }

    fn way_list(&self, spec: Spec) -> String {
        let mut names = Vec::new();
        for (algorithm, keys) in self.ways(spec) {
            for key in keys {
                let name = self.algorithm_name(algorithm, key);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names.join(", ")
    }

    fn key_list(&self, spec: Spec, number: ck::CK_ULONG) -> String {
        let ways = self.ways(spec).into_iter();
        let keys = ways
            .filter(|(algorithm, _)| algorithm.number == number)
            .flat_map(|(_, keys)| keys);
        keys.map(|key: WrappingKey| key.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn longest_life(&self) -> String {
        match self.expiry_limits() {
            (Some(life), _) => format!("{} days", life / DAY),
            (None, Some(latest)) => format!("until the Unix time {latest}"),
            (None, None) => "for ever".to_owned(),
        }
    }
}
