//! The load that wrk cannot make.
//!
//! `bench-probe rate URL RATE SECONDS` fixed rate over 64 connections, each request timed from the moment it was *meant* to be
//! sent (so a stalled server is charged for what it kept waiting).
//! `bench-probe stream URL CONNECTIONS SECONDS` streams one after another on each connection; each chunk is timed from the
//! backend's write to our read.
//! `bench-probe ready URL SECONDS` until the first 200. `bench-probe hold URL CONNECTIONS SECONDS` opens connections, makes one
//! request on each, and keeps them. `bench-probe once URL` prints status and body.
//!
//! Prints one JSON object. Headers: one to a line in `BENCH_HEADERS`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the machine's own time, and stops when it meets the unexpected"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Sleeping is this much too long at times; the rest of a wait is spent looking at the clock.
const SPIN: Duration = Duration::from_micros(80);

struct Client {
    address: String,
    request: Vec<u8>,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(url: &str, streaming: bool) -> Self {
        let rest = url.strip_prefix("http://").expect("an http URL");
        let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let stream = if streaming { "\"stream\":true,\"stream_options\":{\"include_usage\":true}," } else { "" };
        let prompt: String = "How does a gateway share out its calls among deployments? ".chars().cycle().take(830).collect();
        let body = format!(
            "{{\"model\":\"gpt-4o-mini\",{stream}\"max_tokens\":256,\"messages\":[{{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"}},{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}"
        );
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: openai-python/1.60\r\nAccept: */*\r\n");
        for line in std::env::var("BENCH_HEADERS").unwrap_or_default().lines() {
            head += &format!("{line}\r\n");
        }
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        Self { address: address.to_owned(), request: (head + &body).into_bytes(), stream: None, buffer: vec![0; 64 * 1024] }
    }

    /// One exchange; `seen` gets each piece of the body as it is read. Returns the status.
    fn exchange(&mut self, seen: impl FnMut(&[u8])) -> io::Result<u16> {
        let result = self.try_exchange(seen);
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    fn try_exchange(&mut self, mut seen: impl FnMut(&[u8])) -> io::Result<u16> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(&self.request)?;
        let mut filled = 0;
        let head = loop {
            filled += match stream.read(&mut self.buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => count,
            };
            if let Some(end) = memchr::memmem::find(&self.buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text[9..12].parse().map_err(io::Error::other)?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map(|length| length.trim().parse().unwrap());
        let mut body = filled - head;
        seen(&self.buffer[head..filled]);
        // Without a length it is chunks; the last one is the only place where this can stand at the end.
        let mut tail = self.buffer[head..filled].to_vec();
        while length.map_or(!tail.ends_with(b"0\r\n\r\n"), |length: usize| body < length) {
            let count = stream.read(&mut self.buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            seen(&self.buffer[..count]);
            body += count;
            if length.is_none() {
                tail.extend_from_slice(&self.buffer[..count]);
                tail.drain(..tail.len().saturating_sub(8));
            }
        }
        Ok(status)
    }
}

fn percentiles(mut nanoseconds: Vec<u64>, name: &str) -> String {
    nanoseconds.sort_unstable();
    let at =
        |share: f64| nanoseconds.get(((nanoseconds.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or(0) as f64 / 1e3;
    format!(
        "\"{name}_p50_us\":{:.1},\"{name}_p90_us\":{:.1},\"{name}_p99_us\":{:.1},\"{name}_p999_us\":{:.1}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999)
    )
}

fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(Instant::now());
    if left > SPIN {
        thread::sleep(left - SPIN);
    }
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
}

fn rate(url: &str, rate: f64, seconds: f64) -> String {
    let total = (rate * seconds) as u64;
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now() + Duration::from_millis(200);
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let (mut client, next) = (Client::new(url, false), next.clone());
            thread::spawn(move || {
                let (mut taken, mut bad) = (Vec::new(), 0_u64);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return (taken, bad);
                    }
                    let meant = start + Duration::from_secs_f64(number as f64 / rate);
                    wait_until(meant);
                    match client.exchange(|_| {}) {
                        Ok(200) => taken.push(meant.elapsed().as_nanos() as u64),
                        _ => bad += 1,
                    }
                }
            })
        })
        .collect();
    let (mut taken, mut bad) = (Vec::new(), 0);
    for thread in threads {
        let (part, failed) = thread.join().unwrap();
        taken.extend(part);
        bad += failed;
    }
    format!("{{\"requests\":{},\"bad\":{bad},{}}}", taken.len(), percentiles(taken, "latency"))
}

fn nanoseconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn stream(url: &str, connections: usize, seconds: f64) -> String {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let mut client = Client::new(url, true);
            thread::spawn(move || {
                let (mut delays, mut firsts, mut streams, mut bad) = (Vec::new(), Vec::new(), 0_u64, 0_u64);
                while Instant::now() < end {
                    let (start, mut first, mut chunks) = (Instant::now(), None, 0);
                    let result = client.exchange(|piece| {
                        let now = nanoseconds();
                        first.get_or_insert_with(|| start.elapsed().as_nanos() as u64);
                        for at in memchr::memmem::find_iter(piece, b" at=") {
                            let digits = piece[at + 4..].iter().take_while(|byte| byte.is_ascii_digit());
                            let written = digits.fold(0_u64, |number, digit| number.wrapping_mul(10) + u64::from(digit - b'0'));
                            delays.push(now.saturating_sub(written));
                            chunks += 1;
                        }
                    });
                    if matches!(result, Ok(200)) && chunks == 40 {
                        streams += 1;
                        firsts.extend(first);
                    } else {
                        bad += 1;
                    }
                }
                (delays, firsts, streams, bad)
            })
        })
        .collect();
    let start = Instant::now();
    let (mut delays, mut firsts, mut streams, mut bad) = (Vec::new(), Vec::new(), 0, 0);
    for thread in threads {
        let part = thread.join().unwrap();
        delays.extend(part.0);
        firsts.extend(part.1);
        streams += part.2;
        bad += part.3;
    }
    // 40 timed chunks, the usage and the end: 42 events.
    let chunks = streams * 42;
    let (delays, firsts) = (percentiles(delays, "delay"), percentiles(firsts, "first"));
    format!(
        "{{\"streams\":{streams},\"chunks\":{chunks},\"bad\":{bad},\"seconds\":{:.3},{delays},{firsts}}}",
        start.elapsed().as_secs_f64()
    )
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<f64>().ok()).expect("a number");
    let (mode, url) = (arguments[0].as_str(), arguments[1].as_str());
    let line = match mode {
        "rate" => rate(url, number(2), number(3)),
        "stream" => stream(url, number(2) as usize, number(3)),
        "ready" => {
            let start = Instant::now();
            loop {
                if matches!(Client::new(url, false).exchange(|_| {}), Ok(200)) {
                    break format!("{{\"ready_ms\":{:.2}}}", start.elapsed().as_secs_f64() * 1e3);
                }
                assert!(start.elapsed().as_secs_f64() < number(2), "not ready in time");
                thread::sleep(Duration::from_micros(500));
            }
        }
        "hold" => {
            let mut held: Vec<_> = (0..number(2) as usize).map(|_| Client::new(url, false)).collect();
            let answered = held.iter_mut().map(|client| client.exchange(|_| {})).filter(|result| matches!(result, Ok(200))).count();
            for client in &mut held {
                client.buffer = Vec::new();
            }
            println!("{{\"held\":{answered}}}");
            io::stdout().flush().unwrap();
            thread::sleep(Duration::from_secs_f64(number(3)));
            return;
        }
        "once" => {
            let mut body = Vec::new();
            let status = Client::new(url, false).exchange(|piece| body.extend_from_slice(piece)).unwrap();
            format!("{status} {}", String::from_utf8_lossy(&body))
        }
        other => panic!("unknown mode {other}"),
    };
    println!("{line}");
}
