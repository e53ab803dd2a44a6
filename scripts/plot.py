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

    import c10k_cost
    import c10k_latency
    import c10k_load
    import c10k_style as style
    from c10k_results import Cell, DamagedError, Run, UsageError, read_run
except ModuleNotFoundError as error:
    sys.exit(
        f"plot.py: the package {error.name!r} is missing: run this with `uv run`, or first "
        "`pip install matplotlib hdrhistogram`"
    )

FORMATS = ("png", "svg", "pdf")


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
        "--workload", nargs="+", action="extend", metavar="NAME", help="only these workloads"
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
    run: Run, workloads: list[str] | None = None, models: list[str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """The names of the figures and the figures, one after the other."""

    def keep(cell: Cell) -> bool:
        return (workloads is None or cell.workload in workloads) and (
            models is None or cell.model in models
        )

    # The looks belong to the whole run: a model keeps its own when others are left out.
    kept = replace(run, cells=tuple(cell for cell in run.cells if keep(cell)))
    look = style.looks(run)
    if not kept.cells:
        raise UsageError("none of these models was measured under these workloads")
    jobs: list[tuple[str, Callable[[], Figure | None]]] = []
    traced = (run.folder / "trials").is_dir()
    if not traced:
        print(
            f"plot.py: {run.folder} holds no trials: the latency-* figures are left out, because "
            "whole distributions are only in trials/*.json",
            file=sys.stderr,
        )
    for name in kept.workloads:
        if traced:
            jobs.append((f"latency-{name}", partial(c10k_latency.latency, kept, look, name)))
        jobs.append((f"throughput-{name}", partial(c10k_cost.throughput, kept, look, name)))
    for name in c10k_load.families(kept):
        jobs.append((f"load-latency-{name}", partial(c10k_load.load_latency, kept, look, name)))
    jobs.append(("overview", partial(c10k_cost.overview, kept, look)))
    # Whatever somebody's own matplotlibrc says, the figures are the same.
    mpl.rcdefaults()
    mpl.rcParams.update(style.RC)
    for name, job in jobs:
        figure = job()
        if figure is not None:
            yield re.sub(r"[^\w.-]", "_", name), figure


def write(name: str, figure: Figure, out: Path, formats: list[str]) -> list[Path]:
    # Laid out once, so that all formats show the same.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = [out / f"{name}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        figure.savefig(path, format=suffix, metadata=style.METADATA[suffix])
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
            known("workload", options.workload, run.workloads)
        if options.models is not None:
            known("model", options.models, run.models)
        out = options.out or options.run_dir / "figures"
        for name, figure in draw(run, options.workload, options.models):
            out.mkdir(parents=True, exist_ok=True)
            for path in write(name, figure, out, list(dict.fromkeys(formats))):
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
