"""Sweeps, state against none, and figures for print show what the documents say."""

from __future__ import annotations

import json
import math
import re
import statistics
from pathlib import Path

import matplotlib as mpl
import pytest
from looking import artists
from synthetic import Invented, stateful_run, sweep_run, write_run

import c10k_style as style
import plot
from c10k_results import read_run
from c10k_stateful import paired


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "sweep"
    return folder, sweep_run(folder)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "stateful"
    return folder, stateful_run(folder)


@pytest.fixture(autouse=True)
def on_screen():
    yield
    style.size.of_screen()


# --- sweeps ---


@pytest.fixture(scope="module")
def sweep_figure(swept):
    return dict(plot.draw(read_run(swept[0]), kinds=["sweep"]))["sweep-echo"]


def test_a_sweep_is_a_line_of_medians_in_a_band_of_intervals(swept, sweep_figure):
    cells = [cell for cell in swept[1]["cells"] if cell["model"] == "epoll" and "twin" not in cell]
    panels = {"Replies/s": "throughput_per_s", "CPU per reply": "server_cpu_per_request_ns"}
    for title, key in panels.items():
        (line,) = artists(sweep_figure, "line:epoll", f"panel:{title}")
        assert list(line.get_xdata()) == [0, 10, 100, 1_000, 10_000]
        assert list(line.get_ydata()) == [cell[key]["median"] for cell in cells]
        (band,) = artists(sweep_figure, "band:epoll", f"panel:{title}")
        ends = {y for _, y in band.get_paths()[0].vertices}
        for cell in cells:
            assert {cell[key]["interval"]["low"], cell[key]["interval"]["high"]} <= ends


def test_a_point_that_was_left_out_is_absent_and_an_invalid_one_hollow(sweep_figure):
    (line,) = artists(sweep_figure, "line:select", "panel:Replies/s")
    assert math.isnan(line.get_ydata()[-1])
    assert len(artists(sweep_figure, "median:select", "panel:Replies/s")) == 4
    last = artists(sweep_figure, "median:thread-per-client", "panel:Replies/s")[-1]
    assert (last.get_markerfacecolor(), last.get_color()) == ("none", style.GREY)
    assert "thread-per-client at 10k" in sweep_figure.get_label()


def test_levels_over_decades_are_logarithmic_and_written_as_in_the_plan(sweep_figure):
    axes = sweep_figure.axes[0]
    assert axes.get_xscale() == "symlog"
    texts = [one.get_text() for one in sweep_figure.axes[4].get_xticklabels()]
    assert texts == ["0", "10", "100", "1k", "10k"]


def test_a_second_measurement_of_a_model_stands_below_its_first(swept):
    run = read_run(swept[0])
    (cell,) = [cell for cell in swept[1]["cells"] if "twin" in cell]
    kinds = ["quantiles", "memory", "throughput"]
    figures = dict(plot.draw(run, workloads=["echo-idle-connections0"], kinds=kinds))
    for figure in figures.values():
        names = [one.get_text() for one in figure.axes[0].get_yticklabels()]
        assert names == ["select", "epoll", "epoll+twin", "thread-per-client"]
    (bar,) = artists(figures["throughput-echo-idle-connections0"], "bar:epoll+twin", 0)
    assert bar.get_width() == cell["throughput_per_s"]["median"]


def test_a_second_measurement_is_a_thin_line_without_a_band(swept, sweep_figure):
    (cell,) = [cell for cell in swept[1]["cells"] if "twin" in cell]
    (line,) = artists(sweep_figure, "line:epoll+twin", "panel:Replies/s")
    assert line.get_ydata()[0] == cell["throughput_per_s"]["median"]
    assert line.get_color() == style.LOOKS["epoll"].color
    assert not artists(sweep_figure, "band:epoll+twin")


