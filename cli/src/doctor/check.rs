//! One check: a line of the answer.

use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Warning,
    Failed,
    LeftOut,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::LeftOut => "left out",
        }
    }
}

pub(super) struct Check {
    pub(super) what: &'static str,
    outcome: Outcome,
    found: String,
    pub(super) advice: Option<&'static str>,
}

impl Check {
    pub(super) fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            outcome: Outcome::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub(super) fn warning(
        what: &'static str,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            outcome: Outcome::Warning,
            advice: Some(advice),
            ..Self::ok(what, found)
        }
    }

    pub(super) fn failed(
        what: &'static str,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..Self::warning(what, found, advice)
        }
    }

    pub(super) fn left_out(
        what: &'static str,
        why: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            outcome: Outcome::LeftOut,
            ..Self::warning(what, why, advice)
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "check": self.what,
            "state": self.outcome.name().to_lowercase(),
            "found": self.found,
            "advice": self.advice,
        })
    }

    pub(super) fn row(&self) -> [String; 3] {
        [
            self.what.to_owned(),
            self.outcome.name().to_owned(),
            self.found.clone(),
        ]
    }
}
