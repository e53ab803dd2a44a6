"""Makes `scripts/` importable from any folder, and provides a run with figures of every kind.

A test of the program, `the_scripts_tests_draw_what_this_program_writes`, wrote `figures.json`.
"""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def run(tmp_path):
    """The folder of a run, which a test may change."""
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("figures.json"), folder)
    (folder / "summary.json").write_text("{}")
    return folder
