"""Wrong input is answered with what to do, and damage with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from looking import artists, copy_run

import plot
from c10k_documents import DamagedError
from c10k_results import read_headline, read_run


def test_only_the_chosen_models_and_workloads_are_drawn(small, tmp_path, capsys):
    arguments = ["--workload", "echo", "--models", "epoll,sequential", "--formats", "svg"]
    assert plot.main([str(small[0]), *arguments, "--out", str(tmp_path)]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    kinds = ("latency", "cdf", "quantiles", "throughput", "cost", "memory")
    assert names == [*(f"{kind}-echo.svg" for kind in kinds), "overview.svg"]
    figures = dict(plot.draw(read_run(small[0]), ["echo"], ["epoll", "sequential"]))
    assert artists(figures["latency-echo"], "known:epoll")
    assert not artists(figures["latency-echo"], "known:poll")
    assert not artists(figures["throughput-echo"], "bar:poll")
    assert not artists(figures["overview"], "median:poll")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workload", "ehco"], "unknown workload 'ehco': did you mean 'echo'?"),
        (["--workload", "xyz"], "unknown workload 'xyz': known: echo, echo-open-50"),
        (["--models", "epol,poll"], "unknown model 'epol': did you mean 'epoll'?"),
        (["--figures", "swep"], "unknown figure 'swep': did you mean 'sweep'?"),
        (["--formats", "pgn"], "unknown format 'pgn': did you mean 'png'?"),
        (["--formats", ","], "no format is named; known: png, svg, pdf"),
    ],
)
def test_an_unknown_name_is_answered_with_a_known_one(small, capsys, arguments, message):
    assert plot.main([str(small[0]), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_a_folder_that_is_no_run_is_answered_with_what_to_name(small, tmp_path, capsys):
    assert plot.main([str(tmp_path / "nowhere")]) == 2
    assert "is not a folder: name a run" in capsys.readouterr().err
    assert plot.main([str(tmp_path)]) == 2
    assert "holds no summary.json: name the folder of a run" in capsys.readouterr().err
    assert plot.main([str(small[0].parent)]) == 2
    assert "it holds runs: small; name one of them" in capsys.readouterr().err


def test_no_argument_is_wrong_usage():
    with pytest.raises(SystemExit) as left:
        plot.main([])
    assert left.value.code == 2


def broken(document: dict, change: str) -> dict:
    if change == "version":
        document["schema"]["version"] = 2
    elif change == "name":
        document["schema"]["name"] = "c10k.trial"
    elif change == "missing":
        del document["cells"][0]["throughput_per_s"]["median"]
    elif change == "type":
        document["cells"][1]["connections"] = "many"
    elif change == "validity":
        document["cells"][0]["validity"] = "perhaps"
    elif change == "empty":
        document["cells"] = []
    return document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("version", "has version 2 of the c10k.summary format and this script reads version 1"),
        ("name", "is a 'c10k.trial' document; 'c10k.summary' was expected here"),
        ("missing", "cells[0].throughput_per_s.median is missing"),
        ("type", 'cells[1].connections is "many": wrong type'),
        ("validity", "cells[0] has the unknown validity 'perhaps'"),
        ("empty", "no trial of this run was finished, so there is nothing to draw"),
    ],
)
def test_a_damaged_summary_is_told_with_the_place(small, tmp_path, capsys, change, message):
    folder, summary = copy_run(small, tmp_path)
    (folder / "summary.json").write_text(json.dumps(broken(summary, change)))
    assert plot.main([str(folder)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "", "[]", "null", "\udcff"])
def test_a_summary_that_is_no_json_object_is_damaged(tmp_path, capsys, text):
    (tmp_path / "summary.json").write_bytes(text.encode(errors="surrogateescape"))
    assert plot.main([str(tmp_path)]) == 1
    assert "summary.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"histogram": "@@@@"}, "has a histogram that cannot be decoded"),
        ({"histogram": "SElTVEZBQUE="}, "has a histogram that cannot be decoded"),
        ({"count": 7}, "says 7 samples of which 0 cut off, and its histogram holds 2000"),
        ({"unit": "s"}, "is in 's'; only 'ns' is known"),
    ],
)
def test_a_damaged_trial_is_told_with_the_place(small, tmp_path, capsys, damage, message):
    folder, _ = copy_run(small, tmp_path)
    path = folder / "trials" / "echo.epoll.1.json"
    trial = json.loads(path.read_text())
    trial["latency"]["service"] |= damage
    path.write_text(json.dumps(trial))
    assert plot.main([str(folder), "--formats", "svg"]) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert "echo.epoll.1.json: latency.service" in printed


def test_a_missing_trial_is_damage_and_no_trials_at_all_leave_out_only_curves(
    small, tmp_path, capsys
):
    folder, _ = copy_run(small, tmp_path)
    (folder / "trials" / "echo.epoll.1.json").unlink()
    assert plot.main([str(folder), "--formats", "svg"]) == 1
    assert "is missing although summary.json lists it" in capsys.readouterr().err
    (folder / "trials").rename(folder / "elsewhere")
    assert plot.main([str(folder), "--formats", "svg", "--workload", "echo"]) == 0
    printed = capsys.readouterr()
    assert "the figures latency, cdf, time and cost are left out" in printed.err
    names = [Path(line).name for line in printed.out.splitlines()]
    kinds = ("quantiles", "throughput", "memory")
    assert names == [*(f"{kind}-echo.svg" for kind in kinds), "overview.svg"]


def test_open_and_closed_trials_of_one_cell_are_not_merged(small, tmp_path):
    folder, _ = copy_run(small, tmp_path)
    path = folder / "trials" / "echo-open-50.poll.0.json"
    trial = json.loads(path.read_text())
    trial["latency"]["response"] = None
    path.write_text(json.dumps(trial))
    run = read_run(folder)
    with pytest.raises(DamagedError, match="cannot be merged"):
        read_headline(run, run.of_workload("echo-open-50")[1])
