#!/bin/sh
# Grades a folder of submissions without Gradescope.
#
# usage: grade.sh SUBMISSIONS OUTPUT
#
# Each folder in SUBMISSIONS is a submission, named after its student. OUTPUT gets grades.csv, grades.md,
# and for each student NAME.json (the report of c10k check). The exit code is 0 when each was graded,
# and 1 when one could not be built or checked. C10K names the program if it is not beside this script.
set -u
if [ $# -ne 2 ] || ! [ -d "$1" ]; then
    echo "usage: grade.sh SUBMISSIONS OUTPUT   (SUBMISSIONS is a folder with a folder for each student)" >&2
    exit 2
fi
GRADER=$(cd "$(dirname "$0")" && pwd)
C10K=${C10K:-$GRADER/c10k}
if ! "$C10K" --version >/dev/null; then
    echo "there is no c10k at $C10K: copy it there, or name it with C10K=/path/to/c10k" >&2
    exit 2
fi
. "$GRADER/grading.sh"

# A number of the report that stands at its top.
number() { sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$2"; }

# How many behaviours have this result.
count() { grep -c "\"result\": \"$1\"" "$2"; }

# The beginning of a text in one line.
line() { printf '%s' "$1" | head -n 2 | tr '\n' ' '; }

# A field of CSV, and a cell of Markdown.
field() { printf '"%s"' "$(line "$1" | sed 's/"/""/g')"; }
cell() { line "$1" | sed 's/|/\\|/g'; }

mkdir -p "$2" || exit 2
csv=$2/grades.csv md=$2/grades.md failed=0 graded=0
echo "name,points,worth,score,max,passed,failed,unstable,problem" >"$csv"
printf '| name | points of %s | passed | failed | unstable | problem |\n| --- | --- | --- | --- | --- | --- |\n' \
    "$POINTS" >"$md"
for submission in "$1"/*/; do
    [ -d "$submission" ] || continue
    graded=$((graded + 1))
    name=$(basename "$submission")
    report=$2/$name.json
    rm -f "$report"
    echo "$name" >&2
    if check "$submission" "$report" json; then
        score=$(number score "$report") max=$(number max "$report")
        points=$(awk "BEGIN { printf \"%.2f\", $max ? $POINTS * $score / $max : 0 }")
        pass=$(count pass "$report") fail=$(count fail "$report") unstable=$(count unstable "$report")
    else
        failed=1 points=0 score=0 max= pass= fail= unstable=
    fi
    {
        field "$name"
        printf ',%s,%s,%s,%s,%s,%s,%s,' "$points" "$POINTS" "$score" "$max" "$pass" "$fail" "$unstable"
        field "$PROBLEM"
        echo
    } >>"$csv"
    printf '| %s | %s | %s | %s | %s | %s |\n' "$(cell "$name")" "$points" "$pass" "$fail" "$unstable" \
        "$(cell "$PROBLEM")" >>"$md"
done
if [ "$graded" -eq 0 ]; then
    echo "there is no folder in $1: each submission is a folder with its student's name" >&2
    exit 2
fi
cat "$md"
exit "$failed"
