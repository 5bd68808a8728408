// The head of a column is a button that sorts the table by it; once more turns the order round.
for (const head of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
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
// A box that has nothing to scroll is no stop of the Tab key.
const boxes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll("[role=region][tabindex]")) boxes.observe(box);
