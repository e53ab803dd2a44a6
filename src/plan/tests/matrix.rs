//! Valid matrices, and which value wins if a setting is given twice.

use super::*;

#[test]
fn a_workloads_own_setting_wins_over_the_plans() {
    let text = VARIED.replacen("server = { workers = 2 }", "server = { backlog = 5 }", 1);
    let plan = Plan::parse(&text).expect("in order");
    let backlogs = [0, 8].map(|at| plan.server_of(&plan.workloads[at]).backlog);
    assert_eq!(backlogs, [77, 5]);
}

#[test]
fn a_name_follows_from_the_others() {
    let text = VARIED.replacen("idle-connections = [0, 2_000] }", "name = [\"a\", \"b\"] }", 1);
    assert_ne!(text, VARIED);
    assert!(error(&text).contains("the name cannot be varied"), "{}", error(&text));
}

#[test]
fn the_line_is_that_of_the_matrix() {
    let line = 1 + VARIED.lines().position(|line| line.starts_with("matrix =")).expect("a matrix");
    let wrong = VARIED.replacen("= [1, 2], \"req", "= [], \"req", 1);
    assert!(error(&wrong).contains(&format!("line {line},")), "{}", error(&wrong));
}

#[test]
fn a_thousand_points_are_enough() {
    let head = VARIED.split("[[workload]]").next().expect("a head");
    let of = |points: usize| {
        let values: Vec<String> = (0..points).map(|n| n.to_string()).collect();
        format!(
            "\n[[workload]]\nname = \"w{points}\"\nrequest = {{ kind = \"echo\" }}\n\
             arrivals = {{ kind = \"closed\" }}\nmatrix.idle-connections = [{}]\n",
            values.join(", ")
        )
    };
    let one = error(&format!("{head}{}", of(1_001)));
    assert!(one.contains("too many points"), "{one}");
    let two = error(&format!("{head}{}{}", of(500), of(501)));
    assert!(two.contains("1001 workloads are too many"), "{two}");
}
