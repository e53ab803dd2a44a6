//! Probes by experiment: how late a sleep ends, and the cost of waking a thread over loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use loadgen::Histogram;

use super::{Subject, graded, warn_unless};
use crate::base::units::{as_f64, ns, show_ns, show_ns_f64};
use crate::document::Finding;
use crate::host::machine;

const SLEEP: Duration = Duration::from_micros(50);
const SLEEPS: usize = 1_000;
const ROUND_TRIPS: usize = 2_000;
/// No try takes longer, however slow the machine.
const TRY_MAX: Duration = Duration::from_millis(500);

pub(super) fn all() -> Vec<Finding> {
    let rings = servers::models::find("io-uring").map(|model| (model.probe)());
    let subject = Subject {
        name: "io-uring-tried",
        limit: "io_uring works",
        why: "without it the models io-uring and io-uring-multishot are left out",
        mend: "allow io_uring_setup(2) in the container's seccomp profile",
    };
    let ring = rings.map(|tried| {
        let value = tried.as_ref().err().cloned().unwrap_or_else(|| "it can".into());
        subject.found(warn_unless(tried.is_ok()), value)
    });
    [Some(sleep()), ring, wake_up()].into_iter().flatten().collect()
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds and digits are valid")
}

fn sleep() -> Finding {
    let (mut late, begin) = (histogram(), Instant::now());
    for _ in 0..SLEEPS {
        let start = Instant::now();
        thread::sleep(SLEEP);
        late.saturating_record(ns(start.elapsed().saturating_sub(SLEEP)).max(1));
        if begin.elapsed() > TRY_MAX {
            break;
        }
    }
    let (median, p99) = (late.value_at_quantile(0.5), late.value_at_quantile(0.99));
    let subject = Subject {
        name: "sleep",
        limit: "late by at most 100 us in the median and 1 ms at p99",
        why: "an open-loop generator sleeps until the next request is due, so a late wake-up adds \
            to every response time",
        mend: "stop other programs (see other-processes, idle); in a virtual machine, measure at \
            rates that keep the generator busy",
    };
    let grade = graded(as_f64(median), 100e3, 1e6).max(warn_unless(p99 <= 1_000_000));
    let value = format!("50 us sleeps are late by {} (p99 {})", show_ns(median), show_ns(p99));
    subject.found(grade, value)
}

/// A round trip with both ends asleep in between, and one with both awake: the difference is what
/// waking two threads costs.
fn wake_up() -> Option<Finding> {
    let processors = machine::cpus().len();
    let asleep = round_trip(false).ok()?;
    // With one processor, two that never sleep would only wait for each other's time slice.
    let awake = if processors > 1 { round_trip(true).ok() } else { None };
    let subject = Subject {
        name: "wake-up",
        limit: "at most 50 us per wake-up",
        why: "at low load every request wakes the server and every reply the generator: this part \
            of each latency is the machine's, for every model",
        mend: "let idle processors poll before they halt (see idle), or compare CPU per request at \
            high load",
    };
    let Some(awake) = awake else {
        let value = format!("round trip {} asleep; one processor", show_ns(asleep));
        return Some(subject.found(warn_unless(asleep <= 100_000), value));
    };
    let wake_up = as_f64(asleep.saturating_sub(awake)) / 2.0;
    let value = format!(
        "{} each: a round trip takes {} asleep and {} awake",
        show_ns_f64(wake_up),
        show_ns(asleep),
        show_ns(awake)
    );
    Some(subject.found(graded(wake_up, 50e3, 1e6), value))
}

/// The median round trip of one byte between two threads, which block or spin.
fn round_trip(spin: bool) -> Result<u64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    for end in [&near, &far] {
        end.set_nodelay(true)?;
        end.set_nonblocking(spin)?;
    }
    let echo = thread::spawn(move || {
        while let Ok(Some(byte)) = read_byte(&mut far) {
            if far.write_all(&[byte]).is_err() {
                break;
            }
        }
    });
    let (mut took, begin) = (histogram(), Instant::now());
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        near.write_all(b"x")?;
        read_byte(&mut near)?;
        took.saturating_record(ns(start.elapsed()));
        if begin.elapsed() > TRY_MAX {
            break;
        }
    }
    drop(near);
    let _ = echo.join();
    Ok(took.value_at_quantile(0.5))
}

/// The next byte, or `None` at the end.
fn read_byte(stream: &mut TcpStream) -> std::io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
