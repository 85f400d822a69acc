// Paints a cell map's three canvases: the grid, the cells as pixels of one image, and what is being pointed at or drawn.
import { niceStep } from "./map-plane.js";

const SHAPES = {
  up: { colour: [138, 148, 158, 150], size: 4, path: circle },
  restored: { colour: [22, 163, 127, 255], size: 9, path: diamond },
  degraded: { colour: [201, 133, 0, 255], size: 10, path: triangle },
  lost: { colour: [224, 81, 47, 255], size: 9, path: cross },
  chosen: { colour: [184, 120, 201, 255], size: 10, path: square },
};
export const ORDER = ["up", "restored", "degraded", "lost", "chosen"];
export const MARGIN = 24;

function circle(pen, r) { pen.arc(0, 0, r, 0, 7); pen.fill(); }
function diamond(pen, r) { pen.moveTo(0, -r); pen.lineTo(r, 0); pen.lineTo(0, r); pen.lineTo(-r, 0); pen.fill(); }
function triangle(pen, r) { pen.moveTo(0, -r); pen.lineTo(r, r * .8); pen.lineTo(-r, r * .8); pen.fill(); }
function square(pen, r) { pen.rect(-r * .8, -r * .8, r * 1.6, r * 1.6); pen.fill(); }
function cross(pen, r) {
  pen.lineWidth = r * .6; pen.moveTo(-r, -r); pen.lineTo(r, r); pen.moveTo(r, -r); pen.lineTo(-r, r); pen.stroke();
}
function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

// The pixels of a shape, each as its place (from the middle) and its colour as the image stores it.
function stamp(shape, scale) {
  const side = Math.ceil(shape.size * scale) + 4;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const [red, green, blue, alpha] = shape.colour;
  pen.fillStyle = pen.strokeStyle = "rgb(" + red + "," + green + "," + blue + ")";
  pen.translate(side / 2, side / 2);
  pen.beginPath();
  shape.path(pen, shape.size * scale / 2);
  const data = pen.getImageData(0, 0, side, side).data;
  const found = { dx: [], dy: [], value: [], alpha: [] };
  for (let place = 0; place < side * side; place++) {
    const covered = data[place * 4 + 3];
    if (covered < 24) { continue; }
    const seen = Math.round(covered * alpha / 255);
    found.dx.push(place % side - (side >> 1));
    found.dy.push(Math.floor(place / side) - (side >> 1));
    found.alpha.push(seen);
    found.value.push((seen << 24 | blue << 16 | green << 8 | red) >>> 0);
  }
  return found;
}

export function paintCells(map) {
  const canvas = map.canvases[1], wide = canvas.width + 2 * MARGIN, high = canvas.height + 2 * MARGIN;
  const pixels = map.pixels.fill(0), ratio = map.ratio;
  // Closer in there is room for larger marks.
  const larger = Math.min(Math.max(map.scale / 400, 1), 1.7);
  if (!map.stamps || map.stampSize !== larger) {
    map.stampSize = larger;
    map.stamps = ORDER.map((name) => stamp(SHAPES[name], ratio * larger));
  }
  const marks = map.stamps.map((one) => ({ ...one, offset: one.dx.map((dx, at) => one.dy[at] * wide + dx) }));
  const kx = map.scale * ratio, ky = kx / map.squeeze;
  let shown = 0;
  for (let code = 0; code < ORDER.length; code++) {
    const { offset, value, alpha } = marks[code];
    for (let at = 0; at < map.count; at++) {
      if (map.state[at] !== code) { continue; }
      const x = Math.round((map.longitude[at] - map.west) * kx) + MARGIN;
      const y = Math.round((map.north - map.latitude[at]) * ky) + MARGIN;
      if (x < MARGIN / 2 || y < MARGIN / 2 || x >= wide - MARGIN / 2 || y >= high - MARGIN / 2) { continue; }
      shown++;
      const middle = y * wide + x;
      for (let part = 0; part < offset.length; part++) {
        const spot = middle + offset[part];
        if (alpha[part] >= 128 || alpha[part] > pixels[spot] >>> 24) { pixels[spot] = value[part]; }
      }
    }
  }
  map.box.dataset.shown = shown;
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), wide, high);
  canvas.getContext("2d").putImageData(image, -MARGIN, -MARGIN);
}

export function paintGrid(map) {
  const canvas = map.canvases[0], pen = canvas.getContext("2d");
  pen.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
  pen.clearRect(0, 0, map.width, map.height);
  pen.strokeStyle = css("--figure-grid");
  pen.fillStyle = css("--muted");
  pen.font = "11px system-ui, sans-serif";
  pen.lineWidth = 1;
  pen.beginPath();
  const step = niceStep(90 / map.scale), digits = Math.max(0, -Math.floor(Math.log10(step)));
  for (let x = Math.ceil(map.west / step); x * step < map.west + map.width / map.scale; x++) {
    const at = Math.round(map.screenX(x * step)) + .5;
    pen.moveTo(at, 0); pen.lineTo(at, map.height);
    const words = (x * step).toFixed(digits) + "°";
    if (at + 3 + pen.measureText(words).width < map.width) { pen.fillText(words, at + 3, map.height - 4); }
  }
  const south = map.north - map.height * map.squeeze / map.scale;
  for (let y = Math.ceil(south / step); y * step < map.north; y++) {
    const at = Math.round(map.screenY(y * step)) + .5;
    pen.moveTo(0, at); pen.lineTo(map.width, at);
    // The lowest line of the frame belongs to the longitudes.
    if (at < map.height - 20) { pen.fillText((y * step).toFixed(digits) + "°", 3, at - 3); }
  }
  pen.stroke();
}

export function paintOver(map) {
  const pen = map.canvases[2].getContext("2d");
  pen.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
  pen.clearRect(0, 0, map.width, map.height);
  pen.strokeStyle = css("--accent");
  pen.lineWidth = 2;
  if (map.near >= 0) {
    pen.beginPath();
    pen.arc(map.screenX(map.longitude[map.near]), map.screenY(map.latitude[map.near]), 9, 0, 7);
    pen.stroke();
  }
  if (!map.drawn || map.drawn.length < 2) { return; }
  pen.setLineDash([5, 4]);
  pen.beginPath();
  const [first, ...rest] = map.drawn;
  if (map.tool === "box") { pen.rect(first[0], first[1], rest[0][0] - first[0], rest[0][1] - first[1]); }
  else { pen.moveTo(...first); for (const spot of rest) { pen.lineTo(...spot); } pen.closePath(); }
  pen.stroke();
  pen.setLineDash([]);
}
