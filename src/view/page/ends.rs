//! The end of the page: noise, what was left out, method, machine, how to repeat the run.

use maud::{Markup, html};

use super::fold::folded;
use super::micro;
use crate::analysis::metric::named;
use crate::base::units::counted;
use crate::document::{Host, NoiseFloor, RunRecord, Summary};

/// A table with more rows is folded.
const ROWS: usize = 24;

/// The noise floor.
pub(super) fn noise(summary: &Summary) -> Markup {
    html! {
        (folded("noise", "The noise floor", &html! {
            @if summary.noise.is_empty() && summary.cells.iter().any(|cell| cell.twin) {
                p { "The A/A control, one model measured twice in each block, has too few blocks \
                    for a noise floor: ignore small differences." }
            } @else if summary.noise.is_empty() {
                p { "The run has no A/A control, so its noise floor is unknown: ignore small \
                    differences." }
            } @else {
                p { "A/A control: one model was measured twice in each block, like two models. Its \
                    difference from itself is noise; smaller differences between models cannot be \
                    distinguished, whatever their intervals." }
                @if summary.noise.len() > ROWS {
                    details { summary { "All " (summary.noise.len()) " ratios" } (floors(&summary.noise)) }
                } @else { (floors(&summary.noise)) }
            }
        }))
    }
}

fn floors(noise: &[NoiseFloor]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table: the noise floor" {
            table {
                caption { span { "A/A control: a model's second measurement over its first" } }
                thead { tr { @for head in ["workload", "figure", "model", "ratio (95 %)", "smallest detectable"] { th scope="col" { (head) } } } }
                tbody { @for floor in noise { (floor_row(floor)) } }
            }
        }
    }
}

fn floor_row(floor: &NoiseFloor) -> Markup {
    let figure = named(&floor.metric).map_or(floor.metric.as_str(), |metric| metric.words);
    let (low, high) = (floor.interval.low, floor.interval.high);
    html! {
        tr {
            th scope="row" { (floor.workload) }
            td { (figure) }
            td { (floor.model) }
            td { (format!("{:.3} ({low:.3} to {high:.3})", floor.ratio)) }
            td { (format!("{:.1} %", floor.smallest_detectable * 100.0)) }
        }
    }
}

/// The cells that were left out, with the reasons; empty without any.
pub(super) fn excluded(summary: &Summary) -> Markup {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for left_out in &summary.excluded {
        let cell = format!("{} under {}", left_out.model, left_out.workload);
        match reasons.iter_mut().find(|(reason, _)| *reason == left_out.reason) {
            Some((_, cells)) => cells.push(cell),
            None => reasons.push((&left_out.reason, vec![cell])),
        }
    }
    html! {
        @if !reasons.is_empty() {
            (folded("excluded", "Left out", &html! {
                ul { @for (reason, cells) in &reasons { li { b { (micro(reason)) ": " } (cells.join(", ")) } } }
            }))
        }
    }
}

/// How it was measured.
pub(super) fn method(run: &RunRecord) -> Markup {
    html! {
        (folded("method", "How it was measured", &html! {
            p { "Every trial uses a fresh server process and fresh connections. " (order(run)) " \
                Figures are medians over the trials; ± is the distance of the farthest trial; bars \
                carry the 95 % bootstrap interval of the median, which over few trials hardly \
                exceeds their spread, and from fewer than three is the spread itself." }
            p { "Latency quantiles in tables and figures are pooled over the requests of all trials. Rankings, \
                 verdicts, noise and crossings compare the quantiles of single trials, which cover less of the \
                 tail." }
            p { (comparison(run)) }
            p { "Two models change places where the lines between their medians cross. A crossing \
                is sure with at least five blocks, if 95 % of the resampled blocks cross once in \
                the same direction and each model is better by more than 5 % at its end." }
            p { "CPU/request is the CPU time of the whole server, user and kernel, per correct \
                reply. Its inverse is the capacity of one core, even where the load generator was \
                the limit." }
            p { "A closed loop reports service time, from sending a request to the last byte of \
                its reply. A slow server slows its clients down, and the requests they did not \
                send are missing (coordinated omission). An open loop reports response time, from \
                when the request was due." }
            p { "A quantile needs about six effective samples beyond it, over all trials; with \
                fewer the table says \"too few\". \">=\" marks a lower bound: requests this long \
                had not ended." }
            p { "Greyed rows and marks failed a check; pale marks were flagged, and the numbered notes say why. \
                 Loopback has no network card, no interrupts, no loss and no second machine." }
        }))
    }
}

/// The order of the trials.
fn order(run: &RunRecord) -> String {
    let (unit, seed) = (if run.rounds.is_some() { "round" } else { "block" }, run.seed);
    format!(
        "In each {unit} every model is measured once under every workload; the models of one \
         workload follow each other in random order (seed {seed})."
    )
}

