"""The table and the contradictions of several runs of one plan."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import repeats


def summary(best: str, **others: tuple[str | None, float | None]) -> dict:
    told = [{"model": model, "verdict": v, "ratio": r} for model, (v, r) in others.items()]
    return {"verdicts": [{"workload": "echo", "best": best, "others": told}]}


def test_each_sentence_is_counted() -> None:
    runs = [
        summary("epoll", fork=("worse", 2.0), poll=("cannot-tell", 1.1), queue=(None, None)),
        summary("epoll", fork=("worse", 2.5), poll=("same", 1.01), queue=(None, None)),
    ]
    assert repeats.rows(runs) == [
        ["echo", "epoll", "best 2", "-"],
        ["echo", "fork", "worse 2", "2.00 to 2.50"],
        ["echo", "poll", "undecided 1, same 1", "1.01 to 1.10"],
        ["echo", "queue", "not ranked 2", "-"],
    ]
    assert repeats.contradictions(runs) == []


def test_runs_that_contradict_each_other_are_named() -> None:
    runs = [summary("epoll", fork=("worse", 2.0)), summary("fork", epoll=("worse", 2.0))]
    assert repeats.contradictions(runs) == [
        "echo: epoll and fork are each called worse than the other"
    ]


def test_one_run_repeats_nothing(tmp_path: Path, capsys) -> None:
    one = tmp_path / "summary.json"
    one.write_text(json.dumps(summary("epoll", fork=("worse", 2.0))))
    assert repeats.main([str(one)]) == 2
    assert "two summaries" in capsys.readouterr().err
    many = tmp_path / "summaries.jsonl.gz"
    with gzip.open(many, "wt") as lines:
        lines.write(f"{one.read_text()}\n{one.read_text()}\n")
    assert repeats.main([str(many)]) == 0
    assert "| echo | `fork` | worse 2 | 2.00 to 2.00 |" in capsys.readouterr().out
