"""Reads what `c10k export` wrote with HdrHistogram's Python port, which shares no code with it.

The files in `export/` come from one load; the tests do not need `c10k`. To make the files again,
run `c10k load --rate 2k -d 300ms --warmup 0s --json load.json --hlog load.hlog --hgrm load.hgrm`
against any of our servers, then replace all three.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

FOLDER = Path(__file__).resolve().parent / "export"
TRIAL = json.loads((FOLDER / "load.json").read_text())


def lines(tag: str) -> list[HdrHistogram]:
    """The histograms of the log that have this tag."""
    reader = HistogramLogReader(str(FOLDER / "load.hlog"), HdrHistogram(1, 60_000_000_000, 3))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        if histogram.get_tag() == tag:
            found.append(histogram)
    return found


def total(histograms: list[HdrHistogram], digits: int) -> HdrHistogram:
    """All histograms, merged into one."""
    everything = HdrHistogram(1, 60_000_000_000, digits)
    for histogram in histograms:
        everything.add(histogram)
    return everything


def quantile(distribution: dict, q: float) -> int:
    """The value of a quantile in a document."""
    return next(entry["value"] for entry in distribution["quantiles"] if entry["q"] == q)


def upto(histogram: HdrHistogram, ms: float) -> int:
    """The number of samples of at most this many milliseconds."""
    values = histogram.get_recorded_iterator()
    return sum(
        item.count_at_value_iterated_to for item in values if item.value_iterated_to <= ms * 1e6
    )


def test_every_slice_has_a_line_with_its_start_and_its_samples():
    slices = [entry for entry in TRIAL["intervals"] if entry["max_ns"] is not None]
    found = lines("response")
    assert len(found) == len(slices) > 0
    began_ms = TRIAL["sums"]["began_unix_ns"] / 1e6
    for histogram, entry in zip(found, slices, strict=True):
        assert histogram.get_total_count() == entry["ok"]
        assert histogram.get_start_time_stamp() == pytest.approx(
            began_ms + entry["start_ns"] / 1e6, abs=1.5
        )
        width = histogram.get_end_time_stamp() - histogram.get_start_time_stamp()
        assert width == pytest.approx(entry["width_ns"] / 1e6, abs=1.5)
        assert histogram.get_value_at_percentile(50) == entry["p50_ns"]
        assert histogram.get_value_at_percentile(99) == entry["p99_ns"]


@pytest.mark.parametrize(("tag", "digits", "tolerance"), [("response", 2, 0.02), ("service", 3, 0)])
def test_the_log_has_the_count_and_the_quantiles_of_the_document(tag, digits, tolerance):
    distribution = TRIAL["latency"][tag]
    everything = total(lines(tag), digits)
    assert everything.get_total_count() == distribution["count"] - distribution["censored"]
    for q in (0.5, 0.9, 0.99, 1):
        value = everything.get_value_at_percentile(q * 100)
        assert value == pytest.approx(quantile(distribution, q), rel=tolerance, abs=0)


def test_the_distribution_is_what_the_document_has():
    distribution = TRIAL["latency"]["response"]
    text = (FOLDER / "load.hgrm").read_text()
    header, *rows = [line.split() for line in text.splitlines() if line and line[0] != "#"]
    assert header == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    decoded = HdrHistogram.decode(distribution["histogram"])
    for row in rows:
        value, level, count = float(row[0]), float(row[1]), int(row[2])
        # Values are rounded to three decimals, so the count lies between those on either side.
        assert upto(decoded, value - 6e-4) <= count <= upto(decoded, value + 6e-4)
        assert count >= level * distribution["count"] - 0.5
        if len(row) == 4:
            assert float(row[3]) == pytest.approx(1 / (1 - level), abs=6e-3)
        else:
            assert (level, count) == (1, distribution["count"])
    counts = [int(row[2]) for row in rows]
    assert counts == sorted(counts)
    trailer = dict(re.findall(r"(Mean|Max|Total count)\s*=\s*([0-9.]+)", text))
    assert float(trailer["Mean"]) == pytest.approx(distribution["mean"] / 1e6, abs=6e-4)
    assert float(trailer["Max"]) == pytest.approx(distribution["max"] / 1e6, abs=6e-4)
    assert int(trailer["Total count"]) == distribution["count"]
