# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.8"]
# ///
"""Draws the figures of a run: `plot.py results/<run-id>`."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from PIL import Image

    import c10k_lines as lines
    import c10k_rows as rows
    import c10k_style as style
    from c10k_figures import DamagedError, Figures, UsageError, read
    from c10k_overview import overview
except ModuleNotFoundError as error:
    sys.exit(
        f"plot.py: the package {error.name!r} is missing: run this with `uv run`, or first "
        "`pip install matplotlib`"
    )

FORMATS = ("png", "svg", "pdf")
# A figure's name begins with its kind.
KINDS = (
    "turnaround",
    "percentiles",
    "distribution",
    "throughput",
    "p50",
    "p95",
    "p99",
    "connect",
    "cpu",
    "syscalls",
    "memory",
    "per-connection",
    "load",
    "time",
    "answered",
    "waits",
    "sweep",
    "lab",
    "overview",
)
DRAW: dict[str, Callable[[Figures, dict], Figure]] = {
    "bars": rows.bars,
    "dots": rows.dots,
    "quantiles": rows.quantiles,
    "effects": rows.effects,
    "parts": rows.parts,
    "curves": lines.percentiles,
    "slices": lines.slices,
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plot.py", description=__doc__)
    parser.add_argument(
        "run_dir", type=Path, metavar="RUN_DIR", help="the run's folder, with figures.json in it"
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
        help="only these workloads and series",
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
    """Returns the names that were asked for, or fails if one of them is unknown."""
    if not asked:
        raise UsageError(f"no {what} is named; known: {', '.join(there)}")
    for one in asked:
        if one not in there:
            close = difflib.get_close_matches(one, there, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(there)}"
            raise UsageError(f"unknown {what} {one!r}: {hint}")
    return asked


def default_kinds(figures: Figures, options: argparse.Namespace) -> Sequence[str]:
    """All kinds; for a lab, which has many workloads, only its own kind and sweeps."""
    is_lab = any(one["name"] == "lab" for one in figures.figures)
    return ("lab", "sweep") if is_lab and options.workload is None else KINDS


def draw(figures: Figures, kinds: Sequence[str] = KINDS) -> Iterator[tuple[str, Figure]]:
    """Draws the figures, one after the other, each with its name."""
    # A user's own matplotlibrc must not change the figures.
    mpl.rcdefaults()
    mpl.rcParams.update(style.rc())
    for kind, name, job in jobs(figures, kinds):
        try:
            figure = job()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DamagedError(
                f"{figures.path}: {kind} of {name} is damaged ({type(error).__name__}: {error}): "
                "make it again with `c10k export`"
            ) from error
        if figure is not None:
            yield re.sub(r"[^\w.-]+", "_", f"{kind}-{name}" if name else kind), figure


def jobs(
    figures: Figures, kinds: Sequence[str]
) -> Iterator[tuple[str, str, Callable[[], Figure | None]]]:
    """Every figure to draw: its kind, its workload or series, and a function that draws it."""
    for one in figures.figures:
        if one["name"] in kinds and one["kind"] in DRAW:
            yield one["name"], one["of"], partial(DRAW[one["kind"]], figures, one)
        if "distribution" in kinds and one["kind"] == "curves":
            yield "distribution", one["of"], partial(lines.distribution, figures, one)
    for (of, panel), every in lines.sheets(figures).items():
        wanted = every if "sweep" in kinds else [one for one in every if one["name"] in kinds]
        fixed = every[0]["sweep"]["panels"][panel]
        if wanted:
            name = f"{of}, {fixed}" if fixed else of
            yield "sweep", name, partial(lines.sweep, figures, wanted, panel)
    if "overview" not in kinds:
        return
    # In one column, an overview of many workloads is longer than a page.
    of = [one["of"] for one in figures.figures if one["name"] == "cpu" and not one.get("sweep")]
    drawn = sum(
        len(one["rows"]) for one in figures.figures if one["of"] in of and one["name"] == "cpu"
    )
    if style.size.is_narrow and drawn > rows.ROWS_MAX:
        for name in of:
            yield "overview", name, partial(overview, figures, [name])
    else:
        yield "overview", "", partial(overview, figures, of)


def write(name: str, figure: Figure, out: Path, formats: list[str]) -> list[Path]:
    # The layout is computed once, so that it is the same in all formats.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = [out / f"{name}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        figure.savefig(path, format=suffix, metadata=style.METADATA[suffix])
        if suffix == "png":
            # A palette of 96 colours is enough for a figure, and makes the file a third as large.
            with Image.open(path) as whole:
                few, dpi = whole.convert("RGB").quantize(96), whole.info["dpi"]
            few.save(path, optimize=True, dpi=dpi)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        formats = known("format", options.formats, FORMATS)
        figures = read(options.run_dir)
        if not figures.figures:
            raise DamagedError(f"{figures.path} holds no figure, so there is nothing to draw")
        if options.workload is not None:
            known("workload", options.workload, figures.of)
        kinds = default_kinds(figures, options)
        if options.figures is not None:
            kinds = known("figure", options.figures, KINDS)
        if options.models is not None:
            known("model", options.models, figures.models)
        figures = figures.only(options.workload, options.models)
        out = options.out or options.run_dir / "figures"
        if options.width:
            style.size.of_print(options.width)
        else:
            style.size.of_screen()
        captions = []
        for name, figure in draw(figures, kinds):
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
