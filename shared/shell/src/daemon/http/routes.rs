//! One answer for each path, and the headers that all answers carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lamplighter_core::{Error, chain};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};

use super::guard::{self, Attempts};
use super::live::{self, Cache, blocking, tag};
use super::reports::Kind;
use super::{Site, metrics, page};
use crate::daemon::keeper::News;

/// What a form with a token has at the most.
const MOST_BODY_BYTES: usize = 4 * 1024;

/// How long a client may take to send it.
const TIME_FOR_BODY: Duration = Duration::from_secs(5);

/// How long the planner's thread may take to answer; it may be waiting for the disk.
const TIME_FOR_KEEPER: Duration = Duration::from_secs(10);

/// How many runs and left-out slots the page of a function lists.
const LISTED: usize = 100;

/// No script but our own file, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");
const LAMP: &str = include_str!("assets/lamp.svg");

struct App {
    site: Arc<Site>,
    cache: Cache,
    attempts: Attempts,
    /// How many requests came from hosts that are not answered, for one line in the log.
    strangers: AtomicU64,
}

type Shared = State<Arc<App>>;

/// All paths.
pub(super) fn router(site: Arc<Site>) -> Router {
    let app = Arc::new(App {
        site,
        cache: Cache::default(),
        attempts: Attempts::new(),
        strangers: AtomicU64::new(0),
    });
    Router::new()
        .route("/", get(overview))
        .route("/jobs/{function}", get(job))
        .route("/jobs/{function}/report", get(report))
        .route("/jobs/{function}/dry-run", get(dry_run_report))
        .route("/jobs/{function}/dry-run", post(dry_run))
        .route("/status.json", get(status))
        .route("/metrics", get(scrape))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route(
            "/assets/page.css",
            get(|headers: HeaderMap| asset(headers, STYLE, "text/css; charset=utf-8")),
        )
        .route(
            "/assets/page.js",
            get(|headers: HeaderMap| asset(headers, SCRIPT, "text/javascript; charset=utf-8")),
        )
        .route(
            "/assets/lamp.svg",
            get(|headers: HeaderMap| asset(headers, LAMP, "image/svg+xml")),
        )
        .fallback(|| async { page::error(StatusCode::NOT_FOUND, "There is no such page.") })
        .method_not_allowed_fallback(|| async {
            page::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "This page can only be read.",
            )
        })
        .layer(from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

/// Turns strangers away, and puts on every answer what keeps a browser from doing more with it than showing it.
async fn guarded(State(app): Shared, request: Request, next: Next) -> Response {
    let site = &app.site;
    let is_known = guard::is_host_allowed(site.address, request.uri(), request.headers());
    let mut response = if is_known {
        next.run(request).await
    } else {
        if app.strangers.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!(
                "a request for a host that is not this machine was turned away; a proxy must send `Host: localhost`"
            );
        }
        plain(
            StatusCode::MISDIRECTED_REQUEST,
            "this address answers only for localhost; a proxy must send `Host: localhost`\n",
        )
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        // Nobody else learns where a link was. With "no-referrer" the form would come from the origin `null`.
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn overview(State(app): Shared) -> Response {
    match app.cache.look(&app.site).await {
        Ok(live) => html(page::overview(&live, app.site.token.is_some())),
        Err(error) => unreadable(&error),
    }
}

async fn job(State(app): Shared, Path(function): Path<String>) -> Response {
    let live = match app.cache.look(&app.site).await {
        Ok(live) => live,
        Err(error) => return unreadable(&error),
    };
    if !live.jobs.iter().any(|job| job.name == function) {
        return no_such_function();
    }
    let name = function.clone();
    let read = blocking(&app.site, move |site| {
        let has_report = site
            .link
            .reports
            .as_ref()
            .is_some_and(|reports| reports.digest(&name, Kind::DryRun).is_some());
        Ok((live::history(site, &name, LISTED)?, has_report))
    });
    match read.await {
        Ok((history, has_report)) => {
            let form = page::DryRunForm {
                is_allowed: app.site.token.is_some(),
                has_report,
            };
            page::job(&live, &function, history, form).map_or_else(no_such_function, html)
        }
        Err(error) => unreadable(&error),
    }
}

async fn report(State(app): Shared, Path(function): Path<String>) -> Response {
    kept(&app, function, Kind::Run).await
}

async fn dry_run_report(State(app): Shared, Path(function): Path<String>) -> Response {
    kept(&app, function, Kind::DryRun).await
}

/// A report brings its own styles, and is allowed exactly those: they are named by their digests. It runs no script and
/// is kept apart from the origin of the page, in case something got past its escaping after all.
async fn kept(app: &App, function: String, kind: Kind) -> Response {
    if !app.site.link.jobs().iter().any(|job| job.name == function) {
        return no_such_function();
    }
    let read = blocking(&app.site, move |site| {
        let reports = site.link.reports.as_ref();
        Ok(reports.and_then(|reports| reports.html(&function, kind)))
    });
    let Ok(Some(report)) = read.await else {
        return page::error(
            StatusCode::NOT_FOUND,
            "There is no report yet: it comes with the next run that ends.",
        );
    };
    let policy = format!(
        "sandbox; default-src 'none'; img-src data:; style-src {}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        style_sources(&report)
    );
    let mut response = html(report);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The digests of all `<style>` elements.
fn style_sources(html: &str) -> String {
    let styles = html
        .split("<style>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</style>"));
    let sources: Vec<String> = styles
        .map(|(style, _)| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style))))
        .collect();
    match sources.is_empty() {
        true => "'none'".to_owned(),
        false => sources.join(" "),
    }
}

