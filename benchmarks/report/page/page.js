"use strict";
const FILTERS = ["method", "targets", "task", "seeds", "seed"];
const views = new Map();

// A cell's number is the first one in it: "1,234", "83.8 ± 0.9", "< 0.0001", "at least 300"; null where it has none.
function numberIn(text) {
  const found = text.replace(/,/g, "").match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  return found ? Number(found[0]) : null;
}

// Cells without a number ("-") come last, whichever way a column of numbers is sorted.
function compare(one, other, numeric, sign) {
  if (!numeric) return sign * one.localeCompare(other, "en", { numeric: true });
  const [a, b] = [numberIn(one), numberIn(other)];
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (a - b);
}

function sortBy(head) {
  const row = head.parentElement;
  const numeric = head.classList.contains("right");
  const first = numeric ? "descending" : "ascending"; // of numbers, the largest are looked for first
  const second = numeric ? "ascending" : "descending";
  const order = head.getAttribute("aria-sort") === first ? second : first;
  for (const other of row.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const body = row.closest("table").tBodies[0];
  const place = [...row.children].indexOf(head);
  const text = (line) => line.cells[place].textContent.trim();
  const sign = order === "ascending" ? 1 : -1;
  body.append(...[...body.rows].sort((one, other) => compare(text(one), text(other), numeric, sign)));
}

// What lacks a fact is not filtered by it: a line over all tasks stays whichever task is chosen.
function fits(facts, name, value) {
  if (value === "" || facts[name] === undefined) return true;
  return name === "seeds" ? Number(facts.seeds) >= Number(value) : facts[name].split("\n").includes(value);
}

function filter(form) {
  const section = form.closest("section");
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, form.elements[name]?.value ?? ""]));
  const lines = [...section.querySelectorAll("tbody tr")];
  const figures = [...section.querySelectorAll("figure[data-task]")];
  for (const part of [...lines, ...figures]) {
    part.hidden = !FILTERS.every((name) => fits(part.dataset, name, chosen[name]));
  }
  const left = lines.filter((line) => !line.hidden).length;
  form.querySelector("output").textContent = left === lines.length ? "" : `${left} of ${lines.length} lines shown`;
  for (const drawn of section.querySelectorAll(".drawn")) {
    const view = views.get(drawn.id);
    if (!view) continue;
    for (const name of FILTERS.filter((name) => name !== "task")) view.signal(`filter_${name}`, chosen[name]);
    view.runAsync();
  }
}

async function draw() {
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const actions = { export: true, source: false, compiled: false, editor: false };
  const options = { renderer: "svg", ast: true, logLevel: 1, actions }; // 1: errors, since what a filter empties is warned of
  for (const [name, spec] of Object.entries(specs)) {
    const { view } = await vegaEmbed(document.getElementById(name), spec, options);
    views.set(name, view);
  }
  document.documentElement.dataset.drawn = views.size;
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("change", () => filter(form));
  form.addEventListener("reset", () => setTimeout(() => filter(form)));
  form.addEventListener("submit", (event) => event.preventDefault());
}
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("main > section > details:not([open])")];
  for (const details of folded) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
});
draw();