def test_a_sweep_is_chosen_by_its_name(swept, tmp_path, capsys):
    arguments = ["--workloads", "echo", "--formats", "svg", "--out", str(tmp_path)]
    assert plot.main([str(swept[0]), "--figures", "sweep", *arguments]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["sweep-echo.svg"]


def test_rates_of_one_series_are_latency_against_load(tmp_path):
    cells = [
        Invented(
            f"echo-rate{rate}",
            "epoll",
            float(rate),
            samples=400,
            series="echo-open",
            factors={"arrivals.rate": str(rate)},
        )
        for rate in (100, 200, 300)
    ]
    write_run(tmp_path / "run", cells)
    figures = dict(plot.draw(read_run(tmp_path / "run"), kinds=["sweep", "load-latency"]))
    assert list(figures) == ["load-latency-echo-open"]
    (line,) = artists(figures["load-latency-echo-open"], "line:epoll", "panel:p50")
    assert list(line.get_xdata()) == [100, 200, 300]


# --- state ---


def test_state_is_compared_with_none_in_pairs_of_the_same_block(kept):
    run = read_run(kept[0])
    (figure,) = (figure for _, figure in plot.draw(run, kinds=["stateful"]))

    def values(home: str) -> list[float]:
        name = f"session-state{home}-requests1"
        cells = kept[1]["cells"]
        found = [one for one in cells if (one["workload"], one["model"]) == (name, "epoll")]
        return found[0]["server_cpu_per_request_ns"]["values"]

    logs = [math.log(a / b) for a, b in zip(values("table"), values("none"), strict=True)]
    mean, error = statistics.mean(logs), statistics.stdev(logs) / math.sqrt(5)
    gid = "ratio:session-statetable-requests1:epoll"
    (mark,) = artists(figure, gid, 1)
    (whisker,) = artists(figure, f"whisker:{gid}", 1)
    assert mark.get_xdata()[0] == pytest.approx(math.exp(mean))
    # t(0.975, 4) = 2.776
    expected = [math.exp(mean - 2.776 * error), math.exp(mean + 2.776 * error)]
    assert list(whisker.get_xdata()) == pytest.approx(expected)
    assert not artists(figure, "ratio:session-statenone-requests1:epoll")
    assert len(artists(figure, "median:session-statenone-requests1:epoll", 0)) == 1


def test_trials_of_different_blocks_are_no_pairs(kept, tmp_path):
    document = kept[1]["cells"][1]
    run = read_run(kept[0])
    base, cell = run.cells[0], run.cells[1]
    moved = tuple(name.replace(".4.json", ".9.json") for name in cell.trials)
    assert document["workload"] == cell.workload

    def of(one):
        return one.server_cpu_per_request_ns

    whole = paired(cell, base, of)
    part = paired(plot.replace(cell, trials=moved), base, of)
    assert (whole.pairs, part.pairs) == (5, 4)


# --- bars and time ---


def test_costs_are_split_as_the_trials_say(swept):
    run = read_run(swept[0])
    figures = dict(plot.draw(run, ["echo-idle-connections0"]))
    said = swept[1]["cells"][1]
    cost = figures["cost-echo-idle-connections0"]
    (user,), (kernel,), (client,) = (
        artists(cost, f"{part}:epoll", 0) for part in ("user", "kernel", "client")
    )
    median = said["server_cpu_per_request_ns"]["median"]
    assert user.get_width() == pytest.approx(median * 0.25)
    assert kernel.get_x() + kernel.get_width() == pytest.approx(median)
    assert client.get_width() == said["client_cpu_per_request_ns"]["median"]

    time = figures["time-echo-idle-connections0"]
    (rate,) = artists(time, "rate:epoll", 0)
    middle = said["throughput_per_s"]["median"]
    block = min(range(5), key=lambda one: abs(said["throughput_per_s"]["values"][one] - middle))
    trial = json.loads((swept[0] / said["trials"][block]).read_text())
    assert list(rate.get_ydata()) == pytest.approx([one["ok"] * 40 for one in trial["intervals"]])

    (steps,) = artists(figures["cdf-echo-idle-connections0"], "cdf:epoll")
    assert list(steps.get_ydata()) == sorted(steps.get_ydata())
    assert steps.get_ydata()[-1] == pytest.approx(100)


def test_memory_has_round_ticks_in_its_unit(swept):
    run = read_run(swept[0])
    kinds = {"kinds": ["memory"]}
    (figure,) = dict(plot.draw(run, ["echo-idle-connections0"], **kinds)).values()
    figure.draw_without_rendering()
    texts = [one.get_text() for one in figure.axes[0].get_xticklabels()]
    assert all(len(text) <= 3 for text in texts), texts


# --- print ---


@pytest.mark.parametrize(("width", "mm"), [("one", 85), ("two", 178)])
def test_print_is_as_wide_as_its_column_and_says_the_rest_in_captions(swept, tmp_path, width, mm):
    arguments = ["--width", width, "--figures", "sweep", "--formats", "pdf,svg"]
    assert plot.main([str(swept[0]), *arguments, "--out", str(tmp_path)]) == 0
    svg = (tmp_path / "sweep-echo.svg").read_text()
    points = float(re.search(r'width="([\d.]+)pt"', svg)[1])
    assert points / 72 * 25.4 == pytest.approx(mm, abs=0.05)
    pdf = (tmp_path / "sweep-echo.pdf").read_bytes()
    assert b"/FontFile2" in pdf, "letters are embedded as TrueType"
    assert b"/FontFile3" not in pdf
    assert b"/Type3" not in pdf
    captions = (tmp_path / "captions.txt").read_text()
    assert "sweep-echo\necho: against idle-connections" in captions
    assert "run invented" in captions


def test_print_has_no_title_and_no_footer(swept):
    style.size.of_print("one")
    (figure,) = (figure for _, figure in plot.draw(read_run(swept[0]), kinds=["sweep"]))
    assert figure.texts == []
    assert mpl.rcParams["font.size"] == 7.5


@pytest.mark.parametrize("column", ["one", "two"])
def test_names_of_axes_beside_each_other_do_not_touch(swept, column):
    style.size.of_print(column)
    workload, kinds = "echo-idle-connections0", ["throughput"]
    (figure,) = dict(plot.draw(read_run(swept[0]), [workload], kinds=kinds)).values()
    figure.draw_without_rendering()
    left, right = (axes.xaxis.label.get_window_extent() for axes in figure.axes)
    # With room to spare, since longer names of models leave less.
    assert right.x0 - left.x1 > 0.3 * figure.dpi, (left, right)


@pytest.mark.parametrize("column", ["one", "two"])
def test_no_letter_in_print_is_smaller_than_seven_points(swept, column):
    style.size.of_print(column)
    for name, figure in plot.draw(read_run(swept[0]), ["echo-idle-connections0", "echo"]):
        figure.draw_without_rendering()
        for text in figure.findobj(lambda one: hasattr(one, "get_fontsize")):
            assert text.get_fontsize() >= 7 or not text.get_text(), (name, text)
