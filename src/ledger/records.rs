//! What the ledger's records say. Serialised as JSON; fields are only ever added, with defaults.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tombolo_model::{Copy, DeliveryKey, IdempotencyKey, Limits, Marker, PublishProgress, Sighting, SourceId, Step};

/// A destination's first look at a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When.
    pub at: DateTime<Utc>,
    /// By which reader.
    pub reader: String,
    /// Where that reader showed the newest posts only: what is older than this was there too, though nobody saw it.
    #[serde(default)]
    pub horizon: Option<DateTime<Utc>>,
    /// From when on posts were asked for then; those that show only later are carried too, as old ones.
    #[serde(default)]
    pub asked: Option<DateTime<Utc>>,
}

/// One post on its way to one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What and where to.
    pub key: DeliveryKey,
    /// Whose post it is.
    pub source: SourceId,
    /// When it was published at the source: the order of publishing.
    #[serde(default)]
    pub published: Option<DateTime<Utc>>,
    /// Title, for messages.
    #[serde(default)]
    pub title: Option<String>,
    /// Page for people, for messages.
    #[serde(default)]
    pub link: Option<String>,
    /// Whether the creator asked for it as one of the old ones: those are paced.
    #[serde(default)]
    pub backfill: bool,
    /// Where it stands, until there are parts.
    pub stage: Stage,
    /// What becomes one status each; then the delivery's state is the sum of theirs.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// What it was planned by when the first of several parts was begun: the others are planned by the same.
    #[serde(default)]
    pub basis: Option<Basis>,
}

/// What a plan of several parts was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The destination's limits then.
    pub limits: Limits,
    /// Tells whether the post is still the same, and split the same way.
    pub digest: String,
}

/// Where a delivery stands before it has parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was done yet.
    Seen,
    /// It will not be carried.
    Skipped(Skip),
    /// It needs the creator.
    Held {
        /// What for.
        reason: String,
        /// When it is looked at again by itself, where the creator may have done it by then.
        #[serde(default)]
        look_again: Option<DateTime<Utc>>,
    },
    /// Not now.
    Waiting(Waiting),
    /// Its parts tell.
    InParts,
}

/// Why a post isn't carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Why, for the creator.
    pub reason: String,
    /// Whether it is looked at again when the source lists it again: it wasn't public, or it was gone.
    #[serde(default)]
    pub until_listed: bool,
    /// Which rules left it out, by their fingerprint: where others hold, it may be asked for again.
    #[serde(default)]
    pub rules: Option<String>,
    /// How often it was listed again as one that may go, and was found not to be: a server's list may call public what its
    /// object doesn't.
    #[serde(default)]
    pub looks: u32,
    /// It isn't looked at again before then.
    #[serde(default)]
    pub next_look: Option<DateTime<Utc>>,
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What for.
    pub reason: String,
    /// Not before then.
    pub not_before: DateTime<Utc>,
    /// How often it was put off in a row: pauses grow with it.
    #[serde(default)]
    pub times: u32,
}

/// What becomes one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it stands.
    pub state: PartState,
    /// Names the attempt at the destination.
    pub key: IdempotencyKey,
    /// When the key was made.
    pub key_made: DateTime<Utc>,
    /// Which rung of each of its media is tried, counted from the best.
    #[serde(default)]
    pub rungs: Vec<usize>,
    /// Which rungs there were to choose from: the numbers mean these.
    #[serde(default)]
    pub ladder: String,
    /// Why they aren't better ones.
    #[serde(default)]
    pub rung_reasons: Vec<String>,
    /// What the creator should know of it besides.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What it boosts, by its id at the destination, once that was found.
    #[serde(default)]
    pub boost: Option<String>,
    /// How often the original to boost was looked for and not found.
    #[serde(default)]
    pub boost_looks: u32,
    /// How its copy is known.
    pub marker: Marker,
    /// When the first request left that may have made a copy.
    #[serde(default)]
    pub posted_since: Option<DateTime<Utc>>,
    /// How often a file of it failed on its way, in a row.
    #[serde(default)]
    pub file_tries: u32,
    /// When the first of these failed.
    #[serde(default)]
    pub file_fails_since: Option<DateTime<Utc>>,
    /// How many requests have left that may have made a copy.
    #[serde(default)]
    pub posts: u32,
    /// By the place of each medium, the size in bytes at which the destination has refused a file of it, or another lately.
    #[serde(default)]
    pub refused: BTreeMap<usize, u64>,
    /// SHA-256 of the draft, hexadecimal.
    #[serde(default)]
    pub digest: String,
    /// Whether a person has asked that its copy be made anew should it be gone.
    #[serde(default)]
    pub remake: bool,
}

