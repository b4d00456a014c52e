// SPDX-License-Identifier: GPL-2.0-only
"use strict";
// Sorts and filters each table of the page. Without it the page is whole, in the order in which it was written.
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  const controls = table.closest("section").querySelector(".controls");
  const text = controls.querySelector("input");
  const choices = [...controls.querySelectorAll("select")];
  const shown = controls.querySelector("output");
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent.trim();
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    // What has no number goes after all numbers.
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, "en", { numeric: true });
  };
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const first = header.classList.contains("n") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = header.getAttribute("aria-sort") === first ? other : first;
      for (const each of headers) each.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => sign * compare(keyOf(a, column), keyOf(b, column)));
      body.append(...rows);
    });
  });
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = choices.filter((choice) => choice.value !== "");
    const visible = rows.filter((row) => {
      const content = row.textContent.toLowerCase();
      const fits = words.every((word) => content.includes(word)) &&
        wanted.every((choice) => row.cells[choice.dataset.column].dataset.choice === choice.value);
      row.hidden = !fits;
      return fits;
    });
    shown.textContent = `${visible.length} of ${rows.length}`;
    const total = table.tFoot ? [...table.tFoot.rows[0].cells] : [];
    headers.forEach((header, column) => {
      if (!("sum" in header.dataset) || !total[column]) return;
      const sum = visible.reduce((sum, row) => sum + (Number(row.cells[column].dataset.key) || 0), 0);
      total[column].textContent = sum.toLocaleString("en-US").replaceAll(",", "\u202f");
    });
  };
  text.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("change", filter);
  // A browser that goes back to the page may have kept what was typed.
  filter();
}
// A link to a folded part opens it, and paper shows all parts.
const open = () => document.getElementById(decodeURIComponent(location.hash.slice(1)))?.setAttribute("open", "");
addEventListener("hashchange", open);
open();
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
