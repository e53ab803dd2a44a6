"""Writes a results folder as `c10k run` does, with invented measurements."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram

QUANTILES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999, 1)
MODELS = (
    "sequential",
    "thread-per-client",
    "thread-pool",
    "rayon-pool",
    "select",
    "poll",
    "epoll",
    "mio",
    "tokio-current",
    "tokio-multi",
)


@dataclass
class Invented:
    """One cell before it is measured."""

    workload: str
    model: str
    rate_per_s: float | None = None
    trials: int = 3
    samples: int = 20_000
    censored: int = 0
    median_ns: float = 80_000
    sigma: float = 0.5
    throughput_per_s: float = 100_000
    cpu_ns: float | None = 9_000
    connections: int = 64
    validity: str = "valid"
    flags: list[dict] = field(default_factory=list)
    series: str | None = None
    factors: dict[str, str] = field(default_factory=dict)
    twin: bool = False
    slices: int = 0
    pss_bytes: float = 3e6


def flag(name: str, message: str) -> dict:
    """A check that did not pass in one trial."""
    return {"name": name, "trials": 1, "status": "warn", "excess": 1.5, "message": message}


def estimate(values: list[float]) -> dict:
    found = {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "values": values,
    }
    if len(values) > 3:
        # Fewer have no interval here, as in documents of earlier versions.
        found["interval"] = {"low": sorted(values)[1], "high": sorted(values)[-2]}
    return found


def number(text: str) -> float | None:
    """As `c10k` reads a level of a factor."""
    try:
        return float(text.replace("k", "e3"))
    except ValueError:
        return None


def factor(name: str, text: str) -> dict:
    known = number(text)
    return {"name": name, "text": text} | ({} if known is None else {"number": known})


def distribution(values: np.ndarray, censored: int) -> dict:
    histogram = HdrHistogram(1, 60_000_000_000, 3)
    for value in values:
        histogram.record_value(int(value))
    n, quantiles = len(values), []
    for q in QUANTILES:
        beyond = n * min(1 - q, q if q < 0.5 else 1)
        value = 0
        if n:
            rank = max(math.ceil(q * n), 1)
            value = histogram.get_highest_equivalent_value(int(np.sort(values)[rank - 1]))
        quantiles.append(
            {
                "q": float(q),
                "value": value,
                "admitted": n > 0 and (q in (0, 1) or beyond >= 6),
                "at_least": censored > 0 and q > 1 - censored / n,
            }
        )
    return {
        "unit": "ns",
        "count": n,
        "censored": censored,
        "min": int(values.min()) if n else 0,
        "max": int(values.max()) if n else 0,
        "mean": float(values.mean()) if n else 0.0,
        "quantiles": quantiles,
        "histogram": histogram.encode().decode(),
    }


def trial(cell: Invented, block: int, rng: np.random.Generator) -> dict:
    """Only what the script reads, and a little that it must ignore."""
    shift = 1 + 0.04 * rng.standard_normal()
    values = (rng.lognormal(math.log(cell.median_ns * shift), cell.sigma, cell.samples)).astype(int)
    values = np.maximum(values, 1)
    if cell.censored:
        values = np.sort(values)
        values[-cell.censored :] = values[-1] * 4
    headline = distribution(values, cell.censored)
    service = distribution(np.maximum(values // 2, 1), 0) if cell.rate_per_s else headline
    return {
        "schema": {"name": "c10k.trial", "version": 1},
        "run": {"id": "invented", "workload": cell.workload, "block": block},
        "latency": {"response": headline if cell.rate_per_s else None, "service": service},
        "throughput_per_s": cell.throughput_per_s * (1 + 0.03 * rng.standard_normal()),
        "server": {
            "cpu_per_request_ns": cell.cpu_ns
            and cell.cpu_ns * shift * (1 + 0.01 * rng.standard_normal()),
            "cpu_user_share": 0.25,
        },
        "intervals": [
            {
                "start_ns": at * 25_000_000,
                "width_ns": 25_000_000,
                "ok": int(cell.throughput_per_s / 40 * (1 + 0.1 * rng.standard_normal())),
                "p99_ns": int(cell.median_ns * 4 * (1 + 0.2 * rng.random())) if at else None,
            }
            for at in range(cell.slices)
        ],
        "validity": cell.validity,
    }


def write_run(folder: Path, cells: list[Invented], seed: int = 1) -> dict:
    """Writes the folder and returns the summary."""
    (folder / "trials").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    summed = []
    for cell in cells:
        made, names = [], []
        for block in range(cell.trials):
            made.append(trial(cell, block, rng))
            twin = "+twin" * cell.twin
            names.append(f"trials/{cell.workload}.{cell.model}{twin}.{block}.json")
            (folder / names[-1]).write_text(json.dumps(made[-1]))
        kind = "response" if cell.rate_per_s else "service"
        latency = []
        for i, q in enumerate(QUANTILES):
            found = [one["latency"][kind]["quantiles"][i] for one in made]
            admitted = all(one["admitted"] for one in found)
            latency.append(
                {
                    "q": float(q),
                    "value_ns": estimate([one["value"] for one in found]) if admitted else None,
                    "at_least": any(one["at_least"] for one in found),
                }
            )
        arrivals = (
            {"kind": "poisson", "rate_per_s": cell.rate_per_s, "seed": 7}
            if cell.rate_per_s
            else {"kind": "closed"}
        )
        cpu = [one["server"]["cpu_per_request_ns"] for one in made]
        summed.append(
            {
                "workload": cell.workload,
                "model": cell.model,
                "arrivals": arrivals,
                "connections": cell.connections,
                "trials": names,
                "throughput_per_s": estimate([one["throughput_per_s"] for one in made]),
                "latency": latency,
                "server_cpu_per_request_ns": None if None in cpu else estimate(cpu),
                "client_cpu_per_request_ns": estimate([4_000.0] * cell.trials),
                "pss_bytes": estimate([cell.pss_bytes] * cell.trials),
                "replies_checked": cell.samples,
                "replies_wrong": 0,
                "validity": cell.validity,
                "flags": cell.flags,
                **({"series": cell.series} if cell.series else {}),
                **({"twin": True} if cell.twin else {}),
                "factors": [factor(name, text) for name, text in cell.factors.items()],
            }
        )
    planned = sum(cell.trials for cell in cells)
    summary = {
        "schema": {"name": "c10k.summary", "version": 1},
        "run": {
            "id": "invented",
            "plan": "quick",
            "question": "What does each model cost?",
            "program_version": "0.1.0",
            "seed": seed,
            "trials_planned": planned,
            "trials_done": planned,
            "interrupted": False,
        },
        "host": {
            "kernel": "Linux 6.8.0-45-generic",
            "cpu_model": "Example Processor 9000 16-Core @ 2.40GHz",
            "cpus": 8,
            "hypervisor": "kvm",
        },
        "cells": summed,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    return summary


def full_run(folder: Path, samples: int = 8_000) -> dict:
    """Ten models under six workloads, some of them flagged, cut off, or hardly measured."""
    speed = dict(zip(MODELS, (0.1, 0.8, 0.95, 0.85, 0.55, 0.5, 1.0, 0.97, 0.9, 1.15), strict=True))
    base = {"echo": 90e3, "wait": 12e3, "cpu": 9e3}
    cost = {"echo": 9e3, "wait": 14e3, "cpu": 210e3}
    delay = {"echo": 90e3, "wait": 6e6, "cpu": 1.2e6}
    cells = []
    for name in [*base, *(f"{name}-open" for name in base)]:
        app = name.removesuffix("-open")
        is_open = name != app
        for model in MODELS:
            cell = Invented(
                name,
                model,
                rate_per_s=base[app] / 10 if is_open else None,
                samples=samples,
                median_ns=delay[app] / speed[model] / (2 if is_open else 1),
                sigma=0.35 + 0.4 * speed[model] * is_open,
                throughput_per_s=base[app] / 10 if is_open else base[app] * speed[model],
                cpu_ns=cost[app] / math.sqrt(speed[model]),
                connections=1_000,
            )
            if model == "sequential" and is_open:
                cell.censored, cell.validity = samples // 40, "suspect"
                cell.flags = [flag("unfinished", "Requests were cut off.")]
            if model == "select" and name == "echo":
                cell.validity = "invalid"
                cell.flags = [flag("generator-busy", "The generator was the limit.")]
            if model == "tokio-current" and name == "cpu":
                cell.validity = "suspect"
                cell.flags = [flag("stolen-time", "The machine was disturbed.")]
            if model == "poll" and name == "wait-open":
                cell.samples = 300
            if model == "mio" and name == "cpu-open":
                cell.samples = 3
            cells.append(cell)
    return write_run(folder, cells)


def sweep_run(folder: Path) -> dict:
    """Three models beside ever more idle connections: one point left out, one invalid, a twin."""
    cells = []
    for idle in ("0", "10", "100", "1k", "10k"):
        for i, model in enumerate(("select", "epoll", "thread-per-client")):
            if (model, idle) == ("select", "10k"):
                continue
            slow = 1 + (number(idle) / 800 if model == "select" else 0.02 * i)
            cells.append(
                Invented(
                    f"echo-idle-connections{idle}",
                    model,
                    trials=5,
                    samples=2_000,
                    median_ns=80e3 * slow,
                    throughput_per_s=100e3 / slow,
                    cpu_ns=9e3 * slow,
                    validity="invalid"
                    if (model, idle) == ("thread-per-client", "10k")
                    else "valid",
                    series="echo",
                    factors={"idle-connections": idle},
                    slices=8,
                    pss_bytes=3e6 + number(idle) * (1e4 if model == "thread-per-client" else 100),
                )
            )
    cells.append(replace(cells[1], twin=True))
    return write_run(folder, cells)


def stateful_run(folder: Path) -> dict:
    """Two models, four homes of state, with connections for one request and for many."""
    cells = []
    for model in ("epoll", "thread-pool"):
        for requests in ("1", "100"):
            for home, price in (
                ("none", 1),
                ("connection", 1.02),
                ("table", 1.1),
                ("external", 1.6),
            ):
                each = 20e3 if requests == "1" else 9e3
                cells.append(
                    Invented(
                        f"session-state{home}-requests{requests}",
                        model,
                        trials=5,
                        samples=1_500,
                        median_ns=90e3 * price,
                        cpu_ns=each * price,
                        series="session",
                        factors={"server.state": home, "requests-per-connection": requests},
                    )
                )
    return write_run(folder, cells)
