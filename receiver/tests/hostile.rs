//! The whole process under hostile bodies: each has its status, the next good payload is taken, memory stays under 100 MB.
//! No lane runs: this is what admission, the servers and the journal take.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const MEMORY_KIB: u64 = 100_000_000 / 1024;
const MIB: usize = 1 << 20;
const GOOD: &[u8] = br#"{"logs":[{"message":"good"}]}"#;
/// Values in the largest bodies that are still accepted.
const VALUES: usize = 149_000;

struct Process {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Process {
    fn start() -> Process {
        let dir = tempfile::TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_farol"))
            .args([
                "--listen=127.0.0.1:0",
                "--operations=127.0.0.1:0",
                "--viewer=off",
                "--log-level=info",
                "--data-dir",
            ])
            .arg(dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, receiver) = mpsc::channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = line["ingest"].as_str() {
                    sender.send(address.parse().unwrap()).unwrap();
                }
            }
        });
        let address = receiver.recv_timeout(Duration::from_secs(30)).expect("the receiver says where it listens");
        Process { child, address, _dir: dir }
    }

    /// The status of a post, 0 when the connection broke before an answer.
    fn post(&self, encoding: &str, body: &[u8]) -> u16 {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = body.len();
        let head = format!(
            "POST /collect HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-encoding: {encoding}\r\ncontent-length: {length}\r\n\r\n"
        );
        // A refused body may not be read to its end: what counts is the answer.
        let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body));
        let mut answer = [0; 12];
        match socket.read_exact(&mut answer) {
            Ok(()) => String::from_utf8_lossy(&answer[9..]).parse().unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// The most memory that it has ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gzip(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    parts.into_iter().for_each(|part| encoder.write_all(&part).unwrap());
    encoder.finish().unwrap()
}

fn list(before: &str, item: &str, count: usize, after: &str) -> Vec<u8> {
    format!("{before}{}{item}{after}", format!("{item},").repeat(count - 1)).into_bytes()
}

/// What each is, its encoding, the body, the status.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>, u16)> {
    let span = r#"{"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef",
        "spanId":"0123456789abcdef","attributes":[{"key":"a","value":"#;
    let end = "]}}}]}]}]}]}}";
    let frames = String::from_utf8(list(r#"{"stacktrace":{"frames":["#, "{}", 2000, "]}}")).unwrap();
    let scopes = String::from_utf8(list(r#"{"scopeSpans":["#, "{}", 2000, "]}")).unwrap();
    vec![
        ("1 GiB from 1 MB", "gzip", gzip((0..64).map(|_| vec![b' '; MIB])).repeat(16), 413),
        ("a million events", "gzip", gzip([list(r#"{"events":["#, "{}", 1_000_000, "]}")]), 413),
        ("50 MB", "identity", vec![b' '; 50 * MIB], 413),
        (
            "deep",
            "identity",
            list(r#"{"logs":"#, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), 1, "}"),
            400,
        ),
        ("a million values", "identity", list(r#"{"logs":[{"context":{"#, r#""":0"#, 1_000_000, "}}]}"), 413),
        ("pairs of numbers", "identity", list(r#"{"logs":[{"context":{"#, r#""":0"#, VALUES, "}}]}"), 202),
        ("pairs", "identity", list(r#"{"meta":{"user":{"attributes":{"#, r#""":"""#, VALUES, "}}}}"), 202),
        ("maps", "identity", list(&format!(r#"{span}{{"kvlistValue":{{"values":["#), "{}", VALUES / 2, end), 202),
        ("arrays", "identity", list(&format!(r#"{span}{{"arrayValue":{{"values":["#), "{}", VALUES / 2, end), 202),
        ("frames", "identity", list(r#"{"exceptions":["#, &frames, VALUES / 4010, "]}"), 202),
        ("scopes", "identity", list(r#"{"traces":{"resourceSpans":["#, &scopes, VALUES / 4010, "]}}"), 202),
        ("bad items", "identity", list(r#"{"logs":["#, "7", 10_000, "]}"), 202),
        ("escapes", "identity", list(r#"{"logs":[{"message":""#, &"\\n".repeat(5 * MIB / 2 - 100), 1, r#""}]}"#), 202),
    ]
}

#[test]
fn memory_stays_under_100_mb() {
    let receiver = Process::start();
    let bodies = bodies();
    for (what, encoding, body, status) in &bodies {
        assert_eq!(receiver.post(encoding, body), *status, "{what}");
        assert_eq!(receiver.post("identity", GOOD), 202, "a good payload after {what}");
        assert!(receiver.peak() < MEMORY_KIB, "{what}: {} KiB", receiver.peak());
    }
    thread::scope(|scope| {
        for (what, encoding, body, status) in bodies.iter().cycle().take(bodies.len() * 8) {
            let receiver = &receiver;
            scope.spawn(move || {
                let answered = receiver.post(encoding, body);
                assert!([*status, 503].contains(&answered), "{what}: {answered}");
            });
        }
    });
    assert!(receiver.peak() < MEMORY_KIB, "all at once: {} KiB", receiver.peak());
    assert_eq!(receiver.post("identity", GOOD), 202);
}
