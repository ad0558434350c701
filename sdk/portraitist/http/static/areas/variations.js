/** Variations: patches of the face move elsewhere, drawn at random or painted by hand, and the photo with them. */

import { useEffect, useMemo, useState } from "../vendor/preact-hooks.js";
import { attempt, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, Picture, html } from "../ui.js";
import { FacePhoto, useChoice } from "../faces.js";
import { Chooser, History, Outcome, followed, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay, namedIn } from "../recipes.js";
import { Paint, Tools } from "../paint.js";
import { partsOf } from "./parts.js";

/**
 * @typedef {[number, number, number, number]} Box left, top, right, bottom: px of the photo
 * @typedef {{box: Box, by: [number, number]}} Patch `by`: how far it goes, px
 */
const MOST = 16; // patches
const REACH = 0.15; // of the face's square: how far a patch can be sent here
/** @type {{photo: File | null, patches: Patch[], n: number, strength: number, seed: number, face: import("../faces.js").Named | null, made: any}} */
const NOTHING = { photo: null, patches: [], n: 4, strength: 0.5, seed: 1, face: null, made: null };

/** What a request says that this area asks for, too. */
const asked = ({ n, strength, seed, patches }) => ({ n, strength, seed, patches });

/** The box around a stroke of the brush. @param {import("../paint.js").Stroke} stroke @param {{width: number, height: number}} size @returns {Box} */
function boxOf({ path, size: brush }, { width, height }) {
  const [xs, ys] = [0, 1].map((axis) => path.map((place) => place[axis]));
  const half = brush / 2;
  const edges = [Math.max(0, Math.min(...xs) - half), Math.max(0, Math.min(...ys) - half), Math.min(width, Math.max(...xs) + half), Math.min(height, Math.max(...ys) + half)];
  return /** @type {Box} */ (edges.map(Math.round));
}

/** Boxes and where they go, over the photo. @param {{patches: Patch[], size: {width: number, height: number}}} props */
function Patches({ patches, size }) {
  return html`<svg class="patches" viewBox=${`0 0 ${size.width} ${size.height}`} aria-hidden="true">${patches.map(({ box: [left, top, right, bottom], by }, n) => {
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    return html`<g key=${n}><path d=${`M${left} ${top}H${right}V${bottom}H${left}Z`} /><path class="way" d=${`M${x} ${y}l${by.join(" ")}`} /><path class="end" d=${`M${x + by[0]} ${y + by[1]}h.01`} /></g>`;
  })}</svg>`;
}

/** One patch in numbers: for the keyboard, and to send it on its way. @param {{patch: Patch, number: number, size: {width: number, height: number}, reach: number,
 *   onShow: (patch: Patch) => void, onChange: (patch?: Patch) => void, onRemove: () => void}} props `onShow`: while a hand is moving */
function PatchForm({ patch, number, size, reach, onShow, onChange, onRemove }) {
  const [left, top, right, bottom] = patch.box;
  const put = (to) => onChange({ ...patch, box: to });
  const edge = (name, value, most, to) => html`<label>${t(name)}<input type="number" min="0" max=${most} value=${Math.round(value)} onChange=${(e) => put(to(Math.max(0, Math.min(most, Math.round(Number(e.target.value)) || 0))))} /></label>`;
  const way = (axis, name) => html`<label class="ranged"><span>${t(name)}</span><span class="value">${patch.by[axis]} px</span><input type="range" min=${-reach} max=${reach} step="1" value=${patch.by[axis]}
    onInput=${(e) => onShow({ ...patch, by: /** @type {[number, number]} */ (patch.by.map((v, n) => (n === axis ? Number(e.target.value) : v))) })} onChange=${() => onChange()} /></label>`;
  return html`<fieldset class="patchform"><legend>${t("patch_n", { n: number })}</legend>
    ${way(0, "part_dx")}${way(1, "part_dy")}
    <div class="edges">${edge("patch_left", left, size.width - 1, (v) => [v, top, Math.max(v + 1, right), bottom])}${edge("patch_top", top, size.height - 1, (v) => [left, v, right, Math.max(v + 1, bottom)])}
      ${edge("patch_right", right, size.width, (v) => [Math.min(left, v - 1), top, v, bottom])}${edge("patch_bottom", bottom, size.height, (v) => [left, Math.min(top, v - 1), right, v])}</div>
    <button class="quiet small" onClick=${onRemove} aria-label=${t("patch_remove", { n: number })}>×</button></fieldset>`;
}

