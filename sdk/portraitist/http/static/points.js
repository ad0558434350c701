/** Points that are pulled: each a handle and its target, in px of the photo. By mouse, touch or keys, on the photo and in a list. */

import { useEffect, useRef } from "./vendor/preact-hooks.js";
import { t } from "./store.js";
import { html } from "./ui.js";
import { placeOf } from "./paint.js";

const RIM = 0.025; // of the square's side: nearer to its border nothing can be pulled

/** A place in the square of `corners` (clockwise from the top left) that is nearest to one, and how far off it is in shares of the side.
 * @param {Place} place @param {Place[]} corners @returns {[Place, number]} */
export function inSquare([x, y], corners) {
  const [[ox, oy], [ax, ay], , [bx, by]] = corners;
  const share = (ex, ey) => ((x - ox) * ex + (y - oy) * ey) / (ex * ex + ey * ey);
  const [u, v] = [share(ax - ox, ay - oy), share(bx - ox, by - oy)];
  const [iu, iv] = [u, v].map((w) => Math.max(RIM, Math.min(1 - RIM, w)));
  return [[ox + iu * (ax - ox) + iv * (bx - ox), oy + iu * (ay - oy) + iv * (by - oy)], Math.hypot(u - iu, v - iv)];
}

/**
 * @typedef {[number, number]} Place
 * @typedef {{id: number, name: string, handle: Place, to: Place, grow: number, landed?: boolean}} Point `name`: of the part of the face that the handle is, or "".
 *   `grow`: by this share of its size grows what lies around it. `landed`: it was pulled before, so that its handle is a place, whatever lies there
 * @typedef {{handle: Place, target: Place, reached: Place, left: number, confidence: number, end: string, reason: string}} Ended
 */

const NEAR = 14; // px of the screen within which a point is meant
const MOST = 0.5; // of growing
const NOTCH = 0.05; // of the wheel, and of a key
const PAUSE_MS = 300; // after which the wheel has come to rest
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let last = 0;

/** @param {Place} handle @param {Place} [to] @param {string} [name] @returns {Point} */
export const point = (handle, to, name) => ({ id: ++last, name: name ?? "", handle, to: to ?? handle, grow: 0 });

/** As a command says them. @param {Point[]} points */
export const asked = (points) => points.map(({ name, handle, to, grow, landed }) => ({ handle: landed ? handle : name || handle, to, ...(grow ? { grow } : {}) }));

/** Whether a point is pulled at all; else it is held where it is. @param {Point} one */
export const pulled = ({ handle, to, grow }) => grow !== 0 || Math.hypot(handle[0] - to[0], handle[1] - to[1]) > 0.5;

/** @param {Point} one @param {number} by */
const grown = (one, by) => ({ grow: Math.max(-MOST, Math.min(MOST, Math.round(20 * (one.grow + by)) / 20)) });

/** @param {Point} one */
const named = (one) => (one.name ? t(`part_${one.name}`) : `${Math.round(one.handle[0])}, ${Math.round(one.handle[1])}`);

/**
 * What lies over the photo. `landmarks`: places of named parts, which are offered as handles. `ended`: how the last drag ended.
 * @param {{points: Point[], landmarks: Record<string, Place>, ended: Partial<Ended>[], corners: Place[], size: {width: number, height: number}, active: boolean,
 *   onMove: (points: Point[]) => void, onShow: (points: Point[]) => void, onDone: () => void}} props `onShow`: while the wheel turns
 */
