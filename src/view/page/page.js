// Draws the figures when they are seen, adds their buttons, and sorts tables.
(() => {
  const { KINDS, MANY, data, darkness, onPaper, state, theme } = charts;

  function download(format) {
    return {
      name: `Download as ${format.toUpperCase()}`, icon: Plotly.Icons.camera,
      click: (plot) => Plotly.downloadImage(plot, {
        format, filename: `${document.title.replace(/[^\w-]+/g, "-")}-${plot.id}`, width: plot.clientWidth, height: plot.clientHeight, scale: format === "png" ? 2 : 1,
      }),
    };
  }
  function draw(figure) {
    const place = document.getElementById(figure.id);
    const width = state.printing ? onPaper(place) : place.clientWidth;
    const narrow = width < 520;
    const { traces, layout: shape } = KINDS[figure.kind](figure, theme(), narrow, state.turned.has(figure.id), width);
    if (state.printing) shape.width = width;
    // What the reader has switched on stays on when the page changes its colours.
    (place.data || []).forEach((trace, at) => { if (traces[at] && trace.visible !== undefined) traces[at].visible = trace.visible; });
    // With a configuration, even the same one, a second drawing would begin again for ever.
    if (place.data) Plotly.react(place, traces, shape);
    else Plotly.newPlot(place, traces, shape, settings);
  }
  const settings = {
    responsive: true, displaylogo: false,
    // The library's offer to send a figure to its makers: this page talks to nobody.
    showSendToCloud: false, plotlyServerURL: "",
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"],
    modeBarButtonsToAdd: ["svg", "png"].map(download),
  };

  /** Buttons beside a figure of lines. */
  function tools(figure) {
    const ranked = figure.kind === "bars" || figure.kind === "dots";
    if (ranked ? figure.rows.length <= MANY : ["quantiles", "effects", "parts"].includes(figure.kind)) return;
    const place = document.getElementById(figure.id);
    const bar = document.createElement("div");
    bar.className = "tools";
    const button = (text, click) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.addEventListener("click", () => click(made));
      bar.append(made);
      return made;
    };
    if (ranked) {
      button("All models", (made) => {
        const on = !state.whole.delete(figure.id);
        if (on) state.whole.add(figure.id);
        made.setAttribute("aria-pressed", String(on));
        draw(figure);
      }).setAttribute("aria-pressed", "false");
      return place.before(bar);
    }
    const per = { curves: 1, slices: 2, sweep: 3 }[figure.kind];
    const show = (visible) => Plotly.restyle(place, { visible: figure.rows.flatMap((row) => Array(per).fill(visible(row) ? true : "legendonly")) });
    if (figure.rows.some((row) => !row.shown)) {
      button("The best of each family", () => show((row) => row.shown));
      button("All models", () => show(() => true));
    }
    if (figure.kind === "curves") {
      button("As a distribution", (made) => {
        const on = !state.turned.delete(figure.id);
        if (on) state.turned.add(figure.id);
        made.setAttribute("aria-pressed", String(on));
        draw(figure);
      }).setAttribute("aria-pressed", "false");
    }
    if (bar.childElementCount > 0) place.before(bar);
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells].filter((head) => head.querySelector("button"));
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const value = (row) => row.cells[column].dataset.v;
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        // What has no figure comes last either way.
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        const by = column === 0 ? x.localeCompare(y) : x - y;
        return down ? -by : by;
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
      heads.forEach((other) => other.setAttribute("aria-sort", other !== head ? "none" : down ? "descending" : "ascending"));
    }));
  }

  // What is folded away is drawn when it is opened.
  const isSeen = (figure) => document.getElementById(figure.id).clientWidth > 0;
  const tell = () => { document.documentElement.dataset.drawn = String(data.figures.filter(({ id }) => document.getElementById(id).data).length); };
  // One after the other, so that the page can be read meanwhile.
  let waiting = [];
  function next() {
    const figure = waiting.shift();
    if (!figure) return tell();
    if (isSeen(figure)) draw(figure);
    setTimeout(next);
  }
  function later(figures) {
    const idle = waiting.length === 0;
    waiting.push(...figures);
    if (idle) next();
  }
  function redraw() {
    waiting = [];
    data.figures.filter((figure) => state.printing || isSeen(figure)).forEach(draw);
    tell();
  }
  const folds = [...document.querySelectorAll("details")];
  folds.forEach((fold) => fold.addEventListener("toggle", () => {
    if (fold.open && !state.printing) later(data.figures.filter((figure) => fold.contains(document.getElementById(figure.id))));
  }));
  /** Who follows a link to something that is folded away sees it. */
  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details") || target.querySelector(":scope > details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  }
  let opened = [];
  document.querySelectorAll("table.sortable").forEach(sortable);
  data.figures.forEach(tools);
  darkness.addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    state.printing = true;
    opened = folds.filter((fold) => !fold.open);
    opened.forEach((fold) => { fold.open = true; });
    redraw();
  });
  addEventListener("afterprint", () => {
    state.printing = false;
    opened.forEach((fold) => { fold.open = false; });
    redraw();
  });
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();
  later(data.figures);
})();
