//! The file that is sent, read piece by piece from wherever the instance wants to go on.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tombolo_model::{MediaDraft, MediaError, MediaStream, PublishOutcome};

/// A file being read. Holds one chunk at most.
pub(crate) struct File<'a> {
    media: &'a MediaDraft,
    /// Its size in bytes.
    pub(crate) total: u64,
    open: Option<Open>,
}

struct Open {
    stream: MediaStream,
    /// Where the next byte belongs.
    at: u64,
    /// What was read and not given yet.
    rest: Bytes,
}

impl<'a> File<'a> {
    /// Opens it at its beginning.
    pub(crate) async fn open(media: &'a MediaDraft) -> Result<Self, PublishOutcome> {
        let (total, stream) = media.body.open_at(0).await.map_err(unavailable)?;
        if total == 0 {
            return Err(PublishOutcome::MediaRejected {
                index: 0,
                reason: "the file is empty".into(),
            });
        }
        Ok(Self {
            media,
            total,
            open: Some(Open {
                stream,
                at: 0,
                rest: Bytes::new(),
            }),
        })
    }

    /// The bytes from `start` on, exactly `length` of them.
    pub(crate) async fn read(&mut self, start: u64, length: u64) -> Result<Bytes, PublishOutcome> {
        let mut open = match self.open.take() {
            Some(open) if open.at == start => open,
            _ => self.reopen(start).await?,
        };
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let mut chunk = BytesMut::with_capacity(wanted);
        loop {
            let taken = open.rest.split_to(open.rest.len().min(wanted - chunk.len()));
            chunk.extend_from_slice(&taken);
            if chunk.len() == wanted {
                break;
            }
            open.rest = match open.stream.next().await {
                Some(Ok(bytes)) => bytes,
                Some(Err(e)) => return Err(broken(e.to_string())),
                None => return Err(broken(format!("the file ended before its {} bytes", self.total))),
            };
        }
        open.at = start + length;
        self.open = Some(open);
        Ok(chunk.freeze())
    }

    async fn reopen(&mut self, start: u64) -> Result<Open, PublishOutcome> {
        let (total, stream) = self.media.body.open_at(start).await.map_err(unavailable)?;
        if total != self.total {
            return Err(broken(format!(
                "the file had {} bytes before, and has {total} now",
                self.total
            )));
        }
        Ok(Open {
            stream,
            at: start,
            rest: Bytes::new(),
        })
    }
}

fn unavailable(error: MediaError) -> PublishOutcome {
    match error {
        MediaError::Unusable(reason) => PublishOutcome::MediaRejected { index: 0, reason },
        other => PublishOutcome::MediaUnavailable {
            index: 0,
            reason: other.to_string(),
            moved: matches!(other, MediaError::Gone(_)),
        },
    }
}

fn broken(reason: String) -> PublishOutcome {
    PublishOutcome::MediaUnavailable {
        index: 0,
        reason,
        moved: false,
    }
}
