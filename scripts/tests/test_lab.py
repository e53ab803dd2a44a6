"""The figures of a lab show what its document says."""

from __future__ import annotations

import json

import pytest
from looking import artists
from matplotlib.text import Text
from synthetic import stateful_run

import plot
from c10k_results import read_run


def interval(low: float, high: float) -> dict:
    return {"interval": {"low": low, "high": high}}


def effect(factor: str, level: str, against: str, ratio: float) -> dict:
    ends = interval(ratio * 0.9, ratio * 1.2)
    return {"factor": factor, "level": level, "against": against, "ratio": ratio, **ends}


def design(metric: str, factors: dict[str, list[str]], effects: list[dict]) -> dict:
    found = [{"name": name, "levels": levels} for name, levels in factors.items()]
    return {"metric": metric, "factors": found, "effects": effects}


CPU = "server_cpu_per_request_ns"
PARTS = {"request": 9e3, "home": -1e3, "history": 2e3, "connecting": 40e3}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """A lab of one model."""
    folder = tmp_path_factory.mktemp("results") / "lab"
    stateful_run(folder)
    both = {"connection": ["kept", "one per request"], "home": ["none", "table"]}
    connecting = effect("connection", "one per request", "kept", 6.0)
    model = {
        "model": "epoll",
        "designs": [
            design(CPU, both, [connecting, effect("home", "table", "none", 1.1)]),
            design(CPU, {"connection": ["kept"]}, [effect("home", "table", "none", 0.7)]),
            design(
                CPU,
                both | {"clients": ["50", "500"]},
                [{**connecting, "ratio": 7.0}, effect("clients", "500", "50", 1.02)],
            ),
            design("throughput_per_s", both, [effect("home", "table", "none", 0.5)]),
        ],
        "split": [
            {
                "home": "table",
                "parts": [{"name": k, "ns": ns, **interval(0, 1)} for k, ns in PARTS.items()],
            },
            {"home": "connection", "parts": [{"name": "request", "ns": 9e3, **interval(0, 1)}]},
        ],
        "memory": [{"home": "table", "history": "4 KiB", "bytes": 4_500, **interval(4e3, 5e3)}],
    }
    lab = {"schema": {"name": "c10k.lab", "version": 2}, "models": [model]}
    (folder / "lab.json").write_text(json.dumps(lab))
    return dict(plot.draw(read_run(folder), kinds=["lab"]))


def test_each_factor_has_its_ratio_and_its_interval(figures):
    figure = figures["lab-cpu"]
    expected = {
        "connection:\none per request / kept": 6.0,
        "home:\ntable / none": 1.1,
        "home, kept:\ntable / none": 0.7,
        "clients:\n500 / 50": 1.02,
    }
    rows = [one.get_text() for one in figure.axes[0].get_yticklabels()]
    assert rows == list(expected)
    for row, ratio in expected.items():
        (mark,) = artists(figure, f"mark:epoll:{row}")
        (whisker,) = artists(figure, f"whisker:epoll:{row}")
        assert list(mark.get_xdata()) == [ratio]
        assert round(mark.get_ydata()[0]) == rows.index(row)
        assert list(whisker.get_xdata()) == [ratio * 0.9, ratio * 1.2]
    assert figure.axes[0].get_xscale() == "log"


def test_a_cost_is_stacked_and_what_makes_it_cheaper_is_left_of_nothing(figures):
    places = {"request": 0, "home": 0, "history": 9e3, "connecting": 11e3}
    for name, ns in PARTS.items():
        (bar,) = artists(figures["lab-split"], f"{name}:epoll:table")
        ends = sorted([places[name], places[name] + ns])
        assert sorted([bar.get_x(), bar.get_x() + bar.get_width()]) == ends, name


def test_a_home_without_all_parts_has_no_bar_and_is_named(figures):
    figure = figures["lab-split"]
    rows = [one.get_text() for one in figure.axes[0].get_yticklabels()]
    assert rows == ["epoll, table"]
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "Not drawn, because cells are missing: connection." in " ".join(said.split())


def test_a_client_takes_what_the_document_says(figures):
    (mark,) = artists(figures["lab-memory"], "mark:epoll:state: table,\nhistory 4 KiB")
    assert list(mark.get_xdata()) == [4_500]
    assert "lab-p99" not in figures


def test_without_a_lab_there_is_none(tmp_path):
    stateful_run(tmp_path / "run")
    assert not dict(plot.draw(read_run(tmp_path / "run"), kinds=["lab"]))
