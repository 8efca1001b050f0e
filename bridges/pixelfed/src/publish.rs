//! From a draft to a post: files up, then the status that takes them (contract pixelfed §3, §4, §8).
//!
//! An uploaded file can be used once, which is the real guard against a second copy. Whatever leaves it open whether a post
//! came to be is reported as unknown.

use serde_json::{Value, json};
use tombolo_model::{
    Checkpoint, Copy, Difference, Draft, Form, ProgressSink, PublishOutcome, PublishProgress, Step, UploadedMedia,
};
use tombolo_net::SendError;

use crate::entity::Status;
use crate::text::{shown, to_send};
use crate::upload::upload;
use crate::wire::{Api, Failure, Said, no_words};

/// Version of the progress record.
const VERSION: u32 = 1;
/// How much is kept of what a server made of a post otherwise than meant.
const MAX_DIFFERENCE: usize = 200;

pub(crate) async fn publish(
    api: &Api,
    draft: &Draft,
    mut progress: PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    let reply_to = match takes(draft) {
        Ok(reply_to) => reply_to,
        Err(reason) => return PublishOutcome::Rejected { reason },
    };
    if let Err(outcome) = still_there(api, draft, &mut progress).await {
        return outcome;
    }
    for (index, media) in draft.media.iter().enumerate() {
        if progress.uploaded.iter().any(|kept| kept.index == index) {
            continue;
        }
        if let Err(outcome) = upload(api, index, media, &mut progress, checkpoint, meter).await {
            return outcome;
        }
    }
    post(api, draft, reply_to, &progress, checkpoint, meter).await
}

/// What the draft answers, or why Pixelfed has no place for it.
fn takes(draft: &Draft) -> Result<Option<&str>, String> {
    let reply_to = match &draft.form {
        Form::Status { reply_to } => reply_to.as_deref(),
        Form::Boost(_) => return Err("Pixelfed's API boosts nothing from elsewhere".into()),
        Form::Video(_) => return Err("Pixelfed has posts, not videos with a title".into()),
    };
    if draft.media.is_empty() && reply_to.is_none() {
        return Err("Pixelfed takes no post without a picture or a video".into());
    }
    let videos = draft
        .media
        .iter()
        .filter(|m| m.media_type.starts_with("video/"))
        .count();
    if videos != 0 && videos != draft.media.len() {
        return Err("Pixelfed shows no album that mixes pictures and videos in any list".into());
    }
    Ok(reply_to)
}

/// Keeps of an earlier attempt's files what the server still has free. One that is gone was cleared away, or swallowed by a
/// draft that nobody sees (contract pixelfed §8.5): either way it is sent again.
async fn still_there(api: &Api, draft: &Draft, progress: &mut PublishProgress) -> Result<(), PublishOutcome> {
    let now = api.net().clock().now();
    let kept = std::mem::take(&mut progress.uploaded);
    let known = progress.version == VERSION;
    progress.version = VERSION;
    for media in kept {
        let same = draft
            .media
            .get(media.index)
            .is_some_and(|m| m.file_name == media.file_name);
        if !known || !same || media.expires <= now {
            continue;
        }
        match api.read(&["api", "v1", "media", &media.id], &[]).await {
            Ok(_) => progress.uploaded.push(media),
            Err(Failure::NotFound(_)) => {}
            Err(Failure::NoToken(reason) | Failure::Forbidden(reason)) => {
                return Err(PublishOutcome::AuthLost { reason });
            }
            Err(Failure::Throttled { what, until }) => return Err(PublishOutcome::Throttled { until, reason: what }),
            Err(
                Failure::Broken(_, reason)
                | Failure::Transient(reason)
                | Failure::Malformed(reason)
                | Failure::Unreachable(reason),
            ) => return Err(PublishOutcome::TryLater { reason }),
        }
    }
    Ok(())
}

