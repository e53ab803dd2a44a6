"""The output of other generators is read correctly, and the table compares it with the truth."""

from __future__ import annotations

import json

import pytest

import truth


def distribution(values):
    quantiles = [{"q": q, "value": v, "admitted": True, "at_least": False} for q, v in values]
    return {"quantiles": quantiles}


def test_the_known_distributions_are_those_of_the_laws():
    stall, bimodal = (law.known for law in truth.LAWS)
    assert [round(stall(q) / truth.MS, 9) for q in (0.5, 0.9, 0.95, 0.99, 1.0)] == [
        0,
        0,
        50,
        90,
        100,
    ]
    assert [bimodal(q) / truth.MS for q in (0.5, 0.98, 0.99)] == [1, 1, 50]


def test_each_tool_is_read_in_its_own_units(tmp_path):
    raw = tmp_path / "stall.x.txt"
    raw.write_text("Running\n  99%   1.00ms\npercentile 50 56\npercentile 99.9 100960\n")
    assert truth.read_wrk(raw) == {0.5: 56e3, 0.999: 100_960e3}
    raw.with_suffix(".csv").write_text("Percentage served,Time in ms\n0,0.1\n50,0.25\n99,80.5\n")
    assert truth.read_ab(raw) == {0.5: 0.25e6, 0.99: 80.5e6}
    raw.write_text("  10%% in 0.0001 secs\n  50% in 0.0003 secs\n  99% in 0.0523 secs\n")
    assert truth.read_hey(raw) == {0.5: pytest.approx(300e3), 0.99: pytest.approx(52.3e6)}


def test_the_table_has_what_was_reported_beside_what_was_so(tmp_path):
    out = tmp_path / "truth"
    out.mkdir()
    raw = out / "stall.c10k-open.txt"
    raw.write_text("")
    latency = {"response": distribution([(0.5, 1_000), (0.99, 91_000_000)]), "service": None}
    raw.with_suffix(".json").write_text(json.dumps({"latency": latency}))
    server = {"by_law": distribution([(0.5, 0), (0.99, 90_000_000)])}
    raw.with_suffix(".server.json").write_text(json.dumps(server))
    paths = truth.draw(out)
    assert all(path.stat().st_size > 0 for path in paths)
    table = (out / "table.md").read_text()
    assert "response time | 0.001 ms | - | 91 ms | - |" in table
    assert "by the server's law* | 0 ms | - | 90 ms | - |" in table


def test_what_is_missing_is_named(tmp_path, capsys):
    assert truth.main(["--program", str(tmp_path / "none")]) == 1
    assert "cargo build --release" in capsys.readouterr().err
    assert truth.main(["--draw", str(tmp_path)]) == 1
    assert "no results of this script" in capsys.readouterr().err
