// Moving rows and columns by their handles with a mouse, a pen or a finger.

export function attachDrag(grid) {
  grid.table.addEventListener("pointerdown", (event) => {
    const row = event.target.closest("[data-grip-row]");
    const column = event.target.closest("[data-grip-column]");
    if (event.button !== 0 || (!row && !column)) { return; }
    if (row && !grid.model.moveRows) { return; }
    event.preventDefault();
    if (grid.editing) { grid.editing.commit(); }
    follow(grid, row ? { axis: "row", from: Number(row.dataset.gripRow) } : { axis: "column", from: Number(column.dataset.gripColumn) }, event);
  });
}

function follow(grid, drag, event) {
  let to = drag.from;
  let moved = false;
  const line = document.createElement("div");
  line.className = "drop-line drop-" + drag.axis;
  const move = (now) => {
    moved = moved || Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY) > 4;
    if (!moved) { return; }
    now.preventDefault();
    to = target(grid, drag, now);
    show(grid, drag, to, line);
  };
  const stop = (now) => {
    for (const [name, listener] of [["pointermove", move], ["pointerup", stop], ["pointercancel", stop]]) { window.removeEventListener(name, listener); }
    line.remove();
    if (!moved) { choose(grid, drag, now); return; }
    if (now.type === "pointerup") { drop(grid, drag, to); }
  };
  window.addEventListener("pointermove", move, { passive: false });
  window.addEventListener("pointerup", stop);
  window.addEventListener("pointercancel", stop);
}

// A press without a move takes the whole row or column.
function choose(grid, drag, event) {
  if (drag.axis === "row") {
    grid.anchor = { r: event.shiftKey ? grid.anchor.r : drag.from, c: 0 };
    grid.active = { r: drag.from, c: grid.columns.length - 1 };
  } else {
    grid.anchor = { r: 0, c: drag.from };
    grid.active = { r: grid.rows.length - 1, c: drag.from };
  }
  grid.select();
}

function boxes(grid, drag) {
  const cells = drag.axis === "row" ? grid.cells.map((cells) => cells[0].parentElement) : grid.heads;
  return cells.map((cell) => cell.getBoundingClientRect());
}

// Before which one it would stand.
function target(grid, drag, event) {
  const found = boxes(grid, drag);
  const place = found.findIndex((box) => (drag.axis === "row" ? event.clientY < box.top + box.height / 2 : event.clientX < box.left + box.width / 2));
  return place < 0 ? found.length : place;
}

function show(grid, drag, to, line) {
  const found = boxes(grid, drag);
  const last = found[found.length - 1];
  const host = grid.host.getBoundingClientRect();
  const box = found[to] || { top: last.bottom, left: last.right };
  if (drag.axis === "row") { line.style.top = box.top - host.top + grid.host.scrollTop + "px"; } else { line.style.left = box.left - host.left + grid.host.scrollLeft + "px"; }
  grid.host.append(line);
}

function drop(grid, drag, to) {
  const place = to > drag.from ? to - 1 : to;
  if (place === drag.from) { return; }
  if (drag.axis === "row") { grid.rowStep("moveRows", drag.from, 1, place - drag.from); } else { grid.columnStep(drag.from, place - drag.from); }
}
