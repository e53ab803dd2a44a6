//! Tables as they appear on a terminal of a hundred columns.

use super::{load, summary};
use crate::analysis::standings;
use crate::analysis::synthetic::{
    bare, climbed, closed, fail, flag, open, pool, reference, set, twin,
};
use crate::document::{Cell, Summary, example};

/// The summary of these cells as text, on a machine that is always the same.
fn shown(cells: Vec<Cell>) -> String {
    let mut made: Summary = bare(cells);
    (made.host.kernel, made.host.cpu_model) = ("Linux 6.0".into(), "a processor".into());
    made.host.cpus = 2;
    made.reference = Some(reference(2e5, &[5e3, 5e3, 9e3], &[3e3; 3]));
    standings::derive(&mut made);
    summary(&made)
}

#[test]
fn a_closed_loop_is_ranked_by_throughput() {
    let epoll = closed("epoll", &[1e5, 1.01e5, 1.02e5, 1.03e5, 1.04e5]);
    let again = twin(&epoll, &[1.0e5, 1.02e5, 1.01e5, 1.03e5, 1.03e5]);
    let mut fork = closed("fork", &[4e4, 4.1e4, 4.2e4, 4.3e4, 4.4e4]);
    flag(&mut fork, "kept-up");
    let mut poll = closed("poll", &[9e4, 9.1e4, 9.2e4, 9.3e4, 9.4e4]);
    fail(&mut poll, "errors", &[1]);
    poll.pss_bytes.median = 0.0;
    insta::assert_snapshot!(shown(vec![epoll, fork, poll, again]));
}

#[test]
fn an_open_loop_is_ranked_by_the_tail_and_a_bound_is_no_value() {
    let mut mio = open("mio", &[3e5, 3.1e5, 3.2e5, 3.3e5, 3.4e5]);
    for (q, ns) in [(0.5, 100_000), (0.95, 250_000), (0.99, 320_000), (0.999, 800_000)] {
        pool(&mut mio, q, ns, &[ns - 10_000, ns, ns, ns, 2 * ns]);
    }
    let mut epoll = open("epoll", &[4e5; 5]);
    pool(&mut epoll, 0.99, 400_000, &[400_000; 5]).at_least = true;
    pool(&mut epoll, 0.999, 900_000, &[900_000; 5]).admitted = false;
    insta::assert_snapshot!(shown(vec![mio, epoll]));
}

#[test]
fn of_an_earlier_version_p90_stands_where_p95_is_not_there() {
    let mut old = closed("epoll", &[1e5; 3]);
    old.latency.retain(|quantile| (quantile.q - 0.95).abs() > 1e-9);
    set(&mut old, 0.9, &[2e5, 2.1e5, 2.2e5]);
    insta::assert_snapshot!(shown(vec![old]));
}

#[test]
fn a_staircase_says_who_recovers() {
    let steps = [(1e3, 1.0, 1e5), (3e3, 0.5, 9e8), (1e3, 1.0, 4e6)];
    insta::assert_snapshot!(shown(vec![climbed("epoll", &steps)]));
}

#[test]
fn one_load_has_a_row_for_each_latency() {
    insta::assert_snapshot!(load(&example::closed()));
}
