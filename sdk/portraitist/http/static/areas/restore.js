/** Restore: a damaged photo, what happened to it, a hole to paint, and the result beside it. */

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { attempt, did, set, t, useStore } from "../store.js";
import { Compare, Drop, html, useAspect } from "../ui.js";
import { Chooser, History, Outcome, remember, savePicture, useFile, useUrl } from "../made.js";

/** Each damage with its one number: name in the request, smallest, largest, step, start. */
const DAMAGES = {
  downsample: ["factor", 2, 16, 1, 8],
  gaussian_blur: ["sigma", 0.5, 10, 0.5, 3],
  motion_blur: ["length", 2, 40, 1, 9],
  noise: ["sigma", 1, 60, 1, 15],
  jpeg: ["quality", 1, 95, 1, 30],
  greyscale: null,
  mask: null,
};

export function Restore() {
  const store = useStore();
  const person = store.person;
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const source = useFile(file);
  const [chain, setChain] = useState(/** @type {Record<string, number>} */ ({}));
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const painted = useRef(/** @type {any} */ (null));
  const result = useUrl(made?.picture ?? null);
  const open = (one) => {
    setFile(one);
    setMade(null);
  };
  useEffect(() => {
    const key = (event) => store.area === "restore" && event.detail === "save" && made && savePicture(made);
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  if (!file) return html`<section class="bench single" aria-labelledby="restore-title"><h1 id="restore-title" class="hidden">${t("restore")}</h1><${Chooser} /><${Drop} label=${t("drop_photo")} onFiles=${([one]) => open(one)} /></section>`;
  const go = async (seed) => {
    setBusy(true);
    const kinds = Object.keys(DAMAGES).filter((kind) => kind in chain);
    const degradation = kinds.map((kind) => (kind === "mask" ? { kind, image: "part:hole" } : DAMAGES[kind] ? { kind, [DAMAGES[kind][0]]: chain[kind] } : { kind }));
    const request = { degradation: kinds.length ? degradation : "auto", seed };
    const files = { photo: [file], ...("mask" in chain ? { hole: [await painted.current.mask()] } : {}) };
    const job = await attempt(() => store.studio.run(person.persona_id, "enhance", request, files));
    setBusy(false);
    if (!job) return;
    const last = made;
    const next = remember(job, "enhance", request);
    setMade(next);
    did(() => setMade(next), () => setMade(last));
  };
  const flip = (kind) => {
    const next = { ...chain };
    kind in next ? delete next[kind] : (next[kind] = DAMAGES[kind]?.[4] ?? 1);
    setChain(next);
    setMade(null);
  };
  return html`<section class="bench" aria-labelledby="restore-title"><h1 id="restore-title" class="hidden">${t("restore")}</h1>
    <div class="stage" aria-busy=${busy}>${result && html`<${Compare} before=${source} after=${result} />`}
      ${"mask" in chain ? html`<div key=${source} hidden=${!!result}><${Paint} source=${source} handle=${painted} /></div>` : !result && html`<img src=${source} alt=${file.name} />`}
      ${busy && html`<span class="busy">${t("working")}</span>`}</div>
    <div class="controls"><${Chooser} />
      <fieldset><legend>${t("damage")}</legend>
        <label class="check"><input type="radio" checked=${!Object.keys(chain).length} onChange=${() => setChain({})} /> ${t("auto")}</label>
        ${Object.entries(DAMAGES).map(([kind, number]) => html`<div class="row damage"><label class="check"><input type="checkbox" checked=${kind in chain} onChange=${() => flip(kind)} /> ${t(kind)}</label>
          ${kind in chain && number && html`<input type="range" aria-label=${`${t(kind)}: ${t("strength")}`} min=${number[1]} max=${number[2]} step=${number[3]} value=${chain[kind]} onInput=${(e) => setChain({ ...chain, [kind]: Number(e.target.value) })} /><output>${chain[kind]}</output>`}</div>`)}
      </fieldset>
      <div class="row wrap"><button class="primary" disabled=${busy} onClick=${() => go(0)}>${busy ? t("working") : t("restore_go")}</button>
        ${made && html`<button disabled=${busy} onClick=${() => go(1 + Math.floor(Math.random() * 999_999))}>${t("another")}</button>
          <button class="quiet" onClick=${() => setMade(null)}>${t("before")}</button>`}
        <button class="quiet" onClick=${() => open(null)}>${t("another_photo")}</button></div>
      <p class="hint">${t("guess")}</p>
      <${Outcome} made=${made} /></div>
    <${History} operations=${["enhance"]} current=${made} onOpen=${setMade} />
  </section>`;
}

/** The photo with what was painted over it; `handle.current.mask()` is a PNG: white is missing. */
function Paint({ source, handle }) {
  const canvas = useRef(/** @type {any} */ (null));
  const [size, setSize] = useState(40);
  const [erase, setErase] = useState(false);
  const last = useRef(/** @type {any} */ (null));
  const [aspect, measure] = useAspect();
  const fit = (event) => {
    measure(event);
    canvas.current.width = event.target.naturalWidth;
    canvas.current.height = event.target.naturalHeight;
  };
  const stroke = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const scale = canvas.current.width / box.width;
    const at = { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    const pen = canvas.current.getContext("2d");
    pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    pen.strokeStyle = "#fff";
    pen.lineWidth = size * scale;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo((last.current ?? at).x, (last.current ?? at).y);
    pen.lineTo(at.x + 0.01, at.y);
    pen.stroke();
    last.current = at;
  };
  handle.current = {
    mask: () => {
      const out = document.createElement("canvas");
      Object.assign(out, { width: canvas.current.width, height: canvas.current.height });
      const pen = /** @type {CanvasRenderingContext2D} */ (out.getContext("2d"));
      pen.fillRect(0, 0, out.width, out.height);
      pen.drawImage(canvas.current, 0, 0);
      return new Promise((resolve) => out.toBlob(resolve, "image/png"));
    },
  };
  return html`<div class="paint fitted" style=${{ "--aspect": aspect }}><img src=${source} alt="" onLoad=${fit} draggable="false" />
    <canvas ref=${canvas} aria-label=${t("paint_hint")} role="img"
      onPointerDown=${(e) => (e.target.setPointerCapture(e.pointerId), (last.current = null), stroke(e))}
      onPointerMove=${(e) => e.buttons && stroke(e)} /></div>
    <div class="row tools"><button class=${erase ? "quiet" : ""} aria-pressed=${!erase} onClick=${() => setErase(false)}>${t("brush")}</button><button class=${erase ? "" : "quiet"} aria-pressed=${erase} onClick=${() => setErase(true)}>${t("eraser")}</button>
      <label>${t("brush_size")}<input type="range" min="5" max="120" value=${size} onInput=${(e) => setSize(Number(e.target.value))} /></label>
      <button class="quiet" onClick=${() => canvas.current.getContext("2d").clearRect(0, 0, 1e5, 1e5)}>${t("clear")}</button></div>
    <p class="hint">${t("paint_hint")}</p>`;
}
