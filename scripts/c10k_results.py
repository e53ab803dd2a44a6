"""Reads a results folder: `summary.json` and the trials that it lists.

The formats are the serde types in `src/document/`. Unknown fields are ignored: the version of a
format is raised only when a field changes its meaning or is removed.
"""

from __future__ import annotations

import binascii
import gzip
import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from c10k_documents import (
    VALIDITIES,
    Arrivals,
    Cell,
    CellQuantile,
    DamagedError,
    Estimate,
    Factor,
    Host,
    Law,
    Pooled,
    Run,
    Samples,
    Step,
    UsageError,
)

PACKED = "trials.jsonl.gz"
VERSIONS = {"c10k.summary": 1, "c10k.trial": 1, "c10k.lab": 2}


class Document:
    """A JSON object that says where it is when something in it is not as expected."""

    def __init__(self, value: Any, path: Path, where: str = "") -> None:
        self.path, self.where = path, where
        if not isinstance(value, dict):
            raise self.error("is not an object")
        self.value = value

    def error(self, what: str) -> DamagedError:
        return DamagedError(f"{self.path}: {self.where or 'the document'} {what}")

    def get(self, key: str, *kinds: type) -> Any:
        name = f"{self.where}.{key}" if self.where else key
        missing = key not in self.value
        found = self.value.get(key)
        if missing and type(None) not in kinds:
            raise DamagedError(f"{self.path}: {name} is missing")
        if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
            raise DamagedError(f"{self.path}: {name} is {json.dumps(found)[:60]}: wrong type")
        return found

    def number(self, key: str) -> float:
        return float(self.get(key, int, float))

    def object(self, key: str) -> Document:
        return self._child(self.get(key, dict), key)

    def maybe(self, key: str) -> Document | None:
        found = self.get(key, dict, type(None))
        return None if found is None else self._child(found, key)

    def objects(self, key: str, optional: bool = False) -> list[Document]:
        if optional and key not in self.value:
            return []
        return [self._child(one, f"{key}[{i}]") for i, one in enumerate(self.get(key, list))]

    def _child(self, value: Any, key: str) -> Document:
        return Document(value, self.path, f"{self.where}.{key}" if self.where else key)


def read_document(path: Path, schema: str) -> Document:
    """A file that is what its name says, in a version that is known."""
    try:
        document = Document(json.loads(path.read_text(encoding="utf-8")), path)
    except (ValueError, RecursionError) as error:
        raise DamagedError(
            f"{path} is not valid JSON ({error}): restore it, or repeat the run"
        ) from error
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    return _checked(document, schema)


def _checked(document: Document, schema: str) -> Document:
    path = document.path
    said = document.object("schema")
    name, version = said.get("name", str), said.get("version", int)
    if name != schema:
        raise DamagedError(f"{path} is a {name!r} document; {schema!r} was expected here")
    if version != VERSIONS[schema]:
        raise DamagedError(
            f"{path} has version {version} of the {schema} format and this script reads version "
            f"{VERSIONS[schema]}: use the script of the program version that made the run"
        )
    return document


def _estimate(of: Document | None) -> Estimate | None:
    if of is None:
        return None
    values = of.get("values", list)
    if not all(isinstance(one, (int, float)) for one in values):
        raise of.error("has a value that is not a number")
    ends = of.maybe("interval")
    interval = (ends.number("low"), ends.number("high")) if ends else None
    return Estimate(
        of.number("median"), of.number("min"), of.number("max"), tuple(values), interval
    )


def _pooled(of: Document | None) -> Pooled | None:
    if of is None:
        return None
    own = of.get("of_trials", list)
    if not own or not all(isinstance(one, (int, float)) for one in own):
        raise of.error("has no values of its trials")
    return Pooled(
        of.number("value_ns"), of.get("admitted", bool), of.get("at_least", bool), tuple(own)
    )


def _factor(of: Document) -> Factor:
    number = of.get("number", int, float, type(None))
    return Factor(
        of.get("name", str), of.get("text", str), None if number is None else float(number)
    )


def _arrivals(of: Document) -> Arrivals:
    kind = of.get("kind", str)
    if kind not in ("closed", "constant", "poisson", "ramp", "staircase", "replay"):
        raise of.error(f"has the unknown kind {kind!r}")
    # Other loads have no rate that latency could be drawn against.
    rated = kind in ("constant", "poisson")
    return Arrivals(kind, of.number("rate_per_s") if rated else None)


def _cell(of: Document) -> Cell:
    validity = of.get("validity", str)
    if validity not in VALIDITIES:
        raise of.error(f"has the unknown validity {validity!r}")
    turnaround = of.maybe("turnaround")
    return Cell(
        workload=of.get("workload", str),
        model=of.get("model", str),
        arrivals=_arrivals(of.object("arrivals")),
        connections=of.get("connections", int),
        trials=tuple(of.get("trials", list)),
        throughput_per_s=_estimate(of.object("throughput_per_s")),
        latency=_quantiles(of.objects("latency")),
        server_cpu_per_request_ns=_estimate(of.maybe("server_cpu_per_request_ns")),
        client_cpu_per_request_ns=_estimate(of.maybe("client_cpu_per_request_ns")),
        pss_bytes=_estimate(of.maybe("pss_bytes")),
        validity=validity,
        flags=tuple(flag.get("name", str) for flag in of.objects("flags")),
        series=of.get("series", str, type(None)),
        factors=tuple(_factor(one) for one in of.objects("factors", optional=True)),
        twin=bool(of.get("twin", bool, type(None))),
        turnaround_ns=_estimate(turnaround.object("mean_ns")) if turnaround else None,
        connect=_quantiles(of.objects("connect", optional=True)),
        steps=tuple(_step(one) for one in of.objects("steps", optional=True)),
        syscalls=_syscalls(of.maybe("syscalls")),
    )


