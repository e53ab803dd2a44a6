# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.8", "hdrhistogram>=0.10.3"]
# ///
"""Draws the figures of a run: `plot.py results/<run-id>`."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from PIL import Image

    import c10k_bars
    import c10k_clients
    import c10k_cost
    import c10k_lab
    import c10k_latency
    import c10k_load
    import c10k_stateful
    import c10k_steps
    import c10k_style as style
    import c10k_sweep
    import c10k_time
    from c10k_documents import Cell, DamagedError, Run, UsageError
    from c10k_results import PACKED, read_run
except ModuleNotFoundError as error:
    sys.exit(
        f"plot.py: the package {error.name!r} is missing: run this with `uv run`, or first "
        "`pip install matplotlib hdrhistogram`"
    )

FORMATS = ("png", "svg", "pdf")
# The first word of a figure's name says what it shows.
KINDS = (
    "latency",
    "cdf",
    "quantiles",
    "throughput",
    "cost",
    "memory",
    "turnaround",
    "connect",
    "syscalls",
    "per-connection",
    "time",
    "steps",
    "load-latency",
    "sweep",
    "stateful",
    "lab",
    "overview",
)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plot.py", description=__doc__)
    parser.add_argument(
        "run_dir", type=Path, metavar="RUN_DIR", help="the run's folder, with summary.json in it"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: RUN_DIR/figures)"
    )
    parser.add_argument(
        "--formats",
        type=_list,
        default=list(FORMATS),
        help=f"which of {', '.join(FORMATS)} to write, separated by commas (default: all)",
    )
    parser.add_argument(
        "--workload",
        "--workloads",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="only these workloads; the name of a sweep stands for all its points",
    )
    parser.add_argument(
        "--figures", type=_list, metavar="A,B", help=f"only these kinds: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--width",
        choices=list(style.COLUMNS),
        help="for print: one column (85 mm) or two (178 mm) wide, without titles and notes, which "
        "go to captions.txt",
    )
    parser.add_argument(
        "--models", type=_list, metavar="A,B", help="only these models, separated by commas"
    )
    return parser.parse_args(arguments)


def _list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def known(what: str, asked: list[str], there: Sequence[str]) -> list[str]:
    """What was asked for, if it is all there."""
    if not asked:
        raise UsageError(f"no {what} is named; known: {', '.join(there)}")
    for one in asked:
        if one not in there:
            close = difflib.get_close_matches(one, there, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(there)}"
            raise UsageError(f"unknown {what} {one!r}: {hint}")
    return asked


def draw(
    run: Run,
    workloads: list[str] | None = None,
    models: list[str] | None = None,
    kinds: Sequence[str] = KINDS,
) -> Iterator[tuple[str, Figure]]:
    """The names of the figures and the figures, one after the other."""

    def keep(cell: Cell) -> bool:
        named = workloads is None or cell.workload in workloads or cell.series in workloads
        return named and (models is None or cell.model in models)

    # The looks belong to the whole run: a model keeps its own when others are left out.
    kept = replace(run, cells=tuple(cell for cell in run.cells if keep(cell)))
    look = style.looks(run)
    if not kept.cells:
        raise UsageError("none of these models was measured under these workloads")
    traced = any((run.folder / name).exists() for name in ("trials", PACKED))
    if not traced:
        print(
            f"plot.py: {run.folder} holds no trials: the figures latency, cdf, time and cost are "
            "left out, because they need the trials",
            file=sys.stderr,
        )
    # Whatever somebody's own matplotlibrc says, the figures are the same.
    mpl.rcdefaults()
    mpl.rcParams.update(style.rc())
    for kind, name, job in jobs(kept, look, traced, workloads or []):
        figure = job() if kind in kinds else None
        if figure is not None:
            yield re.sub(r"[^\w.-]+", "_", f"{kind}-{name}" if name else kind), figure


def jobs(
    run: Run, look: style.Looks, traced: bool, named: Sequence[str] = ()
) -> Iterator[tuple[str, str, Callable[[], Figure | None]]]:
    """Every figure that a run may have: its kind, what it is of, and how it is drawn."""
    of_workload = {
        "latency": c10k_latency.latency,
        "cdf": c10k_latency.cdf,
        "quantiles": c10k_bars.quantiles,
        "throughput": c10k_cost.throughput,
        "cost": c10k_bars.cost,
        "memory": c10k_bars.memory,
        "time": c10k_time.time,
        "steps": c10k_steps.steps,
        **c10k_clients.OF_WORKLOAD,
    }
    swept = {cell.workload for cell in run.cells if cell.factors}
    for name in run.workloads:
        for kind, figure in of_workload.items():
            # The points of a sweep have their sweep, and figures of their own when they are named.
            if name in swept and name not in named:
                continue
            if traced or kind not in ("latency", "cdf", "cost", "time"):
                yield kind, name, partial(figure, run, look, name)
    for name in c10k_load.families(run):
        yield "load-latency", name, partial(c10k_load.load_latency, run, look, name)
    for name in c10k_sweep.sweeps(run):
        yield "sweep", name, partial(c10k_sweep.sweep, run, look, name)
    for name in c10k_clients.held(run):
        yield "per-connection", name, partial(c10k_clients.memory_per_connection, run, look, name)
    for name in c10k_stateful.series(run):
        yield "stateful", name, partial(c10k_stateful.stateful, run, name)
    # What a lab says is of all its models and workloads.
    if not named and (lab := c10k_lab.read_lab(run.folder)):
        for name, job in c10k_lab.figures(run, look, lab).items():
            yield "lab", name, job
    plain = tuple(cell for cell in run.cells if not cell.factors)
    whole = replace(run, cells=plain)
    if not style.size.is_narrow or len(plain) <= c10k_cost.ROWS_MAX:
        yield "overview", "", partial(c10k_cost.overview, whole, look)
        return
    # In one column all of them would be longer than a page.
    for name in whole.workloads:
        one = replace(run, cells=tuple(cell for cell in plain if cell.workload == name))
        yield "overview", name, partial(c10k_cost.overview, one, look)


def write(name: str, figure: Figure, out: Path, formats: list[str]) -> list[Path]:
    # Laid out once, so that all formats show the same.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = [out / f"{name}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        figure.savefig(path, format=suffix, metadata=style.METADATA[suffix])
        if suffix == "png":
            # As few colours as a figure has: a third of the size, and nobody sees it.
            with Image.open(path) as whole:
                few, dpi = whole.convert("RGB").quantize(96), whole.info["dpi"]
            few.save(path, optimize=True, dpi=dpi)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        formats = known("format", options.formats, FORMATS)
        run = read_run(options.run_dir)
        if not run.cells:
            raise DamagedError(
                f"{run.folder}: no trial of this run was finished, so there is nothing to draw"
            )
        if options.workload is not None:
            series = [cell.series for cell in run.cells if cell.series]
            known("workload", options.workload, list(dict.fromkeys([*run.workloads, *series])))
        kinds = KINDS if options.figures is None else known("figure", options.figures, KINDS)
        if options.models is not None:
            known("model", options.models, run.models)
        out = options.out or options.run_dir / "figures"
        if options.width:
            style.size.of_print(options.width)
        else:
            style.size.of_screen()
        captions = []
        for name, figure in draw(run, options.workload, options.models, kinds):
            out.mkdir(parents=True, exist_ok=True)
            for path in write(name, figure, out, list(dict.fromkeys(formats))):
                print(path, flush=True)
            captions.append(f"{name}\n{figure.get_label()}\n")
        if options.width and captions:
            path = out / "captions.txt"
            path.write_text("\n".join(captions), encoding="utf-8")
            print(path, flush=True)
    except UsageError as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 2
    except DamagedError as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"plot.py: {error.filename}: {error.strerror}: cannot be written", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
