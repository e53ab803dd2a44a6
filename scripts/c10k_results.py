"""Reads the summary and the trials of a run, for scripts that recompute results from raw data.

The figures do not need them: `figures.json` holds everything that they show (`c10k_figures.py`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram

from c10k_figures import DamagedError, UsageError

# With fewer samples than this beyond it, a quantile depends on a single sample.
SAMPLES_BEYOND = 6.0
PACKED = "trials.jsonl.gz"


@dataclass(frozen=True)
class Samples:
    """Latencies in nanoseconds: a histogram as two arrays, values ascending."""

    values: np.ndarray
    counts: np.ndarray

    @property
    def count(self) -> int:
        return int(self.counts.sum())

    def at(self, q: float) -> int:
        """The value at this quantile. The rank is rounded up to the next sample, as in `c10k`."""
        rank = np.clip(np.ceil(q * self.count), 1, self.count)
        return int(self.values[np.searchsorted(np.cumsum(self.counts), rank)])

    @classmethod
    def of(cls, distribution: dict) -> Samples:
        """The samples of a trial's distribution."""
        histogram = HdrHistogram.decode(distribution["histogram"])
        counters = np.frombuffer(histogram.counts, dtype=np.uint64).astype(np.int64)
        places = np.flatnonzero(counters)
        values = [
            histogram.get_highest_equivalent_value(histogram.get_value_from_index(int(place)))
            for place in places
        ]
        return cls(np.array(values, np.int64), counters[places])

    @classmethod
    def merged(cls, parts: list[Samples]) -> Samples:
        values = np.concatenate([part.values for part in parts])
        unique, place = np.unique(values, return_inverse=True)
        total = np.zeros(unique.size, np.int64)
        np.add.at(total, place, np.concatenate([part.counts for part in parts]))
        return cls(unique, total)


def read_summary(folder: Path) -> dict:
    """Reads the summary of a run."""
    path = folder / "summary.json"
    if not path.is_file():
        raise UsageError(f"{folder} holds no summary.json: name the folder of a run")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedError(f"{path} is not valid JSON ({error})") from error


def read_trials(folder: Path) -> dict[str, dict]:
    """Reads all trials of a run, by name, from one file each or from the file of a packed run."""
    packed = folder / PACKED
    files = sorted((folder / "trials").glob("*.json"))
    path = packed
    try:
        if not packed.is_file():
            found = {}
            for path in files:
                found[f"trials/{path.name}"] = json.loads(path.read_text(encoding="utf-8"))
            return found
        with gzip.open(packed, "rt", encoding="utf-8") as file:
            first, *lines = map(json.loads, file)
        # The first line holds the fields that all trials share; then each trial has a line.
        return {
            line["file"]: {
                k: v for k, v in first["common"].items() if k not in line.get("lacks", [])
            }
            | line["trial"]
            for line in lines
        }
    except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
        raise DamagedError(f"{path} is damaged ({error}): restore it") from error
