"""What only some plans measure: steps of a staircase, turnaround, time to connect."""

import json
import math

import pytest
from looking import artists
from synthetic import Invented, estimate, write_run

import plot
from c10k_results import read_run


def changed(folder, cells, change) -> dict:
    """A run whose cells have more in them."""
    summary = write_run(folder, cells)
    for cell in summary["cells"]:
        change(cell)
    (folder / "summary.json").write_text(json.dumps(summary))
    return summary


def quantile(q: float, ns: float | None, at_least: bool = False) -> dict:
    return {"q": q, "value_ns": ns and estimate([ns] * 3), "at_least": at_least}


STEPS = [(1_000, 1.0, 1e6, False), (3_000, 0.5, 9e8, True), (1_000, 0.9, 4e6, False)]


def climb(cell: dict) -> None:
    cell["arrivals"] = {"kind": "staircase"}
    cell["steps"] = [
        {
            "start_ns": at * 500_000_000,
            "width_ns": 500_000_000,
            "rate_per_s": rate,
            "answered": estimate([share - 0.1, share, share + 0.1]),
            "response": [quantile(0.5, wait, bound)],
        }
        for at, (rate, share, wait, bound) in enumerate(STEPS)
    ]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "climb"
    changed(folder, [Invented("climb", model, samples=500) for model in ("epoll", "poll")], climb)
    return read_run(folder)


def test_a_step_has_what_was_answered_and_how_long_that_took(climbed):
    figures = dict(plot.draw(climbed, kinds=["steps"]))
    (figure,) = figures.values()
    assert list(figures) == ["steps-climb"]
    (line,) = artists(figure, "answered:epoll")
    assert list(line.get_xdata()) == [0.25, 0.75, 1.25]
    assert list(line.get_ydata()) == [1_000, 1_500, 900]
    # A lower bound is no point.
    (line,) = artists(figure, "waits:poll")
    wait = list(line.get_ydata())
    assert (wait[0], math.isnan(wait[1]), wait[2]) == (1e6, True, 4e6)
    (asked,) = artists(figure, "asked")
    assert list(asked.get_data().values) == [1_000, 3_000, 1_000]


def test_other_loads_have_no_steps(tmp_path):
    write_run(tmp_path / "run", [Invented("echo", "epoll", samples=500)])
    assert not dict(plot.draw(read_run(tmp_path / "run"), kinds=["steps"]))


def swept(tmp_path, factor: str):
    cells = [
        Invented(f"a-{factor}{text}", "epoll", samples=500, series="a", factors={factor: text})
        for text in ("1", "10")
    ]

    def change(cell: dict) -> None:
        cell["turnaround"] = {"mean_ns": estimate([2e9] * 3)}
        cell["connect"] = [quantile(0.5, 5e4), quantile(0.99, 9e4)]

    changed(tmp_path / "run", cells, change)
    (figure,) = dict(plot.draw(read_run(tmp_path / "run"), kinds=["sweep"])).values()
    return {axes.get_gid() for axes in figure.axes}, figure


def test_turn_around_and_connecting_have_panels(tmp_path):
    panels, figure = swept(tmp_path, "connections")
    assert {"panel:Turnaround", "panel:Connect"} <= panels
    values = [list(line.get_ydata()) for line in artists(figure, "line:epoll")]
    assert [2e9, 2e9] in values
    assert [5e4, 5e4] in values


def test_more_requests_take_longer_and_that_is_no_panel(tmp_path):
    panels, _ = swept(tmp_path, "requests-per-connection")
    assert "panel:Connect" in panels
    assert "panel:Turnaround" not in panels


def test_connections_that_are_kept_stand_beyond_every_number_of_requests(tmp_path):
    cells = [
        Invented(
            f"a-{text}",
            "epoll",
            samples=200,
            throughput_per_s=each,
            series="a",
            factors={"requests-per-connection": text},
        )
        for text, each in (("0", 9e4), ("1", 1e4), ("100", 5e4))
    ]
    summary = write_run(tmp_path / "run", cells)
    (figure,) = dict(plot.draw(read_run(tmp_path / "run"), kinds=["sweep"])).values()
    (line,) = [
        line
        for axes in figure.axes
        if axes.get_gid() == "panel:Replies/s"
        for line in axes.findobj(lambda one: one.get_gid() == "line:epoll")
    ]
    kept, one, hundred = (cell["throughput_per_s"]["median"] for cell in summary["cells"])
    assert list(line.get_ydata()) == [one, hundred, kept]
    assert list(line.get_xdata()) == sorted(line.get_xdata())
    words = next(axes for axes in figure.axes if axes.get_xlabel()).get_xticklabels()
    assert [word.get_text() for word in words] == ["1", "100", "kept"]


def test_settings_below_an_axis_do_not_touch(tmp_path):
    levels = ("1", "10", "100", "300", "1000", "3000", "10000")
    cells = [
        Invented(f"a-{text}", "epoll", samples=500, series="a", factors={"connections": text})
        for text in levels
    ]
    write_run(tmp_path / "run", cells)
    (figure,) = dict(plot.draw(read_run(tmp_path / "run"), kinds=["sweep"])).values()
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_xlabel() == "connections"]
    words = panels[0].get_xticklabels()
    assert [word.get_text() for word in words] == list(levels)
    assert all(word.get_rotation() == 35 for word in words)
