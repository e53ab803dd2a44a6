//! The tables of the lab, defined once; `export::markup` writes them for the page, for Markdown and
//! for LaTeX.

use super::apart;
use super::points::{CLIENTS, FIGURES, figure_title, home_words};
use crate::analysis::metric::{SERVER_CPU, TAIL};
use crate::base::units::show_ns_f64;
use crate::document::{
    CostPart, CostSplit, Decomposition, DesignRecord, EffectRecord, InteractionRecord, LabModel,
    LabReport, LabSessions, LabTail, Naive,
};
use crate::view::export::sheet::{Entry, Quantity, Sheet, Text};
use crate::view::page::micro;

/// More models than this side by side are too wide for a page.
const MODELS_MAX: usize = 4;

/// All tables that have a row.
pub(super) fn stateful_tables(report: &LabReport) -> Vec<Sheet> {
    let mut sheets: Vec<Sheet> = report.naive.as_ref().map(naive).into_iter().collect();
    sheets.extend([taken_apart(report), split(report)]);
    sheets.extend(effects(report));
    sheets.extend(interactions(report));
    sheets.extend(clients(report));
    sheets.extend(shares(report));
    sheets.extend(memory(report));
    sheets.extend([noise(report), sessions(report), killed(report)]);
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets.iter_mut().for_each(Sheet::explain);
    sheets.extend(tails(report));
    sheets
}

fn naive(naive: &Naive) -> Sheet {
    let clocks = [
        ("by the server's clock", naive.stateful_server_s, naive.stateless_server_s),
        ("by a connected client's", naive.stateful_response_s, naive.stateless_response_s),
        ("total, connecting included", naive.stateful_s, naive.stateless_s),
    ];
    let mut sheet = Sheet::new("naive", "The naive experiment: each server timed once", 3);
    sheet
        .words("server", ["\"stateful\"", "\"stateless\"", "stateless / stateful"].map(Into::into));
    for (clock, stateful, stateless) in clocks {
        let [of, to] = [stateful, stateless].map(|s| micro(&show_ns_f64(s * 1e9)));
        let ratio = format!("{:.2}", stateless / stateful);
        sheet.figures(clock, [of, to, ratio].map(Text::from));
    }
    sheet
}

fn taken_apart(report: &LabReport) -> Sheet {
    let of = |model: &LabModel| {
        let name = model.model.clone();
        model.decompositions.clone().into_iter().map(move |taken| (name.clone(), taken))
    };
    let taken: Vec<(String, Decomposition)> = report.models.iter().flat_map(of).collect();
    let title = "Server CPU for each request: state and connection kept, against neither";
    let mut sheet = Sheet::new("apart", title, taken.len());
    sheet.words("model", taken.iter().map(|(model, _)| model.clone()));
    sheet.words("stateless connections", taken.iter().map(|(_, t)| t.connection.clone()));
    sheet.words("history", taken.iter().map(|(_, t)| t.history.clone()));
    let columns = [
        ("both kept", taken.iter().map(|(_, t)| known(t.stateful_ns)).collect::<Vec<_>>()),
        ("neither", taken.iter().map(|(_, t)| known(t.stateless_ns)).collect()),
        ("keeping no state", taken.iter().map(|(_, t)| part(&t.keeping)).collect()),
        ("connecting", taken.iter().map(|(_, t)| part(&t.connecting)).collect()),
    ];
    numbers(&mut sheet, Quantity::Time, &columns);
    let share =
        |taken: &Decomposition| apart::share_words(apart::share(taken, report.noise.as_ref()));
    sheet.words("connecting's share (95 %)", taken.iter().map(|(_, taken)| share(taken)));
    let unknown = "Unknown: the interval spans 0 % to 100 %, or there may be no difference.";
    sheet.caption.push(unknown.into());
    sheet
}

/// The parts of a cost in the order in which they are added, with the heads of their columns.
const PARTS: [(&str, &str); 4] = [
    ("request", "plain request"),
    ("home", "+ home"),
    ("history", "+ history"),
    ("connecting", "+ connecting"),
];

