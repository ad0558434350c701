/** Photo: open a photo of the person, move sliders or pull points, see before and after. What is not moved stays as it is. */

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { attempt, following, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, Slider, html } from "../ui.js";
import { Chooser, History, Outcome, Replay, limitsOf, remember, savePicture, useFile, useUrl } from "../made.js";
import { Paint, Tools, maskOf, zoomTo } from "../paint.js";
import { PointList, Points, asked, point } from "../points.js";

/** @typedef {{file: File | null, values: Record<string, number>, points: import("../points.js").Point[], strokes: import("../paint.js").Stroke[], made: any}} Look */
/** @type {Look} */
const NOTHING = { file: null, values: {}, points: [], strokes: [], made: null };
const LANDMARKS = ["nose", "chin", "forehead", "mouth_left", "mouth_right", "mouth_top", "mouth_bottom", "eye_left", "eye_right", "eyelid_left",
  "eyelid_right", "brow_left", "brow_right", "cheek_left", "cheek_right", "jaw_left", "jaw_right"];

export function Photo() {
  const store = useStore();
  const person = store.person;
  const [look, show, commit] = useSteps(NOTHING);
  const [pulling, setPulling] = useState(false); // points in place of sliders
  const [result, setResult] = useState(true); // what was made, in place of what is worked on
  const [running, setRunning] = useState(/** @type {any} */ (null)); // a job
  const [tool, setTool] = useState(/** @type {import("../paint.js").Tool} */ ({ kind: "points", size: 80 }));
  const [size, setSize] = useState({ width: 1, height: 1 });
  const [landmarks, setLandmarks] = useState(/** @type {Record<string, [number, number]>} */ ({}));
  const source = useFile(look.file);
  const picture = useUrl(look.made?.picture ?? null);
  const [near, setNear] = useState(false);
  const zoom = near && Object.keys(landmarks).length ? zoomTo(Object.values(landmarks), size) : null;
  const canDrag = store.about?.operations.some((o) => o.name === "drag");
  const sought = useRef(/** @type {any} */ (null));

  /** Where the parts of the face are: a drag that pulls them nowhere says so. */
  const seek = async () => {
    const key = `${person?.persona_id} ${source}`;
    if (sought.current === key || !look.file || !person) return;
    sought.current = key;
    setLandmarks({});
    const request = { points: LANDMARKS.map((handle) => ({ handle, by: [0, 0] })) };
    const file = look.file;
    const job = await attempt(() => store.studio.run(person.persona_id, "drag", request, { photo: [file] }));
    if (sought.current === key && job) setLandmarks(Object.fromEntries(job.result.pictures[0].report.points.map((p, n) => [LANDMARKS[n], p.handle])));
  };
  useEffect(() => void (pulling && seek()), [pulling, look.file, person?.persona_id]);
  useEffect(() => {
    const key = (event) => store.area === "photo" && event.detail === "save" && look.made && savePicture(look.made);
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  const open = (file) => commit({ ...NOTHING, file });
  if (!look.file) return html`<section class="bench single" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1><${Chooser} /><${Drop} label=${t("drop_photo")} onFiles=${([one]) => open(one)} /></section>`;

  const make = (operation, request) =>
    attempt(async () => {
      const job = await store.studio.submit(person.persona_id, operation, request, { photo: [/** @type {File} */ (look.file)] });
      setRunning(job);
      for await (const event of following(job.id)) if (event.progress) setRunning({ ...job, progress: event.progress });
      const over = await store.studio.finished(await store.studio.job(job.id));
      const made = remember(over, operation, request, look);
      commit((now) => ({ ...now, made }));
      setResult(true);
    }).finally(() => setRunning(null));
  const edit = () => make("edit", { values: look.values });
  const drag = () => make("drag", { points: asked(look.points), ...(look.strokes.length ? { mask: maskOf(look.strokes, size) } : {}) });
  const replay = ({ operation, request }) => {
    setPulling(operation === "drag");
    commit({ ...NOTHING, file: look.file, values: request.values ?? {}, points: (request.points ?? []).map((p) => (typeof p.handle === "string" ? point(landmarks[p.handle] ?? p.to, p.to, p.handle) : point(p.handle, p.to))) });
    make(operation, request);
  };
  const goOn = () => attempt(async () => open(new File([await store.studio.picture(look.made.picture)], look.file?.name ?? "photo", { type: "image/png" })));
  const move = (name, value) => {
    const values = { ...look.values, [name]: value };
    if (value === null) delete values[name];
    show({ ...look, values });
  };
  const work = (change) => (setResult(false), change);
  const shown = result && picture;
  const ended = look.made?.operation === "drag" ? look.made.job.result.pictures[0].report.points : [];
  return html`<section class="bench" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1>
    <div class="stage" aria-busy=${!!running}>
      ${shown ? html`<${Compare} before=${source} after=${picture} zoom=${zoom} />`
        : html`<${Paint} key=${source} source=${source} alt=${look.file.name} label=${t("mask_hint")} size=${size} onSize=${setSize} strokes=${look.strokes} tool=${tool} zoom=${zoom}
            onStrokes=${(strokes) => commit({ ...look, strokes })}>
            ${pulling && html`<${Points} points=${look.points} landmarks=${tool.kind === "points" ? landmarks : {}} ended=${ended} size=${size} active=${tool.kind === "points"}
              onMove=${(points) => show((now) => ({ ...now, points, made: null }))} onDone=${() => commit()} />`}</${Paint}>`}
      ${running && html`<span class="busy">${t("working")}</span>`}
      ${pulling && html`<${Tools} tool=${tool} kinds=${["points", "brush", "eraser"]} onTool=${(next) => setTool(work(next))} onClear=${() => commit({ ...look, strokes: [] })}>
        <button class="quiet" aria-pressed=${near} disabled=${!Object.keys(landmarks).length} onClick=${() => setNear(!near)}>${t("zoom")}</button></${Tools}>`}
    </div>
    <div class="controls"><${Chooser} />
      ${canDrag && html`<div class="switch" role="group" aria-label=${t("how")}>${[false, true].map((p) => html`<button aria-pressed=${pulling === p} onClick=${() => (setPulling(p), setResult(!p))}>${t(p ? "pull" : "sliders")}</button>`)}</div>`}
      ${pulling
        ? html`<p class="hint">${t(tool.kind === "points" ? "pull_hint" : "mask_hint")}</p>
          <${PointList} points=${look.points} landmarks=${landmarks} ended=${ended} onChange=${(points) => (setResult(false), commit({ ...look, points, made: null }))} />`
        : html`<p class="hint">${t("photo_hint")}</p>
          ${person.reach.map((reach) => html`<${Slider} key=${reach.attribute} area="photo" reach=${reach} limits=${limitsOf(reach.attribute, reach)} value=${look.values[reach.attribute] ?? null}
            achieved=${look.made?.job.result.pictures[0].report.attributes[reach.attribute]?.achieved ?? null} onInput=${(v) => move(reach.attribute, v)} onDone=${() => setTimeout(() => commit())} />`)}`}
      ${running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`}
      <div class="row wrap">
        ${pulling
          ? html`<button class="primary" disabled=${running || !look.points.length} onClick=${drag}>${running ? t("working") : t("pull_go")}</button>`
          : html`<button class="primary" disabled=${running || !Object.keys(look.values).length} onClick=${edit}>${running ? t("working") : t("apply")}</button>`}
        ${look.made && pulling && html`<button class="quiet" onClick=${() => setResult(!result)}>${t(result ? "show_points" : "show_result")}</button>`}
        ${look.made && html`<button class="quiet" onClick=${goOn}>${t("go_on")}</button>`}
        <button class="quiet" onClick=${() => open(null)}>${t("another_photo")}</button><${Replay} operations=${["edit", "drag"]} onRecipe=${replay} /></div>
      <${Outcome} made=${look.made} /></div>
    <${History} operations=${["edit", "drag"]} current=${look.made} onOpen=${(made) => (setResult(true), setPulling(made.operation === "drag"), commit({ ...NOTHING, ...made.look, made }))} />
  </section>`;
}
