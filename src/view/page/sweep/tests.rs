use super::*;
use crate::analysis::synthetic::{closed, point, summary};
use crate::view::figures;

fn swept(cells: Vec<Cell>) -> Summary {
    summary(cells)
}

/// epoll stays, fork falls from twice that to half of it.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (at, x) in [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0].into_iter().enumerate() {
        let fork = [2e5, 1.6e5, 1.3e5, 8e4, 6e4, 5e4][at];
        for (model, usual) in [("fork", fork), ("epoll", 1e5)] {
            let values = [0.99, 1.0, 1.01, 1.0, 0.995].map(|factor| factor * usual);
            cells.push(point(closed(model, &values), "many", "connections", x));
        }
    }
    cells
}

#[test]
fn the_section_says_what_is_sure_and_has_every_point() {
    let summary = swept(cells());
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
