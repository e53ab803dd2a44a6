#!/bin/sh
# Begins a report on a run: the templates, the run's tables, its figures.
#
# usage: begin.sh RUN REPORT
#
# RUN is a folder that c10k run or c10k lab has written, REPORT a folder to be made. C10K names the program
# if it is not in PATH.
set -eu
if [ $# -ne 2 ] || ! [ -f "$1/summary.json" -o -f "$1/lab.json" ]; then
    echo "usage: begin.sh RUN REPORT   (RUN is a folder with a summary.json or a lab.json)" >&2
    exit 2
fi
run=$1 report=$2
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
C10K=${C10K:-$(command -v c10k || echo "$project/target/release/c10k")}
if ! "$C10K" --version >/dev/null 2>&1; then
    echo "there is no c10k at $C10K: put it into PATH, or name it with C10K=/path/to/c10k" >&2
    exit 2
fi
if [ -e "$report/report.md" ] || [ -e "$report/report.tex" ]; then
    echo "there is a report in $report already: give another folder" >&2
    exit 2
fi
mkdir -p "$report"

# A lab has tables of its own, which a run that was kept may lack: they are then made of a copy.
if [ -f "$run/lab.json" ] && ! [ -f "$run/lab.md" -a -f "$run/lab.tex" ]; then
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    cp -r "$run/." "$copy"
    "$C10K" lab stateful --from "$copy" >"$copy/said" 2>&1 || { cat "$copy/said" >&2; exit 1; }
    cp "$copy/lab.md" "$report/tables.md"
    cp "$copy/lab.tex" "$report/tables.tex"
elif [ -f "$run/lab.md" ] && [ -f "$run/lab.tex" ]; then
    cp "$run/lab.md" "$report/tables.md"
    cp "$run/lab.tex" "$report/tables.tex"
else
    "$C10K" export "$run" --to md -o "$report/tables.md"
    "$C10K" export "$run" --to latex -o "$report/tables.tex"
fi
if [ -f "$run/summary.json" ]; then "$C10K" export "$run" --to csv -o "$report/run.csv"; fi

plot() {
    if command -v uv >/dev/null; then
        uv run "$project/scripts/plot.py" "$@"
    else
        "${PYTHON:-python3}" "$project/scripts/plot.py" "$@"
    fi
}
# A small lab has drawn its figures itself; LaTeX reads them as PDF.
drawn=
for figure in "$run"/figure-*.svg; do
    [ -f "$figure" ] || continue
    drawn=yes
    cp "$figure" "$report/"
    name=$(basename "$figure" .svg)
    if ! rsvg-convert -f pdf -o "$report/$name.pdf" "$figure" 2>/dev/null; then
        echo "no $name.pdf for LaTeX: install rsvg-convert (librsvg2-bin)" >&2
    fi
done

# Of a lab its own figures: those of its run are many.
kinds=
if [ -f "$run/lab.json" ]; then kinds="--figures lab"; fi
# shellcheck disable=SC2086 # options are words
if [ -n "$drawn" ]; then
    :
elif "$C10K" export "$run" --to figures -o "$report/figures.json" 2>"$report/plot.log" &&
    plot "$report" $kinds --width one --formats pdf,png --out "$report/figures" >/dev/null 2>"$report/plot.log"; then
    rm -f "$report/plot.log"
else
    echo "no figures: scripts/plot.py failed, see $report/plot.log" >&2
fi

: >"$report/figures.md"
: >"$report/figures.tex"
for figure in "$report"/figures/*.pdf; do
    [ -f "$figure" ] || continue
    name=$(basename "$figure" .pdf)
    printf '![%s](figures/%s.png)\n\n' "$name" "$name" >>"$report/figures.md"
    printf '\\begin{figure}\n  \\centering\n  \\includegraphics[width=85mm]{figures/%s.pdf}\n  \\caption{\\detokenize{%s}}\n\\end{figure}\n' \
        "$name" "$name" >>"$report/figures.tex"
done
# TeX holds a limited number of figures back.
[ -s "$report/figures.tex" ] && echo '\clearpage' >>"$report/figures.tex"

name=$(basename "$(cd "$run" && pwd)")
while IFS= read -r line; do
    case $line in
    @TABLES@) cat "$report/tables.md" ;;
    @FIGURES@) cat "$report/figures.md" ;;
    *) printf '%s\n' "$line" | sed "s|@RUN@|$name|" ;;
    esac
done <"$here/report.md" >"$report/report.md"
cp "$here/report.tex" "$report/report.tex"
rm -f "$report/tables.md" "$report/figures.md" "$report/figures.json"
echo "$report/report.md and $report/report.tex"
