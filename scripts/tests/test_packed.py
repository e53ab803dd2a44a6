"""A packed run is read as one whose trials are files."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from synthetic import Invented, write_run

import c10k_results as results
from c10k_documents import DamagedError


def pack(folder: Path) -> None:
    """As `c10k pack` does it."""
    files = sorted((folder / "trials").iterdir())
    found = {f"trials/{file.name}": json.loads(file.read_text()) for file in files}
    shared = {"schema": next(iter(found.values()))["schema"], "host": {"cpus": 2}}
    lines = [{"common": shared}]
    for name, trial in found.items():
        own = {key: value for key, value in trial.items() if shared.get(key) != value}
        lines.append({"file": name, "trial": own, "lacks": ["host"]})
    with gzip.open(folder / results.PACKED, "wt") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    shutil.rmtree(folder / "trials")


def test_a_packed_run_reads_like_its_files(tmp_path: Path) -> None:
    write_run(
        tmp_path, [Invented("echo", "epoll", samples=500), Invented("echo", "fork", samples=500)]
    )
    run = results.read_run(tmp_path)
    names = [name for cell in run.cells for name in cell.trials]
    before = [results.read_trial(run, name).value for name in names]
    pack(tmp_path)
    assert [results.read_trial(run, name).value for name in names] == before
    with pytest.raises(DamagedError, match="missing although"):
        results.read_trial(run, "trials/none.json")


def test_a_damaged_one_is_said_to_be_damaged(tmp_path: Path) -> None:
    write_run(tmp_path, [Invented("echo", "epoll", samples=500)])
    run = results.read_run(tmp_path)
    name = run.cells[0].trials[0]
    pack(tmp_path)
    packed = tmp_path / results.PACKED
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(DamagedError, match="is damaged"):
        results.read_trial(run, name)
