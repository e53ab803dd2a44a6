"""The figures show what the documents say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from looking import all_text, artists, cell_of, copy_run, quantile_of
from synthetic import MODELS, Invented, full_run, write_run

import c10k_style as style
import plot
from c10k_documents import Samples
from c10k_latency import curve
from c10k_results import read_headline, read_run

SCRIPT = Path(plot.__file__)
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
# Histograms keep three digits.
PRECISION = 1e-3


@pytest.fixture(scope="module")
def drawn(small):
    """All figures of the small run, by name."""
    return dict(plot.draw(read_run(small[0])))


# --- files ---


def test_every_format_is_written_and_its_path_printed(small, tmp_path, capsys):
    assert plot.main([str(small[0]), "--out", str(tmp_path / "new" / "folder")]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    closed = ("latency", "cdf", "quantiles", "throughput", "cost", "memory")
    names = [f"{kind}-echo" for kind in closed]
    names += [f"{kind}-echo-open-50" for kind in closed if kind != "throughput"]
    names += ["load-latency-echo", "overview"]
    assert [path.name for path in printed] == [
        f"{name}.{suffix}" for name in names for suffix in ("png", "svg", "pdf")
    ]
    for path in printed:
        content = path.read_bytes()
        assert content.startswith(MAGIC[path.suffix[1:]])
        assert len(content) > 2_000


def test_figures_are_written_beside_the_results_by_default(small, tmp_path, capsys):
    folder, _ = copy_run(small, tmp_path)
    assert plot.main([str(folder), "--formats", "svg", "--workload", "echo"]) == 0
    assert (folder / "figures" / "throughput-echo.svg").is_file()
    assert len(capsys.readouterr().out.splitlines()) == 7


def test_the_same_run_gives_the_same_bytes(small, tmp_path):
    for out in ("a", "b"):
        arguments = ["--workload", "echo", "--formats", "svg,pdf,png", "--out", str(tmp_path / out)]
        assert plot.main([str(small[0]), *arguments]) == 0
    written = sorted((tmp_path / "a").iterdir())
    assert len(written) == 21
    for path in written:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_script_runs_by_path_from_any_folder(small, tmp_path):
    arguments = [str(small[0]), "--out", "here", "--formats", "svg", "--workload", "echo"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "here" / "latency-echo.svg").is_file()


# --- throughput and cost ---


@pytest.mark.parametrize(
    ("panel", "key"), [(0, "throughput_per_s"), (1, "server_cpu_per_request_ns")]
)
@pytest.mark.parametrize("model", ["sequential", "poll", "epoll"])
def test_bars_whiskers_and_dots_are_the_summarys_estimates(small, drawn, panel, key, model):
    said = cell_of(small[1], "echo", model)[key]
    figure = drawn["throughput-echo"]
    (bar,) = artists(figure, f"bar:{model}", panel)
    (whisker,) = artists(figure, f"whisker:{model}", panel)
    (dots,) = artists(figure, f"trials:{model}", panel)
    assert (bar.get_x(), bar.get_width()) == (0, said["median"])
    assert list(whisker.get_xdata()) == [said["min"], said["max"]]
    assert list(dots.get_xdata()) == said["values"]


def test_models_stand_in_the_summarys_order_from_the_top(drawn):
    axes = drawn["throughput-echo"].axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["sequential", "poll (invalid)", "epoll *"]
    assert axes.yaxis_inverted()


def test_an_open_loop_has_no_throughput_figure(drawn):
    assert not [name for name in drawn if name.startswith("throughput-echo-open")]


def test_a_cell_without_replies_says_so(tmp_path):
    write_run(tmp_path / "run", [Invented("echo", "epoll", cpu_ns=None, samples=0)])
    figures = dict(plot.draw(read_run(tmp_path / "run")))
    assert sorted(figures) == ["memory-echo", "overview", "throughput-echo"]
    (text,) = artists(figures["throughput-echo"], "missing:epoll", 1)
    assert text.get_text() == "no replies"
    assert len(artists(figures["overview"], "missing:epoll")) == 2


# --- latency by percentile ---


def test_the_curve_at_p99_is_that_of_all_trials_together(small, drawn):
    (line,) = artists(drawn["latency-echo"], "known:sequential")
    together = HdrHistogram(1, 60_000_000_000, 3)
    for name in cell_of(small[1], "echo", "sequential")["trials"]:
        trial = json.loads((small[0] / name).read_text())
        together.decode_and_add(trial["latency"]["service"]["histogram"])
    for x, percentile in ((2.0, 50), (10.0, 90), (100.0, 99)):
        y = line.get_ydata()[list(line.get_xdata()).index(x)]
        assert y == pytest.approx(together.get_value_at_percentile(percentile), rel=PRECISION)


def test_the_curve_of_a_single_trial_is_the_trials_own_quantiles(tmp_path):
    write_run(tmp_path / "run", [Invented("wait", "mio", trials=1, samples=3_000)])
    figures = dict(plot.draw(read_run(tmp_path / "run")))
    (line,) = artists(figures["latency-wait"], "known:mio")
    trial = json.loads((tmp_path / "run" / "trials" / "wait.mio.0.json").read_text())
    drawn = dict(zip(np.round(line.get_xdata(), 9), line.get_ydata(), strict=True))
    for quantile in trial["latency"]["service"]["quantiles"]:
        if quantile["q"] in (0.5, 0.9, 0.99):
            assert drawn[round(1 / (1 - quantile["q"]), 9)] == quantile["value"]


def test_an_open_loop_shows_response_time(small, drawn):
    assert "echo-open-50: response time" in all_text(drawn["latency-echo-open-50"])
    assert "echo: service time" in all_text(drawn["latency-echo"])
    run = read_run(small[0])
    kind, samples = read_headline(run, run.of_workload("echo-open-50")[1])
    assert (kind, samples.count) == ("response", 600)


def test_a_line_ends_where_fewer_than_six_samples_lie_beyond(drawn):
    (line,) = artists(drawn["latency-echo-open-50"], "known:poll")
    # Three trials of 200 samples: 600 / 6 = 100, so that p99 is the last.
    assert line.get_xdata()[-1] == pytest.approx(100)
    (full,) = artists(drawn["latency-echo"], "known:poll")
    assert full.get_xdata()[-1] == pytest.approx(1_000)


def test_a_model_with_hardly_any_samples_is_named_and_not_drawn(drawn):
    figure = drawn["latency-echo-open-50"]
    assert not artists(figure, "known:epoll")
    assert "epoll: too few samples" in all_text(figure)


def test_the_share_that_was_cut_off_is_dotted_and_marked_as_a_lower_bound(drawn):
    figure = drawn["latency-echo-open-50"]
    (known,) = artists(figure, "known:sequential")
    (bound,) = artists(figure, "at-least:sequential")
    # A tenth was cut off, so that p90 is the last quantile that is known.
    assert known.get_xdata()[-1] == pytest.approx(10)
    assert bound.get_xdata()[0] == known.get_xdata()[-1]
    assert bound.get_xdata()[-1] == pytest.approx(500)
    (sign,) = artists(figure, "bound:sequential")
    assert sign.get_text() == "≥"
    assert not artists(figure, "at-least:poll")
    assert not artists(figure, "bound:poll")


def test_quantiles_are_the_next_sample_up_as_the_documents_have_it():
    samples = Samples(np.array([10, 20, 30]), np.array([5, 4, 1]), 0)
    assert list(samples.at(np.array([0.0, 0.5, 0.51, 0.9, 0.91, 1.0]))) == [10, 10, 20, 20, 30, 30]
    assert not curve(Samples(np.array([10]), np.array([11]), 0))[0].size
    assert list(curve(Samples(np.array([10]), np.array([12]), 0))[0]) == [2.0]


def test_a_histogram_that_the_rust_library_wrote_is_read(tmp_path):
    write_run(tmp_path / "run", [Invented("echo", "epoll", trials=1)])
    path = tmp_path / "run" / "trials" / "echo.epoll.0.json"
    trial = json.loads(path.read_text())
    # Three samples of 7 and one of 59 999 999 999, between 1 and 60 000 000 000, three digits.
    blob = "HISTFAAAACd4nJNpmSzMwMDAxgABzFCaEYh5f7hHMNh/gAjwsj1fzcwEAGyOBc4="
    trial["latency"]["service"] |= {"histogram": blob, "count": 4}
    path.write_text(json.dumps(trial))
    run = read_run(tmp_path / "run")
    _, samples = read_headline(run, run.cells[0])
    assert list(samples.values) == [7, 60_028_878_847]
    assert list(samples.counts) == [3, 1]
    # And one without samples.
    blob = "HISTFAAAACB4nJNpmSzMwMDAyAABzFAaxOf94R7BYP8BKgIAUR8EHw=="
    trial["latency"]["service"] |= {"histogram": blob, "count": 0}
    path.write_text(json.dumps(trial))
    assert read_headline(run, run.cells[0])[1].count == 0


# --- latency against load, overview ---


def test_at_one_rate_the_quantiles_stand_beside_each_other(small, drawn):
    figure = drawn["load-latency-echo"]
    assert "the same rate" in all_text(figure)
    points = artists(figure, "median:sequential")
    whiskers = artists(figure, "whisker:sequential")
    cell = cell_of(small[1], "echo-open-50", "sequential")
    for i, q in enumerate((0.5, 0.95, 0.99)):
        said = quantile_of(cell, q)["value_ns"]
        assert list(points[i].get_xdata()) == [said["median"]]
        assert list(whiskers[i].get_xdata()) == [said["min"], said["max"]]
    # What was cut off is the slowest 5 %.
    assert len(artists(figure, "bound:sequential")) == 2
    # 200 samples for each trial are enough for p95 and not for p99.
    assert len(artists(figure, "median:poll")) == 2
    assert [one.get_text() for one in artists(figure, "missing:poll")] == ["p99"]
    assert "too few\nsamples:" in all_text(figure)


def test_over_several_rates_each_model_is_a_line_that_breaks_where_it_cannot_say(tmp_path):
    cells = [
        Invented(f"echo-open-{load}", model, load * 10.0, samples=200 if load == 50 else 700)
        for load in (90, 10, 50)
        for model in ("epoll", "mio")
    ]
    summary = write_run(tmp_path / "run", cells)
    figure = dict(plot.draw(read_run(tmp_path / "run")))["load-latency-echo"]
    assert [axes.get_gid() for axes in figure.axes] == ["panel:p50", "panel:p95", "panel:p99"]
    for q, panel in ((0.5, "panel:p50"), (0.95, "panel:p95"), (0.99, "panel:p99")):
        (line,) = artists(figure, "line:mio", panel)
        assert list(line.get_xdata()) == [100, 500, 900]
        said = [
            quantile_of(cell_of(summary, f"echo-open-{load}", "mio"), q)["value_ns"]
            for load in (10, 50, 90)
        ]
        expected = [one["median"] if one else np.nan for one in said]
        assert list(line.get_ydata()) == pytest.approx(expected, nan_ok=True)
        whiskers = [list(one.get_ydata()) for one in artists(figure, "whisker:mio", panel)]
        assert whiskers == [[one["min"], one["max"]] for one in said if one]
    assert "p99: left out where there were too few samples" in all_text(figure)


def test_latency_is_of_all_trials_together_where_the_summary_has_it(tmp_path):
    cell = Invented("echo-open-50", "epoll", 500.0, samples=2500)
    summary = write_run(tmp_path / "run", [cell])
    latency = summary["cells"][0]["latency"]
    for one in latency:
        one["pooled"] = {
            "value_ns": int(300_000 * (1 + one["q"])),
            "admitted": one["q"] < 0.999 or one["q"] == 1,
            "effective_count": 1200,
            "at_least": one["q"] == 0.99,
            "of_trials": [250_000, 900_000, 200_000],
        }
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary))
    figures = dict(plot.draw(read_run(tmp_path / "run")))
    figure = figures["load-latency-echo"]
    values = [list(one.get_xdata()) for one in artists(figure, "median:epoll")]
    assert values == [[int(300_000 * (1 + q))] for q in (0.5, 0.95, 0.99)]
    for whisker in artists(figure, "whisker:epoll"):
        assert list(whisker.get_xdata()) == [200_000, 900_000]
    assert len(artists(figure, "bound:epoll")) == 1, "of p99 alone"
    assert "all trials together" in all_text(figure).replace("\n", " ")
    # Where the tables say that samples are too few, no curve goes on.
    (line,) = artists(figures["latency-echo-open-50"], "known:epoll")
    assert 100 < max(line.get_xdata()) < 1000


def test_loads_with_other_connections_are_not_joined_to_one_line(tmp_path):
    cells = [
        Invented("echo-open-a", "epoll", 100.0, samples=50),
        Invented("echo-open-b", "epoll", 200.0, samples=50, connections=8),
    ]
    write_run(tmp_path / "run", cells)
    names = [name for name, _ in plot.draw(read_run(tmp_path / "run"))]
    assert "load-latency-echo-poisson-64c" in names
    assert "load-latency-echo-poisson-8c" in names


def test_the_overview_has_cost_and_tail_of_each_workload(small, drawn):
    figure = drawn["overview"]
    for workload in ("echo", "echo-open-50"):
        cell = cell_of(small[1], workload, "sequential")
        cost, tail = cell["server_cpu_per_request_ns"], quantile_of(cell, 0.99)["value_ns"]
        for panel, said in ((f"panel:cpu:{workload}", cost), (f"panel:p99:{workload}", tail)):
            (point,) = artists(figure, "median:sequential", panel)
            (whisker,) = artists(figure, "whisker:sequential", panel)
            assert list(point.get_xdata()) == [said["median"]]
            assert list(whisker.get_xdata()) == [said["min"], said["max"]]


# --- looks ---


def test_what_is_invalid_is_grey_and_labelled_and_still_there(drawn):
    figure = drawn["throughput-echo"]
    (bar,) = artists(figure, "bar:poll", 0)
    assert bar.get_hatch()
    assert "Grey, invalid: poll (generator-busy)." in all_text(figure)
    assert "* Suspect: epoll (stolen)." in all_text(figure)
    (line,) = artists(drawn["latency-echo"], "known:poll")
    assert line.get_color() == style.GREY
    assert "poll (invalid)" in all_text(drawn["latency-echo"])


def test_ten_models_look_different_and_the_same_in_every_figure(tmp_path):
    full_run(tmp_path / "run", samples=200)
    run = read_run(tmp_path / "run")
    look = style.looks(run)
    assert list(look) == list(MODELS)
    assert len({(one.color, one.dash) for one in look.values()}) == 10
    assert len({one.marker for one in look.values()}) == 10
    for name, figure in plot.draw(run, models=["mio", "epoll"]):
        for gid in ("known:mio", "median:mio"):
            for artist in artists(figure, gid):
                assert (artist.get_color(), artist.get_marker()) == (
                    look["mio"].color,
                    look["mio"].marker,
                ), name


def test_a_model_that_nobody_foresaw_gets_a_look_of_its_own(tmp_path):
    models = ["epoll", "fibres", "actors"]
    write_run(tmp_path / "run", [Invented("echo", model, samples=50) for model in models])
    look = style.looks(read_run(tmp_path / "run"))
    assert len({(one.color, one.dash, one.marker) for one in look.values()}) == 3


def test_every_figure_says_which_run_and_which_machine(drawn):
    for figure in drawn.values():
        (line,) = [one for one in figure.texts if one.get_gid() == "footer"]
        text = line.get_text().replace("\n", " ")
        for part in ("run invented", "c10k 0.1.0", "Linux 6.8.0", "Example Processor", "8 CPUs"):
            assert part in text
        assert "virtual machine (kvm)" in text


def test_an_unfinished_run_says_so(small, tmp_path):
    folder, summary = copy_run(small, tmp_path)
    summary["run"]["trials_planned"] += 2
    (folder / "summary.json").write_text(json.dumps(summary))
    for _, figure in plot.draw(read_run(folder), ["echo"]):
        assert "incomplete: 18 of 20 trials" in all_text(figure).replace("\n", " ")


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
