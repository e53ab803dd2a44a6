"use strict";
// Holds what the page of a lab shows against the document that is in it: figures, tables, sentences.
{
  // All figures are drawn at once for paper.
  dispatchEvent(new Event("beforeprint"));
  dispatchEvent(new Event("afterprint"));
  const lab = JSON.parse(document.getElementById("truth").textContent);
  const failures = [];
  let seen = 0;
  const SIZES = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 1024, MiB: 1048576, "%": 0.01, thousands: 1e3, millions: 1e6 };
  function near(shown, truth, tolerance, what) {
    seen += 1;
    if (!(Math.abs(shown - truth) <= tolerance)) failures.push(`${what}: ${shown} is not ${truth}`);
  }
  // A mark of a figure, with its interval.
  function mark(id, series, row, value, interval, factor) {
    const trace = document.getElementById(id).data.find((each) => each.name === series);
    const at = trace ? trace.y.indexOf(row) : -1;
    if (at < 0) { failures.push(`${id} has no ${row} of ${series}`); return; }
    const what = `${id}, ${row} of ${series}`;
    const tolerance = 1e-9 * factor * Math.max(Math.abs(value), Math.abs(interval.low), Math.abs(interval.high));
    near(trace.x[at], value * factor, tolerance, what);
    if (!trace.error_x) return;
    near(trace.x[at] + trace.error_x.array[at], interval.high * factor, tolerance, what);
    near(trace.x[at] - trace.error_x.arrayminus[at], interval.low * factor, tolerance, what);
  }
  // An entry of a table: the row begins with these words, the column with this one.
  function entry(id, words, column, truth) {
    const tables = [...document.querySelectorAll(`table[id^="${id}"]`)];
    for (const table of tables) {
      const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      const at = heads.findIndex((head) => head === column || head.startsWith(`${column} (`));
      const row = [...table.tBodies[0].rows].find((each) => words.every((word, i) => each.cells[i].textContent === word));
      if (at < 0 || !row) continue;
      const text = row.cells[at].firstChild.textContent.trim();
      const unit = heads[at].slice(column.length).replace(/[ ()]/g, "");
      const size = SIZES[unit] ?? 1;
      const digits = (text.split(".")[1] ?? "").length;
      near(Number(text), truth / size, 0.5001 * 10 ** -digits, `${id}, ${words.join()} of ${column}`);
      return;
    }
    failures.push(`${id} has no ${words.join()} of ${column}`);
  }
  const has = (design, name) => design.factors.some((factor) => factor.name === name);
  const kept = (design) => (design.factors.some((f) => f.name === "connection" && f.levels.join() === "kept") ? ", kept" : "");
  const FIGURES = { server_cpu_per_request_ns: "figure-cpu", p99_ns: "figure-p99" };
  function design(model, found) {
    const [name, clients] = [found.metric.replaceAll("_", "-"), has(found, "clients")];
    for (const effect of found.effects) {
      if (clients && effect.factor !== "clients") continue;
      const levels = `${effect.level} / ${effect.against}`;
      const id = FIGURES[found.metric];
      if (id) mark(id, model, `${effect.factor}${kept(found)}: ${levels}`, effect.ratio, effect.interval, 1);
      const words = [levels.replace(/^every /, "") + kept(found)];
      entry(`${clients ? "clients" : "effects"}-${name}`, words, model, effect.ratio);
      if (!clients) entry(`effects-more-${name}`, words, model, effect.difference);
    }
    for (const both of found.interactions) {
      if (clients && !both.factors.includes("clients")) continue;
      const words = [both.levels.join(" + ").replace(/^every /, "") + kept(found)];
      if (clients) entry(`clients-${name}`, words, model, both.ratio);
      else if (found.metric === "server_cpu_per_request_ns") entry("interactions", words, model, both.ratio);
    }
    if (!clients) for (const share of found.shares) entry(`shares-${name}`, [share.source + kept(found)], model, share.share);
  }
  const PARTS = { request: "the plain request", home: "its home", history: "the history", connecting: "connecting" };
  function model(found) {
    found.designs.forEach((each) => design(found.model, each));
    for (const split of found.split) {
      // Bars of a figure have the same parts: one stands where all of them are known.
      const order = Object.keys(PARTS);
      for (const [last, id] of [["connecting", "figure-split"], ["history", "figure-split-history"], ["home", "figure-split-home"]]) {
        if (!document.getElementById(id) || !split.parts.some((part) => part.name === last)) continue;
        for (const part of split.parts.filter((part) => order.indexOf(part.name) <= order.indexOf(last))) mark(id, PARTS[part.name], `${found.model}: ${split.home}`, part.ns, part.interval, 1e-9);
      }
      const sum = split.parts.map((part) => part.ns).reduce((a, b) => a + b);
      if (split.parts.some((part) => part.name === "connecting")) entry("split", [found.model, split.home], "together", sum);
    }
    for (const memory of found.memory) {
      mark("figure-memory", found.model, `${memory.home}: history ${memory.history}`, memory.bytes, memory.interval, 1);
      entry("memory", [memory.home, memory.history], found.model, memory.bytes);
    }
    for (const tail of found.tails ?? []) {
      if (tail.value_ns !== undefined && !tail.at_least) entry("p99", [String(tail.clients), tail.connection, tail.home], found.model, tail.value_ns);
    }
  }
  try {
    lab.models.forEach(model);
    for (const each of lab.sessions) entry("sessions", [each.home, each.connection], "completed", each.completed);
    const text = document.querySelector("main").textContent;
    for (const sentence of lab.sentences) {
      seen += 1;
      if (!text.includes(sentence.replace(/(\d) us\b/g, "$1 µs"))) failures.push(`not on the page: ${sentence}`);
    }
  } catch (error) { failures.push(String(error.stack || error)); }
  document.documentElement.dataset.numbers = failures.slice(0, 5).join("; ") || `all ${seen} alike`;
}