fn split(report: &LabReport) -> Sheet {
    let splits: Vec<_> = report
        .models
        .iter()
        .flat_map(|model| model.split.iter().map(|split| (model.model.clone(), split)))
        .collect();
    let title = "Server CPU for each request, adding one part after the other";
    let mut sheet = Sheet::new("split", title, splits.len());
    sheet.words("model", splits.iter().map(|(model, _)| model.clone()));
    sheet.words("home", splits.iter().map(|(_, split)| split.home.clone()));
    let of = |name: &str| -> Vec<Entry> {
        let own = |(_, split): &(String, &CostSplit)| {
            split.parts.iter().find(|part| part.name == name).map_or(Entry::None, part)
        };
        splits.iter().map(own).collect()
    };
    let (last, _) = PARTS[PARTS.len() - 1];
    // A sum that lacks a part cannot be compared with others.
    let sum = |split: &CostSplit| match split.reaches(last) {
        true => known(split.parts.iter().map(|part| part.ns).sum()),
        false => Entry::None,
    };
    let mut columns: Vec<(&str, Vec<Entry>)> =
        PARTS.iter().map(|(name, head)| (*head, of(name))).collect();
    columns.push(("together", splits.iter().map(|(_, split)| sum(split)).collect()));
    numbers(&mut sheet, Quantity::Time, &columns);
    if splits.iter().any(|(_, split)| !split.reaches(last)) {
        let lacks = "-: no such cell exists, so the sum cannot be compared with others.";
        sheet.caption.push(lacks.into());
    }
    sheet
}

/// Columns of numbers that are to be compared with each other: all in one unit.
fn numbers(sheet: &mut Sheet, quantity: Quantity, columns: &[(&str, Vec<Entry>)]) {
    let unit = quantity.unit(columns.iter().flat_map(|(_, entries)| entries));
    for (name, entries) in columns {
        sheet.numbers_in(name, unit, entries);
    }
}

/// A line of a table with a column for each model: its label, and the model's figure.
type Line<const N: usize> = ([String; N], Entry);

/// A table with a column for each model, several of them where one would be too wide.
fn across<const N: usize>(
    report: &LabReport,
    (label, title): (&str, &str),
    heads: [&str; N],
    quantity: Quantity,
    of: impl Fn(&LabModel) -> Vec<Line<N>>,
) -> Vec<Sheet> {
    let found: Vec<(&str, Vec<Line<N>>)> =
        report.models.iter().map(|model| (model.model.as_str(), of(model))).collect();
    let mut rows: Vec<&[String; N]> = Vec::new();
    for (row, _) in found.iter().flat_map(|(_, lines)| lines) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let parts = found.chunks(MODELS_MAX).enumerate().map(|(at, models)| {
        let label = if at == 0 { label.to_string() } else { format!("{label}-{}", at + 1) };
        let mut sheet = Sheet::new(&label, title, rows.len());
        for (at, head) in heads.iter().enumerate() {
            sheet.words(head, rows.iter().map(|row| row[at].clone()));
        }
        let columns: Vec<(&str, Vec<Entry>)> = models
            .iter()
            .map(|(model, lines)| {
                let entry = |row: &&[String; N]| {
                    lines.iter().find(|(own, _)| own == *row).map_or(Entry::None, |line| line.1)
                };
                (*model, rows.iter().map(entry).collect())
            })
            .collect();
        numbers(&mut sheet, quantity, &columns);
        sheet
    });
    parts.collect()
}

/// The label of a line of a design; it says so if the design covers kept connections alone.
fn line(design: &DesignRecord, what: &str) -> [String; 1] {
    let what = what.trim_start_matches("every ");
    [if design.is_of_kept() { format!("{what}, kept") } else { what.into() }]
}

/// The designs of a figure that are not over clients.
fn designs<'a>(model: &'a LabModel, figure: &'a str) -> impl Iterator<Item = &'a DesignRecord> {
    let own = model.designs.iter().filter(move |design| design.metric == figure);
    own.filter(|design| !design.is_of_clients())
}

