"""What figures take from single trials: slices of time, shares, blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median

from c10k_documents import Cell, Run
from c10k_results import read_trial


@dataclass(frozen=True)
class Slice:
    """A part of a measurement: start and width in seconds."""

    start: float
    width: float
    ok: int
    p99_ns: float | None


@dataclass(frozen=True)
class Trial:
    throughput_per_s: float
    user_share: float | None
    slices: tuple[Slice, ...]


def read(run: Run, cell: Cell) -> list[Trial]:
    """A cell's trials, in the order of their blocks."""
    found = []
    for name in cell.trials:
        document = read_trial(run, name)
        server = document.maybe("server")
        share = server.get("cpu_user_share", int, float, type(None)) if server else None
        slices = tuple(
            Slice(
                one.number("start_ns") / 1e9,
                one.number("width_ns") / 1e9,
                one.get("ok", int),
                one.get("p99_ns", int, float, type(None)),
            )
            for one in document.objects("intervals", optional=True)
        )
        found.append(Trial(document.number("throughput_per_s"), share, slices))
    return found


def typical(run: Run, cell: Cell) -> Trial | None:
    """The trial that is nearest to the median throughput."""
    middle = cell.throughput_per_s.median
    return min(read(run, cell), key=lambda one: abs(one.throughput_per_s - middle), default=None)


def user_share(run: Run, cell: Cell) -> float | None:
    """The part of the server's CPU time in user mode: the median of the trials."""
    shares = [trial.user_share for trial in read(run, cell)]
    if not shares or None in shares:
        return None
    return median(shares)


def blocks(cell: Cell) -> list[int]:
    """Which block each of a cell's trials belongs to, by the name of its file."""
    found = [re.search(r"\.(\d+)\.json$", name) for name in cell.trials]
    return [int(one[1]) if one else at for at, one in enumerate(found)]