async fn post(
    api: &Api,
    draft: &Draft,
    reply_to: Option<&str>,
    progress: &PublishProgress,
    checkpoint: &mut dyn Checkpoint,
    meter: &dyn ProgressSink,
) -> PublishOutcome {
    if let Some(until) = api.net().throttled_until(api.instance(), "statuses") {
        return PublishOutcome::Throttled {
            until,
            reason: "the server's limit of posts is used up".into(),
        };
    }
    let body = body_of(draft, reply_to, &progress.uploaded);
    if let Err(e) = checkpoint.before(Step::Post, progress).await {
        return PublishOutcome::NotNoted(e);
    }
    meter.stage("posting", None);
    match api.post_status(body, &draft.key).await {
        Ok(answer) => outcome(api.judge(&answer), draft),
        Err(SendError::NotSent(reason)) => PublishOutcome::TryLater { reason },
        Err(SendError::Unknown(reason)) => PublishOutcome::Unknown { reason },
    }
}

fn body_of(draft: &Draft, reply_to: Option<&str>, uploaded: &[UploadedMedia]) -> Value {
    let mut uploaded: Vec<&UploadedMedia> = uploaded.iter().collect();
    uploaded.sort_by_key(|media| media.index);
    let mut body = json!({
        "status": to_send(&draft.text),
        "visibility": draft.visibility.as_str(),
        "sensitive": is_sensitive(draft),
    });
    // An empty list beside a text fails the server (contract pixelfed §4).
    if !uploaded.is_empty() {
        body["media_ids"] = uploaded.iter().map(|media| media.id.as_str()).collect();
    }
    if let Some(warning) = &draft.content_warning {
        body["spoiler_text"] = json!(warning);
    }
    if let Some(id) = reply_to {
        body["in_reply_to_id"] = json!(id);
    }
    body
}

/// A content warning is dropped unless the post is sensitive (contract pixelfed §4).
fn is_sensitive(draft: &Draft) -> bool {
    draft.sensitive || draft.content_warning.is_some()
}