async fn status(State(app): Shared, headers: HeaderMap) -> Response {
    match app.cache.look(&app.site).await {
        Ok(live) => {
            let (body, tag) = live.tagged();
            cached(&headers, body, &tag, "application/json")
        }
        Err(error) => unreadable(&error),
    }
}

async fn scrape(State(app): Shared) -> Response {
    match app.cache.look(&app.site).await {
        Ok(live) => content(StatusCode::OK, metrics::render(&app.site, &live), METRICS),
        Err(error) => unreadable(&error),
    }
}

async fn livez(State(app): Shared) -> Response {
    health(app.site.link.why_not_live())
}

async fn readyz(State(app): Shared) -> Response {
    health(app.site.link.why_not_ready())
}

fn health(why_not: Option<String>) -> Response {
    match why_not {
        None => plain(StatusCode::OK, "ok\n"),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Starts a dry run for who has the token: in the form's field, or in `Authorization: Bearer`.
async fn dry_run(State(app): Shared, Path(function): Path<String>, request: Request) -> Response {
    let Some(token) = &app.site.token else {
        return page::error(
            StatusCode::FORBIDDEN,
            "This page is read-only: `[daemon] token` is not set.",
        );
    };
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || !guard::is_origin_allowed(&parts.headers) {
        return page::error(
            StatusCode::FORBIDDEN,
            "This was asked by a page of somebody else.",
        );
    }
    if !app.attempts.take(Instant::now()) {
        return page::error(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts. There is another one in a few seconds.",
        );
    }
    let Ok(Ok(body)) = timeout(TIME_FOR_BODY, to_bytes(body, MOST_BODY_BYTES)).await else {
        return page::error(StatusCode::BAD_REQUEST, "The form could not be read.");
    };
    let bearer = parts.headers.get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let field = form_urlencoded::parse(&body).find(|(key, _)| key == "token");
    let given = bearer.or(field.as_ref().map(|(_, value)| &**value));
    if !given.is_some_and(|given| guard::is_token(token, given)) {
        warn!(function, "a dry run was asked for with a wrong token");
        return page::error(StatusCode::FORBIDDEN, "That is not the token.");
    }
    if !app.site.link.jobs().iter().any(|job| job.name == function) {
        return no_such_function();
    }
    let (answer, answered) = oneshot::channel();
    let news = News::DryRun {
        function: function.clone(),
        answer,
    };
    // The keeper is gone, or goes: the answer's end says so.
    app.site.keeper.send(news).ok();
    match timeout(TIME_FOR_KEEPER, answered).await {
        Ok(Ok(Ok(run_id))) => {
            info!(function, run_id, "a dry run was asked for on the page");
            let mut response = plain(StatusCode::SEE_OTHER, format!("{run_id}\n"));
            if let Ok(place) = HeaderValue::from_str(&format!("/jobs/{function}#dry-run")) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            response
        }
        Ok(Ok(Err(refusal))) => page::error(StatusCode::CONFLICT, &refusal),
        Ok(Err(_)) => page::error(StatusCode::SERVICE_UNAVAILABLE, "The daemon stops."),
        Err(_) => page::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "The planner does not answer. It may still start the run.",
        ),
    }
}

async fn asset(headers: HeaderMap, text: &'static str, kind: &'static str) -> Response {
    cached(&headers, text.into(), &tag(text.as_bytes()), kind)
}

/// The content, or 304 for who has it already.
fn cached(request: &HeaderMap, body: Vec<u8>, tag: &str, kind: &'static str) -> Response {
    let known = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag);
    let mut response = match known {
        true => content(StatusCode::NOT_MODIFIED, Body::empty(), kind),
        false => content(StatusCode::OK, body, kind),
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn unreadable(error: &Error) -> Response {
    let text = format!("How things stand cannot be read: {}.", chain(error));
    page::error(StatusCode::SERVICE_UNAVAILABLE, &text)
}

fn no_such_function() -> Response {
    page::error(
        StatusCode::NOT_FOUND,
        "There is no such function, or it is not configured.",
    )
}

pub(super) fn html(text: String) -> Response {
    content(StatusCode::OK, text, HTML)
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    content(status, text, PLAIN)
}

fn content(status: StatusCode, body: impl Into<Body>, kind: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
