"""Reads `figures.json`, which holds everything that the figures of a run show."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

FILE = "figures.json"
SCHEMA, VERSION = "c10k.figures", 1


class UsageError(Exception):
    """The command line names something that does not exist."""


class DamagedError(Exception):
    """A file is damaged, or is not of the expected kind."""


@dataclass(frozen=True)
class Figures:
    """The document: what each figure shows, and the colours of families and parts."""

    path: Path
    made_by: tuple[str, ...]
    families: dict[str, list[str]]
    parts: list[str]
    figures: tuple[dict, ...]

    @property
    def of(self) -> list[str]:
        """The workloads and series."""
        return list(dict.fromkeys(one["of"] for one in self.figures))

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(model for one in self.figures for model in models_of(one)))

    def family(self, name: str | None) -> list[str]:
        """The shades of a family, the first of which is its colour."""
        return self.families.get(name or "other") or self.families["other"]

    def only(self, of: list[str] | None, models: list[str] | None) -> Figures:
        """Keeps these workloads and models. Chosen models are drawn in colour, not in grey."""
        kept = [one for one in self.figures if of is None or one["of"] in of]
        if models is not None:
            kept = [one for one in (_with(figure, models) for figure in kept) if one["rows"]]
        return replace(self, figures=tuple(kept))


def models_of(figure: dict) -> list[str]:
    """The models in a figure."""
    if figure["kind"] == "parts":
        return [mark["row"][0] for series in figure["rows"] for mark in series["marks"]]
    return [row["name" if figure["kind"] == "effects" else "model"] for row in figure["rows"]]


def _with(figure: dict, models: list[str]) -> dict:
    if figure["kind"] == "parts":
        rows = [
            row | {"marks": [mark for mark in row["marks"] if mark["row"][0] in models]}
            for row in figure["rows"]
        ]
        return figure | {"rows": [row for row in rows if row["marks"]]}
    key = "name" if figure["kind"] == "effects" else "model"
    return figure | {
        "rows": [row | {"shown": True} for row in figure["rows"] if row[key] in models]
    }


def read(folder: Path) -> Figures:
    """Reads the figures of a run."""
    path = folder / FILE
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name a run, such as results/<run-id>")
    if not path.is_file():
        inside = sorted(found.parent.name for found in folder.glob("*/summary.json"))
        if not (folder / "summary.json").is_file():
            hint = f" (it holds runs: {', '.join(inside[:5])}; name one of them)" if inside else ""
            raise UsageError(
                f"{folder} holds no {FILE}{hint}: name the folder of a run that was made with "
                "`c10k run`"
            )
        raise UsageError(
            f"{folder} holds no {FILE}, as runs of earlier versions and committed runs do: make it "
            f"with `c10k export {folder} --to figures -o {path}`"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema = document["schema"]
        named, version = schema["name"], schema["version"]
        if named != SCHEMA:
            raise DamagedError(f"{path} is a {named!r} document; {SCHEMA!r} was expected here")
        if version != VERSION:
            raise DamagedError(
                f"{path} has version {version} of the {SCHEMA} format and this script reads "
                f"version {VERSION}: use the script of the program version that wrote it"
            )
        return Figures(
            path,
            tuple(document["made_by"]),
            {name: colours["light"] for name, colours in document["families"].items()},
            document["parts"]["light"],
            tuple(document["figures"]),
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"{path} is damaged ({type(error).__name__}: {error}): make it again with `c10k export`"
        ) from error
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
