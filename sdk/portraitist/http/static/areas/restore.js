/** Restore: a damaged photo, what happened to it, a hole to paint, and the result beside it. */

import { useEffect, useState } from "../vendor/preact-hooks.js";
import { attempt, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, html } from "../ui.js";
import { Chooser, History, Outcome, followed, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay, namedIn } from "../recipes.js";
import { FacePhoto, useChoice } from "../faces.js";
import { Paint, Tools, maskOf } from "../paint.js";

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

/** @type {{file: File | null, chain: Record<string, number>, strokes: import("../paint.js").Stroke[], face: import("../faces.js").Named | null, made: any}} */
const NOTHING = { file: null, chain: {}, strokes: [], face: null, made: null };

export function Restore() {
  const store = useStore();
  const person = store.person;
  const { now: look, show, commit } = useSteps(NOTHING);
  const [running, setRunning] = useState(/** @type {any} */ (null));
  const [tool, setTool] = useState(/** @type {import("../paint.js").Tool} */ ({ kind: "brush", size: 80 }));
  const [size, setSize] = useState({ width: 1, height: 1 });
  const { file, chain, made } = look;
  const source = useFile(file);
  const result = useUrl(made?.picture ?? null);
  // Damage may hide who it is, and with a hole the server takes the face that has it.
  const which = useChoice({ file, source, named: look.face, free: "mask" in chain ? "none" : "best", onChoose: (face) => commit({ ...look, face, made: null }) });
  useEffect(() => {
    const key = (event) => store.area === "restore" && event.detail === "save" && made && savePicture(made);
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  const open = (file) => commit({ ...NOTHING, file });
  /** What a recipe says of the damage; a painted hole is the server's. */
  const replayed = (job, request, { photo }) => {
    const named = request.degradation === "auto" ? [] : request.degradation.filter(({ kind }) => kind !== "mask");
    const chain = Object.fromEntries(named.map((step) => [step.kind, step[DAMAGES[step.kind]?.[0] ?? ""] ?? 1]));
    const next = { ...NOTHING, file: photo, chain, face: namedIn(request, photo, request.face) };
    commit({ ...next, made: remember(job, next) });
  };
  const replay = html`<${Replay} operations=${["enhance"]} look=${look} onRunning=${setRunning} onMade=${replayed} />`;
  const bar = running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`;
  if (!file && !made) return html`<section class="bench single" aria-labelledby="restore-title"><h1 id="restore-title" class="hidden">${t("restore")}</h1><${Chooser} /><${Drop} label=${t("drop_photo")} onFiles=${([one]) => open(one)} />${bar}${replay}</section>`;
  const go = (seed) => {
    const kinds = Object.keys(DAMAGES).filter((kind) => kind in chain);
    const degradation = kinds.map((kind) => (kind === "mask" ? { kind, image: maskOf(look.strokes, size) } : DAMAGES[kind] ? { kind, [DAMAGES[kind][0]]: chain[kind] } : { kind }));
    const request = { degradation: kinds.length ? degradation : "auto", seed, ...which.asked };
    return attempt(async () => {
      const job = await store.studio.submit(person.persona_id, "enhance", request, { photo: [/** @type {File} */ (file)] });
      const made = remember(await followed(job, setRunning), look);
      commit((now) => ({ ...now, made }));
    });
  };
  const flip = (kind) => {
    const next = { ...chain };
    kind in next ? delete next[kind] : (next[kind] = DAMAGES[kind]?.[4] ?? 1);
    commit({ ...look, chain: next, made: null });
  };
  return html`<section class="bench" aria-labelledby="restore-title"><h1 id="restore-title" class="hidden">${t("restore")}</h1>
    <div class="stage" aria-busy=${!!running}>
      ${result ? (file ? html`<${Compare} before=${source} after=${result} />` : html`<img src=${result} alt=${t("after")} />`)
        : !file ? html`<p class="hint">${t("working")}</p>`
        : "mask" in chain ? html`<${Paint} key=${source} source=${source} alt=${file.name} label=${t("paint_hint")} size=${size} onSize=${setSize} strokes=${look.strokes} tool=${tool} onStrokes=${(strokes) => commit({ ...look, strokes })} />
          <${Tools} tool=${tool} kinds=${["brush", "eraser"]} onTool=${setTool} onClear=${() => commit({ ...look, strokes: [] })} /><p class="hint">${t("paint_hint")}</p>`
        : html`<${FacePhoto} source=${source} alt=${file.name} marks=${which.marks} />`}
      ${running && html`<span class="busy">${t("working")}</span>`}</div>
    <div class="controls"><${Chooser} />${which.row}
      <fieldset><legend>${t("damage")}</legend>
        <label class="check"><input type="radio" checked=${!Object.keys(chain).length} onChange=${() => commit({ ...look, chain: {}, made: null })} /> ${t("auto")}</label>
        ${Object.entries(DAMAGES).map(([kind, number]) => html`<div class="row damage"><label class="check"><input type="checkbox" checked=${kind in chain} onChange=${() => flip(kind)} /> ${t(kind)}</label>
          ${kind in chain && number && html`<input type="range" aria-label=${`${t(kind)}: ${t("strength")}`} min=${number[1]} max=${number[2]} step=${number[3]} value=${chain[kind]}
            onInput=${(e) => show({ ...look, chain: { ...chain, [kind]: Number(e.target.value) } })} onChange=${() => commit()} /><output>${chain[kind]}</output>`}</div>`)}
      </fieldset>
      ${bar}
      <div class="row wrap"><button class="primary" disabled=${running || !file} onClick=${() => go(0)}>${running ? t("working") : t("restore_go")}</button>
        ${made && file && html`<button disabled=${running} onClick=${() => go(1 + Math.floor(Math.random() * 999_999))}>${t("another")}</button>
          <button class="quiet" onClick=${() => commit({ ...look, made: null })}>${t("before")}</button>`}
        <button class="quiet" onClick=${() => open(null)}>${t("another_photo")}</button>${replay}</div>
      <p class="hint">${t("guess")}</p>
      <${Outcome} made=${made} /></div>
    <${History} operations=${["enhance"]} current=${made} onOpen=${(one) => commit({ ...NOTHING, ...one.look, made: one })} />
  </section>`;
}
