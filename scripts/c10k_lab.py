"""The figures of a lab: the effect of each factor, the parts of a cost, memory per client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import c10k_style as style
from c10k_documents import Run
from c10k_results import Document, read_document
from c10k_style import Frame, Looks

CLIENTS = "clients"
# Dark to light, and hatched besides, so that they are told apart in grey.
PARTS = (
    ("request", "the plain request", style.BLUE, None),
    ("home", "its home", style.ORANGE, "...."),
    ("history", "the history", style.GREEN, "////"),
    ("connecting", "connecting", style.SKY, "\\\\\\\\"),
)
# A request that carries its state has no step to a home of it.
STEPS = {"request", "history", "connecting"}
# A row's words, and for each model a value with its interval.
Rows = dict[str, dict[str, tuple[float, float, float]]]


def read_lab(folder: Path) -> Document | None:
    """The lab's document, if the run is one of a lab."""
    path = folder / "lab.json"
    return read_document(path, "c10k.lab") if path.is_file() else None


def _within(of: Document, key: str) -> tuple[float, float, float]:
    interval = of.object("interval")
    return of.number(key), interval.number("low"), interval.number("high")


def effects(lab: Document, metric: str) -> Rows:
    """Each level of a factor against its first, as the lab's page has it."""
    rows: Rows = {}
    for model in lab.objects("models"):
        for design in model.objects("designs"):
            if design.get("metric", str) != metric:
                continue
            factors = {
                one.get("name", str): one.get("levels", list) for one in design.objects("factors")
            }
            kept = factors.get("connection") == ["kept"]
            for effect in design.objects("effects"):
                factor = effect.get("factor", str)
                # Of a design over clients the other effects are those of the first, over again.
                if CLIENTS in factors and factor != CLIENTS:
                    continue
                words = f"{factor}{', kept' * kept}:\n" + " / ".join(
                    effect.get(key, str) for key in ("level", "against")
                )
                rows.setdefault(words, {})[model.get("model", str)] = _within(effect, "ratio")
    return rows


def memory(lab: Document) -> Rows:
    """What each further client takes."""
    rows: Rows = {}
    for model in lab.objects("models"):
        for one in model.objects("memory"):
            words = f"state: {one.get('home', str)},\nhistory {one.get('history', str)}"
            rows.setdefault(words, {})[model.get("model", str)] = _within(one, "bytes")
    return rows


def dots(
    run: Run, look: Looks, title: str, found: Rows, dress: Callable[[Axes, list], None]
) -> Figure | None:
    """A mark with its interval for each model in each row."""
    if not found:
        return None
    models = [model for model in look if any(model in row for row in found.values())]
    frame = Frame(
        run,
        title,
        "Mark: geometric mean over the blocks, or slope; whisker: its 95 % interval (Student's t)",
        0.5 + (0.14 + 0.085 * len(models)) * len(found),
        handles=[style.handle(style.Look(look[m].color, look[m].marker, ""), m) for m in models],
        columns=4,
    )
    axes = frame.figure.subplots()
    ends = []
    for y, row in enumerate(found.values()):
        for at, model in enumerate(models):
            if model not in row:
                continue
            value, low, high = row[model]
            place, color = y + (at - (len(models) - 1) / 2) * 0.7 / len(models), look[model].color
            gid = f"{model}:{list(found)[y]}"
            axes.plot(
                [low, high],
                [place, place],
                color=color,
                linewidth=0.9,
                marker="|",
                ms=4,
                gid=f"whisker:{gid}",
            )
            axes.plot(
                [value],
                [place],
                color=color,
                marker=look[model].marker,
                ms=4,
                ls="",
                markeredgewidth=0.3,
                gid=f"mark:{gid}",
                zorder=5,
            )
            ends += [low, high]
    _rows(axes, list(found))
    dress(axes, ends)
    return frame.figure


