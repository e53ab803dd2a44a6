"""The figures show what `figures.json` says, and nothing else."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from looking import all_text, artists

import c10k_lines as lines
import c10k_style as style
import plot
from c10k_figures import Figures, read

SCRIPT = Path(plot.__file__)
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def figures():
    return read(HERE)


@pytest.fixture(scope="module")
def drawn(figures):
    """All figures, by name."""
    style.size.of_screen()
    return dict(plot.draw(figures))


def figure_of(figures: Figures, name: str, of: str) -> dict:
    return next(one for one in figures.figures if (one["name"], one["of"]) == (name, of))


def row_of(figures: Figures, name: str, of: str, model: str) -> dict:
    rows = figure_of(figures, name, of)["rows"]
    return next(row for row in rows if row.get("model", row.get("name")) == model)


# --- files ---


def test_every_figure_of_the_document_is_drawn(figures, drawn):
    for one in figures.figures:
        if one.get("sweep"):
            sheet = drawn[f"sweep-{one['of']}"]
            assert any(axes.get_gid() == f"panel:{one['name']}" for axes in sheet.axes), one["id"]
        else:
            assert f"{one['name']}-{one['of']}" in drawn, one["id"]
    assert {"overview", "distribution-echo", "distribution-echo-open"} <= set(drawn)


def test_every_format_is_written_and_its_path_printed(run, tmp_path, capsys):
    arguments = ["--out", str(tmp_path / "new" / "folder"), "--figures", "throughput,cpu,lab"]
    assert plot.main([str(run), *arguments]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    # The figures of a series are panels on its sheet.
    names = ["cpu-echo", "cpu-echo-open", "cpu-climb", "throughput-echo", "sweep-many"]
    for name in names:
        for suffix in plot.FORMATS:
            (path,) = [path for path in printed if path.name == f"{name}.{suffix}"]
            content = path.read_bytes()
            assert content.startswith(MAGIC[suffix])
            assert len(content) > 2_000
    assert sum(path.name.startswith("lab-") for path in printed) == 5 * len(plot.FORMATS)


def test_figures_are_written_beside_the_results_by_default(run, capsys):
    assert plot.main([str(run), "--formats", "svg", "--workload", "echo"]) == 0
    assert (run / "figures" / "throughput-echo.svg").is_file()
    assert len(capsys.readouterr().out.splitlines()) == 9


def test_of_a_lab_its_own_figures_are_drawn_unless_others_are_asked_for(run, capsys):
    assert plot.main([str(run), "--formats", "svg"]) == 0
    names = [Path(line).stem for line in capsys.readouterr().out.splitlines()]
    assert {name.split("-")[0] for name in names} == {"lab", "sweep"}
    document = json.loads((run / "figures.json").read_text())
    document["figures"] = [one for one in document["figures"] if one["name"] != "lab"]
    (run / "figures.json").write_text(json.dumps(document))
    assert plot.main([str(run), "--formats", "svg"]) == 0
    assert "overview.svg" in capsys.readouterr().out


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    for out in ("a", "b"):
        arguments = ["--workload", "echo", "--formats", "svg,pdf,png", "--out", str(tmp_path / out)]
        assert plot.main([str(run), *arguments]) == 0
    written = sorted((tmp_path / "a").iterdir())
    assert len(written) == 27
    for path in written:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_script_runs_by_path_from_any_folder(run, tmp_path):
    arguments = [str(run), "--out", "here", "--formats", "svg", "--workload", "echo"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "here" / "percentiles-echo.svg").is_file()


# --- rows ---


@pytest.mark.parametrize("model", ["epoll", "poll", "fork"])
@pytest.mark.parametrize("name", ["throughput", "memory"])
def test_bars_whiskers_and_dots_are_those_of_the_document(figures, drawn, name, model):
    said = row_of(figures, name, "echo", model)
    figure = drawn[f"{name}-echo"]
    (bar,) = artists(figure, f"bar:{model}")
    (whisker,) = artists(figure, f"whisker:{model}")
    (dots,) = artists(figure, f"trials:{model}")
    assert (bar.get_x(), bar.get_width()) == (0, said["value"])
    assert list(whisker.get_xdata()) == [said["low"], said["high"]]
    assert list(dots.get_xdata()) == said["values"]


def test_a_cost_is_dark_in_user_mode_pale_in_the_kernel_and_hollow_where_nobody_knows(
    figures, drawn
):
    said = row_of(figures, "cpu", "echo", "epoll")
    (user,) = artists(drawn["cpu-echo"], "bar:epoll")
    (kernel,) = artists(drawn["cpu-echo"], "kernel:epoll")
    assert user.get_width() == pytest.approx(said["value"] * said["user_share"])
    assert kernel.get_x() + kernel.get_width() == pytest.approx(said["value"])
    assert sum(user.get_facecolor()[:3]) < sum(kernel.get_facecolor()[:3])
    (hollow,) = artists(drawn["cpu-echo"], "bar:poll")
    assert hollow.get_facecolor()[:3] == (1, 1, 1)


def test_rows_stand_in_the_documents_order_from_the_top(figures, drawn):
    axes = drawn["throughput-echo"].axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["epoll", "poll *", "thread-per-client", "fork (invalid)"]
    rows = figure_of(figures, "throughput", "echo")["rows"]
    assert [row["model"] for row in rows] == [name.split()[0] for name in names]
    assert axes.yaxis_inverted()


def test_dots_and_quantiles_are_those_of_the_document(figures, drawn):
    said = row_of(figures, "p99", "echo-open", "fork")
    (point,) = artists(drawn["p99-echo-open"], "median:fork")
    assert list(point.get_xdata()) == [said["value"]]
    assert said["at_least"]
    assert point.get_markerfacecolor() == "white"
    assert "a lower bound" in all_text(drawn["p99-echo-open"])
    found = row_of(figures, "load", "echo-open", "epoll")["quantiles"]
    for q, value, _ in found:
        (mark,) = artists(drawn["load-echo-open"], f"p{q * 100:.10g}:epoll")
        assert list(mark.get_xdata()) == [value]
    assert artists(drawn["load-echo-open"], "bound:fork")


def test_parts_are_stacked_to_their_sum(figures, drawn):
    (total,) = artists(drawn["syscalls-echo"], "value:epoll")
    bars = [
        artists(drawn["syscalls-echo"], f"{row['name']}:epoll")[0]
        for row in figure_of(figures, "syscalls", "echo")["rows"]
    ]
    assert sum(bar.get_width() for bar in bars) == pytest.approx(total.xy[0])
    for before, after in pairwise(bars):
        assert after.get_x() == pytest.approx(before.get_x() + before.get_width())


def test_each_effect_has_its_ratio_and_its_interval(figures, drawn):
    row = figure_of(figures, "lab", "cpu")["rows"][0]
    mark = row["marks"][0]
    words = plot.rows._words(mark)
    (point,) = artists(drawn["lab-cpu"], f"mark:{row['name']}:{words}")
    (whisker,) = artists(drawn["lab-cpu"], f"whisker:{row['name']}:{words}")
    assert list(point.get_xdata()) == [mark["value"]]
    assert list(whisker.get_xdata()) == [mark["low"], mark["high"]]


def test_the_overview_has_cost_and_tail_of_each_workload(figures, drawn):
    for of in ("echo", "echo-open"):
        for name in ("cpu", "p99"):
            said = row_of(figures, name, of, "epoll")
            (point,) = artists(drawn["overview"], "median:epoll", f"panel:{name}:{of}")
            assert list(point.get_xdata()) == [said["value"]]


# --- lines ---


def test_a_curve_has_the_points_of_the_document(figures, drawn):
    points = row_of(figures, "percentiles", "echo", "epoll")["points"]
    (line,) = artists(drawn["percentiles-echo"], "line:epoll")
    assert list(line.get_ydata()) == [value for _, value, _ in points[1:]]
    (turned,) = artists(drawn["distribution-echo"], "line:epoll")
    assert list(turned.get_ydata()) == [q * 100 for q, *_ in points]


def test_a_trial_over_time_breaks_where_a_slice_has_no_tail(figures, drawn):
    points = row_of(figures, "time", "echo", "epoll")["points"]
    (rate,) = artists(drawn["time-echo"], "rate:epoll")
    (tail,) = artists(drawn["time-echo"], "p99:epoll")
    assert list(rate.get_ydata()) == [rate for _, rate, _ in points]
    assert [not math.isnan(value) for value in tail.get_ydata()] == [
        p99 is not None for *_, p99 in points
    ]


def test_a_sweep_is_a_line_in_a_band_and_the_others_stand_behind_it(figures, drawn):
    sheet = drawn["sweep-many"]
    said = row_of(figures, "throughput", "many", "epoll")
    (line,) = artists(sheet, "line:epoll", "panel:throughput")
    assert list(line.get_xdata()) == [point["x"] for point in said["points"]]
    assert list(line.get_ydata()) == [point["value"] for point in said["points"]]
    assert artists(sheet, "band:epoll", "panel:throughput")
    behind = [
        row["model"] for row in figure_of(figures, "throughput", "many")["rows"] if not row["shown"]
    ]
    assert behind
    for model in behind:
        (grey,) = artists(sheet, f"line:{model}", "panel:throughput")
        assert grey.get_color() == lines.BEHIND
    assert f"{len(behind)} other models" in all_text(sheet)
    # A flagged point is hollow.
    marks = artists(sheet, "median:epoll", "panel:throughput")
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [True, False, False, False]
    assert sheet.axes[0].get_xscale() == "log"


def test_models_that_are_chosen_are_all_drawn(figures):
    chosen = figures.only(["many"], ["poll", "mio"])
    sheet = dict(plot.draw(chosen))["sweep-many"]
    for model in ("poll", "mio"):
        (line,) = artists(sheet, f"line:{model}", "panel:throughput")
        assert line.get_color() != lines.BEHIND
    assert not artists(sheet, "line:epoll")


def test_a_staircase_has_its_steps(figures, drawn):
    said = row_of(figures, "answered", "climb", "epoll")["points"]
    (line,) = artists(drawn["sweep-climb"], "line:epoll", "panel:answered")
    assert list(line.get_ydata()) == [point["value"] for point in said]


# --- looks ---


def test_what_is_invalid_is_grey_and_labelled_and_still_there(drawn):
    (bar,) = artists(drawn["throughput-echo"], "bar:fork")
    assert bar.get_hatch()
    text = all_text(drawn["throughput-echo"])
    assert "fork (invalid)" in text
    assert "Grey, a check failed: fork" in text
    assert "* Something was flagged" in text


def test_colours_are_those_of_the_families_that_the_page_has(figures, drawn):
    (point,) = artists(drawn["p99-echo"], "median:thread-per-client")
    assert point.get_color() == figures.families["thread"][0]
    for name in ("percentiles-echo", "time-echo", "sweep-many"):
        for line in artists(drawn[name], "line:epoll") + artists(drawn[name], "rate:epoll"):
            assert line.get_color() in figures.families["reactor"]


def test_models_of_one_family_look_different(figures):
    rows = figure_of(figures, "throughput", "many")["rows"]
    looks = [style.look(figures, row) for row in rows]
    assert len({(look.color, look.dash, look.marker) for look in looks}) == len(rows) == 9


def test_every_figure_says_which_run_and_which_machine(figures, drawn):
    for figure in drawn.values():
        (line,) = [one for one in figure.texts if one.get_gid() == "footer"]
        text = line.get_text().replace("\n", " ")
        for part in figures.made_by:
            assert part in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (7, "7 ns"),
        (999.9, "1 µs"),
        (85_300, "85.3 µs"),
        (1.5e6, "1.5 ms"),
        (2e9, "2 s"),
    ],
)
def test_durations_are_written_to_three_digits(value, text):
    assert style.nanoseconds(value) == text


# --- print ---


@pytest.mark.parametrize(("width", "mm"), [("one", 85), ("two", 178)])
def test_print_is_as_wide_as_its_column_and_says_the_rest_in_captions(run, figures, width, mm):
    out = run / "print"
    arguments = ["--width", width, "--formats", "svg", "--figures", "throughput", "--out", str(out)]
    assert plot.main([str(run), *arguments, "--workload", "echo"]) == 0
    svg = (out / "throughput-echo.svg").read_text()
    points = float(re.search(r'width="([0-9.]+)pt"', svg)[1])
    assert points == pytest.approx(mm / 25.4 * 72, abs=0.01)
    captions = (out / "captions.txt").read_text()
    said = figure_of(figures, "throughput", "echo")
    for text in (said["title"], said["shows"], *said["notice"], *said["caveats"]):
        assert text in captions
    for text in figures.made_by:
        assert text in captions


@pytest.mark.parametrize("column", ["one", "two"])
def test_no_letter_in_print_is_smaller_than_seven_points_and_there_is_no_title(figures, column):
    style.size.of_print(column)
    try:
        for name, figure in plot.draw(figures):
            figure.draw_without_rendering()
            for text in figure.findobj(lambda one: hasattr(one, "get_fontsize")):
                assert not text.get_text() or text.get_fontsize() >= 7, (name, text.get_text())
            assert not [one for one in figure.texts if one.get_gid() == "footer"]
    finally:
        style.size.of_screen()


@pytest.mark.parametrize("column", [None, "one", "two"])
def test_settings_below_an_axis_do_not_touch(figures, column):
    if column:
        style.size.of_print(column)
    try:
        sheet = dict(plot.draw(figures.only(["many"], None)))["sweep-many"]
        sheet.draw_without_rendering()
        for axes in sheet.axes:
            words = [
                tick.label1 for tick in axes.xaxis.get_major_ticks() if tick.label1.get_visible()
            ]
            boxes = [word.get_window_extent() for word in words if word.get_text()]
            for before, after in pairwise(boxes):
                assert before.x1 <= after.x0
    finally:
        style.size.of_screen()


def test_the_document_is_of_the_format_that_the_script_reads():
    said = json.loads((HERE / "figures.json").read_text())["schema"]
    assert said == {"name": "c10k.figures", "version": 1}
