//! The pages: built by `receiver/viewer`, embedded in the binary, read from the folder in debug builds.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/viewer/dist"]
#[allow_missing = true]
struct Files;

/// Every file that there is; the app routes by the fragment, so one page is all.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/app.js", "app.js", "text/javascript; charset=utf-8"),
    ("/app.css", "app.css", "text/css; charset=utf-8"),
    ("/icon.svg", "icon.svg", "image/svg+xml"),
];

pub(super) fn routes() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, file, kind)| {
        router.route(path, get(async move |headers: HeaderMap| answer(file, kind, &headers)))
    })
}

fn answer(file: &str, kind: &'static str, headers: &HeaderMap) -> Response {
    let listed = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| part.split(';').next().is_some_and(|part| part.trim() == word))
    };
    let brotli = if listed(header::ACCEPT_ENCODING, "br") { Files::get(&format!("{file}.br")) } else { None };
    let encoding = brotli.is_some().then_some([(header::CONTENT_ENCODING, "br")]);
    let Some(found) = brotli.or_else(|| Files::get(file)) else {
        return (StatusCode::NOT_FOUND, "viewer pages are not built: run make build\n").into_response();
    };
    let tag = found.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("\"{tag}\"");
    let fresh = [(header::CACHE_CONTROL, "no-cache"), (header::VARY, "accept-encoding")];
    if listed(header::IF_NONE_MATCH, &tag) {
        return (StatusCode::NOT_MODIFIED, fresh, [(header::ETAG, tag)]).into_response();
    }
    ([(header::CONTENT_TYPE, kind)], fresh, [(header::ETAG, tag)], encoding, found.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn says_how_to_build_what_is_not_there() {
        let response = answer("never-built.html", "text/html", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let body = axum::body::to_bytes(response.into_body(), 1024).await.expect("a body");
        assert_eq!(&body[..], b"viewer pages are not built: run make build\n");
    }
}
