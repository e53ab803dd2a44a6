//! The report as people read it.

use std::fmt::Write as _;

use crate::document::{DoctorReport, Finding, Status, Validity};

/// What is bad first, with why and how to mend it; then what is well.
pub(super) fn report(report: &DoctorReport) -> String {
    let mut text = String::new();
    for (status, heading) in
        [(Status::Fail, "would spoil every measurement"), (Status::Warn, "to be kept in mind")]
    {
        let found: Vec<_> = report.findings.iter().filter(|f| f.status == status).collect();
        if found.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{heading}:");
        for Finding { name, value, limit, why, mend, .. } in found {
            let _ = writeln!(text, "\n  {name}: {value}\n    should be: {limit}\n    why: {why}");
            if !mend.is_empty() {
                let _ = writeln!(text, "    mend: {mend}");
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
        Validity::Suspect => "measurements are possible; keep the above in mind\n",
        Validity::Invalid => "measurements here are not to be trusted until that is mended\n",
    });
    text
}
