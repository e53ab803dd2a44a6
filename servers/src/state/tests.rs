//! The homes that need more than the connection: what they keep, what they forget, and whom they
//! do not believe.

use std::thread;
use std::time::{Duration, Instant};

use protocol::state::{Add, Added, Reference, Refusal, Store, from_text, to_text};

use super::table::{Lock, Table};
use super::token::Tokens;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

/// Takes one step of a session of many, and returns the reference to go on with.
fn step(
    store: &impl Store,
    step: u32,
    n: u64,
    reference: &[u8],
) -> Result<(u64, Vec<u8>), Refusal> {
    let add = Add { step, steps: 1000, n, reference };
    let Added { total, reference, .. } = store.add(&add, &mut None)?;
    let reference = match reference {
        Reference::Nothing => b"-".to_vec(),
        Reference::Id(id) => format!("{id:016x}").into_bytes(),
        Reference::Text(text) => text,
    };
    Ok((total, reference))
}

fn last(store: &impl Store, reference: &[u8]) -> Result<u64, Refusal> {
    let add = Add { step: 2, steps: 2, n: 1, reference };
    store.add(&add, &mut None).map(|added| added.total)
}

/// Tries until it is so; the clock of a table is coarse.
fn eventually<T>(what: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to be");
        thread::sleep(Duration::from_millis(2));
    }
}

fn tables(words: usize, max: usize, ttl: Duration) -> impl Iterator<Item = (Lock, Table)> {
    Lock::ALL.into_iter().map(move |(_, lock)| (lock, Table::new(lock, words, max, ttl)))
}

#[test]
fn a_table_keeps_each_session_apart_and_gives_ended_places_back() {
    for (lock, table) in tables(4, 10, LONG) {
        let begun: Vec<_> = (0..10).map(|n| step(&table, 1, n, b"-").expect("room").1).collect();
        for (n, reference) in (0..).zip(&begun) {
            assert_eq!(
                step(&table, 2, 100, reference),
                Ok((100 + n, reference.clone())),
                "{lock:?}"
            );
        }
        assert_eq!(step(&table, 2, 100, &begun[0]), Err(Refusal::BadStep), "{lock:?}");
        assert_eq!(step(&table, 1, 1, b"-"), Err(Refusal::TableFull), "{lock:?}");
        let end = Add { step: 3, steps: 3, n: 1, reference: &begun[3] };
        assert_eq!(table.add(&end, &mut None).map(|added| added.total), Ok(104));
        assert_eq!(last(&table, &begun[3]), Err(Refusal::NoSession), "it has ended");
        assert_eq!(table.live(), 9);
        step(&table, 1, 1, b"-").expect("room again");
        assert_eq!((table.live(), table.expired()), (10, 0));
    }
}

#[test]
fn a_session_that_is_not_used_expires_and_one_that_is_does_not() {
    for (lock, table) in tables(0, 10, SHORT) {
        let (_, idle) = step(&table, 1, 1, b"-").expect("room");
        // Whoever is looked for is expired by the look.
        thread::sleep(SHORT * 2);
        let gone = eventually(|| step(&table, 2, 1, &idle).err());
        assert_eq!(gone, Refusal::NoSession, "{lock:?}");
        assert_eq!((table.live(), table.expired()), (0, 1), "{lock:?}");
    }
    for (lock, table) in tables(0, 10, Duration::from_secs(1)) {
        // In use for longer than it may be idle.
        let (_, mut reference) = step(&table, 1, 1, b"-").expect("room");
        let (started, mut at, mut longest, mut used) =
            (Instant::now(), 1, Duration::ZERO, Instant::now());
        while started.elapsed() < Duration::from_millis(1500) {
            thread::sleep(Duration::from_millis(20));
            at += 1;
            longest = longest.max(used.elapsed());
            match step(&table, at, 1, &reference) {
                Ok((_, next)) => reference = next,
                // A machine that stood still for so long proves nothing.
                Err(_) if used.elapsed().max(longest) > Duration::from_millis(900) => break,
                Err(refusal) => panic!("{lock:?}: {refusal:?} at step {at}"),
            }
            used = Instant::now();
        }
    }
}

#[test]
fn a_full_table_makes_room_of_what_has_expired_and_of_nothing_else() {
    for (lock, table) in tables(0, 4, SHORT) {
        for _ in 0..4 {
            step(&table, 1, 1, b"-").expect("room");
        }
        let begun = eventually(|| step(&table, 1, 1, b"-").ok());
        assert_eq!(begun.0, 1);
        assert!(table.expired() >= 1 && table.live() <= 4, "{lock:?}");
    }
    for (lock, table) in tables(0, 4, LONG) {
        let begun: Vec<_> = (0..4).map(|_| step(&table, 1, 1, b"-").expect("room").1).collect();
        for _ in 0..50 {
            assert_eq!(step(&table, 1, 1, b"-"), Err(Refusal::TableFull));
        }
        for reference in begun {
            step(&table, 2, 1, &reference).unwrap_or_else(|e| panic!("{lock:?}: {e:?}"));
        }
    }
}