def _rows(axes: Axes, words: list[str]) -> None:
    axes.set_yticks(range(len(words)), words)
    axes.set_ylim(len(words) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for y in range(1, len(words)):
        axes.axhline(y - 0.5, color="#e8e8e8", linewidth=0.5, zorder=0)
    style.clean(axes, "x")


def _times(axes: Axes, ends: list[float]) -> None:
    axes.axvline(1, color="#555555", linewidth=0.8, zorder=1)
    axes.set_xscale("log")
    width = 0.5 * axes.figure.get_figwidth()
    style.log_axis(
        axes.xaxis, min(*ends, 0.9), max(*ends, 1.1), width, room=0.3, write=lambda x: f"{x:.4g}"
    )
    axes.set_xlabel("Times as much")


def _bytes(axes: Axes, ends: list[float]) -> None:
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    each, unit = style.unit_of(max(ends), style.BYTE_UNITS)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x / each:.6g}")
    ticks = style.round_ticks(max(ends), each, 6)
    axes.set_xticks(ticks)
    axes.set_xlim(min(*ends, 0.0) * 1.05, max(ends) * 1.05)
    axes.set_xlabel(f"For each further client ({unit.strip()})")


def _is_whole(home: str, parts: list[Document]) -> bool:
    steps = STEPS if home == "none" else STEPS | {"home"}
    return steps <= {one.get("name", str) for one in parts}


def split(run: Run, lab: Document) -> Figure | None:
    """Where a request's cost comes from, one thing added after the other.

    Bars with other parts cannot be compared: a home without all cells has none, and is named.
    """
    lines = [
        (model.get("model", str), one.get("home", str), one.objects("parts"))
        for model in lab.objects("models")
        for one in model.objects("split")
    ]
    left_out = sorted({home for _, home, parts in lines if not _is_whole(home, parts)})
    lines = [line for line in lines if _is_whole(*line[1:])]
    if not lines:
        return None
    frame = Frame(
        run,
        "Where a request's cost comes from",
        "Server CPU per request, one thing added after the other",
        0.5 + 0.2 * len(lines),
        handles=[
            Patch(facecolor=color, hatch=hatch, edgecolor="white", label=name)
            for _, name, color, hatch in PARTS
        ],
        columns=4,
        notes=["A part to the left of 0 makes the request cheaper."]
        + [f"Not drawn, because cells are missing: {', '.join(left_out)}."] * bool(left_out),
    )
    axes = frame.figure.subplots()
    top = low = 0.0
    for y, (model, home, parts) in enumerate(lines):
        found = {one.get("name", str): one.number("ns") for one in parts}
        right = left = 0.0
        for key, _, color, hatch in PARTS:
            ns = found.get(key, 0.0)
            start = right if ns >= 0 else left
            (bar,) = axes.barh(y, ns, left=start, height=0.68, color=color, hatch=hatch)
            bar.set_edgecolor("white")
            bar.set_linewidth(0.4)
            bar.set_gid(f"{key}:{model}:{home}")
            right, left = (right + ns, left) if ns >= 0 else (right, left + ns)
        top, low = max(top, right), min(low, left)
    _rows(axes, [f"{model}, {home}" for model, home, _ in lines])
    axes.axvline(0, color="#555555", linewidth=0.8)
    unit = style.linear_axis(axes.xaxis, top * 1.05, style.NS_UNITS, bins=6)
    axes.set_xlim(low * 1.1, top * 1.05)
    axes.set_xlabel(f"Server CPU per request ({unit})")
    return frame.figure


def figures(run: Run, look: Looks, lab: Document) -> dict[str, Callable[[], Figure | None]]:
    """Each figure of the lab by its name."""
    return {
        "cpu": lambda: dots(
            run,
            look,
            "What each factor does to a request's cost",
            effects(lab, "server_cpu_per_request_ns"),
            _times,
        ),
        "split": lambda: split(run, lab),
        "p99": lambda: dots(
            run,
            look,
            "What each factor does to the p99 at equal load",
            effects(lab, "p99_ns"),
            _times,
        ),
        "memory": lambda: dots(
            run, look, "Memory of the server for each further client", memory(lab), _bytes
        ),
    }
