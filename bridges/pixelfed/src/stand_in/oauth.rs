//! Applications and tokens (contract §2). The browser's part is in `consent`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::entities::base64;
use super::gate::wants_json;
use super::pages::escaped;
use super::params::Params;
use super::reply::{Answered, Reply};
use super::settings::Errors;
use super::viewer::Viewer;
use super::world::{App, Code, TOKEN_LIFE, Token, World};
use super::{Shared, lock};

/// An authorisation code's life.
const CODE_LIFE: Duration = Duration::minutes(10);
/// What an application gets that doesn't ask for anything.
pub(super) const DEFAULT_SCOPES: &str = "read write follow";

/// `POST /api/v1/apps`
pub(super) async fn register(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let params = Params::read(request).await?;
    if !shared.oauth {
        return Err(Reply::abort(404, ""));
    }
    let required = |name: &'static str, spoken: &str| {
        params
            .text(name)
            .ok_or_else(|| (name, format!("The {spoken} field is required.")))
    };
    let (name, uris) = match (
        required("client_name", "client name"),
        required("redirect_uris", "redirect uris"),
    ) {
        (Ok(name), Ok(uris)) => (name, uris),
        (name, uris) => {
            let wrong: Vec<_> = [name.err(), uris.err()].into_iter().flatten().collect();
            return Err(Reply::invalid(&wrong));
        }
    };
    let uris: Vec<String> = uris.lines().map(|uri| uri.trim().to_owned()).collect();
    let mut world = lock(&shared.world);
    let id = world.next_app;
    world.next_app += 1;
    let app = App {
        name: escaped(&name),
        redirect_uris: uris,
        secret: world.next_secret("application"),
    };
    let body = json!({
        "id": id.to_string(),
        "name": app.name,
        "website": null,
        "redirect_uri": app.redirect_uris.join(","),
        "client_id": id.to_string(),
        "client_secret": app.secret,
        "vapid_key": null,
    });
    world.apps.insert(id, app);
    Ok(Reply::json(200, &body))
}

/// `GET /api/v1/apps/verify_credentials`
pub(super) async fn verify(State(shared): State<Arc<Shared>>, Extension(viewer): Extension<Viewer>) -> Answered {
    let app = viewer.needs("read", &shared.base)?.app;
    let world = lock(&shared.world);
    let name = world.apps.get(&app).map(|app| app.name.as_str());
    Ok(Reply::json(
        200,
        &json!({ "name": name, "website": null, "vapid_key": null }),
    ))
}

/// What is wrong with a request for a token.
struct Refusal {
    status: u16,
    error: &'static str,
    text: &'static str,
    hint: Option<&'static str>,
}

const BAD_CLIENT: Refusal = Refusal {
    status: 401,
    error: "invalid_client",
    text: "Client authentication failed",
    hint: None,
};
const BAD_GRANT: Refusal = Refusal {
    status: 400,
    error: "unsupported_grant_type",
    text: "The authorization grant type is not supported by the authorization server.",
    hint: Some("Check that all required parameters have been provided"),
};
const BAD_REFRESH: Refusal = Refusal {
    status: 401,
    error: "invalid_request",
    text: "The refresh token is invalid.",
    hint: Some("Token has been revoked"),
};
const BAD_VERIFIER: Refusal = Refusal {
    status: 400,
    error: "invalid_grant",
    text: "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is \
           invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was \
           issued to another client.",
    hint: Some("Failed to verify `code_verifier`."),
};

const fn bad_request(hint: &'static str) -> Refusal {
    Refusal {
        status: 400,
        error: "invalid_request",
        text: "The request is missing a required parameter, includes an invalid parameter value, includes a parameter \
               more than once, or is otherwise malformed.",
        hint: Some(hint),
    }
}

/// `POST /oauth/token`
pub(super) async fn token(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let json = wants_json(request.headers());
    let params = Params::read(request).await?;
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let verdict = world.token_requests.count("", now);
    let limits = [
        (HeaderName::from_static("x-ratelimit-limit"), verdict.limit.to_string()),
        (
            HeaderName::from_static("x-ratelimit-remaining"),
            verdict.remaining.to_string(),
        ),
    ];
    let limited = |reply: Reply| {
        limits
            .iter()
            .fold(reply, |reply, (name, value)| reply.with(name.clone(), value))
    };
    if !verdict.allowed {
        let refused = Reply::abort(429, "Too Many Attempts.");
        if json {
            return Err(refused);
        }
        let wait = (verdict.reset - now).num_seconds().to_string();
        return Err(limited(refused).with(header::RETRY_AFTER, &wait).with(
            HeaderName::from_static("x-ratelimit-reset"),
            &verdict.reset.timestamp().to_string(),
        ));
    }
    match granted(&mut world, &params, now) {
        Ok(body) => Ok(limited(Reply::json(200, &body)).with(header::CONTENT_TYPE, "application/json; charset=UTF-8")),
        // Up to 0.12.7, who asks for JSON gets less of it (contract §2).
        Err(refusal) if json && shared.errors() == Errors::All500 => {
            Err(limited(Reply::json(500, &json!({ "error": refusal.text }))))
        }
        Err(refusal) => {
            let mut body = json!({
                "error": refusal.error,
                "error_description": refusal.text,
                "message": refusal.text,
            });
            if let Some(hint) = refusal.hint {
                body["hint"] = hint.into();
            }
            Err(limited(Reply::json(refusal.status, &body)))
        }
    }
}

