/** Several draws of a portrait side by side: each has a seed of its own. One is chosen, and all are saved on one sheet. */

import { useEffect, useRef } from "./vendor/preact-hooks.js";
import { Picture, html, save } from "./ui.js";
import { state, t } from "./store.js";

/** @typedef {{seed: number, job: import("./client.js").Job}} Draw */

/** @param {Draw} draw */
const pictureOf = ({ job }) => job.result.pictures[0];

/** @param {Draw} draw */
const named = (draw) => {
  const likeness = pictureOf(draw).report.identity?.toFixed(2);
  return `${t("seed")} ${draw.seed}${likeness ? `, ${t("face_likeness", { likeness })}` : ""}`;
};

/** Pictures of these seeds, one after another; `onDone` is told after each. It ends early where `signal` says so.
 * @param {string} person @param {Record<string, number>} values @param {number[]} seeds @param {(draws: Draw[]) => void} onDone @param {AbortSignal} signal @returns {Promise<Draw[]>} */
export async function drawn(person, values, seeds, onDone, signal) {
  /** @type {Draw[]} */
  let draws = [];
  for (const seed of seeds) {
    const job = await state.studio.run(person, "synthesize", { values, seed });
    if (signal.aborted) break;
    onDone((draws = [...draws, { seed, job }]));
  }
  return draws;
}

/** @param {{draws: Draw[], count: number, onChoose: (draw: Draw) => void}} props `count`: how many there will be */
export function Draws({ draws, count, onChoose }) {
  const list = useRef(/** @type {any} */ (null));
  useEffect(() => list.current.scrollIntoView({ block: "start" }), []); // on a phone, what asks for it is far below
  return html`<ul ref=${list} class="draws" aria-label=${t("sheet")}>${Array.from({ length: count }, (_, n) => draws[n]).map((draw, n) =>
    draw
      ? html`<li key=${n}><button onClick=${() => onChoose(draw)}><${Picture} address=${pictureOf(draw).blob} alt="" /><small>${named(draw)}</small></button></li>`
      : html`<li key=${n}><div class="empty" /></li>`)}</ul>`;
}

/** A page for any browser with the files as they were delivered: so each keeps its signature. @param {Draw[]} draws */
export async function saveSheet(draws) {
  const title = `${state.person?.name ?? ""}: ${t("sheet")}`;
  const figures = await Promise.all(draws.map(async (draw) => `<figure><img src="${await dataOf(pictureOf(draw).blob)}" alt="" /><figcaption>${escaped(named(draw))}</figcaption></figure>`));
  const style = "body{font:1rem system-ui,sans-serif;margin:1.5rem}main{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:1rem}figure{margin:0}img{width:100%}figcaption{font-size:.85rem}";
  const page = `<!doctype html><html lang="${state.language}"><head><meta charset="utf-8" /><title>${escaped(title)}</title><style>${style}</style></head><body><h1>${escaped(title)}</h1><main>${figures.join("")}</main></body></html>`;
  save(`${state.person?.name ?? "sheet"}-${draws[0].seed}.html`, new Blob([page], { type: "text/html" }));
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

/** A picture's file as an address that holds it. @param {string} address @returns {Promise<string>} */
async function dataOf(address) {
  const file = await state.studio.picture(address);
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(`${reader.result}`);
    reader.readAsDataURL(file);
  });
}
