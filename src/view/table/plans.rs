//! The list of built-in plans.

use super::table;

/// Name, question, trials and time of each.
#[must_use]
pub fn plans(rows: impl Iterator<Item = [String; 4]>) -> String {
    let mut table = table(&["plan", "question", "trials", "about"], 2);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
