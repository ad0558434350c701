/** Collage: a part of the face from another photo, one face of two photos, portraits on one strip, a photo with more around it. */

import { useEffect, useState } from "../vendor/preact-hooks.js";
import { attempt, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, html, word } from "../ui.js";
import { FacePhoto, useChoice, useSize } from "../faces.js";
import { Chooser, History, Outcome, followed, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay, namedIn } from "../recipes.js";
import { Paint, Tools, maskOf } from "../paint.js";

const REGIONS = ["smile", "eyes", "nose", "painted"];
const MASKS = ["left-right", "right-left", "top-bottom", "bottom-top"];
const KINDS = ["transfer", "blend", "strip", "extend"];
const TWO = ["transfer", "blend"]; // photos
const WIDER = 4; // times the photo, at most
/** @typedef {import("../faces.js").Named | null} Named */
/** @type {{kind: string, photo: File | null, other: File | null, region: string, strokes: import("../paint.js").Stroke[], strength: number, mask: string, attribute: string, count: number, seed: number, width: number, height: number, photo_face: Named, other_face: Named, made: any}} */
const NOTHING = { kind: "transfer", photo: null, other: null, region: "smile", strokes: [], strength: 1, mask: "left-right", attribute: "", count: 5, seed: 0, width: 0, height: 0, photo_face: null, other_face: null, made: null };

