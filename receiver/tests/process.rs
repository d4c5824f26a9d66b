//! The binary as operators run it: a file, its errors, health, reload, and clients that mean it ill.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};
use tempfile::TempDir;

const PAYLOAD: &str = r#"{"meta":{"app":{"name":"shop"}},"logs":[{"message":"hello"}]}"#;
const PATIENCE: Duration = Duration::from_secs(30);

/// A running receiver.
struct Process {
    child: Child,
    ingest: SocketAddr,
    operations: SocketAddr,
    log: Arc<Mutex<Vec<serde_json::Value>>>,
    dir: TempDir,
}

fn farol() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farol"));
    command.env_clear().env("HOME", "/nowhere");
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    /// Starts one with a file of this text, on free ports unless the file says which.
    fn start(text: &str, env: &[(&str, &str)]) -> Process {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("faro.yml"), text).unwrap();
        let mut command = farol();
        command.arg("--config").arg(dir.path().join("faro.yml")).arg("--data-dir").arg(dir.path().join("data"));
        command.args(["--operations=127.0.0.1:0"]).envs(env.iter().copied()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(line.into()));
            }
        });
        let listening = wait_for(&log, "listening");
        let address = |key: &str| listening[key].as_str().unwrap().parse().unwrap();
        Process { child, ingest: address("ingest"), operations: address("operations"), log, dir }
    }

    fn said(&self, message: &str) -> serde_json::Value {
        wait_for(&self.log, message)
    }

    fn reload(&self, text: &str) {
        fs::write(self.dir.path().join("faro.yml"), text).unwrap();
        let killed = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    fn post(&self, path: &str, headers: &str) -> (u16, String) {
        let length = PAYLOAD.len();
        exchange(
            self.ingest,
            &format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{PAYLOAD}"
            ),
        )
    }

    fn get(&self, address: SocketAddr, path: &str) -> (u16, String) {
        exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
    }

    /// The most memory that it has ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
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

fn wait_for(log: &Mutex<Vec<serde_json::Value>>, message: &str) -> serde_json::Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut lines = log.lock().unwrap();
        if let Some(at) = lines.iter().position(|line| line["message"] == message) {
            return lines.remove(at);
        }
        assert!(Instant::now() < end, "no {message:?} in {lines:#?}");
        drop(lines);
        thread::sleep(Duration::from_millis(5));
    }
}

/// Status and text of the answer to a raw request; status 0 when the connection was cut without one.
fn exchange(address: SocketAddr, request: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = socket.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0), format!("{head}\n\n{body}"))
}

