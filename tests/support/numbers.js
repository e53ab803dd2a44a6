"use strict";
// Holds what the page shows against the summary that is in it: tables, and what the library was given to draw.
{
  const summary = JSON.parse(document.getElementById("truth").textContent);
  const failures = [];
  const near = (a, b) => Math.abs(a - b) <= 1e-9 * Math.abs(b);
  const same = (shown, truth, what) => { if (!near(shown, truth)) failures.push(`${what}: ${shown} is not ${truth}`); };
  const units = { throughput: 1, p50: 1e-9, p95: 1e-9, p99: 1e-9, cpu: 1e-9, memory: 1 / 1048576 };
  const quantile = (cell, q) => {
    const { pooled, value_ns } = cell.latency.find((each) => each.q === q) || {};
    if (!pooled) return value_ns || null;
    return pooled.admitted ? { median: pooled.value_ns } : null;
  };
  const estimates = (cell) => ({
    throughput: cell.throughput_per_s, p50: quantile(cell, 0.5), p95: quantile(cell, 0.95), p99: quantile(cell, 0.99), cpu: cell.server_cpu_per_request_ns, memory: cell.pss_bytes,
  });
  let seen = 0;
  function table(cell) {
    const rows = [...document.getElementById(cell.workload).querySelector("table.sortable").tBodies[0].rows];
    const row = rows.find((each) => each.cells[0].dataset.v === cell.model + (cell.twin ? "+twin" : ""));
    const heads = [...row.closest("table").tHead.rows[0].cells].map((head) => head.textContent);
    const columns = {
      "replies/s": cell.throughput_per_s, p50: quantile(cell, 0.5), p95: quantile(cell, 0.95), p99: quantile(cell, 0.99),
      "CPU/request": cell.server_cpu_per_request_ns, memory: cell.pss_bytes,
    };
    for (const [name, estimate] of Object.entries(columns)) {
      const column = heads.indexOf(name);
      // A column that says nothing of any model is left out.
      if (column < 0 && estimate) failures.push(`${cell.workload} has no column ${name}`);
      else if (estimate) { same(Number(row.cells[column].dataset.v), estimate.median, `${cell.workload} ${cell.model} ${name}`); seen += 1; }
    }
    // Of a packed run the link leads to the file of all trials, and its title names the trial.
    const links = [...row.querySelectorAll("a")].map((link) => link.title);
    if (links.join() !== cell.trials.join()) failures.push(`${cell.workload} ${cell.model} links to ${links}`);
  }
  function marks(cell) {
    for (const [name, estimate] of Object.entries(estimates(cell))) {
      const plot = document.getElementById(`${cell.workload}-${name}`);
      if (!plot || !estimate) continue;
      const trace = plot.data.find((each) => each.error_x && each.y.includes(cell.model));
      same(trace.x[trace.y.indexOf(cell.model)], estimate.median * units[name], `${plot.id} of ${cell.model}`);
      seen += 1;
    }
  }
  function lines(cell) {
    const place = Math.log10(cell.factors[0].number);
    const states = [...new Set(summary.cells.map((each) => each.factors[1].text))];
    const panel = states.indexOf(cell.factors[1].text);
    for (const [name, estimate] of Object.entries(estimates(cell))) {
      if (!estimate) continue;
      const plot = document.getElementById(`sweep-${cell.series}-${name}`);
      const own = (each) => each.mode === "lines+markers" && each.name === cell.model && each.yaxis === (panel ? "y2" : "y");
      const trace = plot.data.find(own);
      const at = trace.x.findIndex((x) => near(x, place) || x === place);
      same(trace.y[at], estimate.median * units[name], `${plot.id} of ${cell.model} at ${cell.factors[0].text}`);
      if (!plot.querySelector(".scatterlayer .trace path.js-line")) failures.push(`${plot.id} has no lines`);
      seen += 1;
    }
  }
  // On paper all models are drawn.
  dispatchEvent(new Event("beforeprint"));
  try {
    for (const cell of summary.cells) {
      table(cell);
      if (cell.series && !cell.twin) lines(cell);
      else if (!cell.twin) marks(cell);
    }
  } catch (error) { failures.push(String(error.stack || error)); }
  document.documentElement.dataset.numbers = failures.slice(0, 5).join("; ") || `all ${seen} alike`;
}
