"""Makes `scripts/` importable wherever pytest is started; invents a run that many tests read."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from synthetic import Invented, flag, write_run


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Three models; closed, open at one rate; one invalid, one suspect, one cut off."""
    folder = tmp_path_factory.mktemp("results") / "small"
    cells = [
        Invented("echo", "sequential", samples=2_000, median_ns=900e3, throughput_per_s=1_000),
        Invented(
            "echo",
            "poll",
            samples=2_000,
            validity="invalid",
            flags=[flag("generator-busy", "The generator was the limit.")],
        ),
        Invented("echo", "epoll", samples=2_000, validity="suspect", flags=[flag("stolen", "x")]),
        Invented("echo-open-50", "sequential", 500.0, samples=1_000, censored=100),
        Invented("echo-open-50", "poll", 500.0, samples=200),
        Invented("echo-open-50", "epoll", 500.0, samples=3),
    ]
    return folder, write_run(folder, cells)
