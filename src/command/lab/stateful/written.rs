//! The lab as Markdown and LaTeX, to include in a report: the answer, the tables, and then all
//! conclusions, model by model.

use super::sentences::is_of;
use super::tables;
use crate::document::LabReport;
use crate::view::export::markup;
use crate::view::page::micro;

const REFERENCE: &str = "The null baseline";
const ALL: &str = "Conclusions";
const LEFT_OUT: &str = "Left out";

/// The sentences about all models, and those about each.
pub(super) fn sorted(report: &LabReport) -> (Vec<&String>, Vec<(&String, Vec<&String>)>) {
    let models = || report.models.iter();
    let own = models().map(|model| {
        let of_it = report.sentences.iter().filter(|sentence| is_of(model, sentence));
        (&model.model, of_it.collect())
    });
    let is_general = |sentence: &&String| !models().any(|model| is_of(model, sentence));
    (report.sentences.iter().filter(is_general).collect(), own.collect())
}

/// The part after the tables: headings with their sentences.
fn rest(report: &LabReport) -> Vec<(String, Vec<&String>)> {
    let (_, own) = sorted(report);
    let own = own.into_iter().map(|(model, sentences)| (format!("{ALL}: {model}"), sentences));
    let reference = report.reference.iter().flat_map(|reference| {
        let spells = reference.spells.iter().map(|spell| &spell.sentence);
        [&reference.sentence].into_iter().chain(spells)
    });
    let reference = (REFERENCE.to_string(), reference.collect());
    let left_out = (LEFT_OUT.to_string(), report.left_out.iter().collect());
    [reference]
        .into_iter()
        .chain(own)
        .chain([left_out])
        .filter(|(_, sentences): &(_, Vec<_>)| !sentences.is_empty())
        .collect()
}

/// As Markdown.
pub(super) fn markdown(report: &LabReport) -> String {
    let list = |sentences: &[&String]| -> String {
        sentences.iter().map(|sentence| format!("- {}\n", micro(sentence))).collect()
    };
    let mut text = format!(
        "# {}\n\nLab {}, run {}.\n\n{}\n{}",
        report.question,
        report.lab,
        report.run,
        list(&sorted(report).0),
        markup::markdown(&tables::stateful_tables(report))
    );
    for (heading, sentences) in rest(report) {
        text += &format!("\n### {heading}\n\n{}", list(&sentences));
    }
    text
}

/// As LaTeX, to be included.
pub(super) fn latex(report: &LabReport) -> String {
    let list = |sentences: &[&String]| -> String {
        let items = sentences.iter().map(|s| format!("  \\item {}\n", markup::escape(&micro(s))));
        format!("\\begin{{itemize}}\\sloppy\n{}\\end{{itemize}}\n", items.collect::<String>())
    };
    let mut text = format!(
        "% Lab {}, run {}: \\input{{lab.tex}} after {}.\n% Its figures: scripts/plot.py FOLDER --figures lab \
         --formats pdf\n{}{}",
        report.lab,
        report.run,
        markup::PACKAGES,
        list(&sorted(report).0),
        markup::latex(&tables::stateful_tables(report))
    );
    for (heading, sentences) in rest(report) {
        text += &format!("\\paragraph{{{}}}\n{}", markup::escape(&heading), list(&sentences));
    }
    text
}
