//! What became of each object, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::compare::Comparison;
use super::plan::Loss;
use super::source::SourceObject;
use crate::Result;
use crate::object::words;
use crate::output::Format;
use crate::table::{sentence, table};

/// Whence the objects come.
pub(crate) struct Origin<'a> {
    /// The program or module.
    pub(crate) what: &'a str,
    pub(crate) label: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) place: &'a Path,
}

/// What became of an object.
pub(crate) enum Fate {
    /// It was made, or would be.
    Moved,
    /// An earlier run has made it.
    Present,
    /// The token refused it for this reason.
    Refused(String),
}

pub(super) struct Outcome {
    source: String,
    class: &'static str,
    key: String,
    label: String,
    id: String,
    pub(super) fate: Fate,
    pub(super) lost: Vec<Loss>,
    pub(super) comparison: Option<Comparison>,
}

impl Outcome {
    pub(super) fn of(object: &SourceObject) -> Self {
        Self {
            source: object.name.clone(),
            class: object.class(),
            key: object.key(),
            label: object.label(),
            id: object.id(),
            fate: Fate::Moved,
            lost: Vec::new(),
            comparison: None,
        }
    }

    /// An object that could not be read.
    pub(super) fn unreadable(source: String, why: String) -> Self {
        Self {
            source,
            class: "unreadable",
            key: String::new(),
            label: String::new(),
            id: String::new(),
            fate: Fate::Refused(why),
            lost: Vec::new(),
            comparison: None,
        }
    }

    fn json(&self) -> Value {
        let (result, reason) = match &self.fate {
            Fate::Moved => ("moved", None),
            Fate::Present => ("present", None),
            Fate::Refused(why) => ("refused", Some(why)),
        };
        let lost: Vec<_> = self.lost.iter().map(loss).collect();
        json!({
            "source": self.source,
            "class": self.class,
            "key": (!self.key.is_empty()).then_some(&self.key),
            "label": self.label,
            "id": self.id,
            "result": result,
            "reason": reason,
            "lost": lost,
            "comparison": self.comparison.as_ref().map(Comparison::json),
        })
    }

    fn words(&self) -> String {
        words(self.class, &self.key, &self.label, &self.id)
    }

    fn differs(&self) -> Option<&str> {
        match &self.comparison {
            Some(Comparison::Differs(how)) => Some(how),
            _ => None,
        }
    }
}

fn loss(loss: &Loss) -> Value {
    json!({ "attribute": loss.attribute, "reason": loss.why })
}

#[derive(Default)]
pub(super) struct Report(Vec<Outcome>);

/// How many objects of a class came to which end.
#[derive(Default)]
struct Counts {
    moved: usize,
    present: usize,
    refused: usize,
    same: usize,
    not_compared: usize,
    different: usize,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.0.push(outcome);
    }

    /// Every object is in the token, and every key that was compared computes the same.
    pub(super) fn is_complete(&self) -> bool {
        let lacks = |one: &Outcome| matches!(one.fate, Fate::Refused(_)) || one.differs().is_some();
        !self.0.iter().any(lacks)
    }

    fn counts(&self) -> BTreeMap<&'static str, Counts> {
        let mut all: BTreeMap<_, Counts> = BTreeMap::new();
        for outcome in &self.0 {
            let counts = all.entry(outcome.class).or_default();
            match outcome.fate {
                Fate::Moved => counts.moved += 1,
                Fate::Present => counts.present += 1,
                Fate::Refused(_) => counts.refused += 1,
            }
            match outcome.comparison {
                Some(Comparison::Same(_)) => counts.same += 1,
                Some(Comparison::Differs(_)) => counts.different += 1,
                Some(Comparison::Impossible(_)) => counts.not_compared += 1,
                None => {}
            }
        }
        all
    }

    pub(super) fn print(
        &self,
        format: &Format,
        origin: &Origin<'_>,
        token: &str,
        dry_run: bool,
    ) -> Result<()> {
        let counts = self.counts().into_iter().map(|(class, counts)| {
            let Counts {
                moved,
                present,
                refused,
                same,
                not_compared,
                different,
            } = counts;
            let value = json!({
                "moved": moved, "present": present, "refused": refused,
                "same": same, "not_compared": not_compared, "different": different,
            });
            (class.to_owned(), value)
        });
        let answer = json!({
            "from": { "module": origin.what, "label": origin.label, "serial": origin.serial, "place": origin.place },
            "token": token,
            "dry_run": dry_run,
            "counts": counts.collect::<serde_json::Map<_, _>>(),
            "objects": self.0.iter().map(Outcome::json).collect::<Vec<_>>(),
        });
        format.print(&answer, |out| self.write(out, origin, token, dry_run))
    }

    fn write(
        &self,
        out: &mut dyn Write,
        origin: &Origin<'_>,
        token: &str,
        dry_run: bool,
    ) -> io::Result<()> {
        let verb = if dry_run { "Would move" } else { "Moved" };
        let (what, place) = (origin.what, origin.place.display());
        let title = format!(
            "{verb} the token {} of {what} ({place}) into {token}",
            origin.label
        );
        sentence(out, &title)?;
        writeln!(out)?;
        let rows: Vec<_> = self
            .counts()
            .into_iter()
            .map(|(class, counts)| {
                [
                    class.to_owned(),
                    counts.moved.to_string(),
                    counts.present.to_string(),
                    counts.refused.to_string(),
                    counts.same.to_string(),
                    counts.different.to_string(),
                    counts.not_compared.to_string(),
                ]
            })
            .collect();
        let moved = if dry_run { "WOULD MOVE" } else { "MOVED" };
        let header = [
            "CLASS",
            moved,
            "PRESENT",
            "REFUSED",
            "SAME",
            "DIFFERENT",
            "NOT COMPARED",
        ];
        table(out, header, &rows)?;
        for outcome in &self.0 {
            if let Fate::Refused(why) = &outcome.fate {
                let words = outcome.words();
                sentence(out, &format!("refused: {} {words}: {why}", outcome.source))?;
            }
            if let Some(how) = outcome.differs() {
                let words = outcome.words();
                sentence(
                    out,
                    &format!("different: {} {words}: {how}", outcome.source),
                )?;
            }
        }
        self.write_losses(out)?;
        self.write_not_compared(out)
    }

    /// One line for each attribute and reason, with the number of objects.
    fn write_losses(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut grouped: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for loss in self.0.iter().flat_map(|outcome| &outcome.lost) {
            *grouped.entry((&loss.attribute, &loss.why)).or_default() += 1;
        }
        for ((attribute, why), count) in grouped {
            sentence(
                out,
                &format!("not kept: {attribute} of {count} objects: {why}"),
            )?;
        }
        Ok(())
    }

    fn write_not_compared(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut grouped: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in &self.0 {
            if let Some(Comparison::Impossible(why)) = &outcome.comparison {
                *grouped.entry(why).or_default() += 1;
            }
        }
        for (why, count) in grouped {
            sentence(out, &format!("not compared: {count} keys: {why}"))?;
        }
        Ok(())
    }
}