/// The effect of the number of clients, and its interactions.
fn clients(report: &LabReport) -> Vec<Sheet> {
    let sheets = FIGURES.iter().flat_map(|figure| {
        let lines = |model: &LabModel| {
            let of_clients = model.designs.iter().filter(|d| d.is_of_clients());
            let mut lines = Vec::new();
            for design in of_clients.filter(|design| design.metric == figure.name) {
                let effects = design.effects.iter().filter(|effect| effect.factor == CLIENTS);
                lines.extend(effects.map(|effect| {
                    let levels = format!("{} / {}", effect.level, effect.against);
                    (line(design, &levels), Entry::within(effect.ratio, effect.interval))
                }));
                let with = |found: &&InteractionRecord| found.factors.iter().any(|f| f == CLIENTS);
                lines.extend(design.interactions.iter().filter(with).map(|found| {
                    let levels = found.levels.join(" + ");
                    (line(design, &levels), Entry::within(found.ratio, found.interval))
                }));
            }
            lines
        };
        let title = format!(
            "{}: effect of clients as a ratio, and their interaction with other factors",
            figure_title(figure.name)
        );
        let id = (&*format!("clients-{}", figure.name), &*title);
        across(report, id, ["clients"], Quantity::Ratio, lines)
    });
    sheets.collect()
}

fn noise(report: &LabReport) -> Sheet {
    let floors = report.noise.as_ref().map_or(&[][..], |noise| &noise.floors);
    let title = "Equal cells: the second divided by the first";
    let mut sheet = Sheet::new("noise", title, floors.len());
    sheet.words("figure", floors.iter().map(|floor| figure_title(&floor.metric)));
    sheet.words("workload", floors.iter().map(|floor| floor.workload.clone()));
    let ratios: Vec<Entry> =
        floors.iter().map(|floor| Entry::within(floor.ratio, floor.interval)).collect();
    sheet.numbers("times", Quantity::Ratio, &ratios);
    let least: Vec<Entry> = floors.iter().map(|floor| known(floor.smallest_detectable)).collect();
    sheet.numbers("noise floor", Quantity::Share, &least);
    sheet
}

fn effects(report: &LabReport) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    let heads = ["level / first level"];
    for figure in &FIGURES {
        let name = figure_title(figure.name);
        let lines = |model: &LabModel, entry: &dyn Fn(&EffectRecord) -> Entry| {
            let mut lines = Vec::new();
            for design in designs(model, figure.name) {
                lines.extend(design.effects.iter().map(|effect| {
                    let levels = format!("{} / {}", effect.level, effect.against);
                    (line(design, &levels), entry(effect))
                }));
            }
            lines
        };
        let title = format!(
            "{name}: effect of each factor as a ratio, over all levels of the other factors"
        );
        let id = (&*format!("effects-{}", figure.name), &*title);
        let ratio = |model: &LabModel| lines(model, &|e| Entry::within(e.ratio, e.interval));
        sheets.extend(across(report, id, heads, Quantity::Ratio, ratio));
        let title = format!("{name}: increase by each level");
        let id = (&*format!("effects-more-{}", figure.name), &*title);
        let more = |model: &LabModel| {
            lines(model, &|e| Entry::within(e.difference, e.difference_interval))
        };
        sheets.extend(across(report, id, heads, Quantity::of_metric(figure.name), more));
    }
    sheets
}

fn interactions(report: &LabReport) -> Vec<Sheet> {
    let lines = |model: &LabModel| {
        let mut lines = Vec::new();
        for design in designs(model, SERVER_CPU.name) {
            lines.extend(design.interactions.iter().map(|found| {
                let levels = found.levels.join(" + ");
                (line(design, &levels), Entry::within(found.ratio, found.interval))
            }));
        }
        lines
    };
    let title = format!(
        "{}: interaction of two levels, the joint effect divided by the product of the separate effects",
        figure_title(SERVER_CPU.name)
    );
    across(report, ("interactions", &title), ["levels"], Quantity::Ratio, lines)
}

