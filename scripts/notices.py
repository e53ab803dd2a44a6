"""The licences of everything that is linked into c10k, for a release archive.

    python3 scripts/notices.py FOLDER

Writes `FOLDER/THIRD-PARTY.txt`, with a line for each package, and the licence files of each
package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTICES = ("licen", "copying", "notice", "unlicense")


def metadata() -> dict:
    cargo = os.environ.get("CARGO", "cargo")
    target = f"{os.uname().machine}-unknown-linux-gnu"
    command = [cargo, "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    if os.environ.get("CARGO_NET_OFFLINE") == "true":
        command.append("--offline")
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def linked(found: dict) -> list[dict]:
    """The packages that are linked into c10k, without those that only tests or builds use."""
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    left = [found["resolve"]["root"]]
    seen = set(left)
    while left:
        for needed in nodes[left.pop()]["deps"]:
            is_linked = any(kind["kind"] is None for kind in needed["dep_kinds"])
            if is_linked and needed["pkg"] not in seen:
                seen.add(needed["pkg"])
                left.append(needed["pkg"])
    others = [packages[one] for one in seen if packages[one]["source"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def notices(package: dict) -> list[Path]:
    folder = Path(package["manifest_path"]).parent
    names = (path for path in folder.iterdir() if path.name.lower().startswith(NOTICES))
    return sorted(path for path in names if path.is_file())


def main(folder: Path) -> None:
    lines = []
    for package in linked(metadata()):
        name = f"{package['name']}-{package['version']}"
        for notice in notices(package):
            target = folder / f"{name}-{notice.name}"
            target.write_bytes(notice.read_bytes())
        lines.append(f"{name}: {package['license']} ({package['repository'] or 'no address'})\n")
    (folder / "THIRD-PARTY.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
