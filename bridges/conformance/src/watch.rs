//! What is watched while an adapter works: what it notes, what it shows, what it logs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tombolo_model::{Checkpoint, CheckpointError, ProgressSink, PublishProgress, Step};
use tracing::subscriber::DefaultGuard;

use crate::{DestinationFacts, Front};

/// A note, and what had arrived at the server by then.
#[derive(Clone, Debug)]
pub struct Note {
    pub step: Step,
    pub progress: PublishProgress,
    /// Requests that write.
    pub writes: usize,
    /// Requests that create a copy.
    pub posts: usize,
}

/// The ledger of a check.
pub struct Notes {
    pub all: Vec<Note>,
    /// From this note on nothing can be written.
    pub fails_from: Option<usize>,
    front: Front,
    facts: DestinationFacts,
}

impl Notes {
    pub fn new(front: Front, facts: DestinationFacts) -> Self {
        Self {
            all: Vec::new(),
            fails_from: None,
            front,
            facts,
        }
    }

    /// What the ledger knows.
    pub fn last(&self) -> PublishProgress {
        self.all.last().map(|note| note.progress.clone()).unwrap_or_default()
    }

    pub fn steps(&self) -> Vec<Step> {
        self.all.iter().map(|note| note.step).collect()
    }
}

#[async_trait]
impl Checkpoint for Notes {
    async fn before(&mut self, step: Step, progress: &PublishProgress) -> Result<(), CheckpointError> {
        if self.fails_from.is_some_and(|from| self.all.len() >= from) {
            return Err(CheckpointError("no space left".into()));
        }
        self.all.push(Note {
            step,
            progress: progress.clone(),
            writes: self.facts.writes(&self.front),
            posts: self.facts.posts(&self.front),
        });
        Ok(())
    }
}

/// Sees how transfers are shown.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Shown>);

#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub stages: Vec<String>,
    /// The bytes that were announced.
    pub announced: u64,
    /// The bytes that were said to be done.
    pub done: u64,
}

impl Meter {
    pub fn shown(&self) -> Shown {
        lock(&self.0).clone()
    }
}

impl ProgressSink for Meter {
    fn stage(&self, what: &str, total: Option<u64>) {
        let mut shown = lock(&self.0);
        shown.stages.push(what.to_owned());
        shown.announced += total.unwrap_or_default();
    }

    fn advance(&self, done: u64) {
        lock(&self.0).done += done;
    }
}

/// Everything that this thread logs from now on, whatever its level.
pub struct Logs {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Logs {
    pub fn start() -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let sink = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Sink(sink.clone()))
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.text)).into_owned()
    }
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
