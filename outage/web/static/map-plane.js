// Plane geometry of the cell map: extents, round steps, points inside a drawn line.
export function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) { low = value; } if (value > high) { high = value; } }
  return [low, high];
}
export function niceStep(rough) {
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
}
export function inside(line, x, y) {
  let within = false;
  for (let here = 0, last = line.length - 1; here < line.length; last = here++) {
    const [x1, y1] = line[here], [x2, y2] = line[last];
    if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) { within = !within; }
  }
  return within;
}