export function Collage() {
  const store = useStore();
  const person = store.person;
  const { now: look, show, commit } = useSteps(NOTHING);
  const [running, setRunning] = useState(/** @type {any} */ (null));
  const [tool, setTool] = useState(/** @type {import("../paint.js").Tool} */ ({ kind: "brush", size: 80 }));
  const [photo, other] = [useFile(look.photo), useFile(look.other)];
  const picture = useUrl(look.made?.picture ?? null);
  const own = useSize(photo);
  const change = (part) => commit({ ...look, made: null, ...part });
  const legend = (name) => t("which_face_of", { photo: t(`${name}_${look.kind}`) });
  const which = {
    photo: useChoice({ file: look.photo, source: photo, named: look.photo_face, legend: legend("photo"), onChoose: (photo_face) => change({ photo_face }) }),
    other: useChoice({ file: look.other, source: other, named: look.other_face, legend: legend("other"), onChoose: (other_face) => change({ other_face }) }),
  };
  useEffect(() => {
    const key = (event) => store.area === "collage" && event.detail === "save" && look.made && savePicture(look.made);
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  const kinds = KINDS.filter((kind) => store.about?.operations.some((o) => o.name === kind));
  const { kind } = look;
  const reach = person.reach.find((r) => r.attribute === look.attribute) ?? person.reach[0];
  const [width, height] = [look.width || Math.round(1.5 * own.width), look.height || own.height]; // of a wider photo
  const painting = kind === "transfer" && look.region === "painted";
  const ready = kind === "strip" ? !!reach : !!look.photo && (TWO.includes(kind) ? !!look.other && (!painting || look.strokes.length > 0) : own.width > 1);

  const make = (request) =>
    attempt(async () => {
      const second = kind === "transfer" ? "like" : "other";
      /** @type {Record<string, any>} */
      const files = { ...(kind === "strip" ? {} : { photo: [look.photo] }), ...(TWO.includes(kind) ? { [second]: [look.other] } : {}) };
      const job = await store.studio.submit(person.persona_id, kind, request, files);
      const made = remember(await followed(job, setRunning), look);
      commit((now) => ({ ...now, kind, made }));
    });
  const along = () => Array.from({ length: look.count }, (_, n) => ({ [reach.attribute]: Math.round(100 * (reach.low + ((reach.high - reach.low) * n) / (look.count - 1))) / 100 }));
  const go = () =>
    kind === "transfer" ? make({ ...(painting ? { mask: maskOf(look.strokes, own) } : { region: look.region }), strength: look.strength, ...which.photo.asked, ...(which.other.at ? { like_face: which.other.at } : {}) })
    : kind === "blend" ? make({ mask: look.mask === "everywhere" ? look.strength : look.mask, ...which.photo.asked, ...(which.other.at ? { other_face: which.other.at } : {}) })
    : kind === "extend" ? make({ size: [width, height], ...which.photo.asked })
    : make({ values: along(), seed: look.seed });
  const replayed = (job, request, { photo, like: [other = null] }) => {
    const { region, strength, mask, seed, size } = request;
    const faces = { photo_face: namedIn(request, photo, request.face), other_face: namedIn(request, other, request.like_face ?? request.other_face) };
    const shared = typeof mask === "number" ? { mask: "everywhere", strength: mask } : job.operation === "blend" ? { mask } : { strength: strength ?? 1, region: region ?? "painted" }; // the strokes are not in it
    const next = { ...NOTHING, kind: job.operation, photo, other, ...shared, seed, width: size?.[0] ?? 0, height: size?.[1] ?? 0, ...faces };
    commit({ ...next, made: remember(job, next) });
  };
  const place = (name, file, url) => html`<figure class="place"><figcaption>${t(`${name}_${kind}`)}</figcaption>
    ${file ? html`${painting && name === "photo"
        ? html`<${Paint} key=${url} source=${url} alt=${file.name} label=${t("taken_hint")} size=${own} strokes=${look.strokes} tool=${tool} onStrokes=${(strokes) => change({ strokes })} />
          <${Tools} tool=${tool} kinds=${["brush", "eraser"]} onTool=${setTool} onClear=${() => change({ strokes: [] })} />`
        : html`<${FacePhoto} source=${url} alt=${file.name} marks=${which[name].marks} />`}<button class="quiet" onClick=${() => change({ [name]: null, width: 0, height: 0, ...(name === "photo" ? { strokes: [] } : {}) })}>${t("another_photo")}</button>`
      : html`<${Drop} compact label=${t("drop_photo")} onFiles=${([one]) => change({ [name]: one })} />`}</figure>`;
  const choice = (name, values) => html`<div class="switch" role="group" aria-label=${t(name)}>${values.map((value) => html`<button aria-pressed=${look[name] === value} onClick=${() => change({ [name]: value })}>${word(`${name}_${value}`, value)}</button>`)}</div>`;
  const side = (name, value) => html`<label class="seed">${t(`extend_${name}`)}<input type="number" min=${own[name]} max=${WIDER * own[name]} value=${value}
    onChange=${(e) => change({ [name]: Math.max(own[name], Math.min(WIDER * own[name], Math.round(Number(e.target.value)) || own[name])) })} /></label>`;
  const strength = html`<label>${t("strength")}<input type="range" min="0" max="1" step="0.05" value=${look.strength} onInput=${(e) => show({ ...look, made: null, strength: Number(e.target.value) })} onChange=${() => commit()} /></label>`;
  return html`<section class="bench" aria-labelledby="collage-title"><h1 id="collage-title" class="hidden">${t("collage")}</h1>
    <div class="stage" aria-busy=${!!running}>
      ${picture
        ? kind === "transfer" && photo ? html`<${Compare} before=${photo} after=${picture} />` : html`<img class=${kind === "blend" ? "face" : "sheet"} src=${picture} alt=${t(kind)} />`
        : kind === "strip" ? html`<p class="hint">${t("strip_hint")}</p>` : html`<div class="pair">${place("photo", look.photo, photo)}${TWO.includes(kind) && place("other", look.other, other)}</div>`}
      ${running && html`<span class="busy">${t("working")}</span>`}</div>
    <div class="controls"><${Chooser} />
      ${choice("kind", kinds)}
      <p class="hint">${t(painting ? "taken_hint" : `${kind}_hint`)}</p>
      ${kind !== "strip" && html`${which.photo.row}${TWO.includes(kind) && which.other.row}`}
      ${kind === "transfer" && html`${choice("region", REGIONS)}${strength}`}
      ${kind === "blend" && html`<label>${t("mask_where")}<select value=${look.mask} onChange=${(e) => change({ mask: e.target.value })}>${[...MASKS, "everywhere"].map((m) => html`<option value=${m}>${t(`mask_${m}`)}</option>`)}</select></label>${look.mask === "everywhere" && strength}`}
      ${kind === "strip" && html`<label>${t("strip_along")}<select value=${reach?.attribute} onChange=${(e) => change({ attribute: e.target.value })}>${person.reach.map((r) => html`<option value=${r.attribute}>${word(r.attribute, r.attribute)}</option>`)}</select></label>
        <div class="row wrap"><label class="seed">${t("strip_count")}<input type="number" min="2" max="24" value=${look.count} onChange=${(e) => change({ count: Math.max(2, Math.min(24, Math.round(Number(e.target.value)) || 2)) })} /></label>
          <label class="seed">${t("seed")}<input type="number" min="0" value=${look.seed} onChange=${(e) => change({ seed: Math.max(0, Math.round(Number(e.target.value) || 0)) })} /></label></div>`}
      ${kind === "extend" && own.width > 1 && html`<div class="row wrap">${side("width", width)}${side("height", height)}</div>`}
      ${running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`}
      <div class="row wrap"><button class="primary" disabled=${running || !ready} onClick=${go}>${running ? t("working") : t("collage_go")}</button>
        ${look.made && kind !== "strip" && html`<button class="quiet" onClick=${() => change({})}>${t(TWO.includes(kind) ? "show_photos" : "before")}</button>`}
        <${Replay} operations=${KINDS} look=${look} onRunning=${setRunning} onMade=${replayed} /></div>
      <${Outcome} made=${look.made} /></div>
    <${History} operations=${KINDS} current=${look.made} onOpen=${(made) => commit({ ...NOTHING, ...made.look, made })} />
  </section>`;
}
