"""Turnaround, connecting, memory per connection and system calls are what the documents say."""

from __future__ import annotations

import json
import statistics

import pytest
from looking import artists
from synthetic import Invented, estimate, sweep_run, write_run

import c10k_panels as panels
import c10k_style as style
import plot
from c10k_results import read_run

CALLS = [("read", 1.5), ("write", 1.0), ("epoll_wait", 0.25), ("a", 0.2), ("b", 0.1), ("c", 0.05)]


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Two models: both with turnaround, connecting and system calls."""
    folder = tmp_path_factory.mktemp("results") / "clients"
    summary = write_run(folder, [Invented("echo", model, samples=20) for model in ("epoll", "mio")])
    for at, cell in enumerate(summary["cells"], 1):
        cell["turnaround"] = {"mean_ns": estimate([at * 1e9, at * 2e9, at * 4e9])}
        bound = at == 2
        cell["connect"] = [
            {"q": 0.5, "value_ns": estimate([at * 5e4, at * 6e4, at * 9e4]), "at_least": bound},
            {"q": 0.99, "value_ns": estimate([9e9] * 3), "at_least": False},
        ]
        cell["syscalls"] = {
            "per_request": 3.1 * at,
            "by_name": [{"name": name, "per_request": n * at} for name, n in CALLS],
        }
    (folder / "summary.json").write_text(json.dumps(summary))
    kinds = ["turnaround", "connect", "syscalls"]
    return dict(plot.draw(read_run(folder), kinds=kinds))


def test_turn_around_is_a_bar_of_the_median_with_its_trials(figures):
    (bar,) = artists(figures["turnaround-echo"], "bar:mio")
    assert (bar.get_x(), bar.get_width()) == (0, 4e9)
    (whisker,) = artists(figures["turnaround-echo"], "whisker:mio")
    assert list(whisker.get_xdata()) == [2e9, 8e9]


def test_connecting_is_its_median_and_no_lower_bound(figures):
    (bar,) = artists(figures["connect-echo"], "bar:epoll")
    assert bar.get_width() == 6e4
    assert not artists(figures["connect-echo"], "bar:mio")
    assert len(artists(figures["connect-echo"], "missing:mio")) == 1


def test_system_calls_are_stacked_to_their_sum_and_the_rare_ones_are_others(figures):
    figure = figures["syscalls-echo"]
    left = 0.0
    for name, times in [*CALLS[:5], ("others", 0.05)]:
        (bar,) = artists(figure, f"{name}:mio")
        assert (bar.get_x(), bar.get_width()) == pytest.approx((left, times * 2))
        left += times * 2
    (text,) = artists(figure, "value:mio")
    assert text.get_text() == "6.2"
    assert not artists(figure, "c:mio")
    hatches = {artists(figure, f"{name}:mio")[0].get_hatch() for name, _ in CALLS[:5]}
    assert len(hatches) == 5, "told apart in grey too"


def test_what_was_not_measured_has_no_figure(tmp_path):
    write_run(tmp_path / "run", [Invented("echo", "epoll", samples=20)])
    kinds = ["turnaround", "connect", "syscalls", "per-connection"]
    assert not dict(plot.draw(read_run(tmp_path / "run"), kinds=kinds))


def test_memory_for_each_connection_is_a_difference_in_pairs_of_blocks(tmp_path):
    summary = sweep_run(tmp_path / "run")
    for cell in summary["cells"]:
        values = cell["pss_bytes"]["values"]
        moved = [one * (1 + 0.1 * at) for at, one in enumerate(values)]
        cell["pss_bytes"] = estimate(moved)
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    (figure,) = dict(plot.draw(read_run(tmp_path / "run"), kinds=["per-connection"])).values()

    def of(model: str, idle: str) -> list[float]:
        name = f"echo-idle-connections{idle}"
        found = [c for c in summary["cells"] if (c["workload"], c["model"]) == (name, model)]
        return found[0]["pss_bytes"]["values"]

    for model, idle, last in (("epoll", "10k", 10_000), ("select", "1k", 1_000)):
        each = [(a - b) / last for a, b in zip(of(model, idle), of(model, "0"), strict=True)]
        (bar,) = artists(figure, f"bar:{model}")
        assert bar.get_width() == pytest.approx(statistics.median(each)), model
        (dots,) = artists(figure, f"trials:{model}")
        assert list(dots.get_xdata()) == pytest.approx(each)
    assert "0 to 10k; 0 to 1k" in figure.get_label()


# --- many models in one figure ---


def test_more_lines_than_can_be_told_apart_are_parted_and_none_is_lost(tmp_path):
    models = list(style.LOOKS)[8:]
    write_run(tmp_path / "run", [Invented("echo", model, samples=300) for model in models])
    figures = dict(plot.draw(read_run(tmp_path / "run"), kinds=["latency", "cdf"]))
    for name, gid in (("latency-echo", "known"), ("cdf-echo", "cdf")):
        found = {model: artists(figures[name], f"{gid}:{model}") for model in models}
        assert all(len(lines) == 1 for lines in found.values()), name
        assert len({lines[0].axes for lines in found.values()}) == 3
        figures[name].draw_without_rendering()
        inches = figures[name].axes[0].get_window_extent().width / figures[name].dpi
        assert inches > 1.5, "no legend takes the panels' room"
        for axes in figures[name].axes[:3]:
            width = axes.get_legend().get_window_extent().width
            assert width < axes.get_window_extent().width * 1.1, "nor that of its neighbour"
        labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figures[name].axes[:3]]
        assert [bool(x) for x, _ in labels] == [False, True, True]
        assert [bool(y) for _, y in labels] == [True, False, True]
        for axes in figures[name].axes[:3]:
            legend = [text.get_text() for text in axes.get_legend().get_texts()]
            own = [model for model, lines in found.items() if lines[0].axes is axes]
            assert legend == own
            behind = [line for line in axes.lines if line.get_color() == panels.BEHIND]
            assert len(behind) == len(models) - len(own)


def test_every_known_model_has_a_look_of_its_own_in_every_run():
    looks = style.LOOKS.values()
    assert len({(one.color, one.dash) for one in looks}) == len(looks)
    assert len({one.marker for one in looks}) == len(looks)