fn run(args: &[&str], env: &[(&str, &str)]) -> (bool, String, String) {
    let Output { status, stdout, stderr } = farol().args(args).envs(env.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

#[test]
fn check_says_ok_or_each_error_with_its_line() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("faro.yml");
    let name = path.to_str().unwrap();
    fs::write(&path, "server:\n  port: 1\nloki:\n  url: http://loki:3100\n").unwrap();
    assert_eq!(run(&["check", "--config", name], &[]), (true, "ok\n".into(), String::new()));
    assert_eq!(run(&["check"], &[("FAROL_CONFIG", name)]).1, "ok\n");
    fs::write(&path, "server:\n  port: x\n  prot: 1\n").unwrap();
    let (ok, out, err) = run(&["check", "--config", name], &[]);
    assert!(!ok && out.is_empty());
    let lines: Vec<_> = err.lines().collect();
    assert!(lines[0].starts_with(&format!("{name}:3: server.prot: no such key; server has host, port")), "{err}");
    assert_eq!(lines[1], format!("{name}:2: server.port: \"x\" is not a whole number from 0 to 65535"));
    let (ok, _, err) = run(&["check", "--config", "/nowhere.yml"], &[]);
    assert!(!ok && err.starts_with("/nowhere.yml: No such file"), "{err}");
}

#[test]
fn the_schema_is_json_and_help_names_every_flag() {
    let (ok, out, _) = run(&["config", "schema"], &[]);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(ok && schema["properties"]["server"]["properties"]["cors"].is_object());
    let (ok, out, _) = run(&["--help"], &[]);
    assert!(ok);
    for word in ["--config", "--listen", "FAROL_LISTEN", "--loki-url", "LOKI_URL", "--log-format", "health"] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
}

#[test]
fn a_file_opens_health_and_metrics_on_the_ingest_port() {
    let metrics_port = free_port().to_string();
    let env = [("METRICS_PORT", metrics_port.as_str()), ("ENVIRONMENT", "staging")];
    let receiver = Process::start("server: {port: 0}\n", &env);
    assert_eq!(receiver.post("/collect", "").0, 202);
    let metrics_port: SocketAddr = format!("127.0.0.1:{metrics_port}").parse().unwrap();
    for address in [receiver.ingest, receiver.operations, metrics_port] {
        let health = receiver.get(address, "/health");
        assert!(health.0 == 200 && health.1.ends_with("\n\n{\"status\":\"ok\"}"), "{health:?}");
        assert_eq!(receiver.get(address, "/health/ready").0, 200);
        assert_eq!(receiver.get(address, "/-/ready").0, 200);
        let metrics = receiver.get(address, "/metrics");
        assert!(metrics.1.contains("farol_app_payloads_accepted_total{app=\"shop\"} 1"), "{metrics:?}");
        assert!(metrics.1.contains("environment=\"staging\"} 1"), "{metrics:?}");
    }
    // The viewer is on the operations port alone.
    let pages =
        [receiver.operations, receiver.ingest, metrics_port].map(|address| receiver.get(address, "/api/sessions").0);
    assert_eq!(pages, [200, 404, 404]);
}

#[test]
fn health_asks_the_receiver_that_runs() {
    let receiver = Process::start("server: {port: 0}\n", &[]);
    let (at, from) = (receiver.operations.to_string(), ["health", "--operations"]);
    let (ok, out, _) = run(&[from[0], from[1], &at], &[]);
    assert!(ok && out.contains("\"status\":\"ready\""), "{out}");
    let (ok, _, err) = run(&[from[0], from[1], &format!("127.0.0.1:{}", free_port())], &[]);
    assert!(!ok && err.starts_with("no answer from 127.0.0.1:"), "{err}");
    // Something answers, but it does not say that it is ready.
    let (ok, _, _) = run(&[from[0], from[1], &receiver.ingest.to_string()], &[]);
    assert!(ok, "with a file the ingest port answers too");
}

#[test]
fn a_hangup_changes_keys_origins_limits_and_level_and_cuts_no_connection() {
    let text = |key: &str, level: &str| format!("server: {{port: 0, api_key: {key}}}\nlog: {{level: {level}}}\n");
    let receiver = Process::start(&text("old", "info"), &[]);
    assert_eq!(receiver.post("/collect/old", "").0, 202);
    // A connection that stays open over the reload.
    let mut open = TcpStream::connect(receiver.ingest).unwrap();
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut post = |key: &str| {
        write!(open, "POST /collect/{key} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{PAYLOAD}", PAYLOAD.len())
            .unwrap();
        let mut answer = vec![0; 4096];
        let read = open.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[9..12.min(read)]).into_owned()
    };
    assert_eq!(post("old"), "202");
    receiver.reload(&text("new", "debug"));
    let reloaded = receiver.said("configuration reloaded");
    assert_eq!(reloaded["level"], "INFO");
    assert_eq!(post("new"), "202");
    assert_eq!([receiver.post("/collect/old", "").0, receiver.post("/collect/new", "").0], [401, 202]);
    assert_eq!(receiver.said("refused")["level"], "DEBUG", "the new level holds");

    receiver.reload("server: {port: none}\n");
    let error = receiver.said("configuration not reloaded, the one before stays");
    assert!(error["error"].as_str().unwrap().contains("faro.yml:1: server.port: \"none\""), "{error}");
    assert_eq!(receiver.post("/collect/new", "").0, 202);
    receiver.reload("server: {port: 0, api_key: new}\njournal: {max_bytes: 500MiB}\n");
    receiver.said("some of what changed in the configuration needs a restart");
}

