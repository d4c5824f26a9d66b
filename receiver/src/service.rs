//! What systemd is told: that the receiver is ready, and that it stops (`sd_notify`). Nothing where nobody asks.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A state that a service manager knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All addresses are bound.
    Ready,
    /// Asked to stop.
    Stopping,
}

/// Tells the service manager that waits at `socket`, the value of `NOTIFY_SOCKET`. Fails when it cannot be told, which is
/// no reason to stop.
pub fn notify(socket: &str, state: State) -> std::io::Result<()> {
    let text = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_who_listens() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        notify(path.to_str().unwrap(), State::Ready).unwrap();
        notify(path.to_str().unwrap(), State::Stopping).unwrap();
        let mut buffer = [0; 64];
        let mut heard =
            || manager.recv(&mut buffer).map(|bytes| String::from_utf8_lossy(&buffer[..bytes]).into_owned());
        assert_eq!(heard().unwrap(), "READY=1");
        assert_eq!(heard().unwrap(), "STOPPING=1");
        assert!(notify("/nowhere/notify", State::Ready).is_err());
    }
}
