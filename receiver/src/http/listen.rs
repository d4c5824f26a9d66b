//! A listener whose connections are counted, cut when slow or idle, and small: what a connection costs before it is known
//! who speaks on it.

use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// Most bytes of one read. The HTTP server doubles its buffer, up to its maximum for a connection, whenever a read fills
/// it; one byte under 16 KiB stops it there.
const READ_BYTES: u64 = (16 << 10) - 1;

/// How long to wait for file descriptors when there are none.
const NO_DESCRIPTORS: Duration = Duration::from_millis(100);

/// How often to look for another connection to cut while a new one waits and all are busy.
const NO_SEAT: Duration = Duration::from_millis(20);

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections open at once.
    pub connections: usize,
    /// How long a request's head may take from its first byte.
    pub head: Duration,
    /// How long a connection may be silent.
    pub idle: Duration,
}

/// Accepts at most so many connections at a time; one more cuts the one whose client has kept us waiting longest.
pub struct Listener {
    tcp: TcpListener,
    room: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    bounds: Bounds,
}

/// Connections on which it is the client's turn to speak, the one that has waited longest first.
#[derive(Default)]
struct Waiting {
    next: AtomicU64,
    turns: Mutex<BTreeMap<u64, CancellationToken>>,
}

impl Waiting {
    fn enter(&self, cut: &CancellationToken) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).insert(number, cut.clone());
        number
    }

    fn leave(&self, number: u64) {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Cuts the connection that waits longest.
    fn cut_oldest(&self) {
        if let Some((_, oldest)) = self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop_first() {
            oldest.cancel();
        }
    }
}

impl Listener {
    /// Wraps a bound listener.
    pub fn new(tcp: TcpListener, bounds: Bounds) -> Listener {
        Listener { tcp, room: Arc::new(Semaphore::new(bounds.connections)), waiting: Arc::default(), bounds }
    }

    /// The next connection and where it comes from.
    pub async fn accept(&self) -> (Connection, SocketAddr) {
        let (tcp, peer) = loop {
            match self.tcp.accept().await {
                Ok(accepted) => break accepted,
                Err(error) if gone(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.waiting.cut_oldest();
                    sleep(NO_DESCRIPTORS).await;
                }
            }
        };
        // Answers are one small write each; without this one could wait for the client's acknowledgement.
        let _ = tcp.set_nodelay(true);
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
                break permit;
            }
            self.waiting.cut_oldest();
            let room = tokio::time::timeout(NO_SEAT, Arc::clone(&self.room).acquire_owned()).await;
            if let Ok(permit) = room {
                break permit.expect("the semaphore is never closed");
            }
        };
        let turn = Turn::new(Arc::clone(&self.waiting));
        let idle = Box::pin(sleep(self.bounds.idle));
        let tcp = tcp.take(READ_BYTES);
        (Connection { tcp, timer: idle, head_of: None, turn, bounds: self.bounds, _permit: permit }, peer)
    }
}

/// The client was gone before it was accepted.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Whose turn it is on a connection: the client's to send a head or a body, or ours to answer.
pub struct Turn {
    /// From the end of a head to the answer.
    in_request: AtomicBool,
    /// Requests begun so far.
    begun: AtomicU64,
    /// The number under which it waits.
    number: AtomicU64,
    waiting: Arc<Waiting>,
    cut: CancellationToken,
}

impl Turn {
    fn new(waiting: Arc<Waiting>) -> Arc<Turn> {
        let cut = CancellationToken::new();
        let number = AtomicU64::new(waiting.enter(&cut));
        Arc::new(Turn { in_request: AtomicBool::new(false), begun: AtomicU64::new(0), number, waiting, cut })
    }

    /// A head was read; the request is under way until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.in_request.store(true, Ordering::Release);
        self.wait();
        UnderWay(Arc::clone(self))
    }

    /// The body was read: from here to the answer the connection is not cut.
    pub fn heard_out(&self) {
        self.waiting.leave(self.number.load(Ordering::Relaxed));
    }

    /// Resolves when the connection has to make room.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Begins to wait for the client.
    fn wait(&self) {
        let number = self.waiting.enter(&self.cut);
        self.waiting.leave(self.number.swap(number, Ordering::Relaxed));
    }

    fn in_request(&self) -> bool {
        self.in_request.load(Ordering::Acquire)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.waiting.leave(self.number.load(Ordering::Relaxed));
    }
}

/// A request is under way.
pub struct UnderWay(Arc<Turn>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_request.store(false, Ordering::Release);
        self.0.wait();
    }
}

/// A request's body that tells the connection when it has been read.
pub struct Heard<B> {
    body: B,
    turn: Arc<Turn>,
}

impl<B: HttpBody> Heard<B> {
    /// Wraps `body`; an empty one has been read already.
    pub fn new(body: B, turn: Arc<Turn>) -> Heard<B> {
        if body.is_end_stream() {
            turn.heard_out();
        }
        Heard { body, turn }
    }
}

