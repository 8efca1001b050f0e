//! What a video is sent with besides its file, and what the instance made of it.

use chrono::SecondsFormat;
use serde_json::{Value, json};
use tombolo_model::{Copy, DestinationError, Difference, Draft, VideoDraft, Visibility};

use crate::config::Config;
use crate::licence;
use crate::place::{Channel, LICENCES, Place, SUMMARY};
use crate::wire::OwnVideo;

/// How much is kept of what a server made of a video otherwise than meant.
const MAX_DIFFERENCE: usize = 200;
/// Shortest description; a shorter one is refused, so it is left out (contract peertube §7.1).
const MIN_DESCRIPTION: usize = 3;

/// The fields of an upload or an import (contract peertube §7.1). Comments stay as the channel's owner has them by default.
pub(crate) async fn fields(
    place: &Place,
    draft: &Draft,
    video: &VideoDraft,
    channel: &Channel,
    config: &Config,
) -> Result<Value, DestinationError> {
    let mut fields = json!({
        "name": video.title,
        "channelId": channel.id,
        // Omitted, it would be private (contract peertube §0.4).
        "privacy": privacy(draft.visibility),
        "nsfw": is_sensitive(draft),
        "waitTranscoding": true,
        "downloadEnabled": video.downloads_allowed,
    });
    if draft.text.trim().chars().count() >= MIN_DESCRIPTION {
        fields["description"] = json!(draft.text);
    }
    if !video.tags.is_empty() {
        fields["tags"] = json!(video.tags);
    }
    for (field, list, concept) in [
        ("category", "categories", &video.category),
        ("licence", LICENCES, &video.licence),
    ] {
        if let Some(concept) = concept
            && let Some(id) = place.code(list, &concept.label).await?
        {
            fields[field] = json!(id);
        }
    }
    if let Some(tag) = &draft.language
        && let Some(language) = place.language(tag).await?
    {
        fields["language"] = json!(language);
    }
    if let Some(at) = video.originally_published {
        fields["originallyPublishedAt"] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
    }
    if let Some(warning) = &draft.content_warning
        && config.has_summary()
    {
        fields["nsfwSummary"] = json!(warning.chars().take(SUMMARY).collect::<String>());
    }
    Ok(fields)
}

/// Followers-only doesn't exist: what isn't for everyone is for nobody else.
fn privacy(visibility: Visibility) -> u64 {
    match visibility {
        Visibility::Public => 1,
        Visibility::Unlisted => 2,
        Visibility::Private => 3,
    }
}

fn is_sensitive(draft: &Draft) -> bool {
    draft.sensitive || draft.content_warning.is_some()
}

/// Notes what came out otherwise than meant.
pub(crate) fn compare(copy: &mut Copy, got: &OwnVideo, draft: &Draft, video: &VideoDraft, config: &Config) {
    let privacy_name = |id: u64| match id {
        1 => "public".to_owned(),
        2 => "unlisted".to_owned(),
        3 => "private".to_owned(),
        4 => "internal".to_owned(),
        5 => "password-protected".to_owned(),
        other => format!("privacy {other}"),
    };
    let mut check = |what: &str, meant: String, got: Option<String>| {
        if let Some(got) = got.filter(|got| *got != meant) {
            differ(copy, what, &meant, &got);
        }
    };
    check("title", video.title.trim().to_owned(), Some(got.name.clone()));
    check(
        "visibility",
        privacy_name(privacy(draft.visibility)),
        got.privacy.map(privacy_name),
    );
    check(
        "sensitive",
        is_sensitive(draft).to_string(),
        got.nsfw.map(|nsfw| nsfw.to_string()),
    );
    let sorted = |tags: &[String]| {
        let mut tags = tags.to_vec();
        tags.sort();
        tags.dedup();
        tags.join(", ")
    };
    check("tags", sorted(&video.tags), Some(sorted(&got.tags)));
    check(
        "downloads",
        video.downloads_allowed.to_string(),
        got.downloads.map(|allowed| allowed.to_string()),
    );
    for (what, meant, got) in [
        ("category", &video.category, &got.category),
        ("licence", &video.licence, &got.licence),
    ] {
        if let Some(meant) = meant
            && got.as_ref().is_none_or(|got| !licence::same(got, &meant.label))
        {
            let got = got.clone().unwrap_or_else(|| "none".to_owned());
            differ(copy, what, &meant.label, &got);
        }
    }
    if let Some(meant) = &draft.language
        && got.language.is_none()
    {
        differ(copy, "language", meant, "none");
    }
    if let Some(warning) = &draft.content_warning
        && !config.has_summary()
    {
        differ(copy, "content warning", warning, "a mark as sensitive without a reason");
    }
}

/// Notes one difference, in short.
pub(crate) fn differ(copy: &mut Copy, what: &str, meant: &str, got: &str) {
    let short = |text: &str| text.chars().take(MAX_DIFFERENCE).collect::<String>();
    copy.differences.push(Difference {
        what: short(what),
        meant: short(meant),
        got: short(got),
    });
}
