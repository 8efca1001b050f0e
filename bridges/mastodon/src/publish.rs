//! From a draft to a status: files up, processed, status created (contract mastodon §4, §5).

use chrono::TimeDelta;
use serde_json::{Value, json};
use tombolo_mastoapi::{Client, Status, parse_status};
use tombolo_model::{
    Cache, Checkpoint, Copy, DestinationError, Difference, Draft, Form, ProgressSink, PublishOutcome, PublishProgress,
    Step, UploadedMedia,
};
use tombolo_net::{Answer, SendError, rate_limit_reset, retry_after};

use crate::known::Known;
use crate::mend::{self, Memory};
use crate::tags;
use crate::upload::{MAX_LOST, is_api, upload, wait_until_processed};

/// How much is kept of what a server made of a post otherwise than meant.
const MAX_DIFFERENCE: usize = 200;
/// Version of the progress record.
const VERSION: u32 = 1;
/// How often it is waited for files that the server works on after it has called them finished, and how long the first time:
/// about twenty minutes in all, where no earlier request may have taken effect.
const MAX_UNREADY: u32 = 9;
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// A wait the server named no end of.
const UNNAMED_WAIT: TimeDelta = TimeDelta::minutes(5);

pub(crate) async fn publish(
    client: &Client,
    cache: &dyn Cache,
    draft: &Draft,
    mut progress: PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    let reply_to = match &draft.form {
        Form::Status { reply_to } => reply_to.as_deref(),
        Form::Boost(id) => return boost(client, draft, id, &progress, checkpoint, meter).await,
        Form::Video(_) => {
            return PublishOutcome::Rejected {
                reason: "there are no videos with titles here, only posts".into(),
            };
        }
    };
    let now = client.net().clock().now();
    if progress.version != VERSION {
        progress = PublishProgress {
            version: VERSION,
            uploaded: Vec::new(),
            ..PublishProgress::default()
        };
    }
    progress.uploaded.retain(|kept| {
        kept.expires > now
            && draft
                .media
                .get(kept.index)
                .is_some_and(|media| media.file_name == kept.file_name)
    });
    let server = match Known::of(client, cache).await {
        Ok(server) => server,
        Err(error) => return try_later(error),
    };
    for (index, media) in draft.media.iter().enumerate() {
        let known = progress.uploaded.iter().position(|kept| kept.index == index);
        let place = match known {
            Some(place) => place,
            None => match upload(client, &server, index, media, &mut progress, checkpoint, meter).await {
                Ok(place) => place,
                Err(outcome) => return outcome,
            },
        };
        if let Err(outcome) = wait_until_processed(client, place, &mut progress, meter).await {
            return outcome;
        }
    }
    let memory = Memory::of(cache, client.instance());
    post(client, &server, &memory, draft, reply_to, &progress, checkpoint, meter).await
}

/// Boosts a status that the instance knows, once.
async fn boost(
    client: &Client,
    draft: &Draft,
    id: &str,
    progress: &PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    if let Some(throttled) = used_up(client, "statuses") {
        return throttled;
    }
    if let Err(e) = checkpoint.before(Step::Post, progress).await {
        return PublishOutcome::NotNoted(e);
    }
    meter.stage("boosting", None);
    let answer = match client.boost(id, draft.visibility.as_str()).await {
        Ok(answer) => answer,
        Err(SendError::NotSent(reason)) => return PublishOutcome::TryLater { reason },
        Err(SendError::Unknown(reason)) => return PublishOutcome::Unknown { reason },
    };
    match answered(client, &answer) {
        Ok(status) if is_boost_of(&status, id) => PublishOutcome::Published(copy_of(&status)),
        // The boosted post's own address would make it the copy of itself. A look at the account finds the boost.
        Ok(_) => PublishOutcome::Unknown {
            reason: "the server answered with the boosted post instead of the boost".into(),
        },
        Err(outcome) => outcome,
    }
}

/// Whether this is a boost of the status with this id, and has an address of its own. Pleroma gives it the boosted one's.
pub(crate) fn is_boost_of(status: &Status, id: &str) -> bool {
    let inner = status.boosted.as_deref();
    inner.is_some_and(|inner| inner.id == id && status.id != inner.id && status.uri != inner.uri)
}

/// Whether the server's limit leaves nothing.
pub(crate) fn used_up(client: &Client, family: &'static str) -> Option<PublishOutcome> {
    let until = client.net().throttled_until(client.instance(), family)?;
    let what = if family == "upload" { "uploads" } else { family };
    Some(PublishOutcome::Throttled {
        until,
        reason: format!("the server's limit of {what} is used up"),
    })
}