fn granted(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Value, Refusal> {
    let grant = params.text("grant_type").unwrap_or_default();
    if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant.as_str()) {
        return Err(BAD_GRANT);
    }
    let app = params.number("client_id").ok().flatten().ok_or(BAD_CLIENT)?;
    let secret = params.text("client_secret").unwrap_or_default();
    if world.apps.get(&app).is_none_or(|app| app.secret != secret) {
        return Err(BAD_CLIENT);
    }
    match grant.as_str() {
        "authorization_code" => {
            let code = spent_code(world, params, app, now)?;
            Ok(new_pair(world, Some(code.account), app, code.scopes, now))
        }
        "refresh_token" => {
            let refresh = params.text("refresh_token").unwrap_or_default();
            let access = world.refresh.remove(&refresh).ok_or(BAD_REFRESH)?;
            let old = world
                .tokens
                .get_mut(&access)
                .filter(|old| old.app == app && !old.revoked);
            let old = old.ok_or(BAD_REFRESH)?;
            old.revoked = true;
            let (account, scopes) = (old.account, old.scopes.clone());
            Ok(new_pair(world, account, app, scopes, now))
        }
        _ => {
            let scopes = params.text("scope").unwrap_or_default();
            let scopes = scopes.split_whitespace().map(str::to_owned).collect();
            Ok(new_pair(world, None, app, scopes, now))
        }
    }
}

/// Takes a code that is good: it is good once.
fn spent_code(world: &mut World, params: &Params, app: u64, now: DateTime<Utc>) -> Result<Code, Refusal> {
    let text = params.text("code").unwrap_or_default();
    let unknown = bad_request("Cannot decrypt the authorization code");
    let code = world.codes.get_mut(&text).ok_or(unknown)?;
    if code.used {
        return Err(bad_request("Authorization code has been revoked"));
    }
    if now - code.at > CODE_LIFE {
        return Err(bad_request("Authorization code has expired"));
    }
    if let Some(asked) = &code.asked {
        if asked.app != app {
            return Err(bad_request("Authorization code was not issued to this client"));
        }
        if params.text("redirect_uri").as_ref() != Some(&asked.redirect_uri) {
            return Err(bad_request("Invalid redirect URI"));
        }
        let verifier = params.text("code_verifier").unwrap_or_default();
        let answer = base64(&Sha256::digest(verifier.as_bytes()));
        if asked.challenge.as_ref().is_some_and(|challenge| *challenge != answer) {
            return Err(BAD_VERIFIER);
        }
    }
    code.used = true;
    Ok(code.clone())
}

/// A new access token; for a user with a refresh token.
fn new_pair(world: &mut World, account: Option<u64>, app: u64, scopes: Vec<String>, now: DateTime<Utc>) -> Value {
    let scope = scopes.join(" ");
    let access = new_token(world, account, app, scopes, now);
    let mut body = json!({
        "scope": scope,
        "created_at": now.timestamp(),
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFE.num_seconds(),
        "access_token": access,
    });
    if account.is_some() {
        let refresh = world.next_secret("refresh").repeat(16);
        body["refresh_token"] = refresh.as_str().into();
        world.refresh.insert(refresh, access);
    }
    body
}

/// A new access token, as long as a real one.
pub(super) fn new_token(
    world: &mut World,
    account: Option<u64>,
    app: u64,
    scopes: Vec<String>,
    now: DateTime<Utc>,
) -> String {
    let expires_at = now + TOKEN_LIFE;
    let secret = world.next_secret("token");
    let claims = json!({
        "aud": app.to_string(),
        "jti": secret.repeat(2),
        "iat": now.timestamp(),
        "exp": expires_at.timestamp(),
        "sub": account.map(|id| id.to_string()),
        "scopes": scopes,
    });
    let head = base64(br#"{"typ":"JWT","alg":"RS256"}"#);
    let signature = base64(secret.repeat(13).as_bytes());
    let access = format!("{head}.{}.{signature}", base64(claims.to_string().as_bytes()));
    let token = Token {
        account,
        app,
        scopes,
        expires_at,
        revoked: false,
    };
    world.tokens.insert(access.clone(), token);
    access
}
