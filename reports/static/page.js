/* The page's own behaviour. Without it the page still says everything: each part adds to what is there.
   Text from a sweep enters the page by textContent alone. */
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** An element with attributes and children; strings become text. */
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const live = make("p", { class: "hidden", role: "status" });
  const announce = (text) => { live.textContent = text; };

  /* ---- theme: as the system has it, light or dark; kept where the browser lets a page keep anything ---- */

  const THEMES = ["system", "light", "dark"];

  function theme() {
    const button = document.querySelector("button.theme");
    if (!button) return;
    let chosen = "system";
    try {
      chosen = localStorage.getItem("aftersweep-theme") || chosen;
    } catch { /* a page from disk may not be allowed to */ }
    const show = () => {
      if (chosen === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = chosen;
      button.textContent = `Theme: ${chosen}`;
      document.dispatchEvent(new CustomEvent("themechange"));
    };
    button.addEventListener("click", () => {
      chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
      try {
        localStorage.setItem("aftersweep-theme", chosen);
      } catch { /* it holds until the page is closed */ }
      show();
    });
    if (!THEMES.includes(chosen)) chosen = "system";
    button.hidden = false;
    show();
  }

  /* ---- tables: sorted by a heading, filtered by a word ---- */

  /** What a cell is sorted by: its number, else its text; null where it says that there is nothing. */
  function sortKey(cell) {
    const text = cell ? cell.dataset.sort ?? cell.textContent.trim() : "";
    if (text === "" || text === "–" || text === "none") return null;
    const number = text.replace(/[\u00a0\s,]/g, "").match(/^[<>≤≥~]?([-−+]?\d*\.?\d+(?:e[-+]?\d+)?)/i);
    return number ? Number(number[1].replace("−", "-")) : text.toLocaleLowerCase();
  }

  function compare(a, b) {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return typeof a === "number" ? -1 : 1;
  }

  function sortBy(table, heading) {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [sortKey(row.cells[heading.cellIndex]), row]);
    const there = keyed.filter(([key]) => key !== null).sort(([a], [b]) => compare(a, b) * (descending ? -1 : 1));
    body.append(...[...there, ...keyed.filter(([key]) => key === null)].map(([, row]) => row));
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    announce(`Sorted by ${heading.textContent.trim()}, ${descending ? "descending" : "ascending"}`);
  }

  function sortable(table) {
    const row = table.tHead && table.tHead.rows[0];
    if (!row || table.tBodies.length !== 1 || table.tBodies[0].rows.length < 2) return;
    for (const heading of row.cells) {
      if (heading.classList.contains("screen")) continue;
      const button = make("button", { type: "button", class: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortBy(table, heading));
    }
  }

  const FILTERED_FROM = 10;

  function filterable(table) {
    const rows = table.tBodies.length === 1 ? [...table.tBodies[0].rows] : [];
    if (rows.length <= FILTERED_FROM) return;
    const place = table.closest(".scroll") || table;
    const name = (place.getAttribute("aria-label") || "table").replace(" (table)", "");
    const input = make("input", { type: "search", "aria-label": `Filter: ${name}`, placeholder: "Filter rows" });
    const count = make("output", { class: "small", "aria-live": "polite" });
    input.addEventListener("input", () => {
      const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLocaleLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
    place.before(make("div", { class: "filter" }, input, count));
  }

  /* ---- copying ---- */

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* a page from disk is no secure context everywhere */ }
    const area = make("textarea", { class: "hidden", "aria-hidden": "true", tabindex: "-1" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  function copyable(block) {
    const button = make("button", { type: "button", class: "copy" }, "Copy");
    const frame = make("div", { class: "copyable" });
    block.replaceWith(frame);
    frame.append(block, button);
    button.addEventListener("click", async () => {
      const done = await copy(block.textContent);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      announce(done ? "Copied" : "The browser does not let the page copy: the text is selected");
      if (!done) getSelection().selectAllChildren(block);
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  /* ---- evidence ---- */

  /** The finding, run or section that the address names: opened where it can be. */
  function openTarget() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    if (runNumber(location.hash)) showRun(runNumber(location.hash));
    const evidence = target.classList.contains("finding") && target.querySelector("details");
    if (evidence) evidence.open = true;
    const around = target.closest("details");
    if (around) around.open = true;
    if (evidence || around) target.scrollIntoView();
  }

  function expander() {
    const list = document.querySelector("nav ul");
    const panels = all(".finding details");
    if (!list || !panels.length) return;
    const button = make("button", { type: "button", class: "plain" }, "Open all evidence");
    button.addEventListener("click", () => {
      const open = panels.some((panel) => !panel.open);
      for (const panel of panels) panel.open = open;
      button.textContent = open ? "Close all evidence" : "Open all evidence";
    });
    list.append(make("li", {}, button));
  }

  /* ---- a run's own panel; the details lie compressed in the page until the first one is opened ---- */

  const packed = document.getElementById("run-details");
  let details = null;
  let panel = null;
  let shown = 0;
  let cameFrom = null;

  const runNumber = (hash) => Number((/^#run-(\d+)$/.exec(hash) || [])[1] || 0);

  async function unpacked() {
    if (!details) {
      const bytes = Uint8Array.from(atob(packed.textContent.trim()), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      details = await new Response(stream).json();
    }
    return details;
  }

  const SVG = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  /** The run's learning curve: small, with its ends labelled. */
  function curve(run, about) {
    const [xs, ys] = run.curve;
    const [width, height, left, top, low] = [560, 180, 60, 12, 150];
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const px = (x) => left + ((width - left - 12) * (x - x0)) / (x1 - x0 || 1);
    const py = (y) => low - ((low - top) * (y - y0)) / (y1 - y0 || 1);
    const words = `${about.metric} from ${ys[0]} at ${xs[0]} to ${ys[ys.length - 1]} at ${xs[xs.length - 1]} ${about.unit}`;
    const svg = draw("svg", { class: "curves run-curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
    for (const y of y0 === y1 ? [y0] : [y0, y1]) {
      svg.append(draw("line", { class: "axis", x1: left, x2: width - 12, y1: py(y), y2: py(y) }));
      svg.append(draw("text", { x: left - 6, y: py(y) + 4, "text-anchor": "end" }, String(y)));
    }
    for (const x of x0 === x1 ? [x0] : [x0, x1]) {
      svg.append(draw("text", { x: px(x), y: low + 18, "text-anchor": x === x0 ? "start" : "end" }, `${x} ${about.unit}`));
    }
    const points = xs.map((x, i) => `${px(x).toFixed(1)},${py(ys[i]).toFixed(1)}`).join(" ");
    svg.append(draw("polyline", { class: `curve l-${run.outcome}`, points }));
    svg.append(draw("circle", { class: `l-${run.outcome}`, cx: px(xs[xs.length - 1]), cy: py(ys[ys.length - 1]), r: 4 }));
    return svg;
  }

  const section = (title, ...children) => [make("h3", {}, title), ...children];

  function facts(pairs) {
    const list = make("dl");
    for (const [name, value] of pairs) list.append(make("dt", {}, name), make("dd", {}, value));
    return list;
  }

  function evidence(run) {
    const list = make("ul");
    for (const fact of run.evidence) {
      const item = make("li", {}, fact.text);
      if (fact.line) item.append(make("br"), make("code", {}, fact.line));
      if (fact.decisive) item.append(" ", make("strong", {}, "decisive"));
      list.append(item);
    }
    for (const line of run.contradictions) list.append(make("li", {}, `But: ${line}`));
    return list;
  }

  function log(run) {
    const block = make("pre", { tabindex: "0" });
    run.log.forEach((line, place) => {
      block.append(run.decisive.includes(place) ? make("mark", {}, line) : line, "\n");
    });
    return block;
  }

  function fill(run, about, number, count) {
    const step = (by, text) => {
      const button = make("button", { type: "button", class: "plain" }, text);
      button.disabled = number + by < 1 || number + by > count;
      button.addEventListener("click", () => showRun(number + by));
      return button;
    };
    const close = make("button", { type: "button", class: "plain" }, "Close");
    close.addEventListener("click", () => panel.close());
    const title = make("h2", { id: "run-panel-title", tabindex: "-1" }, "Run ", make("span", { class: "id" }, run.id));
    const body = make("div", { class: "panel-body" }, title);
    if (run.name !== run.id) body.append(make("p", { class: "small" }, run.name));
    body.append(
      make("p", {}, make("span", { class: `key ${run.outcome}` }), `${run.words} (${run.certainty}); recorded as ${run.state || "nothing"}`),
      facts(run.facts),
    );
    if (run.url) body.append(make("p", {}, make("a", { href: run.url, rel: "noreferrer" }, "Open in W&B")));
    body.append(...section("What ended it", evidence(run)));
    if (run.curve[0].length) body.append(...section(about.metric, curve(run, about)));
    body.append(...section("Configuration", run.config.length ? facts(run.config) : make("p", { class: "small" }, "none recorded")));
    if (run.log.length) body.append(...section("The end of its log", log(run)));
    const bar = make("div", { class: "panel-bar" }, step(-1, "Previous"), step(1, "Next"), close);
    panel.replaceChildren(bar, body);
    return title;
  }

  function newPanel() {
    const dialog = make("dialog", { id: "run-panel", "aria-labelledby": "run-panel-title" });
    dialog.addEventListener("close", () => {
      setAddress("");
      if (cameFrom && cameFrom.isConnected) cameFrom.focus();
      shown = 0;
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    return dialog;
  }

  async function showRun(number) {
    if (!packed || shown === number) return;
    const { runs, about } = await unpacked();
    const run = runs[number - 1];
    if (!run) return;
    panel = panel || newPanel();
    shown = number;
    const title = fill(run, about, number, runs.length);
    if (!panel.open) panel.showModal();
    panel.scrollTop = 0;
    title.focus();
    setAddress(`#run-${number}`);
  }

  // Whole, for in a notebook's frame (about:srcdoc) a relative one would be the notebook's.
  function setAddress(hash) {
    history.replaceState(null, "", location.href.split("#")[0] + hash);
  }

  function runLinks() {
    if (!packed || typeof DecompressionStream === "undefined") return;
    document.addEventListener("click", (event) => {
      const link = event.target.closest && event.target.closest('a[href^="#run-"]');
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
      if (!link || !plain || !runNumber(link.getAttribute("href"))) return;
      event.preventDefault();
      cameFrom = link;
      showRun(runNumber(link.getAttribute("href")));
    });
  }

  document.body.append(live);
  theme();
  all("table.sortable").forEach((table) => { sortable(table); filterable(table); });
  all("pre[data-copy]").forEach(copyable);
  expander();
  runLinks();
  addEventListener("hashchange", openTarget);
  openTarget();
})();
