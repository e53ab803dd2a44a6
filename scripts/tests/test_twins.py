"""The number of effective samples with trials as clusters, and the distance between twins."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from looking import quantile_of

import twins

RUN = Path(__file__).parents[2] / "results/20261121-two-core-vm/idle-20261121T204951Z"


def test_clusters_are_worth_what_the_program_has() -> None:
    # The same numbers as in src/analysis/pooled/tests.rs.
    sizes = np.full(5, 2_000.0)
    assert twins.clusters(sizes, np.array([0.0, 0, 0, 0, 100])) == pytest.approx(99)
    assert twins.clusters(sizes, np.array([10.0, 15, 20, 25, 30])) == pytest.approx(3_168)
    assert twins.clusters(sizes, np.full(5, 20.0)) == np.inf
    assert twins.clusters(sizes[:1], np.array([20.0])) == np.inf


def test_it_agrees_with_the_summary_of_a_committed_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = twins.read_trials(RUN)
    for cell in twins.read_summary(RUN)["cells"]:
        nearer = True
        for q, found in twins.of_cell("this", cell, trials):
            pooled = quantile_of(cell, q)["pooled"]
            assert found.value == pooled["value_ns"]
            nearer = nearer and (q <= 0.9 or found.events(q) >= twins.SAMPLES_BEYOND)
            assert pooled["admitted"] == nearer, (cell["model"], cell["workload"], q)
    monkeypatch.setattr(sys, "argv", ["twins.py", str(RUN)])
    assert twins.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["0.5", "0.9", "0.99", "0.999"]
