"""The content of a results folder, as types: a run, its cells, and histograms of latency."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# With fewer samples than this beyond it, a quantile is the accident of one of them.
SAMPLES_BEYOND = 6.0
VALIDITIES = ("valid", "suspect", "invalid")


class UsageError(Exception):
    """The command line asks for something that is not there."""


class DamagedError(Exception):
    """A file is not what it should be."""


@dataclass(frozen=True)
class Arrivals:
    kind: str
    rate_per_s: float | None

    @property
    def is_open(self) -> bool:
        return self.kind != "closed"


@dataclass(frozen=True)
class Estimate:
    # Of latency that is pooled: the value of all trials together.
    median: float
    min: float
    max: float
    values: tuple[float, ...]
    interval: tuple[float, float] | None = None

    @property
    def low(self) -> float:
        """The lower end of the interval, or of the range where there are too few trials for one."""
        return self.interval[0] if self.interval else self.min

    @property
    def high(self) -> float:
        return self.interval[1] if self.interval else self.max


@dataclass(frozen=True)
class Pooled:
    """A quantile of a cell: pooled over its trials, and of the single trials."""

    value_ns: float
    admitted: bool
    at_least: bool
    of_trials: tuple[float, ...]


@dataclass(frozen=True)
class CellQuantile:
    q: float
    value_ns: Estimate | None
    at_least: bool
    pooled: Pooled | None = None

    @property
    def shown(self) -> Estimate | None:
        """What is drawn: all trials together and the spread of their own, as in the tables.

        Summaries of earlier versions have the estimate over trials only.
        """
        if self.pooled is None:
            return self.value_ns
        if not self.pooled.admitted:
            return None
        own = self.pooled.of_trials
        return Estimate(self.pooled.value_ns, min(own), max(own), own)

    @property
    def is_bound(self) -> bool:
        return self.at_least if self.pooled is None else self.pooled.at_least


@dataclass(frozen=True)
class Step:
    """A step of a staircase over the trials of a cell."""

    start: float
    width: float
    rate_per_s: float
    answered: Estimate
    response: tuple[CellQuantile, ...]

    def quantile(self, q: float) -> CellQuantile | None:
        return next((one for one in self.response if abs(one.q - q) < 1e-12), None)


@dataclass(frozen=True)
class Factor:
    name: str
    text: str
    number: float | None


@dataclass(frozen=True)
class Cell:
    workload: str
    model: str
    arrivals: Arrivals
    connections: int
    trials: tuple[str, ...]
    throughput_per_s: Estimate
    latency: tuple[CellQuantile, ...]
    server_cpu_per_request_ns: Estimate | None
    client_cpu_per_request_ns: Estimate | None
    pss_bytes: Estimate | None
    validity: str
    flags: tuple[str, ...]
    series: str | None = None
    factors: tuple[Factor, ...] = ()
    twin: bool = False
    turnaround_ns: Estimate | None = None
    connect: tuple[CellQuantile, ...] = ()
    steps: tuple[Step, ...] = ()
    syscalls: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """The model's name; `+twin` marks its second measurement, as in the names of trials."""
        return f"{self.model}+twin" if self.twin else self.model

    def factor(self, name: str) -> Factor | None:
        return next((one for one in self.factors if one.name == name), None)

    def quantile(self, q: float) -> CellQuantile | None:
        return next((one for one in self.latency if abs(one.q - q) < 1e-12), None)


@dataclass(frozen=True)
class Host:
    kernel: str
    cpu_model: str
    cpus: int
    hypervisor: str | None

    @property
    def class_(self) -> str:
        if self.hypervisor is None:
            return "no hypervisor seen"
        named = "" if self.hypervisor == "unnamed" else f" ({self.hypervisor})"
        return f"virtual machine{named}"


@dataclass(frozen=True)
class Law:
    """Gunther's law of one model's throughput over the setting of a series."""

    series: str
    model: str
    fixed: tuple[str, ...]
    per_s: float
    sigma: float
    kappa: float

    def throughput(self, n: float) -> float:
        return self.per_s * n / (1 + self.sigma * (n - 1) + self.kappa * n * (n - 1))


@dataclass(frozen=True)
class Run:
    folder: Path
    id: str
    program_version: str
    trials_planned: int
    trials_done: int
    host: Host
    cells: tuple[Cell, ...]
    laws: tuple[Law, ...] = ()

    @property
    def workloads(self) -> list[str]:
        """In the plan's order."""
        return list(dict.fromkeys(cell.workload for cell in self.cells))

    @property
    def models(self) -> list[str]:
        """In teaching order: the models of the fullest workload, then those that it lacks."""
        by_size = Counter(cell.workload for cell in self.cells)
        cells = sorted(self.cells, key=lambda cell: -by_size[cell.workload])
        return list(dict.fromkeys(cell.model for cell in cells))

    def of_workload(self, workload: str, twins: bool = True) -> list[Cell]:
        """In teaching order; a twin follows its first measurement, or is left out."""
        cells = [cell for cell in self.cells if cell.workload == workload]
        order = list(dict.fromkeys(cell.model for cell in cells))
        cells = [cell for cell in cells if twins or not cell.twin]
        return sorted(cells, key=lambda cell: (order.index(cell.model), cell.twin))


@dataclass(frozen=True)
class Samples:
    """Latencies in nanoseconds: a histogram as two arrays, values ascending."""

    values: np.ndarray
    counts: np.ndarray
    censored: int

    @property
    def count(self) -> int:
        return int(self.counts.sum())

    def at(self, q: np.ndarray | float) -> np.ndarray:
        """The values at these quantiles, rounded up to the next sample as `c10k` does it."""
        rank = np.clip(np.ceil(np.asarray(q) * self.count), 1, self.count)
        return self.values[np.searchsorted(np.cumsum(self.counts), rank)]

    def admitted(self, q: np.ndarray | float) -> np.ndarray:
        q = np.asarray(q)
        return self.count * np.minimum(1 - q, np.where(q < 0.5, q, 1.0)) >= SAMPLES_BEYOND

    def at_least(self, q: np.ndarray | float) -> np.ndarray:
        """Whether it includes requests that were cut off: the true value is this or more."""
        q = np.asarray(q)
        if not self.censored:
            return np.zeros(q.shape, dtype=bool)
        return q > 1 - self.censored / self.count

    @classmethod
    def merged(cls, parts: list[Samples]) -> Samples:
        values = np.concatenate([part.values for part in parts] or [np.empty(0, np.int64)])
        counts = np.concatenate([part.counts for part in parts] or [np.empty(0, np.int64)])
        unique, place = np.unique(values, return_inverse=True)
        total = np.zeros(unique.size, np.int64)
        np.add.at(total, place, counts)
        return cls(unique, total, sum(part.censored for part in parts))