/// Where a part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PartState {
    /// Not now; what the server already has is kept.
    Waiting {
        /// Why, and until when.
        #[serde(flatten)]
        waiting: Waiting,
        /// Files that are already there.
        progress: PublishProgress,
    },
    /// Something is about to be sent, or was.
    Publishing(Publishing),
    /// A request left, and nobody knows what became of it.
    Unknown(Unresolved),
    /// It exists, and the destination still works on it.
    Settling {
        /// The copy.
        copy: Copy,
        /// Further copies, found besides.
        #[serde(default)]
        more: Vec<Copy>,
        /// At what the destination works, and when it is asked again.
        #[serde(flatten)]
        waiting: Waiting,
    },
    /// It exists.
    Published {
        /// The copy.
        copy: Copy,
        /// Further copies, made by somebody else or by a server that posted twice.
        #[serde(default)]
        more: Vec<Copy>,
        /// When it was noted.
        at: DateTime<Utc>,
    },
    /// It won't be tried again by itself.
    Failed {
        /// Why.
        reason: String,
        /// What there is of it at the destination all the same.
        #[serde(default)]
        copy: Option<Copy>,
    },
}

/// What was written down before something was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    /// What was about to happen.
    pub step: Step,
    /// When.
    pub since: DateTime<Utc>,
    /// Files that are already there.
    pub progress: PublishProgress,
}

/// What is known of a request without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// What happened.
    pub reason: String,
    /// When the request was given up on.
    pub since: DateTime<Utc>,
    /// What the server said when it refused to make it once more. It may do so because the copy exists already.
    #[serde(default)]
    pub refused: Option<String>,
    /// When a look at the destination first showed nothing.
    #[serde(default)]
    pub absent_since: Option<DateTime<Utc>>,
    /// When to look again.
    pub next_look: DateTime<Utc>,
    /// How often in a row a look at the destination failed.
    #[serde(default)]
    pub failed_looks: u32,
    /// Files that are already there.
    pub progress: PublishProgress,
}

/// The states by name, as the program prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the design's table says what each means
pub enum StateName {
    Seen,
    Skipped,
    Held,
    Waiting,
    Publishing,
    Unknown,
    Published,
    Failed,
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seen => "seen",
            Self::Skipped => "skipped",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Publishing => "publishing",
            Self::Unknown => "unknown",
            Self::Published => "published",
            Self::Failed => "failed",
        })
    }
}

impl Part {
    /// Free to be tried from the beginning. What exists of it at the destination is asked about again instead.
    pub fn set_free(&mut self, now: DateTime<Utc>) {
        let waiting = Waiting {
            reason: "it was set free to be tried again".into(),
            not_before: now,
            times: 0,
        };
        self.remake = self.copy().is_some();
        self.state = match self.copy().cloned() {
            Some(copy) => PartState::Settling {
                copy,
                more: Vec::new(),
                waiting,
            },
            None => PartState::Waiting {
                waiting,
                progress: PublishProgress::default(),
            },
        };
        // As a part that was never begun: the destination has refused it, or is known to be without it.
        self.rungs.clear();
        self.rung_reasons.clear();
        self.refused.clear();
        (self.boost, self.boost_looks, self.posted_since) = (None, 0, None);
        (self.file_tries, self.file_fails_since, self.posts) = (0, None, 0);
    }

