//! Host lists in Slurm's notation.

/// The first host of a list such as `node[003-010,12],login1`.
pub(super) fn first(list: &str) -> Option<String> {
    let mut host = String::new();
    let mut rest = list.chars();
    while let Some(c) = rest.next() {
        match c {
            ',' => break,
            '[' => {
                let range: String = rest.by_ref().take_while(|c| *c != ']').collect();
                host.push_str(range.split(['-', ',']).next()?);
            }
            c => host.push(c),
        }
    }
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn the_first_host_of_a_list() {
        for (list, host) in [
            ("node1", "node1"),
            ("node1,node2", "node1"),
            ("node[1-3,7]", "node1"),
            ("node[003-010,12],login1", "node003"),
            ("rack[2-3]n[04,06]-ib,rack9", "rack2n04-ib"),
            ("127.0.0.[2-4]", "127.0.0.2"),
        ] {
            assert_eq!(first(list).as_deref(), Some(host), "{list}");
        }
        assert_eq!(first(""), None);
    }
}
