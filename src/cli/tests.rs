//! Every command that the program or its documents show is valid.

use clap::Parser;

use super::Cli;

/// The commands in a text: in each line from `c10k` on, without what the shell would do with the rest.
fn commands(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let begins = |line: &str| line.trim_start_matches([' ', '$']).starts_with("c10k ");
    let shown = text.lines().filter(|line| begins(line));
    let one = |line: &str| {
        let line = line.trim_start_matches([' ', '$']);
        let end = ["  ", " & ", " | ", " > ", " #"].iter().filter_map(|end| line.find(end)).min();
        line[..end.unwrap_or(line.len())].trim_end_matches(" &").to_string()
    };
    shown.map(one).collect()
}

fn is_taken(command: &str) -> Result<(), String> {
    let places = ["<run-id>", "<other-run-id>", "<trial>", "<a>", "<b>"];
    let typed = places.iter().fold(command.to_string(), |text, place| text.replace(place, "one"));
    // As the shell would have it.
    let typed = typed.replace("$k", "0").replace("$at", "2026-01-01T00:00:00Z");
    let words = shlex::split(&typed).ok_or("a quotation mark is missing")?;
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) if !error.use_stderr() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn every_command_that_is_shown_is_taken() {
    let mut texts = vec![
        ("README.md", include_str!("../../README.md").to_string()),
        ("docs/commands.md", include_str!("../../docs/commands.md").to_string()),
        ("docs/check.md", include_str!("../../docs/check.md").to_string()),
        ("docs/labs.md", include_str!("../../docs/labs.md").to_string()),
        ("docs/models.md", include_str!("../../docs/models.md").to_string()),
        ("docs/tutorial.md", include_str!("../../docs/tutorial.md").to_string()),
    ];
    let mut command = <Cli as clap::CommandFactory>::command();
    command.build();
    texts.push(("c10k --help", command.render_long_help().to_string()));
    for command in command.get_subcommands_mut() {
        texts.push(("a command's --help", command.render_long_help().to_string()));
    }
    let mut shown = 0;
    for (place, text) in texts {
        for command in commands(&text) {
            shown += 1;
            is_taken(&command).unwrap_or_else(|error| panic!("{place}: {command}: {error}"));
        }
    }
    assert!(shown > 60, "{shown} commands were found");
    assert!(is_taken("c10k load --no-such-option").is_err());
}

#[test]
fn every_command_on_a_page_is_taken() {
    let source = include_str!("../view/page/recommend.rs");
    let shown: Vec<&str> =
        source.split("code { \"").skip(1).filter_map(|part| part.split("\" }").next()).collect();
    let shown: Vec<&&str> = shown.iter().filter(|code| code.starts_with("c10k ")).collect();
    assert!(shown.len() >= 2, "{shown:?}");
    for command in shown {
        let typed =
            command.replace("MODEL", "epoll").replace("CONNECTIONS", "50").replace("RATE", "1000");
        is_taken(&typed).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

/// What each command says of itself on a terminal of a hundred columns.
#[test]
fn help_is_what_it_was() {
    let mut command = <Cli as clap::CommandFactory>::command().term_width(100);
    command.build();
    insta::assert_snapshot!("c10k", command.render_long_help().to_string());
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let help = command.render_long_help().to_string();
        insta::assert_snapshot!(command.get_name().to_string(), help);
    }
}