#[test]
fn threads_that_share_a_table_lose_no_step() {
    const THREADS: u64 = 4;
    const STEPS: u32 = 500;
    for (lock, table) in tables(8, 100, LONG) {
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let table = &table;
                scope.spawn(move || {
                    let (_, mut mine) = step(table, 1, thread, b"-").expect("room");
                    for at in 2..=STEPS {
                        let (total, next) = step(table, at, thread, &mine).expect("it is there");
                        assert_eq!(total, u64::from(at) * thread);
                        mine = next;
                    }
                });
            }
        });
        assert_eq!(table.live() as u64, THREADS, "{lock:?}");
    }
}

#[test]
fn numbers_of_sessions_cannot_be_guessed_from_each_other() {
    let (_, table) = tables(0, 1000, LONG).next().expect("a table");
    let ids: Vec<u64> = (0..100)
        .map(|_| step(&table, 1, 1, b"-").expect("room").1)
        .map(|text| {
            u64::from_str_radix(std::str::from_utf8(&text).expect("text"), 16).expect("hex")
        })
        .collect();
    for pair in ids.windows(3) {
        assert_ne!(pair[1].wrapping_sub(pair[0]), pair[2].wrapping_sub(pair[1]));
    }
    for wrong in [&b"-"[..], b"1", b"00000000000000zz", b"00000000000000AB"] {
        assert_eq!(step(&table, 2, 1, wrong), Err(Refusal::BadToken));
    }
    assert_eq!(step(&table, 2, 1, b"0000000000000000"), Err(Refusal::NoSession));
}

#[test]
fn a_token_that_was_changed_in_any_byte_is_refused() {
    let tokens = Tokens::new(None, 2, LONG).expect("a key");
    let (_, text) = step(&tokens, 1, 5, b"-").expect("a step");
    assert_eq!(text.len(), protocol::Home::Client.reference_len(16));
    assert_eq!(step(&tokens, 2, 5, &text).map(|(total, _)| total), Ok(10));
    let token = from_text(&text).expect("it is text");
    for at in 0..token.len() {
        let mut forged = token.clone();
        forged[at] ^= 1;
        assert_eq!(step(&tokens, 2, 5, &to_text(&forged)), Err(Refusal::BadToken), "byte {at}");
    }
    for cut in [0, 1, 8, 40, token.len() - 1] {
        assert_eq!(step(&tokens, 2, 5, &to_text(&token[..cut])), Err(Refusal::BadToken));
    }
    assert_eq!(step(&tokens, 2, 5, b"-"), Err(Refusal::BadToken));
    let others = Tokens::new(None, 2, LONG).expect("a key");
    assert_eq!(step(&others, 2, 5, &text), Err(Refusal::BadToken), "another server's");
}

#[test]
fn a_token_expires_and_one_of_a_given_key_outlives_its_server() {
    let key = [7; 32];
    let server = || Tokens::new(Some(&key), 0, LONG).expect("a key");
    let (_, token) = step(&server(), 1, 5, b"-").expect("a step");
    assert_eq!(step(&server(), 2, 6, &token).map(|(total, _)| total), Ok(11));
    let brief = Tokens::new(Some(&key), 0, SHORT).expect("a key");
    let (_, token) = step(&brief, 1, 5, b"-").expect("a step");
    let refusal = eventually(|| step(&brief, 2, 6, &token).err());
    assert_eq!(refusal, Refusal::BadToken);
    assert!(Tokens::new(Some(&key[..31]), 0, LONG).is_err());
}

#[test]
fn one_that_is_in_use_does_not_stand_in_the_way_of_those_that_have_expired() {
    for (_, lock) in Lock::ALL {
        // A machine that stands still for longer than the first may be idle proves nothing: again.
        eventually(|| {
            let table = Table::new(lock, 0, 2, Duration::from_millis(300));
            let (_, mut used) = step(&table, 1, 1, b"-").ok()?;
            step(&table, 1, 1, b"-").ok()?;
            let deadline = Instant::now() + Duration::from_secs(5);
            for at in 2..1000 {
                used = step(&table, at, 1, &used).ok()?.1;
                if step(&table, 1, 1, b"-").is_ok() {
                    return Some(());
                }
                assert!(Instant::now() < deadline, "{lock:?}: the second one never expires");
                thread::sleep(Duration::from_millis(10));
            }
            None
        });
    }
}