/// How models are compared with the best.
fn comparison(run: &RunRecord) -> &'static str {
    if run.rounds.is_some() {
        "\"Against the best\" is the Hodges-Lehmann estimate of the ratio to the model that is \
         surely nearest to the best, from pairs of the same round. Its interval is exact (signed \
         ranks) and holds for all pairs of models and all interim looks at once, with 95 % \
         confidence. A model is worse if the whole interval is more than 5 % away and the \
         difference exceeds the noise floor. Trials that the machine or the generator spoiled, by \
         limits set in advance, are kept apart (trials/spoiled) and were repeated."
    } else {
        "\"Against the best\" is the ratio to the best figure, in pairs of the same block, with \
         its 95 % interval. A model is worse if the whole interval is more than 5 % away, the \
         p-value (Holm-adjusted over all pairs of models) is below 0.05, and the difference \
         exceeds the noise floor. Fewer than five trials give no verdict. Trials that the machine \
         or the generator spoiled are left out."
    }
}

/// Where it was measured.
pub(crate) fn machine(host: &Host) -> Markup {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "not reported".into());
    let rows = [
        ("Kernel", host.kernel.clone()),
        ("Processor", format!("{}, {}", host.cpu_model, counted(host.cpus, "usable CPU"))),
        ("Memory", crate::base::units::show_bytes(host.memory_bytes as f64)),
        ("Hypervisor", or_none(&host.hypervisor)),
        ("Frequency governor", or_none(&host.governor)),
        ("Clock source", or_none(&host.clock_source)),
        ("Congestion control", or_none(&host.congestion_control)),
        ("One round of WORK", format!("{:.1} ns", host.work_round_ps as f64 / 1e3)),
    ];
    html! {
        (folded("machine", "The machine", &html! {
            table.facts {
                caption { span { "Where servers and generator ran" } }
                tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
            }
        }))
    }
}

/// How to repeat the run, and where the numbers are.
pub(super) fn reproduce(run: &RunRecord) -> Markup {
    html! {
        (folded("reproduce", "To reproduce", &html! {
            pre { (command(run)) }
            p { "c10k " (run.program_version) ". The folder of this page holds the full plan (" a href="plan.toml" { "plan.toml" } "), \
                a JSON document for each trial with its histograms (trials/), and " a href="summary.json" { "summary.json" } ", \
                    the sources of all figures here. The last column of each table links to the \
                    trials of a row." }
            p { "Rebuild this page from these files: " code { "c10k report --write " (run.id) } "." }
        }))
    }
}

/// The command as it was typed, quoted for a shell, with the seed added if it was not given.
fn command(run: &RunRecord) -> String {
    let words = run.command.iter().map(String::as_str);
    let mut line =
        shlex::try_join(words.clone()).unwrap_or_else(|_| words.collect::<Vec<_>>().join(" "));
    if !run.command.iter().any(|word| word.starts_with("--seed")) {
        line += &format!(" --seed {}", run.seed);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, summary, twin};
    use crate::document::Excluded;

    #[test]
    fn what_was_left_out_is_listed_by_its_reason() {
        let mut summary = summary(vec![closed("epoll", &[1e5; 3])]);
        assert_eq!(excluded(&summary).into_string(), "");
        for workload in ["idle-1000", "idle-5000"] {
            summary.excluded.push(Excluded {
                model: "select".into(),
                workload: workload.into(),
                reason: "more than 1,024 descriptors".into(),
            });
        }
        let html = excluded(&summary).into_string();
        let expected =
            "<b>more than 1,024 descriptors: </b>select under idle-1000, select under idle-5000";
        assert!(html.contains(expected), "{html}");
    }

    #[test]
    fn the_noise_is_a_table_or_said_to_be_unknown() {
        let epoll = closed("epoll", &[1e5; 5]);
        let alone = noise(&summary(vec![epoll.clone()])).into_string();
        assert!(alone.contains("is unknown"), "{alone}");
        let again = twin(&epoll, &[1.1e5; 5]);
        let html = noise(&summary(vec![epoll, again])).into_string();
        assert!(html.contains("1.100 (1.100 to 1.100)") && html.contains("10.0 %"), "{html}");
        assert_eq!(html.matches("<tr>").count(), 7, "{html}");
    }

    #[test]
    fn the_command_can_be_typed_again() {
        let mut run = summary(vec![closed("epoll", &[1e5; 3])]).run;
        run.command = ["c10k", "run", "my plan.toml"].map(String::from).into();
        assert_eq!(command(&run), "c10k run 'my plan.toml' --seed 7");
        run.command.extend(["--seed".into(), "3".into()]);
        assert_eq!(command(&run), "c10k run 'my plan.toml' --seed 3");
    }
}
