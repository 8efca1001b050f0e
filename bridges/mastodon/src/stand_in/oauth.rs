//! Applications and tokens: as much as a client needs to come by a token. Consent is given by the test.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use chrono::Duration;
use serde_json::{Value, json};

use super::entities::address;
use super::params::Params;
use super::reply::{Answered, Reply};
use super::viewer::Viewer;
use super::world::{App, Token};
use super::{Shared, lock};

/// A code is good for so long (contract §1.4).
const CODE_LIFE: Duration = Duration::minutes(10);
const SCOPES: [&str; 14] = [
    "read",
    "profile",
    "write",
    "write:accounts",
    "write:media",
    "write:notifications",
    "write:statuses",
    "read:accounts",
    "read:notifications",
    "read:search",
    "read:statuses",
    "follow",
    "push",
    "admin:read",
];

/// `GET /.well-known/oauth-authorization-server`
pub(super) async fn metadata(State(shared): State<Arc<Shared>>) -> Reply {
    let at = |path: &str| address(&shared.base, path);
    let body = json!({
        "issuer": at("/"),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "service_documentation": "https://docs.joinmastodon.org/",
        "app_registration_endpoint": at("/api/v1/apps"),
    });
    Reply::json(200, &body)
        .cached("max-age=0, private, must-revalidate")
        .with(header::VARY, "Origin")
        .without_rates()
}

/// `POST /api/v1/apps`
pub(super) async fn register(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let params = Params::read(request).await?;
    let name = params.text("client_name").filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Reply::invalid("Application name can't be blank"))?;
    let redirect_uris: Vec<String> = params
        .list("redirect_uris")
        .into_iter()
        .flatten()
        .flat_map(|uris| uris.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if redirect_uris.is_empty() {
        return Err(Reply::invalid("Redirect URI can't be blank"));
    }
    let scopes = scopes(params.text("scopes").as_deref().unwrap_or("read"));
    if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err(Reply::invalid("Scopes doesn't match those configured on the server."));
    }
    let mut world = lock(&shared.world);
    let app = App {
        name,
        website: params.text("website"),
        redirect_uris,
        scopes,
        client_id: world.next_secret("client id"),
        client_secret: world.next_secret("client secret"),
    };
    world.apps.push(app.clone());
    let mut entity = application(&app, world.apps.len());
    entity["client_id"] = json!(app.client_id);
    entity["client_secret"] = json!(app.client_secret);
    entity["client_secret_expires_at"] = json!(0);
    Ok(Reply::json(200, &entity))
}

/// `GET /api/v1/apps/verify_credentials`
pub(super) async fn verify_app(State(shared): State<Arc<Shared>>, Extension(viewer): Extension<Viewer>) -> Answered {
    let app = match &viewer {
        Viewer::App { app, .. } => *app,
        other => other.needs(&["read"])?.app,
    };
    let world = lock(&shared.world);
    let known = world.apps.get(app).ok_or_else(Reply::no_record)?;
    Ok(Reply::json(200, &application(known, app + 1)))
}

fn application(app: &App, id: usize) -> Value {
    json!({
        "id": id.to_string(),
        "name": app.name,
        "website": app.website,
        "scopes": app.scopes,
        "redirect_uris": app.redirect_uris,
        "vapid_key": "BKO7y-f0BtnWo2t0o-nYDIG60pgA-TwpOLfY3xYNJ6PplIHXuPrbAeNMh6N2oBz_wuzbxN-N4vPx3P2knspqpwA=",
        "redirect_uri": app.redirect_uris.join("\n"),
    })
}

/// `POST /oauth/token`
pub(super) async fn token(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let params = Params::read(request).await?;
    let text = |name: &str| params.text(name).unwrap_or_default();
    let now = shared.clock.now();
    let mut world = lock(&shared.world);
    let app = world
        .apps
        .iter()
        .position(|app| app.client_id == text("client_id") && app.client_secret == text("client_secret"))
        .ok_or_else(|| {
            let text = "Client authentication failed due to unknown client, no client authentication included, or \
                        unsupported authentication method.";
            refused(401, "invalid_client", text)
        })?;
    let (account, scopes) = match text("grant_type").as_str() {
        "client_credentials" => (None, scopes(&params.text("scope").unwrap_or_else(|| "read".into()))),
        "authorization_code" => {
            let code = world
                .codes
                .remove(&text("code"))
                .filter(|code| now - code.at < CODE_LIFE);
            let code = code.ok_or_else(|| {
                let text = "The provided authorization grant is invalid, expired, revoked, does not match the \
                            redirection URI used in the authorization request, or was issued to another client.";
                refused(400, "invalid_grant", text)
            })?;
            (Some(code.account), code.scopes)
        }
        _ => {
            let text = "The authorization grant type is not supported by the authorization server.";
            return Err(refused(400, "unsupported_grant_type", text));
        }
    };
    let secret = world.next_secret("token");
    let body = json!({
        "access_token": secret,
        "token_type": "Bearer",
        "scope": scopes.join(" "),
        "created_at": now.timestamp(),
    });
    let token = Token {
        account,
        scopes,
        app,
        revoked: false,
    };
    world.tokens.insert(secret, token);
    Ok(Reply::json(200, &body)
        .cached("no-store")
        .with(header::VARY, "Accept, Origin")
        .without_rates())
}

/// `POST /oauth/revoke`
pub(super) async fn revoke(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let params = Params::read(request).await?;
    let text = |name: &str| params.text(name).unwrap_or_default();
    let mut world = lock(&shared.world);
    let app = world
        .apps
        .iter()
        .position(|app| app.client_id == text("client_id") && app.client_secret == text("client_secret"));
    match world.tokens.get_mut(&text("token")) {
        Some(token) if Some(token.app) != app => {
            let says = "You are not authorized to revoke this token";
            Err(plain_refusal(403, "unauthorized_client", says))
        }
        Some(token) => {
            token.revoked = true;
            Ok(done())
        }
        None => Ok(done()),
    }
}

fn scopes(written: &str) -> Vec<String> {
    written.split_whitespace().map(str::to_owned).collect()
}

fn refused(status: u16, error: &str, description: &str) -> Reply {
    let says = format!("Bearer realm=\"Doorkeeper\", error=\"{error}\", error_description=\"{description}\"");
    plain_refusal(status, error, description)
        .cached("no-store")
        .with(header::WWW_AUTHENTICATE, &says)
}

fn plain_refusal(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({"error": error, "error_description": description}))
        .cached("no-cache")
        .with(header::VARY, "Accept, Origin")
        .without_rates()
}

fn done() -> Reply {
    Reply::json(200, &json!({}))
        .cached("max-age=0, private, must-revalidate")
        .with(header::VARY, "Accept, Origin")
        .without_rates()
}