export function Points({ points, landmarks, ended, corners, size, active, onMove, onShow, onDone }) {
  const wheel = useRef({ timer: 0, rest: () => {} });
  wheel.current.rest = () => (onMove(points), onDone());
  useEffect(() => () => clearTimeout(wheel.current.timer), []);
  const box = useRef(/** @type {any} */ (null));
  const held = useRef(/** @type {{id: number, part: "handle" | "to"} | null} */ (null));
  const changed = (id, change) => points.map((one) => (one.id === id ? { ...one, ...change } : one));

  /** What lies nearest to a place: a target before a handle, a handle before a landmark. */
  const under = (place) => {
    const scale = size.width / box.current.getBoundingClientRect().width;
    const near = (other) => Math.hypot(place[0] - other[0], place[1] - other[1]) < NEAR * scale;
    const own = /** @type {const} */ (["to", "handle"]).flatMap((part) => points.filter((one) => near(one[part])).map((one) => ({ id: one.id, part })))[0];
    return own ? { own } : { landmark: Object.keys(landmarks).find((name) => near(landmarks[name])) };
  };
  const begin = (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    const place = placeOf(event, box.current);
    if (inSquare(place, corners)[1] > 0.02) return; // elsewhere is nothing to pull
    box.current.setPointerCapture(event.pointerId);
    const { own, landmark } = under(place);
    if (own) return void (held.current = own);
    const made = landmark ? point(landmarks[landmark], undefined, landmark) : point(place);
    held.current = { id: made.id, part: "to" };
    onMove([...points, made]);
  };
  const move = (event) => {
    if (!held.current || !event.isPrimary) return;
    const [place] = inSquare(placeOf(event, box.current), corners);
    onMove(changed(held.current.id, held.current.part === "to" ? { to: place } : { handle: place, name: "" }));
  };
  const end = () => {
    if (held.current) onDone();
    held.current = null;
  };
  /** What lies around a point comes nearer, or goes away. */
  const turn = (event) => {
    const { own } = under(placeOf(event, box.current));
    const one = points.find(({ id }) => id === own?.id);
    if (!one) return;
    event.preventDefault();
    onShow(changed(one.id, grown(one, event.deltaY < 0 ? NOTCH : -NOTCH)));
    clearTimeout(wheel.current.timer);
    wheel.current.timer = setTimeout(() => wheel.current.rest(), PAUSE_MS);
  };
  const key = (event, one) => {
    if (["+", "=", "-"].includes(event.key)) {
      onMove(changed(one.id, grown(one, event.key === "-" ? -NOTCH : NOTCH)));
      onDone();
      return event.preventDefault();
    }
    if (["Delete", "Backspace"].includes(event.key)) {
      onMove(points.filter((other) => other !== one));
      onDone();
      return event.preventDefault();
    }
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    const moved = ([x, y]) => inSquare([x + step[0] * far, y + step[1] * far], corners)[0];
    onMove(changed(one.id, event.altKey ? { handle: moved(one.handle), name: "" } : { to: moved(one.to) }));
  };
  const dot = ([x, y]) => `M${x} ${y}h.01`; // strokes keep their width whatever the photo's size is, and so dots do
  return html`<svg ref=${box} class=${`points ${active ? "active" : ""}`} viewBox=${`0 0 ${size.width} ${size.height}`} preserveAspectRatio="none" role="group" aria-label=${t("points")}
      data-width=${size.width} data-height=${size.height} onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end} onWheel=${turn}>
    <path class="square" d=${`M${corners.join("L")}Z`} />
    ${Object.entries(landmarks).map(([name, place]) => html`<path key=${name} class="landmark" d=${dot(place)}><title>${t(`part_${name}`)}</title></path>`)}
    ${points.map((one, n) => html`<g key=${one.id} tabindex="0" role="button" aria-label=${t("point_at", { n: n + 1, from: named(one), to: one.to.map(Math.round).join(", ") })}
        onKeyDown=${(event) => key(event, one)} onKeyUp=${(event) => KEYS[event.key] && onDone()} onBlur=${onDone}>
      <path class="way under" d=${`M${one.handle}L${one.to}`} /><path class="way" d=${`M${one.handle}L${one.to}`} />
      <path class="dot handle under" d=${dot(one.handle)} /><path class="dot handle" d=${dot(one.handle)} />
      <path class="dot to under" d=${dot(one.to)} /><path class="dot to" d=${dot(one.to)} />
      ${ended[n]?.reached && html`<path class=${`dot reached ${ended[n].end}`} d=${dot(ended[n].reached)} />`}
    </g>`)}</svg>`;
}

/** The same as a list: each with how it ended, and a button that takes it away. Parts of the face are added by their names.
 * @param {{points: Point[], landmarks: Record<string, Place>, ended: Partial<Ended>[], onChange: (points: Point[]) => void, onMove: (points: Point[]) => void,
 *   onShow: (points: Point[]) => void, onDone: () => void}} props */
export function PointList({ points, landmarks, ended, onChange, onMove, onShow, onDone }) {
  const grow = (one, share) => points.map((other) => (other === one ? { ...one, grow: share } : other));
  const free = Object.keys(landmarks).filter((name) => !points.some((one) => one.name === name));
  const add = (event) => {
    const name = event.target.value;
    event.target.value = "";
    if (name) onChange([...points, point(landmarks[name], undefined, name)]);
  };
  return html`<ol class="pointlist">${points.map((one, n) => html`<li key=${one.id}><span>${pulled(one) ? `${named(one)} → ${one.to.map(Math.round).join(", ")}` : t("held", { at: named(one) })}
        ${ended[n]?.reached && html`<small class=${`end ${ended[n].end ?? ""}`} title=${t("sure_hint")}>${[ended[n].end && t(`end_${ended[n].end}`), (!ended[n].end || Number(ended[n].left) >= 0.5) && t("px_left", { n: Number(ended[n].left).toFixed(1) }),
          t("sure", { p: Math.round(100 * Number(ended[n].confidence)) })].filter(Boolean).join(", ")}</small>`}</span>
      <button class="quiet small" onClick=${() => onChange(points.filter((other) => other !== one))} aria-label=${t("point_remove", { n: n + 1 })}>×</button>
      <label class="ranged"><small>${t("grow")}</small><small class="value">${one.grow > 0 ? "+" : ""}${Math.round(100 * one.grow)} %</small><input type="range" aria-label=${`${t("grow")} (${n + 1})`} min=${-MOST} max=${MOST} step=${NOTCH} value=${one.grow}
        onInput=${(e) => onShow(grow(one, Number(e.target.value)))} onChange=${(e) => (onMove(grow(one, Number(e.target.value))), onDone())} /></label></li>`)}</ol>
    ${free.length > 0 && html`<label>${t("point_add")}<select onChange=${add}><option value="">–</option>${free.map((name) => html`<option value=${name}>${t(`part_${name}`)}</option>`)}</select></label>`}`;
}