impl<B: HttpBody + Unpin> HttpBody for Heard<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.turn.heard_out();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where a connection comes from, as handlers get it in `ConnectInfo`.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// One connection. Reading fails with `TimedOut` when a head is slow, and when nothing is said in either direction.
pub struct Connection {
    tcp: Take<TcpStream>,
    timer: Pin<Box<Sleep>>,
    /// A head began to arrive when so many requests had begun, and the timer is its deadline.
    head_of: Option<u64>,
    turn: Arc<Turn>,
    bounds: Bounds,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Whose turn it is on it.
    pub fn turn(&self) -> Arc<Turn> {
        Arc::clone(&self.turn)
    }

    /// The head that the timer runs for has been read.
    fn head_is_over(&self) -> bool {
        self.head_of.is_some_and(|begun| begun != self.turn.begun.load(Ordering::Relaxed))
    }

    fn wait_idle(&mut self) {
        self.head_of = None;
        self.timer.as_mut().reset(Instant::now() + self.bounds.idle);
    }

    fn heard(&mut self) {
        if self.turn.in_request() || self.head_is_over() {
            self.wait_idle();
        }
        if !self.turn.in_request() && self.head_of.is_none() {
            self.head_of = Some(self.turn.begun.load(Ordering::Relaxed));
            self.timer.as_mut().reset(Instant::now() + self.bounds.head);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        self.tcp.set_limit(READ_BYTES);
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.tcp).poll_read(cx, buffer) {
            if buffer.filled().len() > before {
                self.heard();
            }
            return Poll::Ready(result);
        }
        if self.head_is_over() {
            self.wait_idle();
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.tcp.get_mut()).poll_write(cx, bytes));
        self.wait_idle();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(self.tcp.get_mut()).poll_write_vectored(cx, bytes));
        self.wait_idle();
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
    use tokio::io::AsyncWriteExt;

    const BOUNDS: Bounds = Bounds { connections: 2, head: Duration::from_secs(10), idle: Duration::from_secs(75) };

    async fn listener() -> (Listener, SocketAddr) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        (Listener::new(tcp, BOUNDS), address)
    }

    async fn pair(listener: &Listener, address: SocketAddr) -> (Connection, TcpStream) {
        let (client, (server, _)) = tokio::join!(TcpStream::connect(address), listener.accept());
        (server, client.unwrap())
    }

    #[tokio::test]
    async fn passes_bytes_both_ways_in_small_reads() {
        let (listener, address) = listener().await;
        let (mut server, mut client) = pair(&listener, address).await;
        assert_eq!(listener.room.available_permits(), 1);
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
        assert_eq!(listener.room.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_silent_connection_is_cut() {
        let (listener, address) = listener().await;
        let (mut server, _client) = pair(&listener, address).await;
        tokio::time::pause();
        let started = Instant::now();
        let error = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((BOUNDS.idle..BOUNDS.idle + Duration::from_secs(1)).contains(&started.elapsed()));
    }

    #[tokio::test]
    async fn a_head_has_its_time_from_its_first_byte_and_a_body_has_another() {
        let (listener, address) = listener().await;
        let (mut server, mut client) = pair(&listener, address).await;
        client.write_all(b"PO").await.unwrap();
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 1);
        tokio::time::pause();
        let started = Instant::now();
        tokio::time::advance(Duration::from_secs(6)).await;
        // One more byte does not give it more time.
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 1);
        let error = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((BOUNDS.head..BOUNDS.head + Duration::from_secs(1)).contains(&started.elapsed()));

        // Once the request has begun only silence ends it.
        let busy = server.turn().begin();
        let started = Instant::now();
        assert!(server.read(&mut [0; 10]).await.is_err());
        assert!((BOUNDS.idle..BOUNDS.idle + Duration::from_secs(1)).contains(&started.elapsed()));
        drop(busy);
    }

    #[tokio::test]
    async fn one_too_many_cuts_the_one_that_has_been_waited_for_longest() {
        let (listener, address) = listener().await;
        let (first, _a) = pair(&listener, address).await;
        let (second, _b) = pair(&listener, address).await;
        // The first speaks last.
        drop(first.turn().begin());
        let cut = second.turn();
        let make_room = tokio::spawn(async move {
            cut.cut().await;
            drop(second);
        });
        let (third, _c) = pair(&listener, address).await;
        make_room.await.unwrap();
        // Those whose request has been heard are never cut: a fourth waits for one to be done.
        let (begun, also_begun) = (first.turn().begin(), third.turn().begin());
        first.turn().heard_out();
        third.turn().heard_out();
        assert!(tokio::time::timeout(Duration::from_millis(100), pair(&listener, address)).await.is_err());
        assert!(!first.turn.cut.is_cancelled() && !third.turn.cut.is_cancelled());
        drop((begun, also_begun));
        // A body that does not come to its end keeps us waiting like a head does not.
        let _slow = first.turn().begin();
        third.turn().begin().0.heard_out();
        assert!(tokio::time::timeout(Duration::from_millis(100), pair(&listener, address)).await.is_err());
        assert!(first.turn.cut.is_cancelled() || third.turn.cut.is_cancelled());
        drop((first, third));
        assert!(listener.waiting.turns.lock().unwrap().is_empty(), "nobody is waited for who is gone");
    }
}
