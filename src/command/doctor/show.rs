//! The report as text.

use std::fmt::Write as _;

use crate::document::{DoctorReport, Finding, Status, Validity};

/// Findings to fix first, with reason and fix; then the others.
pub(super) fn report(report: &DoctorReport) -> String {
    let mut text = String::new();
    for (status, heading) in [(Status::Fail, "spoils every measurement"), (Status::Warn, "caveats")]
    {
        let found: Vec<_> = report.findings.iter().filter(|f| f.status == status).collect();
        if found.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{heading}:");
        for Finding { name, value, limit, why, mend, .. } in found {
            let _ = writeln!(text, "\n  {name}: {value}\n    should be: {limit}\n    why: {why}");
            if !mend.is_empty() {
                let _ = writeln!(text, "    fix: {mend}");
            }
        }
        text.push('\n');
    }
    let _ = writeln!(text, "as it should be:\n");
    let well = report.findings.iter().filter(|finding| finding.status == Status::Pass);
    for Finding { name, value, .. } in well {
        let _ = writeln!(text, "  {name}: {value}");
    }
    text.push('\n');
    text.push_str(match report.verdict {
        Validity::Valid => "nothing here spoils a measurement\n",
        Validity::Suspect => "measurements are possible, with the caveats above\n",
        Validity::Invalid => "do not trust measurements here until this is fixed\n",
    });
    text
}
