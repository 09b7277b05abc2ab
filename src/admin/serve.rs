//! The three pages.

use super::bounded::Bounded;
use crate::net::listen;
use crate::proxy::View;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Opens the address of the pages.
///
/// # Errors
/// The address, and what the system says.
pub fn bind(address: SocketAddr) -> Result<TcpListener, (SocketAddr, std::io::Error)> {
    listen::bind(address).map_err(|fault| (address, fault))
}

/// Serves the pages for as long as it is polled. At most `connections` are open at once, each for a minute at most.
pub async fn serve(listener: TcpListener, view: View, connections: usize) {
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(view);
    if let Err(fault) = axum::serve(Bounded::new(listener, connections), router).await {
        tracing::error!(%fault, "the admin address fails");
    }
}

async fn ready(State(view): State<View>) -> Response {
    let readiness = view.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::to_string_pretty(&readiness).unwrap_or_default();
    body.push('\n');
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(view): State<View>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], view.metrics()).into_response()
}
