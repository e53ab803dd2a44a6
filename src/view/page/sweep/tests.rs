use super::*;
use crate::analysis::synthetic::{crossing, summary};
use crate::view::figures;

#[test]
fn the_section_says_what_is_sure_and_has_every_point() {
    let summary = summary(crossing());
    let series = figures::series(&summary);
    let figures = figures::of_series(&summary, &series[0].1);
    let caveats = Caveats::default();
    let (section, top) = section(
        &summary,
        &series[0],
        &figures.iter().collect::<Vec<_>>(),
        &html! {},
        &caveats,
        Place::Section,
    );
    assert_eq!(top.into_string(), "");
    let html = section.into_string();
    assert!(html.contains("fork is better by throughput; above that, epoll."), "{html}");
    assert!(
        html.contains("How it scales") && html.contains("<th scope=\"row\">epoll</th>"),
        "{html}"
    );
    assert_eq!(html.matches("class=\"plot\"").count(), 7);
}
