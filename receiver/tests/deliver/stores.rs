//! Fake stores, each named for how it fails: they refuse, stall or lose, and keep what they took.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::io::Read;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A request as a store saw it, its body decompressed.
#[derive(Clone)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn contains(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// A store on a free port.
#[derive(Clone)]
pub struct Store {
    pub url: reqwest::Url,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Store {
    /// Answers request `number`, counted from 0, as `answer` says. `None` drops the connection: the
    /// request was taken, the answer is lost.
    pub async fn start<F, A>(answer: F) -> Store
    where
        F: Fn(usize, Request) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Option<Response>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/put", listener.local_addr().unwrap()).parse().unwrap();
        let store = Store { url, requests: Arc::default() };
        let requests = Arc::clone(&store.requests);
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let body = if headers.contains_key("content-encoding") {
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&*body).read_to_end(&mut text).unwrap();
                text
            } else {
                snap::raw::Decoder::new().decompress_vec(&body).unwrap()
            };
            let request = Request { headers, body };
            let number = {
                let mut requests = requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            let answer = answer(number, request);
            async move {
                // Unwinding ends the connection without a word.
                answer.await.unwrap_or_else(|| std::panic::resume_unwind(Box::new("answer lost")))
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        store
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until `done` holds of the requests so far.
    pub async fn until(&self, done: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        for _ in 0..400 {
            let requests = self.requests();
            if done(&requests) {
                return requests;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("10 s passed; {} requests came", self.requests().len());
    }
}

pub fn status(status: u16) -> Option<Response> {
    Some(StatusCode::from_u16(status).unwrap().into_response())
}
