"""Compares several runs of one plan: how often does each model get the same verdict?

    python3 scripts/repeats.py summary.json ...
    python3 scripts/repeats.py summaries.jsonl.gz

Prints a table. For each workload and model, the table has the number of runs by verdict (best,
worse than the best, the same within 5 %, undecided) and the range of the model's ratio to the
best. The line below the table names the models about which runs contradict each other.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

# The table's words for verdicts of a summary. A model without a verdict was not ranked.
WORDS = {"cannot-tell": "undecided", None: "not ranked"}


def read(path: Path) -> list[dict]:
    """The summaries in a file: one as JSON, or several as compressed lines of JSON."""
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt") as lines:
            return [json.loads(line) for line in lines]
    return [json.loads(path.read_text())]


def said(summary: dict) -> Iterable[tuple[str, str, str, float | None]]:
    """Each model's workload, name, verdict, and ratio to the best model of the workload."""
    for standings in summary["verdicts"]:
        yield standings["workload"], standings["best"], "best", 1.0
        for other in standings["others"]:
            verdict = other.get("verdict")
            word = WORDS.get(verdict, verdict)
            yield standings["workload"], other["model"], word, other.get("ratio")


def rows(summaries: list[dict]) -> list[list[str]]:
    """A row for each workload and model."""
    counts: dict[tuple[str, str], Counter] = defaultdict(Counter)
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for summary in summaries:
        for workload, model, word, ratio in said(summary):
            counts[workload, model][word] += 1
            if ratio is not None and word != "best":
                ratios[workload, model].append(ratio)
    table = []
    for (workload, model), words in counts.items():
        own = ratios[workload, model]
        span = f"{min(own):.2f} to {max(own):.2f}" if own else "-"
        told = ", ".join(f"{word} {n}" for word, n in words.most_common())
        table.append([workload, model, told, span])
    return table


def contradictions(summaries: list[dict]) -> list[str]:
    """Pairs of models where one run calls the first worse, and another run the second."""
    worse: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for summary in summaries:
        for standings in summary["verdicts"]:
            for other in standings["others"]:
                if other.get("verdict") == "worse":
                    worse[standings["workload"]].add((other["model"], standings["best"]))
    return [
        f"{workload}: {one} and {other} are each called worse than the other"
        for workload, pairs in worse.items()
        for one, other in sorted(pairs)
        if one < other and (other, one) in pairs
    ]


def main(paths: list[str]) -> int:
    summaries = [summary for path in paths for summary in read(Path(path))]
    if len(summaries) < 2:
        print(
            "give two summaries or more: python3 scripts/repeats.py A.json B.json", file=sys.stderr
        )
        return 2
    print("| workload | model | verdict, runs | ratio to the best |\n| --- | --- | --- | --- |")
    for row in rows(summaries):
        print("| " + " | ".join([row[0], f"`{row[1]}`", *row[2:]]) + " |")
    against = contradictions(summaries)
    print(f"\nRuns that contradict each other: {'; '.join(against) if against else 'none'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
