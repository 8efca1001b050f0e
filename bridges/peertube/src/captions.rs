//! Subtitles of a video that exists: sent one after the other, none of them worth failing for.
//!
//! PeerTube checks nothing and serves whatever it was given (contract peertube §7.6), so only WebVTT leaves here.

use reqwest::Method;
use tombolo_model::{CaptionDraft, Copy};
use tombolo_net::{WriteBody, multipart};

use crate::caller::{NoAnswer, Write};
use crate::config::Config;
use crate::details::differ;
use crate::place::Place;
use crate::wire::Problem;

/// Most captions that are sent.
const MAX_CAPTIONS: usize = 50;
/// What they are sent as.
const MEDIA_TYPE: &str = "text/vtt";

/// Sends them, and notes on the copy what was not taken.
pub(crate) async fn send(place: &Place, copy: &mut Copy, captions: &[CaptionDraft], config: &Config) {
    let mut taken: Vec<String> = Vec::new();
    for caption in captions.iter().take(MAX_CAPTIONS) {
        let language = match place.language(&caption.language).await {
            Ok(Some(language)) => language,
            Ok(None) => {
                refused(copy, caption, "the instance doesn't know the language");
                continue;
            }
            Err(e) => {
                refused(copy, caption, &e.to_string());
                continue;
            }
        };
        // They are kept by language: a second one would replace the first.
        if taken.contains(&language) {
            continue;
        }
        let problem = if is_webvtt(&caption.text) && caption.text.len() as u64 <= config.caption_bytes {
            put(place, &copy.id, &language, caption).await.err()
        } else {
            Some("they are no WebVTT file that the instance takes".to_owned())
        };
        match problem {
            None => taken.push(language),
            Some(reason) => refused(copy, caption, &reason),
        }
    }
}

fn refused(copy: &mut Copy, caption: &CaptionDraft, reason: &str) {
    tracing::warn!(language = caption.language, reason, "subtitles were not taken");
    differ(copy, &format!("subtitles ({})", caption.language), "sent", reason);
}

async fn put(place: &Place, uuid: &str, language: &str, caption: &CaptionDraft) -> Result<(), String> {
    let url = place
        .caller
        .api(&["videos", uuid, "captions", language], &[])
        .map_err(|e| e.to_string())?;
    let body = || {
        let part = multipart::Part::stream_with_length(caption.text.clone(), caption.text.len() as u64)
            .file_name(format!("{language}.vtt"));
        let form = multipart::Form::new();
        WriteBody::Multipart(match part.mime_str(MEDIA_TYPE) {
            Ok(part) => form.part("captionfile", part),
            Err(_) => form,
        })
    };
    let mut last = String::new();
    // A second time is harmless: it replaces the first.
    for _ in 0..2 {
        let sent = place
            .caller
            .send(Write {
                method: Method::PUT,
                url: url.clone(),
                headers: Vec::new(),
                body: &body,
                sent: None,
            })
            .await;
        last = match sent {
            Ok(answer) if answer.status.is_success() => return Ok(()),
            Ok(answer) => return Err(Problem::of(&answer).to_string()),
            Err(NoAnswer::NotSent(reason) | NoAnswer::Unknown(reason)) => reason,
            Err(NoAnswer::Throttled { reason, .. }) => return Err(reason),
            Err(NoAnswer::Auth(no)) => return Err(tombolo_model::DestinationError::from(no).to_string()),
        };
    }
    Err(last)
}

/// Whether this is a WebVTT file: text that begins with the word, and has a cue.
fn is_webvtt(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let rest = text.trim_start_matches('\u{feff}').strip_prefix("WEBVTT");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r'])) && text.contains("-->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_webvtt_with_a_cue_is_sent() {
        assert!(is_webvtt(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"));
        assert!(is_webvtt(
            "\u{feff}WEBVTT - title\r\n\r\n00:00.000 --> 00:01.000\r\nHé\r\n".as_bytes()
        ));
        for odd in [
            b"1\n00:00:00,000 --> 00:00:01,000\nSRT\n".as_slice(),
            b"WEBVTTX\n00:00.000 --> 00:01.000\n",
            b"WEBVTT\n\nno cue",
            b"<html>404</html>",
            b"WEBVTT\n\xff\xfe -->",
            b"",
        ] {
            assert!(!is_webvtt(odd), "{odd:?}");
        }
    }
}
