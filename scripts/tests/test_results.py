"""Every number in the tables of results/*-vm/README.md is in the documents beside that file.

Each number of a row must be a figure of the row's model in that run, such as a median or a
quantile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

RESULTS = Path(__file__).resolve().parents[2] / "results"
READMES = sorted(RESULTS.glob("*-vm/README.md"))
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)(k| us| ms| s| MiB| KiB| %)?(?![\d.])")
SIZE = {"k": 1e3, " us": 1e3, " ms": 1e6, " s": 1e9, " MiB": 2**20, " KiB": 2**10, " %": 0.01}


def sections() -> Iterator:
    """The folder of each run, and the section about it."""
    for readme in READMES:
        for part in re.split(r"^## ", readme.read_text(), flags=re.M)[1:]:
            name = re.match(r"`([\w-]+)`", part)
            if name:
                yield pytest.param(readme.parent / name[1], part, id=name[1])


def tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """Models with their entries in the tables. A model names a row or heads a column."""
    heads: list[str] = []
    for line in text.splitlines():
        entries = [one.strip() for one in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = entries
        elif entries[0].startswith("`"):
            again = "+twin" if "measured again" in entries[0] else ""
            yield entries[0].split("`")[1] + again, entries[1:]
        else:
            for head, entry in zip(heads, entries, strict=True):
                if "`" in head:
                    yield head.split("`")[1], [entry]


def numbers(found: object) -> Iterator[float]:
    """Every number in a document, at any depth."""
    if isinstance(found, dict):
        for one in found.values():
            yield from numbers(one)
    elif isinstance(found, list):
        for one in found:
            yield from numbers(one)
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        yield float(found)


def of_model(folder: Path, model: str) -> list[float]:
    """The figures of a model in the documents: medians, quantiles, and values from them."""
    summary = json.loads((folder / "summary.json").read_text())
    said = []
    for cell in summary["cells"]:
        if cell["model"] + "+twin" * bool(cell.get("twin")) != model:
            continue
        turnaround = cell.get("turnaround") or {}
        estimates = [cell["throughput_per_s"], cell["pss_bytes"], turnaround.get("mean_ns")]
        estimates.append(cell.get("server_cpu_per_request_ns"))
        said += [one["median"] for one in estimates if one]
        for one in [*cell["latency"], *turnaround.get("quantiles", [])]:
            said += [
                (one.get("pooled") or {}).get("value_ns"),
                (one["value_ns"] or {}).get("median"),
            ]
        if steps := cell.get("steps"):
            waits = [waited(one) for one in (steps[-1], steps[0])]
            said.append(waits[0] / waits[1])
    lab = folder / "lab.json"
    if lab.is_file():
        models = json.loads(lab.read_text())["models"]
        said += numbers([one["decompositions"] for one in models if one["model"] == model])
    return [one for one in said if one is not None]


def waited(step: dict) -> float:
    """The median response time of a step."""
    found = next(one for one in step["response"] if one["q"] == 0.5)
    return (found.get("pooled") or found["value_ns"]).get("value_ns") or found["value_ns"]["median"]


def is_said(number: str, unit: str, said: list[float]) -> bool:
    """Whether one of the values, rounded to as many digits, is this number."""
    digits = len(number.partition(".")[2])
    written = float(number.replace(",", ""))
    # The ends of a range of shares are rounded outwards, so that the range stays true.
    off = (1 if unit == " %" else 0.5001) * 10**-digits
    return any(abs(one / SIZE.get(unit, 1) - written) <= off for one in said)


@pytest.mark.parametrize(("folder", "text"), list(sections()))
def test_the_numbers_of_the_tables_are_in_the_documents(folder, text):
    for model, entries in tables(text):
        said = of_model(folder, model)
        assert said, f"{model} was not measured in {folder.name}"
        for entry in entries:
            found = NUMBER.findall(entry)
            for number, unit in found:
                assert is_said(number, unit, said), f"{folder.name}: {model}: {number}{unit}"


@pytest.mark.parametrize(("folder", "text"), list(sections()))
def test_the_counts_of_trials_are_those_of_the_runs(folder, text):
    counted = re.search(r"([\d,]+) trials", text)
    summary = json.loads((folder / "summary.json").read_text())
    done, of_reference = summary["run"]["trials_done"], summary.get("reference") or {"trials": []}
    if counted:
        # The count may include or exclude the trials of the null baseline.
        counts = {done, done - len(of_reference["trials"])}
        assert int(counted[1].replace(",", "")) in counts


def test_a_wrong_number_is_found():
    assert is_said("16.7", "k", [16_651.0])
    assert not is_said("16.6", "k", [16_651.0])
    assert is_said("1,363", "", [1_363.2])
    assert [one[0] for one in NUMBER.findall("95.6 us, 170 us, 5.21 ms")] == ["95.6", "170", "5.21"]
