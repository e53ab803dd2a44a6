//! The loads of the results page, in its order, and the workload and plan that measure each.

/// A load in words, and where its answer is measured.
#[derive(Debug)]
pub(super) struct Load {
    /// Its name in links.
    pub(super) key: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// The plan and the workload; `None` where no plan can answer for it.
    pub(super) source: Option<(&'static str, &'static str)>,
    /// The command that measures it.
    pub(super) command: &'static str,
}

impl Load {
    /// A load that a plan measures, with the command that makes its figures comparable.
    const fn of(
        key: &'static str,
        title: &'static str,
        source: (&'static str, &'static str),
        command: &'static str,
    ) -> Self {
        Self { key, title, source: Some(source), command }
    }
}

pub(super) const LOADS: &[Load] = &[
    Load::of("short", "Short requests", ("quick", "echo"), "c10k run"),
    Load::of("waiting", "Requests that wait for a database", ("quick", "wait"), "c10k run"),
    Load::of("computing", "Requests that compute", ("quick", "cpu"), "c10k run"),
    Load::of(
        "both",
        "Requests that compute, then wait",
        ("work", "work-rounds1000-wait10ms"),
        "c10k run work --workloads work-rounds1000-wait10ms --repeat 10",
    ),
    Load::of(
        "idle",
        "Few active clients beside many idle ones",
        ("idle", "beside-idle-connections5000"),
        "c10k run idle --workloads beside-idle-connections5000 --repeat 10",
    ),
    Load::of(
        "thinking",
        "Many clients that think between requests",
        ("connections", "thinking-connections3000"),
        "c10k run connections --workloads thinking-connections3000 --repeat 10",
    ),
    Load::of(
        "busy",
        "Ten thousand active clients",
        ("connections", "asking-connections10000"),
        "c10k run connections --workloads asking-connections10000 --repeat 10",
    ),
    Load::of(
        "churn",
        "A new connection for each request",
        ("churn", "churn-requests-per-connection1"),
        "c10k run churn --workloads churn-requests-per-connection1 --repeat 10",
    ),
    Load::of(
        "kept",
        "Ten requests on each connection",
        ("churn", "churn-requests-per-connection10"),
        "c10k run churn --workloads churn-requests-per-connection10 --repeat 10",
    ),
    Load::of(
        "large",
        "Large replies",
        ("payload", "reply-reply-bytes64KiB"),
        "c10k run payload --workloads reply-reply-bytes64KiB --repeat 10",
    ),
    Load::of(
        "near",
        "Open loop near the limit",
        ("latency", "equal-load-share0_8"),
        "c10k run latency --workloads equal-load-share0_8 --repeat 10",
    ),
    Load::of(
        "overload",
        "Overload and recovery",
        ("overload", "up-and-back"),
        "c10k run overload --workloads up-and-back --repeat 10",
    ),
    Load::of(
        "come-and-go",
        "Clients that leave after fifty requests",
        ("classroom", "fifty-requests-connections1000"),
        "c10k run classroom --workloads fifty-requests-connections1000 --repeat 10",
    ),
    Load::of("http", "HTTP, beside nginx and HAProxy", ("contenders", "page"), CONTENDERS),
    Load::of("languages", "Servers in other languages", ("contenders", "echo"), CONTENDERS),
    Load {
        key: "chat",
        title: "A chat room",
        source: None,
        command: "c10k load --app chat --serve epoll --connections 1000 --senders 10 --rate 100",
    },
];

const CONTENDERS: &str = "c10k run contenders";