/// The status that a creating request was answered with, or what else the answer means.
fn answered(client: &Client, answer: &Answer) -> Result<Status, PublishOutcome> {
    let status = answer.status.as_u16();
    let is_api = is_api(answer);
    let reason = client.error_text(status, &answer.body);
    Err(match status {
        200..=299 => {
            let made = answer.json::<Value>().ok().as_ref().and_then(parse_status);
            return made.ok_or_else(|| PublishOutcome::Unknown {
                reason: "the server's answer isn't a status".into(),
            });
        }
        429 => throttled(client, answer),
        // A refusal for want of a token is one, whoever says it (snac does so without a body).
        401 => PublishOutcome::AuthLost { reason },
        // Any other answer that isn't the API's comes from a proxy, which may have passed the request on (contract mastodon §8.3).
        _ if !is_api && status != 413 => PublishOutcome::Unknown { reason },
        403 => PublishOutcome::AuthLost { reason },
        400..=499 => PublishOutcome::Rejected { reason },
        _ => PublishOutcome::Unknown { reason },
    })
}

/// A failed question while publishing: nothing was created.
pub(crate) fn try_later(error: DestinationError) -> PublishOutcome {
    match error {
        DestinationError::AuthLost(reason) => PublishOutcome::AuthLost { reason },
        DestinationError::Throttled { what, until } => PublishOutcome::Throttled { until, reason: what },
        other => PublishOutcome::TryLater {
            reason: other.to_string(),
        },
    }
}

/// A status as it is sent.
pub(crate) struct Sent<'a> {
    pub(crate) draft: &'a Draft,
    /// Its text, without hashtags that the server doesn't allow.
    text: String,
    media_ids: Vec<&'a str>,
    /// Whether it says that its text is plain.
    typed: bool,
}

impl Sent<'_> {
    /// All fields that creating and replacing have in common: a replacement replaces the whole (contract mastodon §5.5).
    pub(crate) fn body(&self, warning: Option<&str>) -> Value {
        let mut body = json!({
            "status": self.text,
            "media_ids": self.media_ids,
            "sensitive": self.draft.sensitive,
            "visibility": self.draft.visibility.as_str(),
        });
        if self.typed {
            body["content_type"] = json!("text/plain");
        }
        if let Some(warning) = warning {
            body["spoiler_text"] = json!(warning);
        }
        if let Some(language) = &self.draft.language {
            body["language"] = json!(language);
        }
        body
    }
}

#[allow(clippy::too_many_arguments)] // As many as there are things to know of a status.
async fn post(
    client: &Client,
    server: &Known,
    memory: &Memory<'_>,
    draft: &Draft,
    reply_to: Option<&str>,
    progress: &PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    if let Some(throttled) = used_up(client, "statuses") {
        return throttled;
    }
    let mut uploaded: Vec<&UploadedMedia> = progress.uploaded.iter().collect();
    uploaded.sort_by_key(|media| media.index);
    let words = |media: &&UploadedMedia| Some((media.index, media.alt_refused.clone()?));
    let bare: Vec<(usize, String)> = uploaded.iter().filter_map(words).collect();
    let mut sent = Sent {
        draft,
        text: draft.text.clone(),
        media_ids: uploaded.iter().map(|media| media.id.as_str()).collect(),
        typed: server.content_types,
    };
    let now = client.net().clock().now();
    let added = memory.warning_for(draft, server.keeps_sensitive, now);
    if let Err(e) = checkpoint.before(Step::Post, progress).await {
        return PublishOutcome::NotNoted(e);
    }
    meter.stage("posting", None);
    let mut disallowed = Vec::new();
    let mut status = loop {
        let mut body = sent.body(draft.content_warning.as_deref().or(added));
        // The server refuses rather than ping anybody (contract mastodon §3.3).
        body["allowed_mentions"] = json!([]);
        if let Some(id) = reply_to {
            body["in_reply_to_id"] = json!(id);
        }
        let answer = match client.post_status(body, &draft.key).await {
            Ok(answer) => answer,
            Err(SendError::NotSent(reason)) => return PublishOutcome::TryLater { reason },
            Err(SendError::Unknown(reason)) => return PublishOutcome::Unknown { reason },
        };
        let refused = answer.status.as_u16();
        match answered(client, &answer) {
            Ok(status) => break status,
            Err(PublishOutcome::Rejected { reason }) if matches!(refused, 400 | 422) => {
                // Nothing was created, and the key is free again (contract mastodon §0a.14).
                if refused == 422 && disallowed.is_empty() {
                    disallowed = tags::named(&answer, &sent.text);
                    if !disallowed.is_empty() {
                        sent.text = tags::without(&sent.text, &disallowed);
                        continue;
                    }
                }
                if let Some(outcome) = media_refused(client, progress, &reason) {
                    return outcome;
                }
                // The text was fitted without the warning that was added to it: it goes without the next time.
                if added.is_some() {
                    memory.try_without(now);
                    return PublishOutcome::TryLater { reason };
                }
                // A server that wants longer alternative texts may want none missing either.
                if let Some((index, words)) = bare.first() {
                    return PublishOutcome::MediaRejected {
                        index: *index,
                        reason: format!(
                            "its alternative text was refused ({words}), and so was the post without it: {reason}"
                        ),
                    };
                }
                return PublishOutcome::Rejected { reason };
            }
            Err(outcome) => return outcome,
        }
    };
    if mend::depends_on_flag(draft) && added.is_none() && status.sensitive == Some(false) {
        memory.note(now);
        if let Some(covered) = mend::cover(client, &status, &sent).await {
            status = covered;
        }
    }
    let mut copy = compared(&status, draft, &bare);
    copy.differences.extend(disallowed.into_iter().map(|name| Difference {
        what: "hashtag".to_owned(),
        meant: format!("#{name}"),
        got: "the server doesn't allow it".to_owned(),
    }));
    PublishOutcome::Published(copy)
}

