//! The document that draws the tables.

use std::fmt::Write as _;

use crate::document::Summary;
use crate::view::export::markup::escape;

/// One figure.
pub(super) struct Plot {
    /// The table that it draws.
    pub(super) file: String,
    pub(super) title: String,
    /// What its axes are beside the usual.
    pub(super) options: String,
    /// The title of the axis across.
    pub(super) across: String,
    /// The title of the axis upwards.
    pub(super) up: String,
    /// With bars: the column that they show.
    pub(super) bars: Option<&'static str>,
    /// The models.
    pub(super) series: Vec<String>,
}

/// Okabe and Ito's colours without yellow; marks and dashes tell what colours cannot.
const PREAMBLE: &str = r"% Compile in this folder: pdflatex figures.tex
\documentclass{article}
\usepackage[margin=20mm]{geometry}
\usepackage{pgfplots}
\pgfplotsset{compat=1.16}
\definecolor{c1}{HTML}{000000}
\definecolor{c2}{HTML}{E69F00}
\definecolor{c3}{HTML}{56B4E9}
\definecolor{c4}{HTML}{009E73}
\definecolor{c5}{HTML}{0072B2}
\definecolor{c6}{HTML}{D55E00}
\definecolor{c7}{HTML}{CC79A7}
\pgfplotsset{
  c10k/.style={
    width=155mm, height=90mm, grid=major, grid style={black!12}, unbounded coords=jump,
    mark size=1.6pt, tick label style={font=\small}, label style={font=\small},
    title style={font=\small}, error bars/error bar style={line width=0.3pt},
    legend style={at={(0.5,-0.18)}, anchor=north, draw=none, font=\footnotesize, legend columns=4,
    cells={anchor=west}},
    cycle list name=c10k,
  },
}
";

const COLOURS: usize = 7;
const DASHES: [&str; 3] = ["solid", "densely dashed", "densely dotted"];
const MARKS: [&str; 7] = ["*", "square*", "triangle*", "diamond*", "pentagon*", "x", "+"];

/// Every mark with every colour comes once before any comes again.
fn cycle() -> String {
    let mut text = "\\pgfplotscreateplotcyclelist{c10k}{%\n".to_string();
    for (shift, dash) in DASHES.iter().enumerate() {
        for colour in 0..COLOURS {
            let mark = MARKS[(colour + 2 * shift) % MARKS.len()];
            let _ = writeln!(
                text,
                "  {{c{}, {dash}, mark={mark}, mark options={{solid}}}},%",
                colour + 1
            );
        }
    }
    text + "}\n"
}

/// The document.
pub(super) fn text(summary: &Summary, plots: &[Plot]) -> String {
    let mut text = PREAMBLE.to_string() + &cycle();
    let run = &summary.run;
    let _ = write!(
        text,
        "\\begin{{document}}\\pagestyle{{empty}}\n\\noindent Plan {}, run {}, {}, {}.\n\
         \\texttt{{{}}}\n\n",
        escape(&run.plan),
        escape(&run.id),
        escape(&summary.host.kernel),
        escape(&summary.host.cpu_model),
        escape(&run.command.join(" "))
    );
    for plot in plots {
        text.push_str(&one(plot));
    }
    text + "\\end{document}\n"
}

fn one(plot: &Plot) -> String {
    let Plot { file, title, options, across, up, bars, series } = plot;
    let [title, across, up] = [title, across, up].map(|text| escape(text));
    let mut text = "\\noindent\\begin{tikzpicture}\n".to_string();
    if let Some(column) = bars {
        let names = series.join(",");
        // A bar's width and its distance from the next.
        let height = 20 + 5 * series.len();
        let _ = write!(
            text,
            "\\begin{{axis}}[c10k, xbar, xmin=0, bar width=2.5mm, height={height}mm, \
             title={{{title}}}, xlabel={{{across}}},\n  symbolic y coords={{{names}}}, \
             ytick=data, y dir=reverse, enlarge y limits={{abs=4mm}}]\n\
             \\addplot+[fill, fill opacity=0.5, mark=none, \
             error bars/.cd, x dir=both, x explicit]\n  \
             table[x={column}, y=model, x error minus={column}_minus, \
             x error plus={column}_plus] {{{file}}};\n"
        );
    } else {
        let options = if options.is_empty() { String::new() } else { format!(" {options},") };
        let _ = writeln!(
            text,
            "\\begin{{axis}}[c10k,{options} title={{{title}}}, xlabel={{{across}}}, \
             ylabel={{{up}}}]"
        );
        for model in series {
            let _ = write!(
                text,
                "\\addplot+[error bars/.cd, y dir=both, y explicit]\n  table[x=x, y={model}, \
                 y error minus={model}_minus, y error plus={model}_plus] {{{file}}};\n\
                 \\addlegendentry{{{model}}}\n"
            );
        }
    }
    text + "\\end{axis}\n\\end{tikzpicture}\\par\\bigskip\n\n"
}
