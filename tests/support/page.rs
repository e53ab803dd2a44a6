//! The parts of a page.

use serde_json::Value;

/// The page without its scripts and its data: what a browser reads as HTML and CSS.
pub(crate) fn markup(page: &str) -> String {
    let mut rest = page;
    let mut markup = String::new();
    while let Some((before, after)) = rest.split_once("<script") {
        markup.push_str(before);
        rest = after.split_once("</script>").map_or("", |(_, after)| after);
    }
    markup + rest
}

/// The data that the page's script draws.
pub(crate) fn data(page: &str) -> Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let (_, after) = page.split_once(start).expect("the page has data");
    let (data, _) = after.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("JSON")
}

/// Asserts that the page refers to nothing outside of it, and that its policy lets the browser load nothing.
pub(crate) fn assert_needs_nothing_else(page: &str) {
    // References to fill patterns lead to the page itself.
    let markup = markup(page).replace("url(#", "");
    for reference in ["src=", "srcset=", "url(", "@import", "<link", "<base", "http://", "https://"]
    {
        assert!(!markup.contains(reference), "the page refers to something: {reference}");
    }
    for href in markup.split("href=\"").skip(1) {
        let href = href.split('"').next().unwrap_or_default();
        // Links to files of the run are allowed, because the browser loads them only on request.
        let own = href.starts_with("trials/")
            || ["plan.toml", "summary.json", "trials.jsonl.gz"].contains(&href);
        let inside = own && !href.contains("..") && !href.contains(':');
        assert!(href.starts_with('#') || inside, "the page refers to something: {href}");
    }
    for (at, _) in page.match_indices("<script") {
        let tag = &page[at..at + page[at..].find('>').expect("a tag ends")];
        assert!(tag == "<script" || tag.ends_with("id=\"data\""), "{tag}");
    }
    let policy = markup.split_once("http-equiv=\"Content-Security-Policy\" content=\"");
    let policy = policy.and_then(|(_, rest)| rest.split_once('"')).expect("a policy").0;
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let sources = policy.split([' ', ';']).filter(|word| word.contains([':', '.', '*']));
    assert!(sources.eq(["data:", "blob:"]), "{policy}");
}