export function Variations() {
  const store = useStore();
  const person = store.person;
  const { now: look, show, commit } = useSteps(NOTHING);
  const [running, setRunning] = useState(/** @type {any} */ (null));
  const [tool, setTool] = useState(/** @type {import("../paint.js").Tool} */ ({ kind: "brush", size: 60 }));
  const [size, setSize] = useState({ width: 1, height: 1 });
  const [chosen, setChosen] = useState(false); // patches of one's own
  const { photo, patches, made } = look;
  const painting = chosen || patches.length > 0;
  const source = useFile(photo);
  const picture = useUrl(made?.picture ?? null);
  const strokes = useMemo(() => [], [patches, painting]); // a stroke becomes a box
  const which = useChoice({ file: photo, source, named: look.face, onChoose: (face) => change({ face }) });
  const change = (part) => commit({ ...look, made: null, ...part });
  useEffect(() => {
    const key = (event) => {
      if (store.area !== "variations") return;
      if (event.detail === "save" && made) savePicture(made);
      if (event.detail === "another" && person && photo && !partsOf(store) && !running && !painting) another();
    };
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  const heading = html`<h1 id="variations-title" class="hidden">${t("variations")}</h1>`;
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  if (partsOf(store)) return html`<section class="bench single" aria-labelledby="variations-title">${heading}<${Chooser} /><p class="hint">${t("variations_none", { name: person.name })}</p></section>`;
  const replayed = (job, request, { photo }) => {
    setChosen(request.patches.length > 0);
    const next = { ...NOTHING, ...asked(request), photo, face: namedIn(request, photo, request.face) };
    commit({ ...next, made: remember(job, next) });
  };
  const replay = html`<${Replay} operations=${["variations"]} look=${look} onRunning=${setRunning} onMade=${replayed} />`;
  const bar = running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`;
  if (!photo && !made) return html`<section class="bench single" aria-labelledby="variations-title">${heading}<${Chooser} /><p class="hint">${t("variations_hint")}</p><${Drop} label=${t("drop_photo")} onFiles=${([one]) => commit({ ...NOTHING, photo: one })} />${bar}${replay}</section>`;

  const go = (seed) =>
    attempt(async () => {
      const request = { n: look.n, seed, ...(patches.length ? { patches } : { strength: look.strength }), ...which.asked };
      const job = await store.studio.submit(person.persona_id, "variations", request, { photo: [/** @type {File} */ (photo)] });
      const next = remember(await followed(job, setRunning), { ...look, seed });
      commit((now) => ({ ...now, seed, made: next }));
    });
  const another = () => go(1 + Math.floor(Math.random() * 999_999));
  const view = (number) => commit({ ...look, made: { ...made, number, picture: made.job.result.pictures[number].blob } });
  const { best } = which;
  const square = best ? Math.hypot(...[0, 1].map((axis) => best.corners[1][axis] - best.corners[0][axis])) : size.width / 2;
  const reach = Math.max(4, Math.round(REACH * square));
  const add = (box) => change({ patches: [...patches, { box, by: [0, -Math.round(reach / 3)] }] });
  const addInFace = () => {
    const middle = best ? [0, 1].map((axis) => best.corners.reduce((sum, place) => sum + place[axis], 0) / 4) : [size.width / 2, size.height / 2];
    add([middle[0] - square / 8, middle[1] - square / 8, middle[0] + square / 8, middle[1] + square / 8].map(Math.round));
  };
  const put = (n, patch) => ({ ...look, made: null, patches: patches.map((one, k) => (k === n ? patch : one)) });
  const take = (own) => {
    setChosen(own);
    if (own ? made : patches.length) change(own ? {} : { patches: [] });
  };
  const full = patches.length >= MOST;
  return html`<section class="bench" aria-labelledby="variations-title">${heading}
    <div class="stage" aria-busy=${!!running}>
      ${made && picture ? (photo ? html`<${Compare} before=${source} after=${picture} />` : html`<img src=${picture} alt=${t("after")} />`)
        : !photo ? html`<p class="hint">${t("working")}</p>`
        : painting ? html`<${Paint} key=${source} source=${source} alt=${photo.name} label=${t("patch_hint")} size=${size} onSize=${setSize} strokes=${strokes} tool=${tool} onStrokes=${(all) => (full ? commit({ ...look, patches: [...patches] }) : add(boxOf(all[all.length - 1], size)))}>
            <${Patches} patches=${patches} size=${size} /></${Paint}>
            <${Tools} tool=${tool} kinds=${["brush"]} onTool=${setTool} onClear=${() => change({ patches: [] })} />`
        : html`<${FacePhoto} source=${source} alt=${photo.name} marks=${which.marks} />`}
      ${running && html`<span class="busy">${t("working")}</span>`}
      ${made && made.job.result.pictures.length > 1 && html`<ul class="variants" aria-label=${t("variations")}>${made.job.result.pictures.map((one, n) => html`<li key=${one.blob}><button aria-pressed=${n === (made.number ?? 0)} onClick=${() => view(n)} aria-label=${t("variant_n", { n: n + 1 })}><${Picture} address=${one.blob} alt="" /></button></li>`)}</ul>`}</div>
    <div class="controls"><${Chooser} />
      ${which.row}<p class="hint">${t("variations_hint")}</p>
      <div class="switch" role="group" aria-label=${t("patches")}>${[false, true].map((own) => html`<button aria-pressed=${painting === own} onClick=${() => take(own)}>${t(own ? "patches_own" : "patches_drawn")}</button>`)}</div>
      ${painting
        ? html`<p class="hint">${t("patch_hint")}</p>
          ${patches.map((patch, n) => html`<${PatchForm} key=${n} patch=${patch} number=${n + 1} size=${size} reach=${reach} onShow=${(to) => show(put(n, to))} onChange=${(to) => (to ? commit(put(n, to)) : commit())} onRemove=${() => change({ patches: patches.filter((_, k) => k !== n) })} />`)}
          <button disabled=${full || size.width < 2 || which.looking} onClick=${addInFace}>${t("patch_add")}</button>`
        : html`<label>${t("strength")}: ${Math.round(100 * look.strength)} %<input type="range" min="0" max="1" step="0.05" value=${look.strength} onInput=${(e) => show({ ...look, made: null, strength: Number(e.target.value) })} onChange=${() => commit()} /></label>`}
      <div class="row wrap"><label class="seed">${t("variations_count")}<input type="number" min="1" max="64" value=${look.n} onChange=${(e) => change({ n: Math.max(1, Math.min(64, Math.round(Number(e.target.value)) || 1)) })} /></label>
        ${!painting && html`<label class="seed">${t("seed")}<input type="number" min="0" value=${look.seed} onChange=${(e) => change({ seed: Math.max(0, Math.round(Number(e.target.value) || 0)) })} /></label>`}</div>
      ${bar}
      <div class="row wrap"><button class="primary" disabled=${running || !photo || (painting && !patches.length)} onClick=${() => go(look.seed)}>${running ? t("working") : t("collage_go")}</button>
        ${!painting && html`<button disabled=${running || !photo} onClick=${another}>${t("another")}</button>`}
        ${made && html`<button class="quiet" onClick=${() => change({})}>${t("before")}</button>`}
        <button class="quiet" onClick=${() => commit({ ...NOTHING })}>${t("another_photo")}</button>
        ${replay}</div>
      <${Outcome} made=${made} /></div>
    <${History} operations=${["variations"]} current=${made} onOpen=${(one) => (setChosen(one.request.patches.length > 0), commit({ ...NOTHING, ...one.look, made: one }))} />
  </section>`;
}