/// What a refusal means that is for the files alone: they are waited for, or sent again (contract mastodon §4.5). Messages
/// are asked for in English.
fn media_refused(client: &Client, progress: &PublishProgress, reason: &str) -> Option<PublishOutcome> {
    if progress.uploaded.is_empty() {
        return None;
    }
    let (now, mut progress) = (client.net().clock().now(), progress.clone());
    if reason.contains("finished processing") {
        let pause = FIRST_PAUSE * 2_i32.pow(progress.unready.min(6));
        progress.unready += 1;
        progress.uploaded.iter_mut().for_each(|media| media.url = None);
        return (progress.unready <= MAX_UNREADY).then(|| PublishOutcome::InWork {
            until: now + pause,
            progress,
        });
    }
    if reason.contains("not found or already attached") {
        progress.lost += 1;
        progress.uploaded.clear();
        return (progress.lost < MAX_LOST).then(|| PublishOutcome::InWork {
            until: now + FIRST_PAUSE,
            progress,
        });
    }
    None
}

/// When the server will take more.
pub(crate) fn throttled(client: &Client, answer: &Answer) -> PublishOutcome {
    let now = client.net().clock().now();
    let until = retry_after(&answer.headers, now)
        .or_else(|| rate_limit_reset(&answer.headers, now))
        .unwrap_or(now + UNNAMED_WAIT);
    // Not all at once when the window opens (contract mastodon §8.2).
    let until =
        until + TimeDelta::milliseconds(1000 + i64::try_from(client.net().entropy().bits() % 2000).unwrap_or(0));
    PublishOutcome::Throttled {
        until,
        reason: client.error_text(answer.status.as_u16(), &answer.body),
    }
}

/// A status as the copy it is.
pub(crate) fn copy_of(status: &Status) -> Copy {
    Copy {
        id: status.id.clone(),
        uri: status.uri.clone(),
        url: status.url.clone(),
        differences: Vec::new(),
    }
}

/// The copy, with what the server made otherwise than it was meant. `bare`: the files whose alternative texts it refused, and
/// with what words.
fn compared(status: &Status, draft: &Draft, bare: &[(usize, String)]) -> Copy {
    let mut copy = copy_of(status);
    let short = |text: &str| text.chars().take(MAX_DIFFERENCE).collect::<String>();
    let mut differ = |what: &str, meant: String, got: Option<String>| {
        if let Some(got) = got.filter(|got| *got != meant) {
            copy.differences.push(Difference {
                what: what.to_owned(),
                meant: short(&meant),
                got: short(&got),
            });
        }
    };
    differ(
        "visibility",
        draft.visibility.as_str().to_owned(),
        status.visibility.clone(),
    );
    if draft.content_warning.is_none() {
        // Added where a server covers nothing without one.
        differ("content warning", "none".to_owned(), status.spoiler_text.clone());
    }
    // A content warning makes media sensitive by itself (contract mastodon §5.1).
    let sensitive = draft.sensitive || draft.content_warning.is_some();
    differ(
        "sensitive",
        sensitive.to_string(),
        status.sensitive.map(|s| s.to_string()),
    );
    differ(
        "number of media",
        draft.media.len().to_string(),
        Some(status.media.len().to_string()),
    );
    for (index, (meant, got)) in draft.media.iter().zip(&status.media).enumerate() {
        let got = match bare.iter().find(|(at, _)| *at == index) {
            Some((_, words)) => format!("its alternative text was refused: {words}"),
            None => got.description.clone().unwrap_or_default(),
        };
        differ("alt text", meant.alt.clone().unwrap_or_default(), Some(got));
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_model::{IdempotencyKey, Visibility};

    #[test]
    fn what_a_server_made_otherwise_is_kept_in_short() {
        let draft = Draft {
            text: "x".into(),
            content_warning: None,
            sensitive: false,
            language: None,
            visibility: Visibility::Public,
            media: Vec::new(),
            key: IdempotencyKey::from_random([0; 16]),
            form: Form::Status { reply_to: None },
        };
        let value = json!({"id": "1", "visibility": "v".repeat(100_000), "sensitive": false});
        let copy = compared(&parse_status(&value).expect("a status"), &draft, &[]);
        assert_eq!(copy.differences.len(), 1);
        assert_eq!(copy.differences[0].got.len(), MAX_DIFFERENCE);
    }
}
