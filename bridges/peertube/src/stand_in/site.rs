//! What all handlers share: the world, the options, the clock, and who may see what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tombolo_model::Clock;

use super::answers::{Ask, Problem};
use super::ids::is_video_id;
use super::rates::Rates;
use super::world::{Video, World};
use super::{Options, Privacy};

/// The server's inside, shared by all handlers.
pub(super) type Site = Arc<Inner>;

#[derive(Debug)]
pub(super) struct Inner {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub base: String,
    /// `127.0.0.1:PORT`.
    pub host: String,
    pub options: Options,
    pub clock: Arc<dyn Clock>,
    pub rates: Rates,
    pub world: Mutex<World>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Viewer {
    Anonymous,
    /// Somebody signed in: the account's index.
    User(usize),
}

impl Inner {
    /// The world as it is now: what was to happen until now has happened.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.settle(self.clock.now());
        world
    }

    /// A handle without this server's own name.
    pub fn local<'a>(&self, handle: &'a str) -> &'a str {
        let name = handle.strip_suffix(&self.host).and_then(|h| h.strip_suffix('@'));
        name.unwrap_or(handle)
    }
}

/// Who asks, by the token. A bad token is refused even where none is needed.
pub(super) fn viewer(world: &World, ask: &Ask) -> Result<Viewer, Problem> {
    let Some(value) = ask.header("authorization") else {
        return Ok(Viewer::Anonymous);
    };
    let token = value.strip_prefix("Bearer ").unwrap_or_default().trim();
    let account = world.sessions.account(token, world.now);
    account.map(Viewer::User).ok_or_else(invalid_token)
}

/// Who asks, where somebody has to be signed in.
pub(super) fn signed_in(world: &World, ask: &Ask) -> Result<usize, Problem> {
    match viewer(world, ask)? {
        Viewer::User(account) => Ok(account),
        Viewer::Anonymous => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "Token is invalid").code("unauthorized_request"))
        }
    }
}

/// The UUID of the video with this id, if it belongs to who asks.
pub(super) fn owned(world: &World, ask: &Ask, id: &str) -> Result<String, Problem> {
    let account = signed_in(world, ask)?;
    let video = find(world, id)?;
    if world.channels[video.channel].owner != account {
        let detail = "Cannot manage a video of another user.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(video.uuid.clone())
}

/// The video with this id, if the asker may see it.
pub(super) fn visible<'a>(world: &'a World, ask: &Ask, id: &str) -> Result<&'a Video, Problem> {
    let asking = viewer(world, ask)?;
    let video = find(world, id)?;
    let owner = asking == Viewer::User(world.channels[video.channel].owner);
    if owner {
        return Ok(video);
    }
    let by_number = id != video.uuid && id != video.short;
    let guarded = match video.privacy {
        Privacy::PUBLIC => false,
        Privacy::UNLISTED => by_number,
        Privacy::INTERNAL => asking == Viewer::Anonymous,
        Privacy::PASSWORD => return with_password(video, ask),
        _ => true,
    };
    match asking {
        _ if !guarded && video.blocked.is_none() => Ok(video),
        Viewer::Anonymous => Err(Problem::new(StatusCode::UNAUTHORIZED, "Not authenticated")),
        Viewer::User(_) => {
            let detail = "Cannot fetch information of private/internal/blocked video";
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

/// The video with this id, whoever asks.
fn find<'a>(world: &'a World, id: &str) -> Result<&'a Video, Problem> {
    if !is_video_id(id) {
        let message = "Should have a valid video id (id, short UUID or UUID)";
        return Err(Problem::invalid("params", "id", id, message));
    }
    world.video(id).ok_or_else(|| Problem::not_found("Video"))
}

fn invalid_token() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "Token is invalid").code("invalid_token")
}

fn with_password<'a>(video: &'a Video, ask: &Ask) -> Result<&'a Video, Problem> {
    let refused = |detail| Problem::new(StatusCode::FORBIDDEN, detail);
    match ask.header("x-peertube-video-password") {
        Some(given) if Some(given) == video.password.as_deref() => Ok(video),
        Some(_) => {
            let detail = "Incorrect video password. Access to the video is denied.";
            Err(refused(detail).code("incorrect_video_password"))
        }
        None => {
            let detail = "Please provide a password to access this password protected video";
            Err(refused(detail).code("video_requires_password"))
        }
    }
}
