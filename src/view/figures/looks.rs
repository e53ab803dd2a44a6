//! How a model looks in every figure, on the page and in print: its family chooses the colour, its
//! number in the family the shade, the dash and the mark.

use std::collections::BTreeMap;

use servers::models::{self, MODELS, VARIANTS};

use crate::document::Colours;

/// The family of models that this version does not have.
const OTHER: &str = "other";

/// The shades of a family: on white, and on a dark screen.
type Shades = [[&'static str; 3]; 2];

const FAMILIES: [(&str, Shades); 7] = [
    ("sequential", [["#6b5b4d", "#3d332b", "#8f7d6c"], ["#bba78f", "#ddd0bf", "#94826d"]]),
    ("process", [["#c2410c", "#7c2d12", "#e0662e"], ["#ff8a55", "#ffc2a6", "#e0662e"]]),
    ("thread", [["#b8860b", "#755600", "#9c8245"], ["#f0c04a", "#fbe2a6", "#c79a2a"]]),
    ("reactor", [["#0068b3", "#003a66", "#3d92d6"], ["#62b6f7", "#b5dcff", "#3d92d6"]]),
    ("proactor", [["#00805a", "#004d36", "#1f9d76"], ["#3fd1a0", "#a5efd5", "#1f9d76"]]),
    ("async", [["#a8437f", "#6b1f4c", "#cf6fa8"], ["#ea9cc9", "#f7d3e8", "#c26a9e"]]),
    (OTHER, [["#555555", "#2b2b2b", "#6f7f96"], ["#bbbbbb", "#e3e3e3", "#8d9cb3"]]),
];

/// Ordered by lightness, so that they can be told apart in grey too.
const PARTS: [[&str; 6]; 2] = [
    ["#334155", "#b45f74", "#7f8ea3", "#d9a3ae", "#bcc6d3", "#e3e3e3"],
    ["#e2e8f0", "#d9899c", "#94a3b8", "#a3586c", "#64748b", "#4a4a4a"],
];

/// The colours of all families.
pub(super) fn families() -> BTreeMap<String, Colours> {
    FAMILIES.iter().map(|(name, [light, dark])| ((*name).into(), colours(light, dark))).collect()
}

/// The colours of parts.
pub(super) fn parts() -> Colours {
    let [light, dark] = &PARTS;
    colours(light, dark)
}

fn colours(light: &[&str], dark: &[&str]) -> Colours {
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_string()).collect();
    Colours { light: texts(light), dark: texts(dark) }
}

/// A model's family; `other` if this version does not have the model.
pub(crate) fn family(model: &str) -> &'static str {
    models::find(model).map_or(OTHER, |model| model.family.name())
}

/// A model's number in its family, so that it looks the same in every run; `None` if this version
/// does not have the model.
pub(crate) fn member(model: &str) -> Option<usize> {
    let family = models::find(model)?.family.name();
    let own = MODELS.iter().chain(VARIANTS).filter(|other| other.family.name() == family);
    own.map(|other| other.name).position(|name| name == model)
}

/// The numbers of some models. Models that this version does not have are numbered in order of
/// appearance.
pub(super) fn members<'a>(models: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut numbers = BTreeMap::new();
    let mut others = 0;
    for model in models {
        numbers.entry(model).or_insert_with(|| {
            member(model).unwrap_or_else(|| {
                others += 1;
                others - 1
            })
        });
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of a colour, as the guidelines for web content define it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
            let share = f64::from(value) / 255.0;
            if share <= 0.03928 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        (a / b).max(b / a)
    }

    #[test]
    fn every_line_can_be_seen_on_its_ground_and_no_colour_is_there_twice() {
        for (ground, of) in [("#ffffff", 0), ("#161616", 1)] {
            let all: Vec<&str> = FAMILIES.iter().flat_map(|(_, shades)| shades[of]).collect();
            for (at, colour) in all.iter().enumerate() {
                let seen = contrast(colour, ground);
                assert!(seen >= 3.0, "{colour} on {ground}: {seen:.2}");
                assert!(!all[..at].contains(colour), "{colour} twice");
            }
        }
    }

    #[test]
    fn each_family_of_the_catalogue_has_colours() {
        for model in MODELS {
            assert!(families().contains_key(model.family.name()), "{}", model.name);
        }
    }

    #[test]
    fn a_model_has_one_number_whatever_is_beside_it() {
        let alone = members(["epoll"]);
        let beside = members(["mine", "fork", "poll", "epoll", "yours-too"]);
        assert_eq!(alone["epoll"], beside["epoll"]);
        assert_ne!(beside["epoll"], beside["poll"]);
        assert_eq!((beside["mine"], beside["yours-too"]), (0, 1));
    }
}
