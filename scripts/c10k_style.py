"""Shared by all figures: each model's look, units, and the frame around the panels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from c10k_figures import Figures

GREY = "#8c8c8c"
MM = 1 / 25.4
# The columns of a page in print, in inches.
COLUMNS = {"one": 85 * MM, "two": 178 * MM}


class Size:
    """The sizes of letters, in points, and the width of a figure, in inches."""

    def __init__(self) -> None:
        self.of_screen()

    def of_screen(self) -> None:
        # If a figure of five inches is scaled to one column of print, its text is still 6 points.
        self.print: float | None = None
        self.width, self.font, self.small, self.tiny = 5.0, 9.0, 7.5, 6.5

    def of_print(self, column: str) -> None:
        """Sets the sizes for print, which does not scale the figure afterwards."""
        self.print = self.width = COLUMNS[column]
        # Smaller letters are hard to read on paper.
        self.font, self.small, self.tiny = (7.5 if column == "one" else 8.0), 7.0, 7.0

    @property
    def note(self) -> float:
        """The size of words inside a panel."""
        return self.small if self.print else self.small - 0.5

    @property
    def is_narrow(self) -> bool:
        return self.width < 4.5


size = Size()


def rc() -> dict:
    """Matplotlib's settings."""
    return {
        "font.family": "DejaVu Sans",
        "font.size": size.font,
        "axes.labelsize": size.font,
        "axes.titlesize": size.font,
        "xtick.labelsize": size.small + 0.5 * (size.print is None),
        "ytick.labelsize": size.small + 0.5 * (size.print is None),
        "legend.fontsize": size.small + 0.5 * (size.print is None),
        "axes.linewidth": 0.6,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#d9d9d9",
        "grid.linewidth": 0.5,
        "hatch.linewidth": 0.6,
        "lines.linewidth": 1.0 if size.is_narrow else 1.3,
        "text.parse_math": False,
        "savefig.dpi": 200 if size.print is None else 600,
        "svg.hashsalt": "c10k",
        # Embeds TrueType fonts, so that text can be selected and searched.
        "pdf.fonttype": 42,
    }


# A file must not depend on the time at which it is written.
METADATA = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Look:
    color: str
    marker: str
    dash: str | tuple


# The same as in `page.js`: the number of a model in its family chooses its dash and its mark.
DASHES = (
    "-",
    (0, (4, 1.5)),
    (0, (1, 1)),
    (0, (4, 1.2, 1, 1.2)),
    (0, (8, 1.5)),
    (0, (8, 1.2, 1, 1.2)),
)
MARKERS = ("o", "D", "s", "X", "^", "*")
HATCHES = (None, "////", "....", "\\\\\\\\", "xxxx", None)


