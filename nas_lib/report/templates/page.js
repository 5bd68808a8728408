// A click on a column's head sorts the table by it; a second click turns the order round.
for (const head of document.querySelectorAll("table.sortable th")) {
  head.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const cell = (row) => row.cells[head.cellIndex];
    const number = (row) => Number(cell(row).dataset.value ?? -Infinity);
    const compare = head.classList.contains("n")
      ? (a, b) => number(a) - number(b) || 0
      : (a, b) => cell(a).textContent.localeCompare(cell(b).textContent);
    const rows = [...body.rows].sort(compare);
    body.append(...(ascending ? rows : rows.reverse()));
  });
}
