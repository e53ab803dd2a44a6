//! Parses the output of strace(1).

/// `strace -c`: a table with the calls in the fourth column, errors in the fifth if there were any, and
/// the name in the last; a line of dashes above and below it.
pub(super) fn parse(text: &str) -> Vec<(String, u64)> {
    let rows = text.lines().skip_while(|line| !is_rule(line)).skip(1);
    let rows = rows.take_while(|line| !is_rule(line));
    let counts = rows.filter_map(|row| {
        let words: Vec<_> = row.split_whitespace().collect();
        let (calls, name) = (words.get(3)?, words.get(4..)?.last()?);
        Some(((*name).to_string(), calls.parse().ok()?))
    });
    counts.collect()
}

fn is_rule(line: &str) -> bool {
    line.starts_with("-----")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
        pairs.iter().map(|(name, n)| ((*name).to_string(), *n)).collect()
    }

    #[test]
    fn the_table_of_strace_has_errors_in_some_rows_and_a_sum_below() {
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000030           1        40           write
 40.00    0.000020           2        12         3 read
------ ----------- ----------- --------- --------- ----------------
100.00    0.000050           0        52         3 total
";
        assert_eq!(parse(text), counts(&[("write", 40), ("read", 12)]));
        assert_eq!(parse("strace: Process 7 detached\n"), []);
    }

    proptest! {
        #[test]
        fn garbage_has_no_calls_and_does_not_stop_the_reader(
            text in "([-]{6}|[ -~]{0,30}|[0-9]{1,22}|\n){0,20}",
        ) {
            prop_assert!(parse(&text).len() <= text.lines().count());
        }
    }
}
