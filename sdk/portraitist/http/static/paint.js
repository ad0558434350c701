/** Painting over a photo: a brush, an eraser, and the mask that comes of the strokes. Strokes are data, so they can be undone. */

import { useEffect, useRef } from "./vendor/preact-hooks.js";
import { t } from "./store.js";
import { html } from "./ui.js";

/**
 * @typedef {{erase: boolean, size: number, path: [number, number][]}} Stroke in px of the photo
 * @typedef {{kind: "points" | "brush" | "eraser", size: number}} Tool `size`: of the brush, in thousandths of the photo's width
 */

/** A place of the photo. @param {any} event @param {any} canvas @returns {[number, number]} */
export function placeOf(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const round = (v, most) => Math.max(0, Math.min(most, Math.round(v * 10) / 10));
  return [
    round(((event.clientX - box.left) / box.width) * canvas.dataset.width, canvas.dataset.width - 1),
    round(((event.clientY - box.top) / box.height) * canvas.dataset.height, canvas.dataset.height - 1),
  ];
}

/** @param {CanvasRenderingContext2D} pen @param {Stroke[]} strokes */
function draw(pen, strokes) {
  pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
  for (const { erase, size, path } of strokes) {
    pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    pen.strokeStyle = "#fff";
    pen.lineWidth = size;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...path[0]);
    for (const [x, y] of path) pen.lineTo(x + 0.01, y);
    pen.stroke();
  }
}

/** Black and white, of the photo's shape, as a PNG's data: address: white where it is painted.
 * @param {Stroke[]} strokes @param {{width: number, height: number}} photo */
export function maskOf(strokes, { width, height }) {
  const layer = Object.assign(document.createElement("canvas"), { width, height });
  const out = Object.assign(document.createElement("canvas"), { width, height });
  draw(/** @type {CanvasRenderingContext2D} */ (layer.getContext("2d")), strokes);
  const pen = /** @type {CanvasRenderingContext2D} */ (out.getContext("2d"));
  pen.fillRect(0, 0, width, height);
  pen.drawImage(layer, 0, 0);
  return out.toDataURL("image/png");
}

/**
 * The photo with what is painted over it. Above both lie `children`, such as points.
 * @param {{source: string, alt: string, label: string, strokes: Stroke[], tool: Tool, onStrokes: (strokes: Stroke[]) => void,
 *   onSize?: (size: {width: number, height: number}) => void, size: {width: number, height: number}, zoom?: Zoom | null, children?: any}} props
 */
export function Paint({ source, alt, label, strokes, tool, onStrokes, onSize, size, zoom, children }) {
  const canvas = useRef(/** @type {any} */ (null));
  const going = useRef(/** @type {Stroke | null} */ (null));
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (pen) draw(pen, strokes);
  }, [strokes, size.width]);
  const fit = ({ target }) => onSize?.({ width: target.naturalWidth, height: target.naturalHeight });
  const begin = (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.current.setPointerCapture(event.pointerId);
    going.current = { erase: tool.kind === "eraser", size: (tool.size * size.width) / 1000, path: [] };
    move(event);
  };
  const move = (event) => {
    if (!going.current || !event.isPrimary) return;
    going.current.path.push(placeOf(event, canvas.current));
    draw(canvas.current.getContext("2d"), [...strokes, going.current]);
  };
  const end = () => {
    if (!going.current) return;
    const stroke = going.current;
    going.current = null;
    onStrokes([...strokes, stroke]);
  };
  return html`<div class="paint fitted" style=${{ "--aspect": size.width / size.height }}><div class="sheet" style=${zoomed(zoom)}><img src=${source} alt=${alt} onLoad=${fit} draggable="false" />
    <canvas ref=${canvas} aria-label=${label} role="img" width=${size.width} height=${size.height} data-width=${size.width} data-height=${size.height}
      onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end} />
    ${children}</div></div>`;
}

/** @typedef {{x: number, y: number, scale: number}} Zoom the middle in shares of the photo, and how much larger */

/** The zoom at which places fill the view. @param {[number, number][]} places @param {{width: number, height: number}} size @returns {Zoom} */
export function zoomTo(places, { width, height }) {
  const [xs, ys] = [0, 1].map((axis) => places.map((place) => place[axis]));
  const middle = (all) => (Math.min(...all) + Math.max(...all)) / 2;
  const scale = Math.min(8, Math.max(1, Math.min(width / (Math.max(...xs) - Math.min(...xs)), height / (Math.max(...ys) - Math.min(...ys))) / 1.05));
  const inside = (v) => Math.max(0.5 / scale, Math.min(1 - 0.5 / scale, v)); // no border of nothing
  return { x: inside(middle(xs) / width), y: inside(middle(ys) / height), scale };
}

/** @param {Zoom | null | undefined} zoom */
export const zoomed = (zoom) => (zoom ? { "--zoom": zoom.scale, transform: `scale(${zoom.scale}) translate(${50 - 100 * zoom.x}%, ${50 - 100 * zoom.y}%)` } : {});

/** @param {{tool: Tool, kinds: Tool["kind"][], onTool: (tool: Tool) => void, onClear: () => void, children?: any}} props */
export function Tools({ tool, kinds, onTool, onClear, children }) {
  return html`<div class="row tools" role="toolbar" aria-label=${t("tools")}>${kinds.map((kind) => html`<button class=${tool.kind === kind ? "" : "quiet"} aria-pressed=${tool.kind === kind} onClick=${() => onTool({ ...tool, kind })}>${t(kind)}</button>`)}
    ${kinds.includes(tool.kind) && tool.kind !== "points" && html`<label>${t("brush_size")}<input type="range" min="10" max="250" step="5" value=${tool.size} onInput=${(e) => onTool({ ...tool, size: Number(e.target.value) })} /></label>
      <button class="quiet" onClick=${onClear}>${t("clear")}</button>`}${children}</div>`;
}
