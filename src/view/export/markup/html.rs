//! Tables in HTML, each in a box that scrolls.

use maud::{Markup, html};

use crate::view::export::sheet::{Column, Row, Sheet, Text};

/// One table; its label is its id. The first entry of a row is the row's head.
pub(crate) fn html(sheet: &Sheet) -> Markup {
    html! {
        div.scroll {
            table id=(sheet.label) {
                caption { span { (sheet.title) } }
                thead { tr { @for column in &sheet.columns { th scope="col" class=[class(column)] { (column.header()) } } } }
                tbody {
                    @for row in &sheet.rows {
                        tr class=[row.invalid.then_some("invalid")] {
                            @for (at, (column, entry)) in sheet.columns.iter().zip(&row.entries).enumerate() {
                                @if at == 0 {
                                    th scope="row" class=[class(column)] { (entry_of(sheet, row, at, entry)) }
                                } @else {
                                    td class=[class(column)] { (entry_of(sheet, row, at, entry)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @for (at, note) in sheet.notes.iter().enumerate() { p.note { (number(at)) " " (note) } }
        @if !sheet.remarks.is_empty() || !sheet.caption.is_empty() {
            p.note { (sheet.remarks.iter().chain(&sheet.caption).map(String::as_str).collect::<Vec<_>>().join(" ")) }
        }
    }
}

fn class(column: &Column) -> Option<&'static str> {
    (!column.number).then_some("words")
}

fn entry_of(sheet: &Sheet, row: &Row, at: usize, entry: &Text) -> Markup {
    html! {
        (entry.value)
        @if !entry.around.is_empty() { " " span.around { "(" (entry.around) ")" } }
        @if at == row.marked {
            @for note in row.marks.iter().filter(|note| **note < sheet.notes.len()) { (number(*note)) }
        }
    }
}

/// The mark of a note.
fn number(note: usize) -> Markup {
    html! { sup { (super::letters(note)) } }
}
