//! What may change while the receiver runs: keys, origins, proxies, limits, rates.

use super::auth::{Keys, Owner};
use super::cors::Cors;
use super::proxies;
use crate::config::{App, Bucket, Proxies, Server, Strategy};
use crate::ingest::rate::Limiter;
use crate::ingest::{Limits, Refusal, Rules};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// The policy of now.
pub struct Live(RwLock<Arc<Policy>>);

impl Live {
    /// Begins with `policy`.
    pub fn new(policy: Policy) -> Live {
        Live(RwLock::new(Arc::new(policy)))
    }

    /// The one that holds now; a request keeps the one that it began with.
    pub fn now(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `policy` holds.
    pub fn replace(&self, policy: Policy) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

/// Who may post what, how often.
pub struct Policy {
    pub(super) cors: Cors,
    keys: Keys,
    apps: Vec<(App, Option<Limiter>)>,
    proxies: Proxies,
    limits: Limits,
    per_client: Option<Limiter>,
    all: Option<Limiter>,
    per_app: Option<Limiter>,
}

/// A request that may be read.
pub struct Admitted<'p> {
    /// Who sent it.
    pub client: Option<IpAddr>,
    /// What holds for it.
    pub rules: Rules<'p>,
}

/// A refusal, and whose key was brought, where that is known.
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The key's application.
    pub app: Option<String>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused { refusal, app: None }
    }
}

impl Policy {
    /// What the configuration says. Buckets begin full.
    pub fn new(server: &Server) -> Policy {
        let limiter = |bucket: Bucket| Limiter::new(bucket.rate, bucket.burst, Instant::now());
        let of = |wanted: Strategy| server.rates.requests.filter(|(strategy, _)| *strategy == wanted);
        let everyone = server.api_key.iter().map(|key| (key.0.as_str(), Owner::Everyone));
        let owners = server.apps.iter().enumerate().map(|(at, app)| (app.key.0.as_str(), Owner::App(at)));
        let app_origins = server.apps.iter().flat_map(|app| &app.allowed_origins);
        Policy {
            cors: Cors::new(server.cors.allowed_origins.iter().chain(app_origins), &server.cors.allowed_headers),
            keys: Keys::new(everyone.chain(owners)),
            apps: server.apps.iter().map(|app| (app.clone(), app.rate.map(limiter))).collect(),
            proxies: server.proxies.clone(),
            limits: server.limits,
            per_client: server.rates.per_client.map(limiter),
            all: of(Strategy::Global).map(|(_, bucket)| limiter(bucket)),
            per_app: of(Strategy::PerApp).map(|(_, bucket)| limiter(bucket)),
        }
    }

    /// Whether a request may be read, by its head alone: the client's bucket, the key, its origins, its bucket, the
    /// bucket of all.
    pub fn admit<'k>(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        keys: impl IntoIterator<Item = &'k [u8]>,
    ) -> Result<Admitted<'_>, Refused> {
        let now = Instant::now();
        let take = |limiter: &Option<Limiter>, key: u64| match limiter {
            Some(limiter) => limiter.take(key, now).map_err(|wait| Refusal::Rate { wait }),
            None => Ok(()),
        };
        let client = peer.map(|peer| proxies::client(peer, headers, &self.proxies));
        if let Some(client) = client {
            take(&self.per_client, bucket_of(client))?;
        }
        let owner = self.keys.owner(keys).ok_or(Refusal::Key)?;
        let mut rules = Rules { limits: Some(&self.limits), per_app: self.per_app.as_ref(), ..Rules::default() };
        if let Owner::App(at) = owner {
            let (app, limiter) = &self.apps[at];
            // Only pages have an origin; what has none is held by the key alone.
            let elsewhere = headers.get(ORIGIN).is_some_and(|origin| !Cors::any_matches(&app.allowed_origins, origin));
            if elsewhere && !app.allowed_origins.is_empty() {
                return Err(Refused { refusal: Refusal::Origin, app: Some(app.name.clone()) });
            }
            take(limiter, 0).map_err(|refusal| Refused { refusal, app: Some(app.name.clone()) })?;
            rules.payload = app.max_payload;
            rules.keep = app.sample_rate;
            rules.app = Some(&app.name);
        }
        take(&self.all, 0)?;
        Ok(Admitted { client, rules })
    }
}

/// An address of IPv4, a /64 of IPv6: one client has at least that.
fn bucket_of(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
    }
}
