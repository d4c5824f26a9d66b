//! `farol health`: asks a running receiver whether it is ready, for images that have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long it may take: orchestrators wait some seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the answer that are read.
const ANSWER_BYTES: u64 = 256 << 10;

/// Why it is not ready.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// Nobody answers.
    #[error("no answer from {address}: {reason}")]
    Silent {
        /// Where it was asked.
        address: SocketAddr,
        /// The system's reason.
        reason: String,
    },
    /// It says that it is not.
    #[error("{0}")]
    NotReady(String),
}

/// What the receiver on `operations` says of its readiness, when it is ready.
pub async fn ready(operations: SocketAddr) -> Result<String, ProbeError> {
    let address = reachable(operations);
    let silent = |reason: String| ProbeError::Silent { address, reason };
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    let answer = asked.map_err(|_| silent(format!("nothing within {} s", PATIENCE.as_secs())))?;
    let answer = answer.map_err(|error| silent(error.to_string()))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| silent("not an HTTP answer".into()))?;
    if head.split(' ').nth(1) == Some("200") { Ok(body.to_owned()) } else { Err(ProbeError::NotReady(body.to_owned())) }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    // HTTP/1.0: the answer is what comes until the end, never in chunks.
    let request = format!("GET /health/ready HTTP/1.0\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.take(ANSWER_BYTES).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Loopback for an address that means all of this machine's.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