/// What an answer to the creating request means (contract pixelfed §8.3, §9).
fn outcome(said: Said, draft: &Draft) -> PublishOutcome {
    match said {
        Said::Json(value) => match Status::of(&value) {
            Some(status) => PublishOutcome::Published(compared(&status, draft)),
            None => PublishOutcome::Unknown {
                reason: "the server's answer isn't a post".into(),
            },
        },
        Said::NoToken(reason) => PublishOutcome::AuthLost { reason },
        Said::Refused(403, words) if words.is_empty() => PublishOutcome::AuthLost { reason: no_words(403) },
        // One of the files isn't free (any more): what was made of it is a draft that nobody sees, or nothing.
        Said::NotFound(reason) if reason.contains("Media]") => PublishOutcome::TryLater {
            reason: format!("the server lost one of the files, all are sent again ({reason})"),
        },
        // "Already taken" and "used before" say nothing about what became of the request that did so.
        Said::Refused(400, words) if words.contains("media_ids") || words.contains("idempotency") => {
            PublishOutcome::Unknown { reason: words }
        }
        Said::Invalid(_, reason) | Said::TooLarge(reason) => PublishOutcome::Rejected { reason },
        Said::Refused(status, words) => PublishOutcome::Rejected {
            reason: if words.is_empty() { no_words(status) } else { words },
        },
        Said::TooOften(until, reason) => PublishOutcome::Throttled { until, reason },
        Said::NotFound(reason) | Said::Strange(_, reason) | Said::Broken(_, reason) => {
            PublishOutcome::Unknown { reason }
        }
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

/// The copy, with what the server made otherwise than it was meant.
fn compared(status: &Status, draft: &Draft) -> Copy {
    let mut copy = copy_of(status);
    let short = |text: &str| text.chars().take(MAX_DIFFERENCE).collect::<String>();
    let mut differ = |what: &str, meant: &str, got: &str| {
        if meant != got {
            copy.differences.push(Difference {
                what: what.to_owned(),
                meant: short(meant),
                got: short(got),
            });
        }
    };
    if let Some(got) = &status.visibility {
        differ("visibility", draft.visibility.as_str(), got);
    }
    if let Some(got) = status.sensitive {
        differ("sensitive", &is_sensitive(draft).to_string(), &got.to_string());
    }
    differ(
        "content warning",
        draft.content_warning.as_deref().unwrap_or_default().trim(),
        status.warning.trim(),
    );
    differ(
        "number of media",
        &draft.media.len().to_string(),
        &status.media.len().to_string(),
    );
    for (meant, got) in draft.media.iter().zip(&status.media) {
        differ(
            "alt text",
            meant.alt.as_deref().unwrap_or_default().trim(),
            got.alt.trim(),
        );
    }
    // Spaces may come back otherwise; words may not.
    let words = |text: &str| shown(text).split_whitespace().collect::<Vec<_>>().join(" ");
    differ("text", &words(&draft.text), &words(&status.caption));
    copy
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use tombolo_model::{IdempotencyKey, Visibility};

    use super::*;

    fn draft() -> Draft {
        Draft {
            text: "I <3 it".into(),
            content_warning: None,
            sensitive: false,
            language: None,
            visibility: Visibility::Public,
            media: Vec::new(),
            key: IdempotencyKey::from_random([0; 16]),
            form: Form::Status { reply_to: None },
        }
    }

    #[test]
    fn what_a_server_made_otherwise_is_kept_in_short() {
        let value = json!({"id": "1", "visibility": "v".repeat(2000), "sensitive": "1", "content": "I "});
        let copy = compared(&Status::of(&value).expect("a status"), &draft());
        let what: Vec<&str> = copy.differences.iter().map(|d| d.what.as_str()).collect();
        assert_eq!(what, ["visibility", "sensitive", "text"]);
        assert_eq!(copy.differences[0].got.len(), MAX_DIFFERENCE);
        assert_eq!(copy.differences[2].got, "I");
    }

    #[test]
    fn what_came_out_as_meant_differs_in_nothing() {
        let value = json!({"id": "1", "visibility": "public", "sensitive": false, "content": "I &lt;3<br />\nit"});
        assert_eq!(
            compared(&Status::of(&value).expect("a status"), &draft()).differences,
            []
        );
    }

    #[test]
    fn a_warning_makes_a_post_sensitive() {
        let warned = Draft {
            content_warning: Some("spiders".into()),
            ..draft()
        };
        let body = body_of(&warned, None, &[]);
        assert_eq!(
            (&body["sensitive"], &body["spoiler_text"]),
            (&json!(true), &json!("spiders"))
        );
        assert_eq!(body["media_ids"], Value::Null);
    }

    #[test]
    fn only_what_proves_that_nothing_came_to_be_is_called_so() {
        let unknown = [
            Said::Json(json!([])),
            Said::Json(json!("ok")),
            Said::Strange(200, String::new()),
            Said::Strange(403, String::new()),
            Said::Broken(500, "Undefined".into()),
            Said::Broken(503, String::new()),
            Said::Refused(400, "Invalid media_ids".into()),
            Said::Refused(400, "Duplicate idempotency key.".into()),
            Said::NotFound("status 404".into()),
        ];
        for said in unknown {
            let got = outcome(said.clone(), &draft());
            assert!(matches!(got, PublishOutcome::Unknown { .. }), "{said:?} → {got:?}");
        }
        let refused = [
            Said::Refused(403, "Empty statuses are not allowed".into()),
            Said::Refused(422, "Comments have been disabled on this post".into()),
            Said::Invalid(vec!["status".into()], "too long".into()),
            Said::TooLarge("413".into()),
        ];
        for said in refused {
            let got = outcome(said.clone(), &draft());
            assert!(matches!(got, PublishOutcome::Rejected { .. }), "{said:?} → {got:?}");
        }
        let until = Utc::now();
        assert!(matches!(
            outcome(Said::TooOften(until, String::new()), &draft()),
            PublishOutcome::Throttled { .. }
        ));
        assert!(matches!(
            outcome(
                Said::NotFound("No query results for model [App\\Media] 9".into()),
                &draft()
            ),
            PublishOutcome::TryLater { .. }
        ));
    }
}
