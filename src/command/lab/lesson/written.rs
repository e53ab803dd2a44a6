//! A small lab as Markdown and LaTeX, to include in a report. The answer comes first.

use super::{Figure, Lesson};
use crate::document::LessonReport;
use crate::view::export::markup;
use crate::view::page::micro;

/// The part after the tables: headings with their paragraphs.
const FOOLS: &str = "Misleading conclusions";
const QUESTIONS: &str = "Questions";
const DONE: &str = "The steps, and how to do them by hand";

/// The command that makes figures for LaTeX.
const TO_PDF: &str = "% Figures, in the folder of the document: for f in figure-*.svg; do rsvg-convert -f pdf -o \
                      ${f%.svg}.pdf $f; done\n";

/// As Markdown, with the figures beside it.
pub(super) fn markdown(report: &LessonReport, lesson: &Lesson) -> String {
    let list = |items: &[String]| -> String {
        items.iter().map(|item| format!("- {}\n", micro(item))).collect()
    };
    let figures: String = lesson
        .figures
        .iter()
        .map(|figure| {
            format!(
                "### {}\n\n{}\n\n![{0}]({}.svg)\n\n",
                figure.title,
                micro(&figure.shows),
                figure.id
            )
        })
        .collect();
    let mut text = format!(
        "# {}\n\nLab {}, {}.\n\n{}\n{figures}{}",
        report.question,
        report.lab,
        report.started_at,
        list(&lesson.sentences),
        markup::markdown(&lesson.tables)
    );
    for screen in &lesson.screens {
        let (title, shows) = (&screen.title, micro(&screen.shows));
        text += &format!("\n### {title}\n\n{shows}\n\n```text\n{}\n```\n", screen.text.trim_end());
    }
    text += &format!("\n### {DONE}\n");
    for step in &lesson.done {
        text += &format!("\n{}\n", micro(&step.text));
        if !step.commands.is_empty() {
            text += &format!("\n```sh\n{}\n```\n", step.commands.join("\n"));
        }
    }
    for (heading, items) in [(FOOLS, &lesson.fools), (QUESTIONS, &lesson.questions)] {
        if !items.is_empty() {
            text += &format!("\n### {heading}\n\n{}", list(items));
        }
    }
    text
}

/// As LaTeX, to be included. LaTeX reads no SVG: a figure is there once another program has made a PDF of it, and
/// until then in its place how to.
pub(super) fn latex(report: &LessonReport, lesson: &Lesson) -> String {
    let list = |items: &[String]| -> String {
        let items = items.iter().map(|s| format!("  \\item {}\n", markup::escape(&micro(s))));
        format!("\\begin{{itemize}}\\sloppy\n{}\\end{{itemize}}\n", items.collect::<String>())
    };
    let mut text = format!(
        "% Lab {}, {}: \\input{{lab.tex}} after {}.\n{TO_PDF}{}{}",
        report.lab,
        report.started_at,
        markup::PACKAGES,
        list(&lesson.sentences),
        markup::latex(&lesson.tables)
    );
    text.extend(lesson.figures.iter().map(figure));
    for screen in &lesson.screens {
        let (title, shows) = (markup::escape(&screen.title), markup::escape(&micro(&screen.shows)));
        let screen = screen.text.trim_end();
        text += &format!(
            "\\paragraph{{{title}}}\n{shows}\n\\begin{{verbatim}}\n{screen}\n\\end{{verbatim}}\n"
        );
    }
    text += &format!("\\paragraph{{{}}}\n", markup::escape(DONE));
    for step in &lesson.done {
        text += &format!("{}\n", markup::escape(&micro(&step.text)));
        if !step.commands.is_empty() {
            text +=
                &format!("\\begin{{verbatim}}\n{}\n\\end{{verbatim}}\n", step.commands.join("\n"));
        }
    }
    for (heading, items) in [(FOOLS, &lesson.fools), (QUESTIONS, &lesson.questions)] {
        if !items.is_empty() {
            text += &format!("\\paragraph{{{}}}\n{}", markup::escape(heading), list(items));
        }
    }
    text
}

/// A figure, if its file for LaTeX exists.
fn figure(figure: &Figure) -> String {
    let (id, title) = (figure.id, markup::escape(&figure.title));
    let shows = markup::escape(&micro(&figure.shows));
    format!(
        "\\IfFileExists{{{id}.pdf}}{{%\n  \\begin{{figure}}[htbp]\n    \\centering\n    \
         \\includegraphics[width=\\linewidth]{{{id}.pdf}}\n    \\caption{{{title}. {shows}}}\n  \\end{{figure}}%\n}}{{%\n  \
         \\paragraph{{{title}}} {shows} \\emph{{The figure is made by}} \\texttt{{rsvg-convert -f pdf -o {id}.pdf {id}.svg}}.%\n}}\n"
    )
}
