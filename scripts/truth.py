# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.8", "hdrhistogram>=0.10.3"]
# ///
"""Tests load generators against a server whose latencies are known, and draws what each reports.

`truth.py` runs `c10k calibrate`. It measures that server with `c10k load` in an open and in a
closed loop, and with wrk, hey and ab if they are installed. It writes a folder with the output of
every tool, the commands, the machine, a table and a figure. `truth.py --draw DIR` only makes the
figure and the table again.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MS = 1e6
# The rate of the open loop, in requests per second; far below the server's capacity.
RATE = 2_000
# A closed loop has few clients. An open loop has more than wait during a stall (200 at this rate).
CLOSED, OPEN = 4, 400
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)

WRK = """-- Prints the percentiles of the distribution that wrk shows, in microseconds.
done = function(summary, latency, requests)
  for _, p in ipairs({50, 75, 90, 95, 99, 99.5, 99.9, 99.99}) do
    io.write(string.format("percentile %g %d\\n", p, latency:percentile(p)))
  end
end
"""

Reported = dict[float, float]


class TruthError(Exception):
    """A failure, or something that is missing; the message says what to do."""


def stall(q: float) -> float:
    """The wait of a client that arrives at a random time, if each second has a stall of 100 ms."""
    return max(0.0, (q - 0.9) / 0.1) * 100 * MS


def bimodal(q: float) -> float:
    return 1 * MS if q <= 0.98 else 50 * MS


@dataclass(frozen=True)
class Law:
    name: str
    text: str
    title: str
    known: Callable[[float], float]


LAWS = (
    Law("stall", "stall:100ms/1s", "at once, with a stall of 100 ms each second", stall),
    Law("bimodal", "bimodal:1ms@98%,50ms", "1 ms, and 50 ms for one request in fifty", bimodal),
)


@dataclass(frozen=True)
class Tool:
    name: str
    label: str
    command: Callable[[str, Path, int], list[str]]
    read: Callable[[Path], Reported]


def histogram(document: dict) -> Reported:
    """The quantiles of a distribution in a document of `c10k`, if they have enough samples."""
    every = {one["q"]: one for one in document["quantiles"]}
    return {q: every[q]["value"] for q in QUANTILES if q in every and every[q]["admitted"]}


def read_ours(raw: Path) -> Reported:
    latency = json.loads(raw.with_suffix(".json").read_text())["latency"]
    return histogram(latency["response"] or latency["service"])


def read_wrk(raw: Path) -> Reported:
    lines = [line.split() for line in raw.read_text().splitlines()]
    return {
        round(float(p[1]) / 100, 12): float(p[2]) * 1e3 for p in lines if p and p[0] == "percentile"
    }


def read_hey(raw: Path) -> Reported:
    lines = [line.replace("%%", "%").split() for line in raw.read_text().splitlines()]
    shares = {
        round(float(p[0].rstrip("%")) / 100, 12): float(p[2]) * 1e9
        for p in lines
        if len(p) == 4 and p[0].endswith("%") and p[1] == "in"
    }
    return {q: shares[q] for q in QUANTILES if q in shares}


def read_ab(raw: Path) -> Reported:
    rows = list(csv.reader(raw.with_suffix(".csv").read_text().splitlines()))[1:]
    shares = {round(float(share) / 100, 12): float(ms) * MS for share, ms in rows}
    return {q: shares[q] for q in QUANTILES if q in shares}


def ours(more: list[str]) -> Callable[[str, Path, int], list[str]]:
    def command(address: str, raw: Path, seconds: int) -> list[str]:
        load = ["load", "--target", address, "--duration", f"{seconds}s", "--warmup", "1s"]
        return [*load, "--json", str(raw.with_suffix(".json")), *more]

    return command


TOOLS = [
    Tool(
        "c10k-open",
        "c10k load, open loop: response time",
        ours(["--rate", str(RATE), "--connections", str(OPEN)]),
        read_ours,
    ),
    Tool(
        "c10k-closed",
        "c10k load, closed loop: service time",
        ours(["--connections", str(CLOSED)]),
        read_ours,
    ),
    Tool(
        "wrk",
        "wrk, as it prints it",
        lambda address, raw, seconds: [
            *["wrk", "-t1", f"-c{CLOSED}", f"-d{seconds}s", "--latency"],
            *["-s", str(raw.with_name("wrk.lua")), f"http://{address}/"],
        ],
        read_wrk,
    ),
    Tool(
        "hey",
        "hey",
        lambda address, raw, seconds: [
            *["hey", "-z", f"{seconds}s", "-c", str(CLOSED)],
            f"http://{address}/",
        ],
        read_hey,
    ),
    Tool(
        "ab",
        "ab",
        lambda address, raw, seconds: [
            *["ab", "-q", "-k", "-t", str(seconds), "-n", "100000000", "-c", str(CLOSED)],
            *["-e", str(raw.with_suffix(".csv")), f"http://{address}/"],
        ],
        read_ab,
    ),
]


def installed() -> list[Tool]:
    return [tool for tool in TOOLS if tool.name.startswith("c10k") or shutil.which(tool.name)]


def measure(law: Law, tool: Tool, args: argparse.Namespace, out: Path) -> list[str]:
    """Measures a fresh server with one tool, and returns the tool's command."""
    server = subprocess.Popen(
        [
            *[args.program, "calibrate", "--law", law.text, "--listen", "127.0.0.1:0"],
            *["--stop-with-parent", *(["--cpus", args.server_cpus] if args.server_cpus else [])],
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = server.stdout.readline()
        if not ready:
            raise TruthError(f"{args.program} calibrate did not start")
        raw = out / f"{law.name}.{tool.name}.txt"
        command = tool.command(json.loads(ready)["address"], raw, args.seconds)
        if tool.name.startswith("c10k"):
            pin = ["--cpus", args.client_cpus] if args.client_cpus else []
            command = [args.program, *command, *pin]
        elif args.client_cpus:
            command = ["taskset", "-c", args.client_cpus, *command]
        print(" ".join(command), file=sys.stderr)
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        raw.write_text(ended.stdout)
        # With 4, our own generator does not trust its result, and the result says why.
        if ended.returncode not in (0, 4):
            raise TruthError(f"{command[0]} failed with {ended.returncode}; see {raw}")
    finally:
        server.terminate()
        stopped = server.stdout.read()
        server.wait()
    raw.with_suffix(".server.json").write_text(stopped)
    return command


def machine() -> dict[str, str]:
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {
        "kernel": platform.release(),
        "cpu": cpu,
        "processors": str(len(Path("/proc/cpuinfo").read_text().split("processor\t")) - 1),
    }


def version(tool: Tool) -> str:
    if tool.name not in ("wrk", "ab"):
        return ""
    asked = [tool.name, "-v" if tool.name == "wrk" else "-V"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).splitlines()[0]


def run(args: argparse.Namespace) -> Path:
    out = args.out or Path("results") / f"truth-{datetime.date.today():%Y%m%d}"
    out.mkdir(parents=True, exist_ok=True)
    (out / "wrk.lua").write_text(WRK)
    found = installed()
    commands = {
        f"{law.name}.{tool.name}": measure(law, tool, args, out) for law in LAWS for tool in found
    }
    about = {
        "command": ["scripts/truth.py", *sys.argv[1:]],
        "machine": machine(),
        "pinned": {"server": args.server_cpus, "client": args.client_cpus},
        "versions": {tool.name: version(tool) for tool in found if version(tool)},
        "commands": commands,
    }
    (out / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    return out


def read(out: Path) -> list[tuple[Law, Tool | None, Reported, Reported]]:
    """For each law and tool, the latencies that the tool reported and those the server caused."""
    rows = []
    for law in LAWS:
        for tool in TOOLS:
            raw = out / f"{law.name}.{tool.name}.txt"
            if raw.exists():
                stopped = json.loads(raw.with_suffix(".server.json").read_text())
                rows.append((law, tool, tool.read(raw), histogram(stopped["by_law"])))
    if not rows:
        raise TruthError(f"{out} has no results of this script")
    return rows


def show(ns: float | None) -> str:
    return "-" if ns is None else f"{ns / MS:.3g} ms"


def table(rows: list) -> str:
    """A table of the latencies that each tool reported and those that the server caused."""
    shown = (0.5, 0.9, 0.99, 0.999)
    head = " | ".join(f"p{q * 100:.10g}" for q in shown)
    lines = [f"| law | | {head} |", "| --- | --- |" + " --- |" * len(shown)]

    def line(law: str, what: str, values: Callable[[float], float | None]) -> None:
        lines.append(f"| {law} | {what} | " + " | ".join(show(values(q)) for q in shown) + " |")

    for law in LAWS:
        line(f"`{law.text}`", "**known by construction**", law.known)
        for of, tool, reported, by_law in rows:
            if of is law:
                line("", tool.label, reported.get)
                line("", "*the same requests, by the server's law*", by_law.get)
    return "\n".join(lines) + "\n"


def draw(out: Path) -> list[Path]:
    try:
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415

        import c10k_style as style  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise TruthError(
            f"the package {error.name!r} is missing: run this with `uv run`, or first `pip "
            "install matplotlib hdrhistogram`"
        ) from error
    looks = {
        "c10k-open": ("#009E73", "o"),
        "c10k-closed": ("#0072B2", "s"),
        "wrk": ("#D55E00", "^"),
        "hey": ("#CC79A7", "D"),
        "ab": ("#E69F00", "v"),
    }
    rows = read(out)
    with mpl.rc_context(style.rc()):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        panels = figure.subplots(1, len(LAWS), sharey=True)
        ends = [1 / (1 - q) for q in QUANTILES]
        fine = [10 ** (k / 100) for k in range(30, 401)]
        for axes, law in zip(panels, LAWS, strict=True):
            known = [max(law.known(1 - 1 / x), 1e4) / MS for x in fine]
            axes.plot(
                fine,
                known,
                color="#000000",
                linewidth=3,
                alpha=0.35,
                label="known by construction",
            )
            for of, tool, reported, _ in rows:
                if of is law:
                    color, marker = looks[tool.name]
                    x = [1 / (1 - q) for q in sorted(reported)]
                    y = [max(reported[q], 1e4) / MS for q in sorted(reported)]
                    axes.plot(x, y, color=color, marker=marker, markersize=3.5, label=tool.label)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_major_locator(FixedLocator([2, 10, 100, 1_000, 10_000]))
            axes.xaxis.set_minor_locator(NullLocator())
            percent = FuncFormatter(lambda x, _: f"{100 - 100 / x:.10g} %")
            axes.xaxis.set_major_formatter(percent)
            axes.set_xlim(ends[0] * 0.9, ends[-1] * 1.3)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
            axes.set_title(law.title, fontsize=style.size.font)
            axes.set_xlabel("Percentile")
            style.clean(axes, "both")
        panels[0].set_ylabel("Latency, ms (0.01 or less at the bottom)")
        lines, labels = panels[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=2, frameon=False)
        paths = []
        for kind in ("png", "svg"):
            path = out / f"truth.{kind}"
            figure.savefig(path, format=kind, metadata=style.METADATA[kind])
            paths.append(path)
    (out / "table.md").write_text(table(rows))
    return [*paths, out / "table.md"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truth.py", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="default: results/truth-<date>")
    parser.add_argument("--program", default="target/release/c10k", help="the c10k to use")
    parser.add_argument("--seconds", type=int, default=20, help="length of each measurement")
    parser.add_argument("--server-cpus", default="", help="keep the server to these processors")
    parser.add_argument("--client-cpus", default="", help="keep the generators to these processors")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="only draw the results in DIR")
    args = parser.parse_args(arguments)
    try:
        if not args.draw and not shutil.which(args.program):
            raise TruthError(f"{args.program} does not exist: run `cargo build --release`")
        for path in draw(args.draw or run(args)):
            print(path)
    except TruthError as error:
        print(f"truth.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
