/* What the pages across sweeps add to the report's own script: choices above a table, and two sweeps side by side.
   Text from a sweep enters the page by textContent alone. */
(() => {
  "use strict";

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /* ---- choices: rows of one project, of one verdict ---- */

  function choices(box) {
    const table = document.getElementById(box.dataset.for);
    const selects = [...box.querySelectorAll("select")];
    const said = box.querySelector("output");
    const rows = [...table.tBodies[0].rows];
    const show = () => {
      let shown = 0;
      for (const row of rows) {
        const fits = selects.every((select) => !select.value || row.dataset[select.dataset.choice] === select.value);
        row.classList.toggle("out", !fits);
        shown += fits ? 1 : 0;
      }
      said.textContent = selects.some((select) => select.value) ? `${shown} of ${rows.length} sweeps` : "";
    };
    for (const select of selects) select.addEventListener("change", show);
    show();  // a browser keeps what was chosen when it goes back to a page
  }

  /* ---- two sweeps ---- */

  const cell = (text, other) => make("td", text === other ? {} : { class: "differs" }, text);

  function table(name, head, rows) {
    const top = make("tr", {}, make("th", { scope: "col" }, name));
    for (const text of head) top.append(make("th", { scope: "col" }, text));
    const body = make("tbody");
    for (const [label, a, b] of rows) {
      body.append(make("tr", {}, make("th", { scope: "row" }, label), cell(a, b), cell(b, a)));
    }
    const frame = { class: "scroll", tabindex: "0", role: "region", "aria-label": `${name} (table)` };
    return make("div", frame, make("table", {}, make("thead", {}, top), body));
  }

  function bar(sweep) {
    const drawn = make("div", { class: "bar", "aria-hidden": "true" });
    for (const [key, , , , percent] of sweep.outcomes) {
      const piece = make("span", { class: key });
      piece.style.width = `${percent}%`;
      drawn.append(piece);
    }
    return make("div", {}, make("p", { class: "small" }, sweep.label), drawn);
  }

  /** Rows of what either has, by name: the words of each, or that it has none. */
  function joined(a, b, none) {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    const words = (of, name) => (Object.hasOwn(of, name) ? of[name] : none);
    return names.map((name) => [name, words(a, name), words(b, name)]);
  }

  const shares = (sweep) => Object.fromEntries(
    sweep.outcomes.map(([, words, count, share]) => [words, `${share} (${count})`]),
  );

  /** An interval on a scale from 0 to 100 %, under its words. */
  function whisker(sweep) {
    const drawn = make("span", { class: "whisker", "aria-hidden": "true" });
    if (!sweep.bar) return drawn;
    const [start, width, dot] = sweep.bar;
    const inside = make("i");
    inside.style.left = `${start}%`;
    inside.style.width = `${width}%`;
    drawn.append(inside);
    if (dot !== null) {
      const value = make("b");
      value.style.left = `${dot}%`;
      drawn.append(value);
    }
    return drawn;
  }

  function compare(place, a, b) {
    const heads = () => [a, b].map((sweep) => make("a", { href: sweep.href }, sweep.name));
    const figures = table("Figures", heads(), a.facts.map(([name, value], i) => [name, value, b.facts[i][1]]));
    const rates = figures.querySelector("tbody").rows[a.facts.findIndex(([name]) => name === a.rate)];
    rates.cells[1].append(whisker(a));
    rates.cells[2].append(whisker(b));
    place.replaceChildren(
      make("h2", {}, "Figures"), figures,
      make("h2", {}, "Outcomes"), bar(a), bar(b),
      table("Outcomes", heads(), joined(shares(a), shares(b), "none")),
      make("h2", {}, "What was searched"),
      table("What was searched", heads(), joined(a.spaces, b.spaces, "not searched")),
    );
  }

  function pair(form) {
    const sweeps = JSON.parse(document.getElementById("comparable").textContent);
    const place = document.getElementById("compared");
    const [one, other] = [form.elements.a, form.elements.b];
    for (const select of [one, other]) {
      for (const sweep of sweeps) {
        select.append(make("option", { value: sweep.id }, sweep.name === sweep.label ? sweep.label : `${sweep.name} (${sweep.label})`));
      }
    }
    const find = (id) => sweeps.find((sweep) => sweep.id === id);
    const show = () => {
      compare(place, find(one.value), find(other.value));
    };
    const read = () => {
      const asked = new URLSearchParams(location.hash.slice(1));
      one.value = (find(asked.get("a")) || sweeps[Math.min(1, sweeps.length - 1)]).id;
      other.value = (find(asked.get("b")) || sweeps[0]).id;
      show();
    };
    form.addEventListener("change", () => {
      history.replaceState(null, "", `#a=${one.value}&b=${other.value}`);
      show();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", read);
    read();
  }

  document.querySelectorAll(".choices[data-for]").forEach(choices);
  const form = document.getElementById("pair");
  if (form) pair(form);
})();
