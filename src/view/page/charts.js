"use strict";
// Makes the library's traces and layout for each kind of figure, from the data in the page.
const charts = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  // What the reader has chosen, by figure, and whether the page is being printed.
  const state = { printing: false, whole: new Set(), turned: new Set() };

  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const SYMBOLS = ["circle", "diamond", "square", "x", "triangle-up", "star"];

  function theme() {
    const dark = darkness.matches && !state.printing;
    return dark
      ? { ground: "dark", ink: "#e6e6e6", paper: "#161616", grid: "#3a3a3a", grey: "#707070" }
      : { ground: "light", ink: "#1a1a1a", paper: "#ffffff", grid: "#dddddd", grey: "#a8a8a8" };
  }
  const family = (row, look) => (data.families[row.family] || data.families.other)[look.ground];
  const colour = (row, look) => (row.validity === "invalid" ? look.grey : family(row, look)[0]);
  // Lines of one family differ in shade, dash and mark, and each model keeps its own.
  const shade = (row, look) =>
    row.validity === "invalid" ? look.grey : family(row, look)[(row.member + Math.floor(row.member / DASHES.length)) % 3];
  // What was flagged is paler than what was not.
  const solidity = (row) => (row.validity === "valid" ? 1 : 0.55);

  // Figures as the tables write them: three digits and a unit.
  const digits = (n) => (n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0));
  function scaled(value, base, units) {
    let [size, at] = [Math.abs(value), 0];
    while (at + 1 < units.length && size >= base) { size /= base; at += 1; }
    return (value < 0 ? "-" : "") + (at === 0 ? size.toFixed(0) : digits(size)) + units[at];
  }
  const UNITS = {
    ns: { show: (v) => scaled(v, 1000, [" ns", " µs", " ms", " s"]), factor: 1e-9, axis: { tickformat: "~s", ticksuffix: "s" } },
    bytes: { show: (v) => scaled(v, 1024, [" B", " KiB", " MiB", " GiB"]), factor: 1 / 1048576, axis: { ticksuffix: " MiB" } },
    per_s: { show: (v) => (v < 1000 ? digits(v) : scaled(v, 1000, ["", "k", "M", "G"])), factor: 1, axis: { tickformat: "~s" } },
    count: { show: (v) => digits(v), factor: 1, axis: {} },
    ratio: { show: (v) => digits(v) + " times", factor: 1, axis: {} },
  };

  function wrapped(text, width = 60) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if ((lines.at(-1) + word).length > width) lines.push("");
      lines[lines.length - 1] += word + " ";
    }
    return lines.map((line) => line.trim()).filter(Boolean).join("<br>");
  }
  function about(row) {
    const head = row.validity === "valid" ? "" : `<br><i>${row.validity}</i>`;
    return head + row.why.map((why) => "<br>" + wrapped(why)).join("");
  }

  function axis(look, more) {
    return { gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid, automargin: true, ...more };
  }
  function layout(look, narrow, more) {
    return {
      paper_bgcolor: look.paper, plot_bgcolor: look.paper,
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: look.ink },
      hoverlabel: { align: "left", bgcolor: look.paper, bordercolor: look.ink, font: { color: look.ink } },
      margin: { l: 10, r: 20, t: 30, b: 45 }, hovermode: "closest",
      // A finger that drags means to scroll.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      autosize: !state.printing, ...more,
    };
  }
  // On paper figures that are not wide stand in two columns.
  const PAPER = { wide: 680, half: 330 };
  const onPaper = (place) => (place.closest("figure").classList.contains("wide") ? PAPER.wide : PAPER.half);
  // A line of a legend beside a figure, so that no name is scrolled out of sight.
  const beside = (rows, least) => Math.max(least, 90 + 20 * rows.length);
  const legendBeside = { tracegroupgap: 0, font: { size: 12 } };
  const legendBelow = { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom" };
  /** A logarithmic axis of time: few marks, each with its unit. */
  function times(look, values, more, narrow = false) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // A narrow figure has room for fewer.
    const range = (high / low) * (narrow ? 20 : 1);
    const steps = range > 1000 ? [1] : range > 50 ? [1, 3] : [1, 2, 5];
    const marks = [];
    for (let decade = 1; decade < 1e12; decade *= 10) marks.push(...steps.map((step) => step * decade));
    const shown = marks.filter((mark) => mark > low / 10 && mark < high * 10);
    const label = (mark) => UNITS.ns.show(mark).replace(/\.0+ /, " ");
    return axis(look, { type: "log", tickvals: shown.map((mark) => mark * UNITS.ns.factor), ticktext: shown.map(label), tickangle: 0, ...more });
  }
  const families = (rows) => [...new Set(rows.map((row) => row.family))];
  // The first is on top, where categories end.
  const upwards = (rows) => [...rows].reverse();

  // Of many models the best of each family are shown until all are asked for, and all on paper.
  const MANY = 12;
  const few = (figure) => (figure.rows.length > MANY && !state.printing && !state.whole.has(figure.id) ? figure.rows.filter((row) => row.first) : figure.rows);

  /** Bars or dots with intervals, a trace for each family so that the legend switches families. */
  function ranks(figure, look, narrow, isBars) {
    const unit = UNITS[figure.unit];
    const rows = upwards(few(figure));
    const parted = rows.some((row) => row.user_share !== undefined);
    const traces = [];
    for (const family of families(figure.rows)) {
      const own = rows.filter((row) => row.family === family);
      const y = own.map((row) => row.model);
      const text = own.map((row) => hover(row, unit, figure));
      const at = (values) => values.map((value) => value * unit.factor);
      const group = { legendgroup: family, y, orientation: "h" };
      const mark = { color: own.map((row) => colour(row, look)), opacity: own.map(solidity) };
      if (isBars) {
        const base = { ...group, type: "bar", text, textposition: "none", hovertemplate: "%{text}<extra></extra>" };
        const split = own.some((row) => row.user_share !== undefined);
        const user = own.map((row) => row.user_share ?? 1);
        // Nobody knows which part of these is which.
        const unknown = own.map((row) => parted && row.user_share === undefined);
        mark.line = { color: own.map((row) => colour(row, look)), width: unknown.map((it) => (it ? 1.5 : 0)) };
        mark.color = own.map((row, i) => (unknown[i] ? look.paper : colour(row, look)));
        traces.push({ ...base, name: family, x: at(own.map((row, i) => row.value * user[i])), marker: mark });
        if (split) {
          const pale = { ...mark, opacity: mark.opacity.map((o) => o * 0.5) };
          traces.push({ ...base, showlegend: false, x: at(own.map((row, i) => row.value * (1 - user[i]))), marker: pale });
        }
      }
      const error = {
        type: "data", symmetric: false, thickness: 1.5, width: 3, color: look.ink,
        array: at(own.map((row) => row.high - row.value)), arrayminus: at(own.map((row) => row.value - row.low)),
      };
      const symbol = own.map((row) => (row.at_least ? "circle-open" : "circle"));
      traces.push({
        ...group, type: "scatter", mode: "markers", name: family, showlegend: !isBars, x: at(own.map((row) => row.value)),
        error_x: error, text, hovertemplate: "%{text}<extra></extra>",
        marker: isBars ? { opacity: 0 } : { ...mark, size: 10, symbol }, ...(isBars ? { hoverinfo: "skip", hovertemplate: undefined } : {}),
      });
      const trials = own.flatMap((row) => row.values.map((value) => [value, row.model]));
      traces.push({
        ...group, type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip",
        x: at(trials.map(([value]) => value)), y: trials.map(([, model]) => model),
        marker: { color: look.ink, size: 4, opacity: 0.55 },
      });
    }
    return { traces, layout: rowsLayout(figure, look, narrow, rows, isBars ? undefined : rows.flatMap((row) => row.values)) };
  }
  function hover(row, unit, figure) {
    const least = row.at_least ? "≥ " : "";
    let text = `<b>${row.model}</b>: ${least}${unit.show(row.value)}<br>${unit.show(row.low)} to ${unit.show(row.high)}`;
    text += `<br>trials: ${row.values.map(unit.show).join(", ")}`;
    if (row.user_share !== undefined) text += `<br>about ${(row.user_share * 100).toFixed(0)} % of it in its own code`;
    if (row.waits_per_s !== undefined) text += `<br>it waited ${UNITS.per_s.show(row.waits_per_s)} times a second`;
    return text + about(row);
  }
  function rowsLayout(figure, look, narrow, rows, logarithmic) {
    const title = { title: { text: figure.axis } };
    return layout(look, narrow, {
      height: (narrow ? 175 : 150) + (state.printing ? 15 : 20) * rows.length, barmode: "stack", bargap: 0.3, legend: legendBelow, showlegend: true, margin: { l: 10, r: 20, t: 30, b: 90 },
      xaxis: logarithmic ? times(look, logarithmic, title, narrow) : axis(look, { ...title, ...UNITS[figure.unit].axis, rangemode: "tozero" }),
      yaxis: axis(look, { categoryorder: "array", categoryarray: rows.map((row) => row.model), dtick: 1, showgrid: Boolean(logarithmic) }),
    });
  }

  /** A row of quantiles for each model. */
  function quantiles(figure, look, narrow) {
    const unit = UNITS.ns;
    const of = (row, q) => row.quantiles.find(([other]) => other === q);
    const rows = upwards(figure.rows);
    const known = [...new Set(rows.flatMap((row) => row.quantiles.map(([q]) => q)))].sort();
    const ends = rows.flatMap((row) => [...row.quantiles.map(([, value]) => [value * unit.factor, row.model]), [null, row.model]]);
    const traces = [{
      type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip", line: { color: look.grid, width: 3 },
      x: ends.map(([x]) => x), y: ends.map(([, y]) => y), connectgaps: false,
    }];
    known.forEach((q, at) => {
      const own = rows.filter((row) => of(row, q));
      const name = `p${+(q * 100).toFixed(3)}`;
      const shape = SYMBOLS[at % SYMBOLS.length];
      traces.push({
        type: "scatter", mode: "markers", name, x: own.map((row) => of(row, q)[1] * unit.factor), y: own.map((row) => row.model),
        marker: {
          size: 9, color: own.map((row) => colour(row, look)), opacity: own.map(solidity),
          symbol: own.map((row) => shape + (of(row, q)[2] ? "-open" : "")),
        },
        text: own.map((row) => `<b>${row.model}</b> ${name}: ${of(row, q)[2] ? "≥ " : ""}${unit.show(of(row, q)[1])}${about(row)}`),
        hovertemplate: "%{text}<extra></extra>",
      });
    });
    return { traces, layout: rowsLayout(figure, look, narrow, rows, rows.flatMap((row) => row.quantiles.map(([, value]) => value))) };
  }

  // Axes fit what is drawn at first.
  const drawn = (figure) => (figure.rows.some((row) => row.shown) ? figure.rows.filter((row) => row.shown) : figure.rows);
  const line = (row, look) => ({
    type: "scatter", mode: "lines", name: row.model, legendgroup: row.model, opacity: row.validity === "invalid" ? 0.6 : 1,
    visible: row.shown ? true : "legendonly",
    line: { color: shade(row, look), dash: DASHES[row.member % DASHES.length], width: 2 },
  });

  /** Latency by percentile, or turned round: the share that was answered within a time. */
  function curves(figure, look, narrow, turned) {
    const unit = UNITS.ns;
    const percent = (q) => `${+(q * 100).toPrecision(q < 0.9 ? 3 : 7)} %`;
    const traces = figure.rows.map((row) => {
      // The smallest value says nothing about percentiles and would stretch the axis.
      const points = turned ? row.points : row.points.slice(1);
      const taken = points.map(([, value]) => value * unit.factor);
      const rare = points.map(([q]) => (turned ? q : 1 / (1 - q)));
      const text = points.map(([q, value]) => `<b>${row.model}</b>: ${percent(q)} within ${unit.show(value)}${about(row)}`);
      return { ...line(row, look), x: turned ? taken : rare, y: turned ? rare : taken, text, hovertemplate: "%{text}<extra></extra>" };
    });
    const time = times(look, drawn(figure).flatMap((row) => row.points.slice(1).map(([, value]) => value)), { title: { text: figure.axis } });
    const decades = [1, 2, 10, 100, 1000, 1e4, 1e5, 1e6];
    const shares = turned
      ? axis(look, { title: { text: "share of requests" }, tickformat: ".0%", range: [0, 1.01] })
      : axis(look, { type: "log", title: { text: "percentile" }, tickvals: decades, ticktext: decades.map((x) => percent(1 - 1 / x)) });
    return {
      traces,
      layout: layout(look, narrow, {
        height: narrow ? 640 : beside(figure.rows, 480), legend: narrow ? legendBelow : legendBeside, margin: { l: 10, r: 20, t: 30, b: narrow ? 250 : 45 }, showlegend: true,
        xaxis: turned ? time : shares, yaxis: turned ? shares : time,
      }),
    };
  }

  /** Replies and p99 from slice to slice. */
  function slices(figure, look, narrow) {
    const traces = figure.rows.flatMap((row) => {
      const x = row.points.map(([start]) => start * 1e-9);
      const text = row.points.map(([, rate, p99]) =>
        `<b>${row.model}</b>: ${UNITS.per_s.show(rate)} replies/s${p99 === null ? "" : `, p99 ${UNITS.ns.show(p99)}`}<br>${row.trial || ""}`);
      const own = { ...line(row, look), x, text, hovertemplate: "%{text}<extra></extra>" };
      own.line.shape = "hv";
      return [
        { ...own, y: row.points.map(([, rate]) => rate) },
        { ...own, y: row.points.map(([, , p99]) => (p99 === null ? null : p99 * 1e-9)), yaxis: "y2", showlegend: false },
      ];
    });
    return {
      traces,
      layout: layout(look, narrow, {
        height: narrow ? 680 : beside(figure.rows, 520), legend: narrow ? legendBelow : legendBeside, margin: { l: 10, r: 20, t: 30, b: narrow ? 250 : 45 }, showlegend: true,
        xaxis: axis(look, { title: { text: "time since the measurement began" }, anchor: "y2", ...UNITS.ns.axis }),
        yaxis: axis(look, { title: { text: "replies/s" }, domain: [0.55, 1], rangemode: "tozero", ...UNITS.per_s.axis }),
        yaxis2: times(look, drawn(figure).flatMap((row) => row.points.map(([, , p99]) => p99)).filter(Boolean), { title: { text: "p99" }, domain: [0, 0.45] }),
      }),
    };
  }

  /** A line with its band for each model over a setting, one panel beside or below the other. */
  function sweep(figure, look, narrow, _, width) {
    const unit = UNITS[figure.unit];
    const { factor, logarithmic, ticks, panels } = figure.sweep;
    const across = narrow ? 1 : Math.min(panels.length, 3);
    const down = Math.ceil(panels.length / across);
    // 0 has no logarithm: it stands a decade before the first setting above it.
    const least = Math.min(...ticks.map(([x]) => x).filter((x) => x > 0));
    const place = (x) => (logarithmic ? Math.log10(x > 0 ? x : least / 10) : x);
    const ref = (name, panel) => (panel === 0 ? name : name + (panel + 1));
    const traces = [];
    for (const row of figure.rows) {
      const own = { legendgroup: row.model, visible: row.shown ? true : "legendonly", xaxis: ref("x", row.panel), yaxis: ref("y", row.panel) };
      const paint = shade(row, look);
      const dash = DASHES[row.member % DASHES.length];
      const x = row.points.map((point) => place(point.x));
      const at = (key) => row.points.map((point) => point[key] * unit.factor);
      const setting = (point) => (ticks.find(([value]) => value === point.x) || [0, point.x])[1];
      const text = row.points.map((point) =>
        `<b>${row.model}</b>, ${factor} ${setting(point)}${panels[row.panel] ? ", " + panels[row.panel] : ""}: ${unit.show(point.value)}<br>${unit.show(point.low)} to ${unit.show(point.high)}${about(point)}`);
      // A second panel's lines are switched by the name in the first.
      const first = figure.rows.find((other) => other.model === row.model) === row;
      traces.push(
        { ...own, type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...at("high"), ...at("low").reverse()], fill: "toself", fillcolor: paint + "2e", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
        {
          ...own, type: "scatter", mode: "lines+markers", name: row.model, showlegend: first, x, y: at("value"), text, hovertemplate: "%{text}<extra></extra>",
          line: { color: paint, width: 2, dash },
          marker: { size: 7, symbol: row.points.map((point) => SYMBOLS[row.member % SYMBOLS.length] + (point.validity === "valid" ? "" : "-open")), color: row.points.map((point) => (point.validity === "invalid" ? look.grey : paint)) },
        },
        { ...own, type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip", x: row.law.map(([n]) => place(n)), y: row.law.map(([, value]) => value * unit.factor), line: { color: look.ink, width: 1.2, dash: "dash" } },
      );
    }
    const values = drawn(figure).flatMap((row) => row.points.flatMap((point) => [point.low, point.high])).filter((value) => value > 0);
    const spread = Math.max(...values) / Math.min(...values);
    const rows = 1 / down;
    const names = [...new Set(figure.rows.map((row) => row.model))];
    const legendRows = Math.ceil(names.reduce((sum, name) => sum + 55 + 7 * name.length, 0) / width);
    const shape = { annotations: [] };
    // A mark that would touch the one before it has no room; the last one always has.
    const [first, last] = [place(ticks[0][0]), place(ticks.at(-1)[0])];
    const span = last - first || 1;
    const pixels = (width - 110) / across;
    const room = (a, b) => ((place(b[0]) - place(a[0])) / span) * pixels * 0.9 > 4 * (a[1].length + b[1].length) + 10;
    const marks = [];
    ticks.forEach((tick, at) => {
      const end = ticks.at(-1);
      const isLast = at === ticks.length - 1;
      if (isLast || ((marks.length === 0 || room(marks.at(-1), tick)) && room(tick, end))) marks.push(tick);
    });
    panels.forEach((panel, at) => {
      const [column, line] = [at % across, Math.floor(at / across)];
      // Panels of one width; those to the right of another share its scale and leave room for no marks of their own.
      const gap = 0.03;
      const one = (1 - gap * (across - 1)) / across;
      const wide = [column * (one + gap), column * (one + gap) + one];
      const high = [1 - (line + 1) * rows + (line + 1 < down ? 0.1 * rows : 0), 1 - line * rows - (panel ? 0.1 * rows : 0)];
      const name = at === 0 ? "" : at + 1;
      const title = { title: { text: column === 0 ? figure.axis : "" } };
      shape["xaxis" + name] = axis(look, { domain: wide, anchor: ref("y", at), tickvals: marks.map(([x]) => place(x)), ticktext: marks.map(([, text]) => text), title: { text: line + 1 === down ? factor : "", standoff: 8 }, tickangle: 0, zeroline: false });
      const scale = figure.unit === "ns" && spread > 3 ? times(look, values, title) : axis(look, { ...title, ...unit.axis, rangemode: "tozero", ...(spread > 30 ? { type: "log", rangemode: "normal", dtick: 1 } : {}) });
      shape["yaxis" + name] = { ...scale, domain: high, anchor: ref("x", at), ...(at ? { matches: "y" } : {}), ...(column ? { showticklabels: false } : {}) };
      if (panel) shape.annotations.push({ text: panel, showarrow: false, xref: "paper", yref: "paper", x: (wide[0] + wide[1]) / 2, xanchor: "center", y: high[1], yanchor: "bottom", font: { size: 12, color: look.ink } });
    });
    return {
      traces,
      layout: layout(look, narrow, { height: 150 + down * (narrow ? 270 : 290) + 23 * legendRows, legend: legendBelow, showlegend: true, margin: { l: 10, r: 20, t: 30, b: 65 + 23 * legendRows }, ...shape }),
    };
  }

  /** Rows with labels: dots with intervals in the colours of their models, or the parts of bars. */
  function series(figure, look, narrow, stacked) {
    // A client's memory is far below a MiB.
    const unit = figure.unit === "bytes" ? { ...UNITS.bytes, factor: 1, axis: { tickformat: "~s", ticksuffix: "B" } } : UNITS[figure.unit];
    const label = (mark) => mark.row.join(": ");
    const at = (values) => values.map((value) => value * unit.factor);
    const rows = [...new Set(figure.rows.flatMap((own) => own.marks.map(label)))];
    const traces = figure.rows.map((own) => {
      const within = (mark) => (mark.low === undefined ? "" : ` (${unit.show(mark.low)} to ${unit.show(mark.high)})`);
      const text = own.marks.map((mark) => `<b>${own.name}</b>, ${label(mark)}<br>${unit.show(mark.value)}${within(mark)}`);
      const shared = { name: own.name, x: at(own.marks.map((mark) => mark.value)), y: own.marks.map(label), text, hovertemplate: "%{text}<extra></extra>" };
      const parts = data.parts[look.ground];
      if (stacked) return { ...shared, type: "bar", orientation: "h", textposition: "none", marker: { color: parts[own.member % parts.length] } };
      const paint = shade(own, look);
      const error = {
        type: "data", symmetric: false, thickness: 1.5, width: 3, color: paint,
        array: at(own.marks.map((mark) => mark.high - mark.value)), arrayminus: at(own.marks.map((mark) => mark.value - mark.low)),
      };
      return { ...shared, type: "scatter", mode: "markers", error_x: error, marker: { color: paint, size: 10, symbol: SYMBOLS[own.member % SYMBOLS.length] } };
    });
    const ratio = figure.unit === "ratio";
    const one = { type: "line", x0: 1, x1: 1, y0: 0, y1: 1, yref: "paper", line: { color: look.ink, width: 1 } };
    const scale = ratio ? { type: "log", tickvals: RATIOS, ticktext: RATIOS.map(String) } : unit.axis;
    return {
      traces,
      layout: layout(look, narrow, {
        height: 170 + 26 * rows.length, barmode: "relative", bargap: 0.3, showlegend: true, margin: { l: 10, r: 15, t: 20, b: 95 },
        legend: { ...legendBelow, xref: "container", traceorder: "normal" }, shapes: ratio ? [one] : [],
        xaxis: axis(look, { zerolinecolor: look.ink, title: { text: figure.axis }, ...scale }),
        yaxis: axis(look, { categoryorder: "array", categoryarray: upwards(rows), dtick: 1, tickfont: { size: narrow ? 9 : 12 } }),
      }),
    };
  }
  const RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

  const KINDS = {
    bars: (figure, look, narrow) => ranks(figure, look, narrow, true),
    dots: (figure, look, narrow) => ranks(figure, look, narrow, false),
    effects: (figure, look, narrow) => series(figure, look, narrow, false),
    parts: (figure, look, narrow) => series(figure, look, narrow, true),
    quantiles, curves, slices, sweep,
  };
  return { KINDS, MANY, data, darkness, onPaper, state, theme };
})();