#[test]
fn log_lines_have_the_fields_that_are_searched_for() {
    let receiver = Process::start("server: {port: 0}\nlog: {level: debug}\nenvironment: staging\n", &[]);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = format!(
        "traceparent: 00-{trace}-00f067aa0ba902b7-01\r\nx-request-id: r-1\r\nx-faro-session-id: s-1\r\ncontent-encoding: lz4\r\n"
    );
    assert_eq!(receiver.post("/collect/hush", &headers).0, 415);
    let line = receiver.said("refused");
    let expected = serde_json::json!({
        "level": "DEBUG", "target": "farol::http", "message": "refused", "span": "request", "trace_id": trace,
        "span_id": "00f067aa0ba902b7", "request_id": "r-1", "session_id": "s-1", "reason": "encoding", "method": "POST",
        "route": "/collect/{app_key}", "environment": "staging",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{line}");
    }
    assert!(
        line["timestamp"].as_str().unwrap().ends_with('Z') && line["file"].is_string() && line["line"].is_u64(),
        "{line}"
    );
    let log = receiver.log.lock().unwrap();
    assert!(!format!("{log:?}").contains("hush"), "keys are not logged");
}

#[test]
fn people_may_have_lines_for_people() {
    let dir = TempDir::new().unwrap();
    let mut child = farol()
        .args(["--listen=127.0.0.1:0", "--operations=127.0.0.1:0", "--log-format=pretty", "--data-dir"])
        .arg(dir.path())
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Pretty lines come from where the logs of a service on a terminal are read.
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "ended without a word");
    }
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_err(), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_slow_head_is_cut_and_a_slow_body_answered() {
    let receiver = Process::start("server: {port: 0, head_timeout: 500ms, body_timeout: 500ms}\n", &[]);
    let trickle = |request: &str, pause: Duration| {
        let mut socket = TcpStream::connect(receiver.ingest).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let started = Instant::now();
        for byte in request.bytes() {
            if socket.write_all(&[byte]).is_err() || started.elapsed() > PATIENCE {
                break;
            }
            thread::sleep(pause);
        }
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        (answer.get(9..12).unwrap_or("").to_owned(), started.elapsed())
    };
    let head = format!(
        "POST /collect HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nx: {}\r\n\r\n",
        PAYLOAD.len(),
        "x".repeat(100)
    );
    let (status, took) = trickle(&head, Duration::from_millis(50));
    assert!(status.is_empty() && took < Duration::from_secs(10), "{status} after {took:?}");
    // The same head at once, and a body that trickles.
    let mut socket = TcpStream::connect(receiver.ingest).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(b"{").unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[9..], b"408");
    // A head in one piece has all the time it needs afterwards.
    assert_eq!(receiver.post("/collect", "").0, 202);
}

#[test]
fn floods_of_headers_are_refused() {
    let receiver = Process::start("server: {port: 0}\n", &[]);
    let many = (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    assert_eq!(receiver.post("/collect", &many).0, 431);
    assert_eq!(receiver.post("/collect", &format!("x: {}\r\n", "y".repeat(40 << 10))).0, 431);
    // 64 connections that send a head without an end, 4 MB each.
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut socket = TcpStream::connect(receiver.ingest).unwrap();
                let _ = socket.write_all(b"POST /collect HTTP/1.1\r\nhost: x\r\n");
                let chunk = "x: y\r\n".repeat(1000);
                for _ in 0..700 {
                    if socket.write_all(chunk.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    assert_eq!(receiver.post("/collect", "").0, 202);
    assert!(receiver.peak() < 60_000, "{} KiB", receiver.peak());
}

#[test]
fn idle_connections_make_room_for_those_who_speak() {
    let receiver = Process::start("server: {port: 0, max_connections: 500}\n", &[]);
    let mut idle = Vec::new();
    for n in 0..2_000 {
        let mut socket = TcpStream::connect(receiver.ingest).unwrap();
        if n % 2 == 0 {
            // Half of them have begun a head.
            let _ = socket.write_all(b"POST /coll");
        }
        idle.push(socket);
    }
    let started = Instant::now();
    for _ in 0..50 {
        assert_eq!(receiver.post("/collect", "").0, 202);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "50 posts took {:?}", started.elapsed());
    // The last to come are still there.
    let mut last = idle.pop().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "POST /collect HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{PAYLOAD}",
        PAYLOAD.len()
    );
    last.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    last.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[9..], b"202");
    assert!(receiver.peak() < 60_000, "{} KiB", receiver.peak());
}

#[test]
fn a_refusal_is_read_by_those_who_send_a_body() {
    let receiver = Process::start(
        "server: {port: 0, api_key: k, rate_limiting: {per_client: {rate: 0.01, burst_size: 3}}}\n",
        &[],
    );
    let big = format!("{{\"logs\":[{{\"message\":\"{}\"}}]}}", "x".repeat(60 << 10));
    let post = |key: &str| {
        let length = big.len();
        exchange(
            receiver.ingest,
            &format!(
                "POST /collect/{key} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{big}"
            ),
        )
    };
    assert_eq!([post("k").0, post("wrong").0, post("k").0], [202, 401, 202]);
    for _ in 0..10 {
        let (status, answer) = post("k");
        assert_eq!(status, 429);
        assert!(answer.contains("retry-after: 100"), "{answer}");
    }
}

#[test]
fn slow_bodies_make_room_too() {
    let receiver = Process::start("server: {port: 0, max_connections: 300, max_requests: 16}\n", &[]);
    let mut slow = Vec::new();
    for _ in 0..400 {
        let mut socket = TcpStream::connect(receiver.ingest).unwrap();
        let _ = socket.write_all(b"POST /collect HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n{\"logs\":[");
        slow.push(socket);
    }
    thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    for _ in 0..50 {
        assert_eq!(receiver.post("/collect", "").0, 202);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "50 posts took {:?}", started.elapsed());
    assert!(receiver.peak() < 60_000, "{} KiB", receiver.peak());
}