    /// Its state's name.
    pub fn state_name(&self) -> StateName {
        match &self.state {
            PartState::Waiting { .. } | PartState::Settling { .. } => StateName::Waiting,
            PartState::Publishing(_) => StateName::Publishing,
            PartState::Unknown(_) => StateName::Unknown,
            PartState::Published { .. } => StateName::Published,
            PartState::Failed { .. } => StateName::Failed,
        }
    }

    /// Files that the server already has.
    pub fn progress(&self) -> PublishProgress {
        match &self.state {
            PartState::Waiting { progress, .. } => progress.clone(),
            PartState::Publishing(publishing) => publishing.progress.clone(),
            PartState::Unknown(unresolved) => unresolved.progress.clone(),
            PartState::Settling { .. } | PartState::Published { .. } | PartState::Failed { .. } => {
                PublishProgress::default()
            }
        }
    }

    /// When something can next be done for it; `None` when it is settled.
    pub fn due(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            PartState::Waiting { waiting, .. } | PartState::Settling { waiting, .. } => Some(waiting.not_before),
            PartState::Publishing(_) => Some(DateTime::UNIX_EPOCH),
            PartState::Unknown(unresolved) => Some(unresolved.next_look),
            PartState::Published { .. } | PartState::Failed { .. } => None,
        }
    }

    /// What is worth knowing of its copy.
    fn notes_of_copy(&self) -> Vec<String> {
        let PartState::Published { copy, more, .. } = &self.state else {
            return Vec::new();
        };
        let mut notes: Vec<String> = self.notes.iter().chain(&self.rung_reasons).cloned().collect();
        notes.extend(copy.differences.iter().map(ToString::to_string));
        if !more.is_empty() {
            notes.push(format!("{} more copies of it were found", more.len()));
        }
        notes
    }

    /// The copy that exists of it.
    pub fn copy(&self) -> Option<&Copy> {
        match &self.state {
            PartState::Published { copy, .. } | PartState::Settling { copy, .. } => Some(copy),
            PartState::Failed { copy, .. } => copy.as_ref(),
            _ => None,
        }
    }

    /// Whether a copy may exist that isn't known: then nothing is sent before the destination was looked at.
    pub fn is_unresolved(&self) -> bool {
        match &self.state {
            PartState::Unknown(_) => true,
            PartState::Publishing(publishing) => publishing.step == Step::Post,
            _ => false,
        }
    }
}

impl Delivery {
    /// A delivery that nothing was done for yet.
    pub fn seen(key: DeliveryKey, source: &SourceId, sighting: &Sighting, backfill: bool) -> Self {
        Self {
            key,
            source: source.clone(),
            published: sighting.published,
            title: sighting.title.clone(),
            link: None,
            backfill,
            stage: Stage::Seen,
            parts: Vec::new(),
            basis: None,
        }
    }

    /// What it waits for is tried at once; what the server already has is kept.
    pub fn wait_no_longer(&mut self, now: DateTime<Utc>) {
        let of_parts = self.parts.iter_mut().filter_map(|part| match &mut part.state {
            PartState::Waiting { waiting, .. } | PartState::Settling { waiting, .. } => Some(waiting),
            _ => None,
        });
        let own = match &mut self.stage {
            Stage::Waiting(waiting) => Some(waiting),
            _ => None,
        };
        for waiting in of_parts.chain(own) {
            waiting.not_before = waiting.not_before.min(now);
            waiting.times = 0;
        }
    }

    /// Its state: that of the stage, or the sum of its parts'.
    pub fn state(&self) -> StateName {
        match &self.stage {
            Stage::Seen => StateName::Seen,
            Stage::Skipped(_) => StateName::Skipped,
            Stage::Held { .. } => StateName::Held,
            Stage::Waiting(_) => StateName::Waiting,
            Stage::InParts => {
                let states = || self.parts.iter().map(Part::state_name);
                // What is unresolved comes first: it is never settled.
                let worst = [
                    StateName::Unknown,
                    StateName::Publishing,
                    StateName::Failed,
                    StateName::Waiting,
                ];
                worst
                    .into_iter()
                    .find(|w| states().any(|s| s == *w))
                    .unwrap_or(StateName::Published)
            }
        }
    }

