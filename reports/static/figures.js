/* Figures: each is drawn from the inert JSON that stands in it, in the colours of the theme, when it comes into sight.
   Without this script a figure is its table. Labels were escaped for plotly before they came here. */
(() => {
  "use strict";

  const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false };
  const HEIGHT = 420;
  const PAPER = 670; // pixels that fit on A4 and on letter inside the style sheet's margins
  const drawn = new Map();
  let printing = false;

  /* ---- colours: a role names a custom property of the style sheet ---- */

  function faded(colour, alpha) {
    const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
    if (!hex) throw new Error(`${colour}: a role's colour is #rrggbb`);
    return `rgba(${hex.slice(1).map((two) => parseInt(two, 16)).join(",")},${alpha})`;
  }

  function palette() {
    const style = getComputedStyle(document.documentElement);
    const property = (name) => {
      const value = style.getPropertyValue(`--${name}`).trim();
      if (!value) throw new Error(`${name}: no such role`);
      return value;
    };
    return (role) => {
      const [name, alpha] = role.slice(5).split("@");
      const colours = property(name).split(/\s*,\s*/);
      if (colours.length > 1) return colours.map((colour, place) => [place / (colours.length - 1), colour]);
      return alpha === undefined ? colours[0] : faded(colours[0], alpha);
    };
  }

  function coloured(value, colour) {
    if (typeof value === "string") return value.startsWith("role:") ? colour(value) : value;
    if (Array.isArray(value)) return value.map((one) => coloured(one, colour));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, colour)]));
  }

  /** What every figure has in common: set once here, and in no figure's own layout. */
  function template(colour) {
    const [ink, soft, line, ground] = ["ink", "soft", "line", "ground"].map((name) => colour(`role:${name}`));
    const axis = { automargin: true, gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, title: { standoff: 8 } };
    return {
      layout: {
        autosize: true,
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        margin: { l: 56, r: 16, t: 16, b: 48 },
        xaxis: axis,
        yaxis: axis,
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: ink } },
        hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink }, align: "left" },
        hovermode: "closest",
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      },
    };
  }

  /* ---- drawing ---- */

  const specOf = (figure) => JSON.parse(figure.querySelector('script[type="application/json"]').textContent);

  function fail(figure) {
    figure.classList.add("failed");
    showTable(figure, true);
    figure.querySelector(".readout").textContent = "The figure cannot be drawn in this browser: its table says the same.";
  }

  const can3d = () => {
    const context = document.createElement("canvas").getContext("webgl");
    return context !== null;
  };

  async function draw(figure) {
    const spec = specOf(figure);
    if (spec.data.some((trace) => trace.type === "parcoords") && !can3d()) return fail(figure);
    const colour = palette();
    const { sliders, updatemenus, ...layout } = coloured(spec.layout, colour);
    const plot = figure.querySelector(".plot");
    const size = printing ? { width: PAPER } : {};
    const whole = { height: HEIGHT, ...layout, ...size, template: template(colour) };
    try {
      await Plotly.react(plot, coloured(spec.data, colour), whole, CONFIG);
    } catch (error) {
      console.warn(`figure ${figure.dataset.drawing}: ${error.message}`);
      return fail(figure);
    }
    if (!drawn.has(figure)) plot.on("plotly_relayout", (change) => zoomed(figure, change));
    drawn.set(figure, { sliders, updatemenus });
    const button = figure.querySelector("button.draw");
    if (button) button.remove();
    for (const control of figure.querySelectorAll(".choices [data-list]")) await choose(figure, control, false);
  }

  const redrawAll = () => Promise.all([...drawn.keys()].map(draw));

  /* ---- sliders and menus: the browser's own, which a keyboard and a screen reader know ---- */

  async function choose(figure, control, said) {
    const lists = drawn.get(figure);
    if (!lists) return;
    const list = lists[control.dataset.list][Number(control.dataset.place)];
    const choice = (list.steps || list.buttons)[Number(control.value)];
    if (control.type === "range") {
      const text = new DOMParser().parseFromString(choice.label, "text/html").documentElement.textContent;
      control.setAttribute("aria-valuetext", text);
      control.closest("label").querySelector("output").textContent = text;
    }
    const start = list.active || 0;
    if (!said && Number(control.value) === start) return;
    await Plotly[choice.method](figure.querySelector(".plot"), ...choice.args);
  }

  /* ---- table, downloads, keyboard ---- */

  function showTable(figure, open) {
    const button = figure.querySelector('[data-do="table"]');
    figure.querySelector(".table-view").classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Hide table" : "Table";
  }

  function save(name, url) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
  }

  const cells = (row) => [...row.cells].map((cell) => cell.textContent);

  /** A spreadsheet takes a cell that begins so for a formula; a number is none. */
  const harmless = (text) => (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);

  function saveCsv(figure) {
    const table = figure.querySelector(".table-view table");
    const lines = [table.tHead.rows[0], ...table.tBodies[0].rows].map((row) => cells(row).map(harmless).map(quoted).join(","));
    const url = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
    save(`${figure.dataset.drawing}.csv`, url);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  async function savePng(figure) {
    if (!drawn.has(figure)) await draw(figure);
    const plot = figure.querySelector(".plot");
    const colour = palette();
    const caption = figure.querySelector("figcaption").innerHTML;
    const { width, height } = plot.getBoundingClientRect();
    // The title has the width of a line of its own: it is broken where plotly would let it run out of the picture.
    const lines = broken(caption, Math.floor(width / 7.5));
    const layout = {
      ...plot.layout,
      width, height: height + 22 * lines.length, autosize: false,
      paper_bgcolor: colour("role:ground"),
      title: { text: lines.join("<br>"), x: 0.01, xanchor: "left", y: 0.99, yanchor: "top", font: { size: 14, color: colour("role:ink") } },
      margin: { ...plot.layout.margin, t: ((plot.layout.margin || {}).t || 16) + 40 + 22 * lines.length },
    };
    save(`${figure.dataset.drawing}.png`, await Plotly.toImage({ data: plot.data, layout }, { format: "png", width, height: layout.height, scale: 2 }));
  }

  function broken(text, most) {
    const lines = [""];
    for (const word of text.split(/\s+/)) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= most) lines.push(word);
      else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    return lines;
  }

  function zoomed(figure, change) {
    const button = figure.querySelector('[data-do="reset"]');
    if (Object.keys(change).some((name) => /axis\d*\.range/.test(name))) button.hidden = false;
    if (Object.keys(change).some((name) => /axis\d*\.autorange/.test(name))) button.hidden = true;
  }

  function reset(figure) {
    const { layout } = specOf(figure);
    const plot = figure.querySelector(".plot");
    const change = {};
    for (const name of Object.keys(plot.layout).filter((one) => /^[xy]axis\d*$/.test(one))) {
      const range = (layout[name] || {}).range;
      if (range) change[`${name}.range`] = range;
      else change[`${name}.autorange`] = (layout[name] || {}).autorange || true;
    }
    Plotly.relayout(plot, change);
    figure.querySelector('[data-do="reset"]').hidden = true;
    figure.querySelector(".plot").focus();
  }

  /** Arrow keys read the figure's table out, a row at a time: what a pointer sees by hovering. */
  function byKeyboard(figure, event) {
    const table = figure.querySelector(".table-view table");
    const rows = table.tBodies[0].rows;
    const now = Number(figure.dataset.row ?? -1);
    const last = rows.length - 1;
    const to = { ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const place = Math.max(0, Math.min(last, to));
    figure.dataset.row = place;
    const names = cells(table.tHead.rows[0]);
    const said = cells(rows[place]).map((text, column) => text && `${names[column]} ${text}`).filter(Boolean);
    figure.querySelector(".readout").textContent = `${place + 1} of ${rows.length}: ${said.join(", ")}`;
  }

  function prepare(figure) {
    const doing = {
      table: () => showTable(figure, !figure.querySelector(".table-view").classList.contains("open")),
      png: () => savePng(figure),
      csv: () => saveCsv(figure),
      reset: () => reset(figure),
    };
    figure.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) doing[button.dataset.do]();
    });
    for (const control of figure.querySelectorAll(".choices [data-list]")) {
      control.addEventListener("input", () => choose(figure, control, true));
    }
    figure.querySelector(".plot").addEventListener("keydown", (event) => byKeyboard(figure, event));
    const asked = figure.querySelector("button.draw");
    if (asked) asked.addEventListener("click", () => { asked.disabled = true; draw(figure); });
    return !asked;
  }

  const figures = [...document.querySelectorAll("figure.drawing")];
  const waiting = new Set(figures.filter(prepare));
  const begin = (figure) => { if (waiting.delete(figure)) draw(figure); };

  const sight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      sight.unobserve(target);
      begin(target);
    }
  }, { rootMargin: "600px 0px" });
  waiting.forEach((figure) => sight.observe(figure));

  document.addEventListener("themechange", redrawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  // Paper is light, whatever the screen is.
  let theme;
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    printing = true;
    [...waiting].forEach(begin);
    redrawAll();
  });
  addEventListener("afterprint", () => {
    if (theme === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    printing = false;
    redrawAll();
  });
})();
