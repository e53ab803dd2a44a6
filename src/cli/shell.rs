//! What a shell and man(1) are given: completions, and a manual page for each command.

use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::Cli;
use crate::base::{self, usage};
use crate::document::store;

/// Where a command's help has its exit codes, after its examples.
const EXIT_CODES: &str = "Exit codes:";
const EXAMPLES: &str = "Examples:";

/// Prints completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "c10k", &mut text);
    base::print(&String::from_utf8(text)?)
}

/// Prints the page of the program or of one command; or writes all of them to a folder.
pub(super) fn manual(what: Option<&str>) -> Result<()> {
    let program = built();
    let page = match what {
        None => Some(&program),
        Some(name) => commands(&program).find(|command| command.get_name() == name),
    };
    if let Some(command) = page {
        return base::print(&String::from_utf8(rendered(command)?)?);
    }
    let folder = Path::new(what.unwrap_or("."));
    if !folder.is_dir() {
        return Err(usage(format!(
            "'{}' is neither a command nor a folder: write c10k man for the program's page, c10k \
             man run for a command's, or create the folder for all pages",
            folder.display()
        )));
    }
    for command in std::iter::once(&program).chain(commands(&program)) {
        let file = folder.join(Man::new(command.clone()).get_filename());
        store::write(&file, &rendered(command)?)
            .with_context(|| format!("the page of {}", command.get_name()))?;
    }
    Ok(())
}

/// The program's command line with all names in place.
fn built() -> Command {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    program
}

/// The commands that have a page: those that help lists.
fn commands(program: &Command) -> impl Iterator<Item = &Command> {
    program.get_subcommands().filter(|command| !command.is_hide_set())
}

/// A page as man(1) reads it. Examples keep their lines.
fn rendered(command: &Command) -> Result<Vec<u8>> {
    let man = Man::new(command.clone()).manual("c10k");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let (examples, codes) = help.split_once(EXIT_CODES).unwrap_or((&help, ""));
    let mut end = Roff::new();
    if !examples.trim().is_empty() {
        end.control("SH", ["EXAMPLES"]).control("nf", []);
        let examples = examples.trim_end().trim_start_matches(EXAMPLES).trim_matches('\n');
        for line in examples.lines() {
            end.text([roman(line)]);
        }
        end.control("fi", []);
    }
    if !codes.is_empty() {
        end.control("SH", ["EXIT STATUS"]).text([roman(codes.trim().replace('\n', " "))]);
    }
    end.to_writer(&mut page)?;
    Ok(page)
}