    /// Why it is in that state, where there is something to say.
    pub fn reason(&self) -> Option<String> {
        match &self.stage {
            Stage::Seen => None,
            Stage::Skipped(skip) => Some(skip.reason.clone()),
            Stage::Held { reason, .. } => Some(reason.clone()),
            Stage::Waiting(waiting) => Some(waiting.reason.clone()),
            Stage::InParts => {
                let state = self.state();
                if state == StateName::Published {
                    let mut notes: Vec<String> = Vec::new();
                    for note in self.parts.iter().flat_map(Part::notes_of_copy) {
                        if !notes.contains(&note) {
                            notes.push(note);
                        }
                    }
                    return (!notes.is_empty()).then(|| notes.join("; "));
                }
                let place = self.parts.iter().position(|part| part.state_name() == state)?;
                let reason = match &self.parts[place].state {
                    PartState::Waiting { waiting, .. } | PartState::Settling { waiting, .. } => waiting.reason.clone(),
                    PartState::Publishing(_) => "interrupted while publishing".into(),
                    PartState::Unknown(unresolved) => unresolved.reason.clone(),
                    PartState::Failed { reason, .. } => reason.clone(),
                    PartState::Published { .. } => return None,
                };
                Some(match self.parts.len() {
                    1 => reason,
                    all => format!("part {} of {all}: {reason}", place + 1),
                })
            }
        }
    }

    /// The copies that exist of it, part by part.
    pub fn copies(&self) -> impl Iterator<Item = &Copy> {
        self.parts.iter().flat_map(|part| match &part.state {
            PartState::Published { copy, more, .. } | PartState::Settling { copy, more, .. } => {
                std::iter::once(copy).chain(more).collect::<Vec<_>>()
            }
            PartState::Failed { copy: Some(copy), .. } => vec![copy],
            _ => Vec::new(),
        })
    }

    /// Whether a copy of it may exist that isn't known.
    pub fn is_unresolved(&self) -> bool {
        self.parts.iter().any(Part::is_unresolved)
    }

    /// How often it was put off in a row.
    pub fn times_put_off(&self) -> u32 {
        let of_part = |part: &Part| match &part.state {
            PartState::Waiting { waiting, .. } | PartState::Settling { waiting, .. } => waiting.times,
            _ => 0,
        };
        match &self.stage {
            Stage::Waiting(waiting) => waiting.times,
            _ => self.parts.iter().map(of_part).max().unwrap_or(0),
        }
    }

    /// Whether nothing more is to be done for it by itself.
    pub fn is_settled(&self) -> bool {
        match &self.stage {
            Stage::Held { look_again, .. } => look_again.is_none(),
            _ => matches!(
                self.state(),
                StateName::Skipped | StateName::Published | StateName::Failed
            ),
        }
    }

    /// When something can next be done for it; `None` when it is settled.
    pub fn due(&self) -> Option<DateTime<Utc>> {
        if self.is_settled() {
            return None;
        }
        match &self.stage {
            Stage::Waiting(waiting) => Some(waiting.not_before),
            Stage::Held { look_again, .. } => *look_again,
            // One after the other: what may exist already comes first, then the first that isn't there; and those that
            // settle meanwhile.
            Stage::InParts => {
                let unresolved = self.parts.iter().find(|part| part.is_unresolved());
                let open = unresolved.and_then(Part::due).or_else(|| {
                    let mut missing = self.parts.iter().filter(|part| part.copy().is_none());
                    missing.find_map(Part::due)
                });
                let settling = self
                    .parts
                    .iter()
                    .filter(|part| part.copy().is_some())
                    .filter_map(Part::due);
                settling.chain(open).min()
            }
            _ => Some(DateTime::UNIX_EPOCH),
        }
    }
}
