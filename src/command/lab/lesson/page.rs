//! The page of a small lab: one HTML file without a script, which can be printed too.

use maud::{DOCTYPE, Markup, html};

use super::{Figure, Lesson, drawing};
use crate::document::LessonReport;
use crate::view::export::markup;
use crate::view::page::{self, micro};

const OWN_STYLE: &str = include_str!("lesson.css");

/// The page.
pub(super) fn html(report: &LessonReport, lesson: &Lesson) -> String {
    let style = format!("{}{OWN_STYLE}", drawing::STYLE);
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            (page::head(&format!("c10k lab: {}", report.lab), &style))
            body {
                main {
                    h1 { (report.question) }
                    p.meta {
                        "Lab " (report.lab) ", " (report.started_at)
                        @if report.quick { ", quick form: short waits and few rounds" }
                    }
                    section id="question" {
                        h2 { "The question" }
                        @for paragraph in &lesson.question { p { (micro(paragraph)) } }
                    }
                    (prediction(lesson))
                    (done(lesson))
                    (found(lesson))
                    (list("fools", "Misleading conclusions", &lesson.fools))
                    (list("questions", "Questions", &lesson.questions))
                    (page::ends::machine(&report.host))
                    (files(report, lesson))
                }
            }
        }
    };
    body.into_string()
}

fn prediction(lesson: &Lesson) -> Markup {
    html! {
        section id="prediction" {
            h2 { "First, predict" }
            p { "Write down your answers before you open the measurements or scroll on. You remember best what \
                 surprises you." }
            @for prediction in &lesson.predictions {
                p { (prediction.question) }
                details {
                    summary { "What was measured" }
                    @if prediction.answers.is_empty() { p { "This run does not answer the question." } }
                    ul { @for said in &prediction.answers { li { (micro(said)) } } }
                }
            }
        }
    }
}

fn done(lesson: &Lesson) -> Markup {
    html! {
        section id="done" {
            h2 { "The steps, and how to do them by hand" }
            @for step in &lesson.done {
                p { (micro(&step.text)) }
                @if !step.commands.is_empty() { pre { code { (step.commands.join("\n")) } } }
            }
        }
    }
}

fn found(lesson: &Lesson) -> Markup {
    html! {
        section id="found" {
            h2 { "Results" }
            ul.answer { @for said in &lesson.sentences { li { (micro(said)) } } }
            @for figure in &lesson.figures { (figure_on_page(figure)) }
            @for table in &lesson.tables { (markup::html(table)) }
            @for screen in &lesson.screens {
                h3 { (screen.title) }
                p { (micro(&screen.shows)) }
                pre.tree { code { (screen.text) } }
            }
        }
    }
}

fn figure_on_page(figure: &Figure) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { (figure.title) }
            p { (micro(&figure.shows)) }
            (figure.drawing.legend())
            (figure.drawing.svg)
        }
    }
}

fn list(id: &str, title: &str, items: &[String]) -> Markup {
    html! {
        @if !items.is_empty() {
            section id=(id) {
                h2 { (title) }
                ul.long { @for item in items { li { (micro(item)) } } }
            }
        }
    }
}

fn files(report: &LessonReport, lesson: &Lesson) -> Markup {
    let drawn: Vec<String> =
        lesson.figures.iter().map(|figure| format!("{}.svg", figure.id)).collect();
    html! {
        section id="files" {
            h2 { "Files" }
            p {
                "c10k " (report.program_version) ". Beside this page: lab.json (all that was measured), lab.md and lab.tex \
                 (for a report of your own; LaTeX needs the package booktabs), and the figures: " (drawn.join(", ")) "."
            }
        }
    }
}