def look(figures: Figures, label: dict) -> Look:
    """The look of a model's line or marks, which are grey if its figure is invalid."""
    shades, member = figures.family(label.get("family")), label["member"]
    color = shades[(member + member // len(DASHES)) % len(shades)]
    if label.get("validity") == "invalid":
        color = GREY
    return Look(color, MARKERS[member % len(MARKERS)], DASHES[member % len(DASHES)])


def color_of(figures: Figures, label: dict) -> str:
    """The colour of a model's bar or row: that of its family, or grey if it is invalid."""
    return GREY if label["validity"] == "invalid" else figures.family(label["family"])[0]


def name(label: dict) -> str:
    """The name of a model, marked if a check flagged it or failed."""
    return label["model"] + {"suspect": " *", "invalid": " (invalid)"}.get(label["validity"], "")


def lighter(color: str, share: float = 0.25) -> tuple[float, float, float]:
    """The colour mixed with this share of white."""
    return tuple(one + (1 - one) * share for one in to_rgb(color))


NS_UNITS = ((1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns"))
BYTE_UNITS = ((2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B"))
COUNT_UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))


def nanoseconds(ns: float, zeros: bool = False) -> str:
    """Formats a duration with three digits; `zeros` keeps trailing zeros."""
    return _three(ns, NS_UNITS, zeros)


def count(n: float, zeros: bool = False) -> str:
    """Formats a count with three digits; `zeros` keeps trailing zeros."""
    return _three(n, COUNT_UNITS, zeros)


def size_of(n: float, zeros: bool = False) -> str:
    """Formats a size in bytes with three digits; `zeros` keeps trailing zeros."""
    return _three(n, BYTE_UNITS, zeros)


def _three(x: float, units: tuple, zeros: bool) -> str:
    x = float(f"{x:.3g}")
    each, unit = next((one for one in units if x >= one[0]), units[-1])
    x /= each
    digits = 2 - math.floor(math.log10(abs(x)) + 1e-9) if x else 0
    text = f"{x:.{min(max(digits, 0), 3)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text and not zeros else text) + unit


def round_ticks(top: float, each: float, bins: int = 4) -> list[float]:
    """Ticks from 0, round in the displayed unit, even if that unit is a power of two."""
    ticks = MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top / each)
    return [tick * each for tick in ticks if tick * each <= top * (1 + 1e-9)]


def unit_of(top: float, units: tuple) -> tuple[float, str]:
    """The unit for values up to `top`."""
    return next((one for one in units if top >= 2 * one[0]), units[-1])


def linear_axis(axis: Axis, top: float, units: tuple, bins: int = 4) -> str:
    """Sets an axis from 0 to `top` and returns its unit, which the ticks do not repeat."""
    top = top if top > 0 else 1.0
    axis.axes.set_xlim(0, top)
    each, unit = unit_of(top, units)
    axis.set_major_locator(FixedLocator(round_ticks(top, each, bins)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / each:.6g}"))
    return {" k": "thousands", " M": "millions", " G": "billions"}.get(unit, unit.strip())


def log_axis(
    axis: Axis,
    low: float,
    high: float,
    inches: float,
    *,
    room: float = 0.5,
    write: Callable[[float], str] = nanoseconds,
) -> None:
    """Sets logarithmic limits, of half a decade or more, and as many ticks as have `room`."""
    middle, half = math.sqrt(low * high), math.sqrt(high / low)
    half = max(half * 1.12, 10**0.25)
    low, high = middle / half, middle * half
    across = axis.axis_name == "x"
    (axis.axes.set_xlim if across else axis.axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(_log_ticks(low, high, room / inches)))
    axis.set_major_formatter(FuncFormatter(lambda y, _: write(y)))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=99))
    axis.set_minor_formatter(NullFormatter())


def _log_ticks(low: float, high: float, apart: float) -> list[float]:
    """The finest round numbers at least `apart` from each other, as a share of the axis."""
    across = math.log10(high / low)
    powers = [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [step * power for power in powers for step in steps if low <= step * power <= high]
        if all(math.log10(b / a) / across >= apart for a, b in pairwise(ticks)):
            return ticks
    return ticks[:: math.ceil(apart * across)]


class Frame:
    """A figure with a title above its panels, and a legend, notes and a footer below them.

    All sizes outside the panels are in inches, so that they stay the same when the panels grow.
    """

    def __init__(
        self,
        figures: Figures,
        figure: dict,
        panels: float,
        *,
        handles: list[Artist] | None = None,
        notes: Iterable[str] = (),
        columns: int = 3,
        width: float | None = None,
    ) -> None:
        handles, title, subtitle = handles or [], figure["title"], figure["load"]
        notes = [figure["shows"], *notes]
        if figure.get("greyed"):
            notes.append(f"Grey, a check failed: {figure['greyed']}")
        footer = " · ".join(figures.made_by)
        bare = size.print is not None
        width = size.print or width or size.width
        columns = min(columns, max(int(width / 1.6), 1)) if bare else columns
        #: The words of the figure, which print has in its caption instead.
        said = [*figure.get("notice", ()), *figure.get("caveats", ())]
        self.caption = "\n".join(filter(None, [title, subtitle, *notes, *said, footer]))
        title = textwrap.fill(title, int(9.2 * width))
        subtitle = textwrap.fill(subtitle, int(17.8 * width))
        notes = (
            []
            if bare
            else [one for note in notes for one in textwrap.wrap(note, int(18.4 * width))]
        )
        foot = [] if bare else textwrap.wrap(footer, int(20 * width))
        head = 0.31 + 0.18 * title.count("\n")
        top = 0.04 if bare else head + 0.03 + 0.15 * (subtitle.count("\n") + 1)
        legend = 0.152 * math.ceil(len(handles) / columns) + 0.1 if handles else 0.0
        below = 0.02 if bare else 0.135 * len(notes) + 0.12 * len(foot) + 0.16
        height = top + panels + legend + below
        self.figure = Figure(figsize=(width, height), layout="constrained")
        self.figure.set_label(self.caption)
        self.figure.get_layout_engine().set(
            rect=(0.005, (legend + below) / height, 0.98, panels / height),
            w_pad=0.04,
            h_pad=0.03,
            hspace=0.03,
        )
        if not bare:
            self._words(title, subtitle=subtitle, notes=notes, foot=foot, head=head, below=below)
        if handles:
            self.figure.legend(
                handles=handles,
                loc="upper center",
                bbox_to_anchor=(0.5, (legend + below) / height),
                ncols=columns,
                frameon=False,
                borderaxespad=0.2,
                handlelength=2.8,
                labelspacing=0.35,
                columnspacing=1.4,
            )

    def _words(
        self,
        title: str,
        *,
        subtitle: str,
        notes: list[str],
        foot: list[str],
        head: float,
        below: float,
    ) -> None:
        """Draws the title above the panels, and the notes below the legend."""
        width, height = self.figure.get_size_inches()
        text, left = self.figure.text, 0.1 / width
        text(left, 1 - 0.09 / height, title, fontsize=size.font + 1.5, weight="bold", va="top")
        text(left, 1 - head / height, subtitle, fontsize=size.small, va="top", linespacing=1.25)
        y = below - 0.06
        for note in notes:
            text(left, y / height, note, fontsize=size.note, va="top")
            y -= 0.135
        text(
            left,
            (y - 0.03) / height,
            "\n".join(foot),
            fontsize=size.tiny,
            va="top",
            color="#595959",
            linespacing=1.2,
            gid="footer",
        )


def mark(
    axes: Axes,
    at: tuple[float, float],
    color: str,
    gid: str | None = None,
    *,
    shape: str = "o",
    size: float = 5.0,
    fill: str | tuple | None = None,
    edge: float = 0.8,
    rim: str | None = None,
    z: float = 5,
) -> None:
    """Draws one mark, hollow or paler if `fill` says so."""
    (drawn,) = axes.plot(*at, color=color, marker=shape, ms=size, ls="", zorder=z, gid=gid)
    drawn.set(markerfacecolor=fill or color, markeredgewidth=edge, markeredgecolor=rim or color)


def beside(axes: Axes, text: str, at: tuple[float, float], gid: str, **looks: object) -> None:
    """Writes to the right of a bar or a mark."""
    place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
    axes.annotate(text, at, gid=gid, **{"fontsize": size.note, **place, **looks})


def clean(axes: Axes, grid: str) -> None:
    axes.grid(axis=grid, which="major")
    axes.tick_params(length=2.5, width=0.6)
    axes.tick_params(which="minor", length=1.5, width=0.4)


def suspect_note(labels: Iterable[dict]) -> list[str]:
    """Explains the asterisk after a name, if there is one."""
    some = any(label["validity"] == "suspect" for label in labels)
    return ["* Something was flagged; the tables of the page say what."] * some


def handle(look: Look, text: str) -> Line2D:
    return Line2D(
        [], [], color=look.color, marker=look.marker, linestyle=look.dash, markersize=5, label=text
    )
