//! What a run tells: a line for each delivery, troubles of accounts, a summary at the end.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tombolo_model::{Copy, ProgressSink, ReaderInfo};

use crate::ledger::{Delivery, StateName};

/// What became of one delivery in this run. The fields' names are the program's `--json` output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The route's name.
    pub route: String,
    /// The post's ActivityPub id.
    pub post: String,
    /// The source account's name.
    pub from: String,
    /// The destination account's name.
    pub to: String,
    /// Its state.
    pub state: StateName,
    /// The copy, if there is one.
    pub copy: Option<CopyRef>,
    /// All copies, one for each part and those found besides.
    pub copies: Vec<CopyRef>,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// When it is looked at again by itself, where that isn't at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
    /// The post's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The post's page for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// In a dry run: what would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<serde_json::Value>,
}

/// A copy, as printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyRef {
    /// Id in the destination's API.
    pub id: String,
    /// ActivityPub id.
    pub uri: String,
    /// Page for people.
    pub url: Option<String>,
}

impl From<&Copy> for CopyRef {
    fn from(copy: &Copy) -> Self {
        Self {
            id: copy.id.clone(),
            uri: copy.uri.clone(),
            url: copy.url.clone(),
        }
    }
}

impl Line {
    /// The line of a delivery as it stands at this time.
    pub fn of(delivery: &Delivery, route: &str, (from, to): (&str, &str), now: DateTime<Utc>) -> Self {
        let copies: Vec<CopyRef> = delivery.copies().map(CopyRef::from).collect();
        Self {
            route: route.to_owned(),
            post: delivery.key.post.to_string(),
            from: from.to_owned(),
            to: to.to_owned(),
            state: delivery.state(),
            copy: copies.first().cloned(),
            copies,
            reason: delivery.reason(),
            not_before: delivery.due().filter(|due| *due > now),
            title: delivery.title.clone(),
            link: delivery.link.clone(),
            plan: None,
        }
    }
}

/// Something that concerns a whole account, not one post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The account's name.
    pub account: String,
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// What happened and what to do.
    pub message: String,
}

/// Kinds of troubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The token doesn't work, lacks a permission, or belongs to another account.
    SignInNeeded,
    /// The instance can't be reached, or asks to wait.
    Unreachable,
    /// It answers what can't be understood, or knows no such account.
    Unusable,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The counts.
    pub counts: Counts,
    /// Troubles of accounts.
    pub troubles: Vec<Trouble>,
    /// How many sources were to be read, and how many could be.
    pub sources: (usize, usize),
    /// How the sources were read, by account.
    pub readers: Vec<(String, ReaderInfo)>,
    /// How many posts a first contact left as they are.
    pub left_alone: usize,
    /// How many deliveries a dry run has shown.
    pub shown: usize,
    /// Whether the run was told to stop before its end.
    pub interrupted: bool,
    /// When something can next be done for a delivery of these routes.
    pub next_due: Option<chrono::DateTime<chrono::Utc>>,
}

/// Deliveries by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the states of the design
pub struct Counts {
    pub published: usize,
    pub skipped: usize,
    pub held: usize,
    pub waiting: usize,
    pub failed: usize,
    pub unknown: usize,
}

impl Counts {
    /// Counts one more delivery.
    pub fn add(&mut self, state: StateName) {
        match state {
            StateName::Published => self.published += 1,
            StateName::Skipped => self.skipped += 1,
            StateName::Held => self.held += 1,
            StateName::Seen | StateName::Waiting => self.waiting += 1,
            StateName::Failed => self.failed += 1,
            StateName::Unknown | StateName::Publishing => self.unknown += 1,
        }
    }
}

impl Summary {
    /// The exit code of the design: 0 done, 1 nothing could be read, 3 partly done, 4 sign-in needed, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        let counts = &self.counts;
        // What a dry run has shown is all that it was asked for.
        let open = (counts.waiting + counts.unknown + counts.failed + counts.held).saturating_sub(self.shown);
        match self {
            _ if self.interrupted => 130,
            _ if self.troubles.iter().any(|t| t.kind == TroubleKind::SignInNeeded) => 4,
            Self {
                sources: (wanted, 0), ..
            } if *wanted > 0 && counts.published == 0 => 1,
            _ if open > 0 || !self.troubles.is_empty() => 3,
            _ => 0,
        }
    }
}

/// Is told what happens during a run. Never blocks, never fails.
pub trait Observer: Send + Sync {
    /// A delivery came to rest for this run.
    fn delivery(&self, line: &Line);

    /// An account has trouble.
    fn trouble(&self, trouble: &Trouble);

    /// Something worth knowing about a route: which reader, what first contact left alone, …
    fn note(&self, route: &str, message: &str);

    /// Work on a post begins; its transfers are shown here until the sink is dropped.
    fn progress(&self, title: &str) -> Arc<dyn ProgressSink>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(counts: Counts) -> Summary {
        Summary {
            counts,
            sources: (1, 1),
            ..Summary::default()
        }
    }

    #[test]
    fn exit_codes_say_what_remains() {
        assert_eq!(
            summary(Counts {
                published: 3,
                skipped: 1,
                ..Counts::default()
            })
            .exit_code(),
            0
        );
        assert_eq!(
            summary(Counts {
                published: 3,
                waiting: 1,
                ..Counts::default()
            })
            .exit_code(),
            3
        );
        assert_eq!(
            summary(Counts {
                unknown: 1,
                ..Counts::default()
            })
            .exit_code(),
            3
        );
        assert_eq!(
            Summary {
                sources: (1, 0),
                ..Summary::default()
            }
            .exit_code(),
            1
        );
        let trouble = Trouble {
            account: "a".into(),
            kind: TroubleKind::SignInNeeded,
            message: String::new(),
        };
        assert_eq!(
            Summary {
                troubles: vec![trouble],
                sources: (1, 1),
                ..Summary::default()
            }
            .exit_code(),
            4
        );
        assert_eq!(
            Summary {
                interrupted: true,
                ..Summary::default()
            }
            .exit_code(),
            130
        );
    }
}