def _syscalls(of: Document | None) -> tuple[tuple[str, float], ...]:
    """Each call's name and how often it is made for a reply; empty where none were counted."""
    found = of.objects("by_name") if of else []
    return tuple((one.get("name", str), one.number("per_request")) for one in found)


def _law(of: Document) -> Law | None:
    law = of.maybe("law")
    # A law that does not describe its points is not drawn over them.
    if law is None or law.get("misfit", str, type(None)):
        return None
    return Law(
        of.get("series", str),
        of.get("model", str),
        tuple(f"{one.name} {one.text}" for one in map(_factor, of.objects("fixed", optional=True))),
        law.number("lambda_per_s"),
        law.number("sigma"),
        law.number("kappa"),
    )


def _quantiles(found: list[Document]) -> tuple[CellQuantile, ...]:
    return tuple(
        CellQuantile(
            one.number("q"),
            _estimate(one.maybe("value_ns")),
            one.get("at_least", bool),
            _pooled(one.maybe("pooled")),
        )
        for one in found
    )


def _step(of: Document) -> Step:
    return Step(
        of.number("start_ns") / 1e9,
        of.number("width_ns") / 1e9,
        of.number("rate_per_s"),
        _estimate(of.object("answered")),
        _quantiles(of.objects("response")),
    )


def read_run(folder: Path) -> Run:
    """Reads the summary of a run."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name a run, such as results/<run-id>")
    path = folder / "summary.json"
    if not path.is_file():
        inside = sorted(p.parent.name for p in folder.glob("*/summary.json"))
        hint = f" (it holds runs: {', '.join(inside[:5])}; name one of them)" if inside else ""
        raise UsageError(
            f"{folder} holds no summary.json{hint}: name the folder of a run that was made with "
            "`c10k run`"
        )
    document = read_document(path, "c10k.summary")
    run, host = document.object("run"), document.object("host")
    return Run(
        folder=folder,
        id=run.get("id", str),
        program_version=run.get("program_version", str),
        trials_planned=run.get("trials_planned", int),
        trials_done=run.get("trials_done", int),
        host=Host(
            kernel=host.get("kernel", str),
            cpu_model=host.get("cpu_model", str),
            cpus=host.get("cpus", int),
            hypervisor=host.get("hypervisor", str, type(None)),
        ),
        cells=tuple(_cell(one) for one in document.objects("cells")),
        laws=tuple(filter(None, map(_law, document.objects("scaling", optional=True)))),
    )


def read_samples(of: Document) -> Samples:
    if (unit := of.get("unit", str)) != "ns":
        raise of.error(f"is in {unit!r}; only 'ns' is known")
    count, censored = of.get("count", int), of.get("censored", int)
    try:
        histogram = HdrHistogram.decode(of.get("histogram", str))
    except (
        HdrCookieException,
        HdrLengthException,
        IndexError,
        ValueError,
        zlib.error,
        binascii.Error,
    ) as error:
        raise of.error(f"has a histogram that cannot be decoded ({error!r})") from error
    counters = np.frombuffer(histogram.counts, dtype=np.uint64).astype(np.int64)
    places = np.flatnonzero(counters)
    values = [
        histogram.get_highest_equivalent_value(histogram.get_value_from_index(int(place)))
        for place in places
    ]
    samples = Samples(np.array(values, np.int64), counters[places], censored)
    if samples.count != count or censored > count:
        raise of.error(
            f"says {count} samples of which {censored} cut off, and its histogram holds "
            f"{samples.count}"
        )
    return samples


def read_trial(run: Run, name: str) -> Document:
    """A trial's document, read once as long as its file is the same."""
    path = run.folder / name
    packed = run.folder / PACKED
    if not path.is_file() and packed.is_file():
        return _packed(packed, packed.stat().st_mtime_ns).get(name) or _missing(path)
    if not path.is_file():
        _missing(path)
    found = path.stat()
    return _read_trial(path, found.st_mtime_ns, found.st_size)


def _missing(path: Path) -> NoReturn:
    raise DamagedError(
        f"{path} is missing although summary.json lists it: copy the whole run folder, "
        "or finish the run with --resume"
    )


@lru_cache(maxsize=4)
def _packed(path: Path, changed: int) -> dict[str, Document]:
    """The trials of a packed run: a line each, after a first one with what they share."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            first, *lines = map(json.loads, file)
        documents = {}
        for line in lines:
            shared = {k: v for k, v in first["common"].items() if k not in line.get("lacks", [])}
            documents[line["file"]] = _checked(
                Document(shared | line["trial"], path.parent / line["file"]), "c10k.trial"
            )
        return documents
    except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
        raise DamagedError(f"{path} is damaged ({error}): restore it") from error


@lru_cache(maxsize=512)
def _read_trial(path: Path, changed: int, size: int) -> Document:
    return read_document(path, "c10k.trial")


def read_headline(run: Run, cell: Cell) -> tuple[str, Samples]:
    """The latency a client felt, all trials of the cell together, and what it is called."""
    parts, kinds = [], set()
    for name in cell.trials:
        latency = read_trial(run, name).object("latency")
        response = latency.maybe("response")
        kinds.add("service" if response is None else "response")
        parts.append(read_samples(latency.object("service") if response is None else response))
    if len(kinds) > 1:
        raise DamagedError(
            f"{run.folder}: the trials of {cell.workload}/{cell.model} are partly open and partly "
            "closed loop, so they cannot be merged"
        )
    kind = kinds.pop() if kinds else ("response" if cell.arrivals.is_open else "service")
    return kind, Samples.merged(parts)
