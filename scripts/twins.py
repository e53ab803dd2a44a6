#!/usr/bin/env python3
"""Shows how far the pooled quantiles of twins differ, by both rules of admission.

A twin is the second measurement of a model (the A/A control), so its difference to the first is
noise. A rule of admission says which quantiles have enough samples. One rule counts effective
samples within trials alone; the other treats trials as clusters. This script computes both rules
from the documents of the trials, and does not take them from the summary. docs/statistics.md,
"Over trials", has the figures of the committed runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from c10k_figures import DamagedError, UsageError
from c10k_results import SAMPLES_BEYOND, Samples, read_summary, read_trials

QUANTILES = (0.5, 0.9, 0.99, 0.999)
# Twins whose values differ by more than this factor are far apart.
FAR = 1.5


@dataclass(frozen=True)
class Found:
    """A quantile of one cell: its value, and its effective samples by each rule."""

    cell: tuple[str, str, str]
    twin: bool
    value: int
    within: float
    between: float

    def events(self, q: float) -> float:
        return min(self.within, self.between) * (1 - q)


def clusters(counts: np.ndarray, beyond: np.ndarray) -> float:
    """The number of effective samples if each trial is a cluster (Kish's design effect)."""
    trials, total = len(counts), counts.sum()
    share = beyond.sum() / total
    apart = ((beyond - share * counts) ** 2).sum()
    if trials < 2 or apart == 0:
        return np.inf
    return share * (1 - share) / (trials / (trials - 1) * apart / total**2)


def of_cell(run: str, cell: dict, trials: dict[str, dict]) -> Iterator[tuple[float, Found]]:
    """The quantiles of a cell that have enough samples within its trials."""
    documents, parts = [], []
    for name in cell["trials"]:
        latency = trials[name]["latency"]
        headline = latency.get("response") or latency["service"]
        if headline["count"]:
            documents.append(headline)
            parts.append(Samples.of(headline))
    known = bool(parts)
    for q in QUANTILES:
        own = [
            next(one for one in of["quantiles"] if abs(one["q"] - q) < 1e-12) for of in documents
        ]
        within = sum(
            one.get("effective_count", of["count"]) for one, of in zip(own, documents, strict=True)
        )
        alone = all(one["admitted"] for one in own)
        known = known and (within * (1 - q) >= SAMPLES_BEYOND - 1e-9 or alone)
        if not known:
            return
        value = Samples.merged(parts).at(q)
        sizes = np.array([part.count for part in parts], float)
        # If many samples have exactly this value, none may be beyond it, so both counts matter.
        worth = min(
            clusters(
                sizes, np.array([part.counts[beyond(part.values, value)].sum() for part in parts])
            )
            for beyond in (np.greater, np.greater_equal)
        )
        of = (run, cell["workload"], cell["model"])
        yield q, Found(of, cell.get("twin", False), value, within, worth)


def apart(found: list[Found]) -> str:
    """How many pairs of twins are far apart, of how many."""
    pairs: dict[tuple[str, str, str], dict[bool, int]] = {}
    for one in found:
        pairs.setdefault(one.cell, {})[one.twin] = one.value
    both = [sorted(pair.values()) for pair in pairs.values() if len(pair) == 2]
    far = sum(high > FAR * low for low, high in both)
    return f"{far} of {len(both)}" + (f", {far / len(both):.0%}" if both else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    folders = parser.parse_args().folders
    found: dict[float, list[Found]] = {q: [] for q in QUANTILES}
    try:
        for folder in folders:
            summary, trials = read_summary(folder), read_trials(folder)
            for cell in summary["cells"]:
                for q, one in of_cell(summary["run"]["id"], cell, trials):
                    found[q].append(one)
    except (DamagedError, UsageError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(f"Twins are far apart where their values differ by more than {FAR} times.")
    print("quantile  cells  fewer than 6 events  twins far apart  of the others")
    for q, ones in found.items():
        kept = [one for one in ones if one.events(q) >= SAMPLES_BEYOND]
        few = len(ones) - len(kept)
        print(f"{q:<9} {len(ones):<6} {few:<20} {apart(ones):<16} {apart(kept)}")
    print("cells: those with enough samples within trials; events: with trials as clusters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
