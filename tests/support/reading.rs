//! What a reader needs from the page besides its figures: links with targets, fields that are where the page says, and
//! text with enough contrast.

use c10k::document::Trial;
use serde_json::Value;

/// Asserts that every link within the page has a target in it.
pub(crate) fn assert_links_lead_somewhere(page: &str) {
    let mut seen = 0;
    for link in page.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap_or_default();
        let places = page.matches(&format!("id=\"{id}\"")).count();
        assert_eq!(places, 1, "#{id}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} links");
}

/// Asserts that headings go down one level at a time.
pub(crate) fn assert_headings_in_order(page: &str) {
    let levels = page
        .match_indices("<h")
        .filter_map(|(at, _)| page[at + 2..].chars().next().and_then(|level| level.to_digit(10)));
    let mut last = 0;
    for level in levels {
        assert!(level <= last + 1, "h{level} after h{last}");
        last = level;
    }
    assert!(last > 0, "no headings");
}

/// The fields that the page names, each with its file.
pub(crate) fn fields(page: &str) -> Vec<(String, String)> {
    let (_, table) = page.split_once("id=\"sources\"").expect("a section");
    let (table, _) = table.split_once("</table>").expect("a table");
    let row = |row: &str| {
        let (_, file) = row.split_once("<td>")?;
        let (file, rest) = file.split_once("</td>")?;
        let (_, field) = rest.split_once("<code>")?;
        Some((file.to_string(), field.split_once("</code>")?.0.to_string()))
    };
    table.split("<tr>").filter_map(row).collect()
}

/// Asserts that each field is in the summary, or in some trial.
pub(crate) fn assert_fields_are_there(
    fields: &[(String, String)],
    summary: &Value,
    trials: &[Value],
) {
    for (file, field) in fields {
        let found = match file.as_str() {
            "summary.json" => at(summary, field),
            _ => trials.iter().flat_map(|trial| at(trial, field)).collect(),
        };
        assert!(found.iter().any(|value| !value.is_null()), "{file}: {field}");
    }
    for wanted in ["cells[].throughput_per_s.median", "noise[].smallest_detectable", "load.request"]
    {
        assert!(fields.iter().any(|(_, field)| field == wanted), "{wanted} in {fields:?}");
    }
}

/// Asserts that a row's throughput is the median of the trials that it links to.
pub(crate) fn assert_row_is_of_its_trials(page: &str, cell: &Value, trials: &[Trial]) {
    let mut rates: Vec<f64> = trials.iter().map(|trial| trial.throughput_per_s).collect();
    rates.sort_by(f64::total_cmp);
    let model = cell["model"].as_str().expect("a name");
    let head = format!("<th scope=\"row\" data-v=\"{model}\">");
    let row = page.split(&head).nth(1).expect("a row").split("</tr>").next().expect("its end");
    assert!(row.contains(&format!("data-v=\"{}\"", rates[rates.len() / 2])), "{rates:?}: {row}");
    for file in cell["trials"].as_array().expect("trials").iter().filter_map(Value::as_str) {
        assert!(row.contains(&format!("title=\"{file}\"")), "{row}");
    }
}

/// The values at a path, in which `[]` stands for every entry of a list.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![value], |found, step| {
        let name = step.trim_end_matches("[]");
        let inner = found.into_iter().filter_map(|value| value.get(name));
        if name == step {
            inner.collect()
        } else {
            inner.filter_map(Value::as_array).flatten().collect()
        }
    })
}

/// A colour of CSS as its relative luminance (WCAG).
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal");
        let share = f64::from(value) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

/// The contrast ratio of a text and its background, from 1 to 21.
fn contrast(text: &str, ground: &str) -> f64 {
    let (a, b) = (luminance(text), luminance(ground));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The value of a property in a block of CSS.
fn property<'a>(block: &'a str, name: &str) -> &'a str {
    let (_, rest) = block.split_once(&format!("--{name}: ")).expect("a property");
    rest.split(';').next().expect("a value")
}

/// Asserts the contrast of every kind of text on all its backgrounds, in both colour schemes and on paper.
pub(crate) fn assert_contrasts(style: &str) {
    let schemes = style.split(":root {").skip(1);
    let schemes: Vec<&str> = schemes.map(|part| part.split('}').next().expect("an end")).collect();
    assert_eq!(schemes.len(), 3, "light, dark, paper");
    for scheme in schemes {
        for ground in ["paper", "head"].map(|name| property(scheme, name)) {
            for ink in ["ink", "faint", "link"].map(|name| property(scheme, name)) {
                let contrast = contrast(ink, ground);
                assert!(contrast >= 4.5, "{ink} on {ground}: {contrast:.2}");
            }
        }
    }
    assert!(contrast("#8a8a8a", "#ffffff") < 4.5, "a wrong one is seen");
}
