//! Suggestions for unknown names.

/// A name that is less like another was not meant to be that one.
const ALIKE: f64 = 0.7;

/// The known name that is most like `word`, if any is much like it.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(word, known), known));
    let near = scored.filter(|(score, _)| *score > ALIKE);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// `; did you mean this?`, if something is near; to stand behind what is not known.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// The same, and where nothing is near all names after `these`, as in `its workloads are`.
pub(crate) fn did_you_mean_or(word: &str, these: &str, known: &[&str]) -> String {
    let hint = did_you_mean(word, known.iter().copied());
    if hint.is_empty() { format!("; {these} {}", known.join(", ")) } else { hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_offered_and_what_is_not_is_listed() {
        let known = ["epoll", "select", "thread-pool"];
        assert_eq!(did_you_mean("epol", known.into_iter()), "; did you mean epoll?");
        assert_eq!(did_you_mean("zzz", known.into_iter()), "");
        assert_eq!(did_you_mean_or("selekt", "they are", &known), "; did you mean select?");
        let listed = did_you_mean_or("zzz", "they are", &known);
        assert_eq!(listed, "; they are epoll, select, thread-pool");
    }
}