fn shares(report: &LabReport) -> Vec<Sheet> {
    let sheets = FIGURES.iter().flat_map(|figure| {
        let lines = |model: &LabModel| {
            let mut lines = Vec::new();
            for design in designs(model, figure.name) {
                lines.extend(
                    design
                        .shares
                        .iter()
                        .map(|share| (line(design, &share.source), known(share.share))),
                );
            }
            lines
        };
        let title = format!(
            "{}: shares of its variation (sums of squares of the logarithms)",
            figure_title(figure.name)
        );
        let id = (&*format!("shares-{}", figure.name), &*title);
        across(report, id, ["source"], Quantity::Share, lines)
    });
    sheets.collect()
}

fn memory(report: &LabReport) -> Vec<Sheet> {
    let lines = |model: &LabModel| {
        let each = model.memory.iter().map(|memory| {
            let place = [memory.home.clone(), memory.history.clone()];
            (place, Entry::within(memory.bytes, memory.interval))
        });
        each.collect()
    };
    let title = "Memory of the server for each further client";
    across(report, ("memory", title), ["home", "history"], Quantity::Bytes, lines)
}

/// The p99 of all trials together: most trials are too short to have one of their own.
fn tails(report: &LabReport) -> Vec<Sheet> {
    let lines = |model: &LabModel| {
        let line = |tail: &LabTail| {
            let LabTail { clients, connection, home, value_ns, spread, at_least } = tail;
            let entry = value_ns.map_or(Entry::TooFew, |value| Entry::Known {
                value,
                interval: *spread,
                at_least: *at_least,
            });
            ([clients.to_string(), connection.clone(), home.clone()], entry)
        };
        model.tails.iter().map(line).collect()
    };
    let title = format!("{}, of all trials together", figure_title(TAIL.name));
    let heads = ["clients", "connections", "home"];
    let mut sheets = across(report, ("p99", &title), heads, Quantity::Time, lines);
    sheets.retain(|sheet| !sheet.rows.is_empty());
    for sheet in &mut sheets {
        let beside = "Beside each figure, the range over single trials. It may rest on too few samples, and no \
                      comparison uses it.";
        sheet.caption.push(beside.into());
        sheet.explain_values();
    }
    sheets
}

fn sessions(report: &LabReport) -> Sheet {
    let sessions = &report.sessions;
    let title = "Sessions of all trials; every reply's total was checked";
    let mut sheet = Sheet::new("sessions", title, sessions.len());
    sheet.words("home", sessions.iter().map(|s| s.home.clone()));
    sheet.words("connections", sessions.iter().map(|s| s.connection.clone()));
    let mut count = |name: &str, of: fn(&LabSessions) -> u64| {
        sheet.figures(name, sessions.iter().map(|s| of(s).to_string().into()));
    };
    count("completed", |s| s.completed);
    count("lost", |s| s.lost);
    count("wrong replies", |s| s.wrong);
    sheet
}

fn killed(report: &LabReport) -> Sheet {
    let killed = &report.killed;
    let title = "A session whose server is killed after two steps and started again";
    let mut sheet = Sheet::new("killed", title, killed.len());
    sheet.words("home", killed.iter().map(|killed| killed.home.clone()));
    sheet.words("that is", killed.iter().map(|killed| home_words(&killed.home)));
    let went_on = |went_on: bool| if went_on { "goes on" } else { "is lost" }.to_string();
    sheet.words("the session", killed.iter().map(|killed| went_on(killed.went_on)));
    let said = killed.iter().map(|killed| killed.said.clone());
    sheet.words("reply to the third step", said);
    sheet
}

fn known(value: f64) -> Entry {
    Entry::Known { value, interval: None, at_least: false }
}

fn part(part: &CostPart) -> Entry {
    Entry::within(part.ns, part.interval)
}
