//! A listener whose connections are counted, cut when idle, and small: what a connection costs before it is known
//! who speaks on it.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections open at once; the next ones wait in the kernel. At 30 KB each they are 30 MB.
const CONNECTIONS: usize = 1024;

/// Most bytes of one read. The HTTP server doubles its buffer, up to 400 KB a connection, whenever a read fills
/// it; one byte under 16 KiB stops it there.
const READ_BYTES: u64 = (16 << 10) - 1;

/// How long a connection may be silent: longer than nginx keeps an idle connection to its upstream (60 s).
const IDLE: Duration = Duration::from_secs(75);

/// Accepts at most [`CONNECTIONS`] connections at a time.
pub struct Listener {
    tcp: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener {
    /// Wraps a bound listener.
    pub fn new(tcp: TcpListener) -> Listener {
        Listener { tcp, room: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = Arc::clone(&self.room).acquire_owned().await.expect("the semaphore is never closed");
        // Waits and goes on where accepting fails, for example for want of file descriptors.
        let (tcp, peer) = axum::serve::Listener::accept(&mut self.tcp).await;
        // Answers are one small write each; without this one could wait for the client's acknowledgement.
        let _ = tcp.set_nodelay(true);
        let connection = Connection { tcp: tcp.take(READ_BYTES), idle: Box::pin(sleep(IDLE)), _permit: permit };
        (connection, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Where a connection comes from, as handlers get it in `ConnectInfo`.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

/// One connection. Reading fails with `TimedOut` after [`IDLE`] without a byte in either direction.
pub struct Connection {
    tcp: Take<TcpStream>,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn spoke(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        self.tcp.set_limit(READ_BYTES);
        if let Poll::Ready(result) = Pin::new(&mut self.tcp).poll_read(cx, buffer) {
            self.spoke();
            return Poll::Ready(result);
        }
        ready!(self.idle.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.tcp.get_mut()).poll_write(cx, bytes));
        self.spoke();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.tcp.get_mut()).poll_write_vectored(cx, bytes));
        self.spoke();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(self.tcp.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(self.tcp.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::serve::Listener as _;
    use tokio::io::AsyncWriteExt;

    async fn pair() -> (Listener, Connection, TcpStream) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let mut listener = Listener::new(tcp);
        let (client, (server, _)) = tokio::join!(TcpStream::connect(address), listener.accept());
        (listener, server, client.unwrap())
    }

    #[tokio::test]
    async fn passes_bytes_both_ways_in_small_reads() {
        let (listener, mut server, mut client) = pair().await;
        assert_eq!(listener.room.available_permits(), CONNECTIONS - 1);
        let sent = vec![7; 100_000];
        let (sending, received) = (sent.clone(), async {
            let (mut received, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
            while received.len() < 100_000 {
                let read = server.read(&mut buffer).await.unwrap();
                assert!((1..=READ_BYTES as usize).contains(&read), "{read} bytes in one read");
                received.extend_from_slice(&buffer[..read]);
            }
            received
        });
        let (written, received) = tokio::join!(client.write_all(&sending), received);
        written.unwrap();
        assert_eq!(received, sent);
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert_eq!(listener.room.available_permits(), CONNECTIONS);
    }

    #[tokio::test]
    async fn a_silent_connection_is_cut() {
        let (_listener, mut server, _client) = pair().await;
        tokio::time::pause();
        let started = Instant::now();
        let error = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((IDLE..IDLE + Duration::from_secs(1)).contains(&started.elapsed()));
    }
}
