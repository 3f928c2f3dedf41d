"use strict";
(() => {
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  const words = new Intl.Collator(undefined, { numeric: true });

  // A number where a cell carries one, else its text; what is absent comes last either way.
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.sort;
    if (value === undefined) return cell.textContent.trim();
    return value === "" ? null : Number(value);
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return words.compare(String(a), String(b));
  };

  const sort = (table, rows, column, order) => {
    const keyed = rows.map((row) => [key(row, column), row]);
    const known = keyed.filter(([value]) => value !== null);
    const absent = keyed.filter(([value]) => value === null);
    known.sort(([a], [b]) => (order === "descending" ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...(order === "none" ? rows : [...known, ...absent].map(([, row]) => row)));
  };

  const say = (text) => {
    document.getElementById("said").textContent = text;
  };

  const makeSortable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const headers = [...table.tHead.rows[0].cells];
    if (rows.length < 2) return;
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const order = next[header.getAttribute("aria-sort") || "none"];
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        if (order !== "none") header.setAttribute("aria-sort", order);
        sort(table, rows, column, order);
        say(order === "none" ? "In the first order again" : `Sorted by ${button.textContent}, ${order}`);
      });
    });
  };

  // A stop of the Tab key only where there is something to scroll.
  const stops = () => {
    document.querySelectorAll(".scroll, pre").forEach((box) => {
      const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  };

  document.querySelectorAll("table.findings").forEach(makeSortable);
  stops();
  addEventListener("resize", stops);
})();
