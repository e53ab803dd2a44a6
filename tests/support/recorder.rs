//! A server that answers `ECHO` and records each request and its arrival, and the requests that a load should send.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgen::{Arrivals, Schedule};
use protocol::{App, Exchange, Framing, Recipe, Request};

/// A received request, and its arrival in nanoseconds since the Unix epoch.
type Noted = (String, u64);

/// A server of the test's own process, which ends with it.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    noted: Arc<Mutex<Vec<Noted>>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let noted = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&noted);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&all);
                thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
                    for line in lines.map_while(Result::ok) {
                        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
                        let now = u64::try_from(now.as_nanos()).expect("this century");
                        let reply = line.replacen("ECHO", "OK", 1) + "\n";
                        noted.lock().expect("no panic").push((line, now));
                        if stream.write_all(reply.as_bytes()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, noted }
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut *self.noted.lock().expect("no panic"))
    }
}

/// Each request of one generator's load `--echo 32 --rate RATE --poisson --warmup 0s` within a time, and its due
/// time after the start.
pub(crate) fn poisson(rate_per_s: f64, within: Duration) -> BTreeMap<String, u64> {
    let request = Request::Echo { bytes: 32 };
    let recipe = Arc::new(Recipe::new(App::Bench, Framing::Line, request).expect("a recipe"));
    let arrivals = Arrivals::Poisson { rate_per_s, seed: 1 };
    let schedule = Schedule::new(&arrivals, Duration::ZERO).expect("an open loop");
    let within = u64::try_from(within.as_nanos()).expect("a short time");
    let due = schedule.all().take_while(|arrival| arrival.due_ns < within);
    let mut exchange = Exchange::new(recipe);
    due.map(|arrival| {
        let mut bytes = Vec::new();
        exchange.request(arrival.index, &mut bytes);
        (String::from_utf8(bytes).expect("text").trim_end().to_string(), arrival.due_ns)
    })
    .collect()
}

/// Asserts that these are the requests of that schedule, each once, and none of them early.
pub(crate) fn assert_is(noted: &[Noted], schedule: &BTreeMap<String, u64>, start_ns: u64) {
    let mut came: Vec<&String> = noted.iter().map(|(line, _)| line).collect();
    came.sort_unstable();
    assert_eq!(came, schedule.keys().collect::<Vec<_>>(), "each request of the schedule, once");
    for (line, at) in noted {
        let due = start_ns + schedule[line];
        // Two clocks are read one after the other, and one may be adjusted meanwhile.
        assert!(at + 5_000_000 > due, "{line} came {} ns before it was due", due - at);
    }
}
