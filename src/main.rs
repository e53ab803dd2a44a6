//! The program: see `c10k --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    c10k::main()
}
