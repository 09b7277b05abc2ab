//! The three pages.

use super::bounded::Bounded;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What the pages show; the gateway answers.
pub trait Source: Send + Sync + 'static {
    /// Whether work can be taken on, and what is remarkable.
    fn readiness(&self) -> Readiness;
    /// The metrics as text.
    fn metrics(&self) -> String;
}

/// Whether work can be taken on.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Readiness {
    /// Whether work can be taken on.
    pub ready: bool,
    /// What is wrong or remarkable, one sentence each.
    pub notes: Vec<String>,
    /// Generation of the configuration in force.
    pub generation: u64,
    /// Until when what no rule permits is only recorded; absent when it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observing_until: Option<String>,
}

#[derive(Clone)]
struct Pages {
    source: Arc<dyn Source>,
}

/// Serves the pages until `stop` is done. At most `connections` are open at once, each for a minute at most.
///
/// # Errors
/// What the listening socket says.
pub async fn serve(
    listener: TcpListener,
    source: Arc<dyn Source>,
    connections: usize,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let pages = Pages { source };
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(pages);
    axum::serve(Bounded::new(listener, connections), router).with_graceful_shutdown(stop).await
}

async fn ready(State(pages): State<Pages>) -> Response {
    let readiness = pages.source.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::to_string_pretty(&readiness).unwrap_or_default();
    body.push('\n');
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(pages): State<Pages>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], pages.source.metrics()).into_response()
}
