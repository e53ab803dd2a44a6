"use strict";
// A reader of the page: prints it, sorts the first table, turns the first curve, switches lines on.
{
  const failures = [];
  const check = (holds, what) => { if (!holds) failures.push(what); };
  const numbers = (table, column) => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.v).filter((v) => v !== undefined).map(Number);
  const rising = (list) => list.every((value, at) => at === 0 || list[at - 1] <= value);
  function sorts() {
    const table = document.querySelector("table.sortable");
    const head = table.tHead.rows[0].cells[1];
    const models = table.tBodies[0].rows.length;
    head.firstElementChild.click();
    check(rising(numbers(table, 1)), "throughput does not rise");
    check(head.ariaSort === "ascending", "not told that it rises");
    head.firstElementChild.click();
    check(rising(numbers(table, 1).reverse()), "throughput does not fall");
    check(head.ariaSort === "descending", "not told that it falls");
    // A column of which some rows know nothing.
    const heads = [...table.tHead.rows[0].cells];
    const unknown = (at) => models - numbers(table, at).length;
    const at = heads.findIndex((each, at) => at > 0 && each.firstElementChild && unknown(at) > 0 && unknown(at) < models);
    const rare = heads[at];
    rare.firstElementChild.click();
    check(table.tBodies[0].rows[models - 1].cells[at].dataset.v === undefined, "what is unknown is not last");
    check(head.ariaSort === "none" && rare.ariaSort === "ascending", "two columns sort at once");
    check(table.tBodies[0].rows.length === models, "rows are lost");
  }
  function turns() {
    const plot = document.querySelector(".plot[id$=-percentiles]");
    const [family, all, turn] = plot.previousElementSibling.children;
    const lines = () => plot.data.filter((trace) => trace.visible === true).length;
    check(lines() > 2 && lines() < plot.data.length, "not one of each family");
    all.click();
    check(lines() === plot.data.length, "not all models");
    turn.click();
    check(lines() === plot.data.length, "turning forgets what was switched on");
    check(plot.data[0].y.every((share) => share >= 0 && share <= 1), "no distribution");
    turn.click();
    check(plot.data[0].x.every((rare) => rare >= 1), "not turned back");
    family.click();
    check(lines() < plot.data.length, "not back to one of each family");
    const first = plot.data.find((trace) => trace.visible === true);
    check(/within [0-9.]+ /.test(first.text[3]), "no value under the pointer");
  }
  function saves() {
    const plot = document.querySelector(".plot");
    for (const name of ["SVG", "PNG"]) check(plot.querySelector(`.modebar [data-title="Download as ${name}"]`), `no button for ${name}`);
  }
  // Printing draws at once whatever has not been drawn yet.
  dispatchEvent(new Event("beforeprint"));
  dispatchEvent(new Event("afterprint"));
  try { sorts(); turns(); saves(); } catch (error) { failures.push(String(error)); }
  document.documentElement.dataset.reader = failures.join("; ") || "all well";
}
