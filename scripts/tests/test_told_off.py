"""The message about wrong input says what to do, and the message about damage says where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import plot


def test_only_the_chosen_models_and_workloads_are_drawn(run, tmp_path, capsys):
    arguments = ["--workload", "echo", "--models", "epoll,fork", "--formats", "svg"]
    assert plot.main([str(run), *arguments, "--out", str(tmp_path / "out")]) == 0
    names = [Path(line).stem for line in capsys.readouterr().out.splitlines()]
    kinds = [
        "percentiles",
        "distribution",
        "throughput",
        "p99",
        "cpu",
        "syscalls",
        "memory",
        "time",
    ]
    assert names == [*(f"{kind}-echo" for kind in kinds), "overview"]
    svg = (tmp_path / "out" / "throughput-echo.svg").read_text()
    assert "bar:epoll" in svg
    assert "bar:poll" not in svg


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workload", "ehco"], "unknown workload 'ehco': did you mean 'echo'?"),
        (["--workload", "xyz"], "unknown workload 'xyz': known: echo, echo-open, many, climb"),
        (["--models", "epol,poll"], "unknown model 'epol': did you mean 'epoll'?"),
        (["--figures", "swep"], "unknown figure 'swep': did you mean 'sweep'?"),
        (["--formats", "pgn"], "unknown format 'pgn': did you mean 'png'?"),
        (["--formats", ","], "no format is named; known: png, svg, pdf"),
    ],
)
def test_an_unknown_name_is_answered_with_a_known_one(run, capsys, arguments, message):
    assert plot.main([str(run), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_a_folder_without_figures_is_answered_with_what_to_do(run, tmp_path, capsys):
    assert plot.main([str(tmp_path / "nowhere")]) == 2
    assert "is not a folder: name a run" in capsys.readouterr().err
    assert plot.main([str(tmp_path)]) == 2
    assert "it holds runs: run; name one of them" in capsys.readouterr().err
    (run / "figures.json").unlink()
    assert plot.main([str(run)]) == 2
    command = f"`c10k export {run} --to figures -o {run}/figures.json`"
    assert command in capsys.readouterr().err
    (run / "summary.json").unlink()
    assert plot.main([str(run)]) == 2
    assert "holds no figures.json: name the folder of a run" in capsys.readouterr().err


def test_no_argument_is_wrong_usage():
    with pytest.raises(SystemExit) as left:
        plot.main([])
    assert left.value.code == 2


def broken(document: dict, change: str) -> dict:
    bars = next(one for one in document["figures"] if one["name"] == "throughput")
    if change == "version":
        document["schema"]["version"] = 2
    elif change == "name":
        document["schema"]["name"] = "c10k.trial"
    elif change == "families":
        del document["families"]
    elif change == "missing":
        del bars["rows"][0]["value"]
    elif change == "type":
        bars["rows"][0]["high"] = "many"
    elif change == "empty":
        document["figures"] = []
    return document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("version", "has version 2 of the c10k.figures format and this script reads version 1"),
        ("name", "is a 'c10k.trial' document; 'c10k.figures' was expected here"),
        ("families", "figures.json is damaged (KeyError: 'families')"),
        ("missing", "throughput of echo is damaged (KeyError: 'value')"),
        ("type", "throughput of echo is damaged (TypeError"),
        ("empty", "holds no figure, so there is nothing to draw"),
    ],
)
def test_a_damaged_document_is_told_with_the_place(run, capsys, change, message):
    path = run / "figures.json"
    path.write_text(json.dumps(broken(json.loads(path.read_text()), change)))
    assert plot.main([str(run), "--formats", "svg", "--figures", "throughput"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "", "[]", "null", "\udcff"])
def test_what_is_no_json_object_is_damaged(run, capsys, text):
    (run / "figures.json").write_bytes(text.encode(errors="surrogateescape"))
    assert plot.main([str(run)]) == 1
    assert "figures.json" in capsys.readouterr().err
