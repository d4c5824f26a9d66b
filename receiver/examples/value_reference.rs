//! The reference of `make bench`: an axum handler that parses a body into `serde_json::Value` and answers 202, nothing else.

use axum::{Router, body::Bytes, http::StatusCode, routing::post};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().route("/collect", post(collect))).await?;
    Ok(())
}

async fn collect(body: Bytes) -> StatusCode {
    match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(value) if value.is_object() => StatusCode::ACCEPTED,
        _ => StatusCode::BAD_REQUEST,
    }
}
