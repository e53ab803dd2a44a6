"use strict";
// Draws the figures of a lab's page from the data in it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const COLOURS = {
    light: ["#0068b3", "#c2410c", "#00805a", "#a8437f", "#b8860b", "#6b5b4d"],
    dark: ["#62b6f7", "#ff8a55", "#3fd1a0", "#ea9cc9", "#f0c04a", "#bba78f"],
  };
  const SYMBOLS = ["circle", "diamond", "square", "x", "triangle-up", "star"];
  const RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
  const digits = (n) => (n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0));
  function scaled(value, base, units) {
    const sign = value < 0 ? "-" : "";
    let [size, at] = [Math.abs(value), 0];
    while (at + 1 < units.length && size >= base) { size /= base; at += 1; }
    return sign + (at === 0 ? size.toFixed(0) : digits(size)) + units[at];
  }
  const UNITS = {
    ratio: { show: (v) => digits(v) + " times", factor: 1, axis: {} },
    ns: { show: (v) => scaled(v, 1000, [" ns", " µs", " ms", " s"]), factor: 1e-9, axis: { tickformat: "~s", ticksuffix: "s" } },
    bytes: { show: (v) => scaled(v, 1024, [" B", " KiB", " MiB", " GiB"]), factor: 1, axis: { tickformat: "~s", ticksuffix: "B" } },
  };
  function theme() {
    return darkness.matches
      ? { ink: "#e6e6e6", paper: "#161616", grid: "#3a3a3a", colours: COLOURS.dark }
      : { ink: "#1a1a1a", paper: "#ffffff", grid: "#dddddd", colours: COLOURS.light };
  }

  function traces(figure, look) {
    const unit = UNITS[figure.unit];
    const at = (values) => values.map((value) => value * unit.factor);
    return figure.series.map((series, index) => {
      const marks = series.marks;
      const label = (mark) => mark.row.join(": ");
      const text = marks.map((mark) => `<b>${series.name}</b>, ${label(mark)}<br>${unit.show(mark.value)} (${unit.show(mark.low)} to ${unit.show(mark.high)})`);
      const colour = look.colours[index % look.colours.length];
      const shared = { name: series.name, x: at(marks.map((mark) => mark.value)), y: marks.map(label), text, hovertemplate: "%{text}<extra></extra>" };
      if (figure.kind === "stack") {
        return { ...shared, type: "bar", orientation: "h", textposition: "none", marker: { color: colour } };
      }
      const error = {
        type: "data", symmetric: false, thickness: 1.5, width: 3, color: colour,
        array: at(marks.map((mark) => mark.high - mark.value)), arrayminus: at(marks.map((mark) => mark.value - mark.low)),
      };
      return { ...shared, type: "scatter", mode: "markers", error_x: error, marker: { color: colour, size: 10, symbol: SYMBOLS[index % SYMBOLS.length] } };
    });
  }
  function layout(figure, look, narrow) {
    const rows = [...new Set(figure.series.flatMap((series) => series.marks.map((mark) => mark.row.join(": "))))];
    const axis = { gridcolor: look.grid, zerolinecolor: look.ink, linecolor: look.grid, automargin: true };
    const ratio = figure.unit === "ratio";
    const one = { type: "line", x0: 1, x1: 1, y0: 0, y1: 1, yref: "paper", line: { color: look.ink, width: 1 } };
    return {
      paper_bgcolor: look.paper, plot_bgcolor: look.paper, autosize: true, hovermode: "closest", barmode: "relative", bargap: 0.3,
      font: { family: "system-ui, sans-serif", size: narrow ? 10 : 13, color: look.ink },
      hoverlabel: { align: "left", bgcolor: look.paper, bordercolor: look.ink, font: { color: look.ink } },
      height: 170 + 26 * rows.length, margin: { l: 10, r: 15, t: 20, b: 95 }, showlegend: true,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      legend: { orientation: "h", x: 0, xref: "container", y: 0, yref: "container", yanchor: "bottom", traceorder: "normal" },
      shapes: ratio ? [one] : [],
      xaxis: { ...axis, ...UNITS[figure.unit].axis, title: { text: figure.axis }, ...(ratio ? { type: "log", tickvals: RATIOS, ticktext: RATIOS.map(String) } : {}) },
      // The first row is on top, where categories end.
      yaxis: { ...axis, categoryorder: "array", categoryarray: [...rows].reverse(), dtick: 1, tickfont: { size: narrow ? 9 : 12 } },
    };
  }
  const settings = {
    responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  function draw(figure) {
    const place = document.getElementById(figure.id);
    const look = theme();
    Plotly.react(place, traces(figure, look), layout(figure, look, place.clientWidth < 520), settings);
  }
  const all = () => {
    data.figures.forEach(draw);
    document.documentElement.dataset.drawn = String(data.figures.length);
  };
  darkness.addEventListener("change", all);
  all();
})();
