"""Checks of the documents: their size, their links, and the numbers of the README's answer."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.split("\0")
FILES = [name for name in TRACKED if name and (ROOT / name).is_file()]
DOCUMENTS = [name for name in FILES if name.endswith(".md")]
RESULTS = [ROOT / name for name in FILES if name.startswith("results/")]
LINK = re.compile(r"\]\(([^()\s]+)\)")
README = (ROOT / "README.md").read_text()


def prose(text: str) -> str:
    """A document without its blocks of code, and with its inline code masked."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: "x" * len(code[0]), text)


@cache
def anchors(path: Path) -> set[str]:
    """The anchors of a document, to which links can point."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    found = set(re.findall(r'\bid="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        while name in found:
            name += "-1"
        found.add(name)
    return found


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


# A test compares this file with the program's output, so its lines can be long.
WIDE = {"src/view/export/markup/golden/table.md"}


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - WIDE))
def test_no_line_is_wider_than_a_hundred_columns(name: str) -> None:
    lines = enumerate((ROOT / name).read_text().splitlines(), start=1)
    assert [f"{name}:{number}: {line}" for number, line in lines if len(line) > 100] == []


def test_the_index_names_every_page_beside_it() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {name for name in DOCUMENTS if name.startswith("docs/")} - {"docs/README.md"}
    assert len(pages) > 10
    linked = set(LINK.findall(index))
    assert {name for name in pages if name.removeprefix("docs/") not in linked} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_is_dead(name: str) -> None:
    here, dead = ROOT / name, []
    for target in LINK.findall(prose(here.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (here.parent / file).resolve() if file else here
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def test_results_are_on_a_diet() -> None:
    assert len(RESULTS) < 250
    assert sum(path.stat().st_size for path in RESULTS) < 30e6
    # No pages are kept: `c10k report --write` makes one again, and `c10k lab --from` that of a lab.
    assert [path for path in RESULTS if path.suffix == ".html"] == []


SUMMARIES = [path for path in RESULTS if path.name == "summary.json"]


@pytest.mark.parametrize("summary", SUMMARIES, ids=lambda path: path.parent.name)
def test_the_trials_of_a_kept_run_are_kept(summary: Path) -> None:
    packed = summary.with_name("trials.jsonl.gz")
    kept = {
        str(path.relative_to(summary.parent)) for path in RESULTS if summary.parent in path.parents
    }
    if packed in RESULTS:
        with gzip.open(packed, "rt") as lines:
            kept |= {json.loads(line).get("file", "") for line in lines}
    cells = json.loads(summary.read_text())["cells"]
    named = {trial for cell in cells for trial in cell["trials"]}
    assert named
    assert named - kept == set()


def text_of(path: Path) -> str:
    """The text of a result, which is empty for a picture."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    return path.read_text() if path.suffix in {".json", ".jsonl", ".md", ".toml"} else ""


def test_no_result_names_a_folder_of_the_machine_that_made_it() -> None:
    # Paths in HTTP requests are not files.
    absolute = re.compile(r'"/(?!echo/)[a-z]+/[^"]*"')
    named = {str(path.relative_to(ROOT)): absolute.findall(text_of(path))[:3] for path in RESULTS}
    assert {file: paths for file, paths in named.items() if paths} == {}


DATA = re.compile(r'^\[(\w+)\]: (\S+) "(\S+)"$', flags=re.M)
CLAIM = re.compile(r"`([\w-]+)` ([\d.,]+)(k|)(?:/s| us)? \[([\d.,]+)k?, ([\d.,]+)k?\]")


def claims() -> Iterator:
    """The README's claims about models: three numbers each, and the run that they come from."""
    runs = {name: (run, workload) for name, run, workload in DATA.findall(README)}
    for row in re.findall(r"^\| (?!load |---)(.* \[\w+\]) \|$", README, flags=re.M):
        name = row.rpartition("[")[2].rstrip("]")
        for model, *numbers in CLAIM.findall(row):
            yield pytest.param(*runs[name], model, numbers, id=f"{name}-{model}")


def shown(text: str, thousands: str) -> tuple[float, float]:
    """The value of a written number, and half a unit of its last digit."""
    digits = len(text.partition(".")[2])
    scale = 1e3 if thousands else 1.0
    return float(text.replace(",", "")) * scale, 0.5000001 * 10**-digits * scale


@pytest.mark.parametrize(("run", "workload", "model", "numbers"), list(claims()))
def test_the_answer_is_in_its_data(run: str, workload: str, model: str, numbers: list) -> None:
    median, thousands, low, high = numbers
    summary = json.loads((ROOT / run / "summary.json").read_text())
    (cell,) = [
        one
        for one in summary["cells"]
        if (one["workload"], one["model"]) == (workload, model) and not one.get("twin")
    ]
    scale = 1.0 if thousands else 1e3
    found = cell["throughput_per_s" if thousands else "server_cpu_per_request_ns"]
    ends = found["interval"]
    for text, value in zip(
        (median, low, high), (found["median"], ends["low"], ends["high"]), strict=True
    ):
        said, half = shown(text, thousands)
        assert abs(said - value / scale) <= half, f"{text} is not {value / scale}"


def test_the_answer_has_rows() -> None:
    assert len({tuple(claim.values[:2]) for claim in claims()}) >= 5
