/** Parts: a face whose generator is cut by meaning. A part is clicked on, set, moved, taken from another photo or left out. */

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { attempt, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, html, shown, word } from "../ui.js";
import { FacePhoto, useChoice } from "../faces.js";
import { Chooser, History, Outcome, followed, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay, namedIn } from "../recipes.js";
import { PartMap, colourOf } from "../partmap.js";

/**
 * @typedef {{like: File | null, take: "both" | "shape" | "texture", draw: number | null, values: Record<string, number>, dx: number, dy: number, scale: number, leave_out: boolean}} Change
 *   `draw`: seed of a face that nobody has
 */
/** @type {Change} */
const UNCHANGED = { like: null, take: "both", draw: null, values: {}, dx: 0, dy: 0, scale: 1, leave_out: false };
/** @type {{photo: File | null, seed: number, part: string, changes: Record<string, Change>, face: import("../faces.js").Named | null, made: any}} */
const NOTHING = { photo: null, seed: 1, part: "", changes: {}, face: null, made: null };
const MOVES = /** @type {const} */ ([["dx", -16, 16, 1], ["dy", -16, 16, 1], ["scale", 0.5, 2, 0.05]]);

const UNLABELLED = /^(shape|texture)_(\d)$/; // what every part has, see docs/parts.md

/** The parts that a person's faces are made of; null: they are drawn as a whole. @param {any} store */
export const partsOf = (store) => {
  const found = store.priors.find((prior) => prior.name === store.person?.prior.split("@")[0])?.parts ?? {};
  return Object.keys(found).length ? found : null;
};

/**
 * What a composition was asked to do, as this area sets it. A photo that does not lie in the page is not shown as taken from.
 * @param {any} request @param {(File | null)[]} like those that the request takes parts from @param {string[]} names @returns {Record<string, Change>}
 */
function settingsOf({ changes, only }, like, names) {
  const hidden = only.length ? names.filter((name) => !only.includes(name)) : [];
  /** @type {Record<string, Change>} */
  const found = Object.fromEntries(hidden.map((name) => [name, { ...UNCHANGED, leave_out: true }]));
  for (const { part, like: number, draw, shape, texture, ...rest } of changes) {
    const file = number === null ? null : like[number];
    const taken = file ? { like: file, take: shape && texture ? "both" : shape ? "shape" : "texture" } : {};
    const drawn = draw === null ? {} : { draw: [draw].flat().at(-1) };
    found[part] = { ...UNCHANGED, ...found[part], ...rest, ...taken, ...drawn };
  }
  return found;
}

export function Parts() {
  const store = useStore();
  const person = store.person;
  const { now: look, show, commit, renew } = useSteps(NOTHING);
  const [base, setBase] = useState(/** @type {any} */ (null)); // the face as it is, with its parts: a job
  const [running, setRunning] = useState(/** @type {any} */ (null));
  const [mapped, setMapped] = useState(false); // every part in its colour
  const [whole, setWhole] = useState(false); // the photo, not the face alone
  const asked = useRef("");
  const parts = person ? partsOf(store) : null;
  const source = useFile(look.photo);
  const other = useFile(look.changes[look.part]?.like ?? null);
  const result = (look.made?.job ?? base)?.result.pictures[0];
  const face = useUrl(result ? (result.crop ?? result.blob) : null);
  const picture = useUrl(result?.blob ?? null);
  const which = useChoice({ file: parts && look.photo, source, named: look.face, onChoose: (face) => commit({ ...look, face, made: null }) });

  const run = (request, files, done) =>
    attempt(async () => done(await followed(await store.studio.submit(person?.persona_id ?? "", "compose", request, files), setRunning)));
  const photo = () => (look.photo ? { photo: [look.photo] } : undefined);
  // The face without a change says where its parts are. To show all of them is a picture like any other.
  const of = `${person?.persona_id} ${source} ${look.photo ? `${which.at}` : look.seed}`;
  useEffect(() => {
    if (!parts) return;
    asked.current = of;
    setBase(null);
    run({ only: Object.keys(parts), seed: look.seed, ...which.asked }, photo(), (job) => asked.current === of && setBase(job));
  }, [of, !!parts]);
  useEffect(() => {
    renew(NOTHING);
    setWhole(false);
  }, [person?.persona_id]);
  useEffect(() => {
    const key = (event) => {
      if (store.area !== "parts" || !parts) return;
      if (event.detail === "save" && look.made) savePicture(look.made);
      if (event.detail === "another" && !look.photo && !running) another();
    };
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  const another = () => commit({ ...look, made: null, seed: 1 + Math.floor(Math.random() * 999_999) });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  if (!parts)
    return html`<section class="bench single" aria-labelledby="parts-title"><h1 id="parts-title" class="hidden">${t("parts")}</h1><${Chooser} />
      <p class="hint">${t("parts_none", { name: person.name, prior: person.prior.split("@")[0], priors: store.priors.filter((p) => Object.keys(p.parts).length).map((p) => p.name).join(", ") })}</p>
      <button class="primary" onClick=${() => (location.hash = "people")}>${t("people")}</button></section>`;

  const names = Object.keys(parts);
  const part = names.includes(look.part) ? look.part : "";
  const change = look.changes[part] ?? UNCHANGED;
  const spoken = (name) => word(`piece_${name}`, name);
  const put = (to, how) => how({ ...look, made: null, changes: { ...look.changes, [part]: { ...change, ...to } } });
  const undoPart = (name) => commit({ ...look, made: null, changes: Object.fromEntries(Object.entries(look.changes).filter(([one]) => one !== name)) });
  const changed = names.filter((name) => name in look.changes && JSON.stringify({ ...look.changes[name], like: !!look.changes[name].like, take: 0 }) !== JSON.stringify({ ...UNCHANGED, like: false, take: 0 }));
  const go = () => {
    /** @type {Record<string, File[]>} */
    const files = { ...photo() };
    const asked = changed.map((name, n) => {
      const { like, take, draw, ...rest } = look.changes[name];
      if (like) files[`like${n}`] = [like];
      const taken = like ? { [take === "both" ? "like" : take]: `part:like${n}` } : draw === null ? {} : { draw };
      return { name, ...rest, ...taken };
    });
    const request = { parts: asked, seed: look.seed, ...which.asked };
    return run(request, Object.keys(files).length ? files : undefined, (job) => {
      const made = remember(job, look);
      commit((now) => ({ ...now, made }));
    });
  };
  /** What a recipe says of the parts becomes their settings. */
  const replayed = (job, request, { photo, like }) => {
    const changes = settingsOf(request, like, Object.keys(parts ?? {}));
    const next = { ...NOTHING, photo, seed: request.seed, changes, part: Object.keys(changes)[0] ?? "", face: namedIn(request, photo, request.face) };
    commit({ ...next, made: remember(job, next) });
  };
  const slide = (label, value, [low, high, step], text, to) => html`<label class="ranged"><span>${label}</span><span class="value">${text}</span><input type="range" min=${low} max=${high} step=${step} value=${value}
    onInput=${(e) => put(to(Number(e.target.value)), show)} onChange=${() => commit()} /></label>`;
  const setting = (name) => {
    const [low, high] = parts[part][name];
    const value = change.values[name];
    const [from, to] = [Math.max(low, -100), Math.min(high, 100)];
    const [, kind, number] = name.match(UNLABELLED) ?? [];
    const label = kind ? `${t(kind)} ${number}` : word(name, name.replaceAll("_", " "));
    return slide(label, value ?? (from + to) / 2, [from, to, (to - from) / 100], value === undefined ? t("part_as_is") : shown(value), (v) => ({ values: { ...change.values, [name]: v } }));
  };
  return html`<section class="bench" aria-labelledby="parts-title"><h1 id="parts-title" class="hidden">${t("parts")}</h1>
    <div class="stage" aria-busy=${!!running}>
      ${!face || !result ? (which.marks && !running ? html`<${FacePhoto} source=${source} alt=${look.photo?.name} marks=${which.marks} />` : html`<p class="hint">${t("working")}</p>`)
        : whole && look.photo ? html`<${Compare} before=${source} after=${picture}>${which.marks}</${Compare}>`
        : html`<div class="fitted" style=${{ "--aspect": 1 }}><div class="sheet"><img src=${face} alt=${person.name} draggable="false" />${result.classes && html`<${PartMap} classes=${result.classes} chosen=${part} all=${mapped} onPick=${(name) => commit({ ...look, part: name })} />`}</div></div>`}
      ${running && html`<span class="busy">${t("working")}</span>`}
      <div class="row tools" role="toolbar" aria-label=${t("tools")}><button class=${mapped ? "" : "quiet"} aria-pressed=${mapped} onClick=${() => setMapped(!mapped)}>${t("part_mask")}</button>
        ${look.photo && html`<button class=${whole ? "" : "quiet"} aria-pressed=${whole} onClick=${() => setWhole(!whole)}>${t("part_whole")}</button>`}</div></div>
    <div class="controls"><${Chooser} />
      ${which.row}<p class="hint">${t("parts_hint")}</p>
      <div class="choices" role="group" aria-label=${t("part")}>${names.map((name, number) => html`<button key=${name} class=${changed.includes(name) ? "changed" : ""} aria-pressed=${name === part} onClick=${() => commit({ ...look, part: name })}>
        ${mapped && html`<i class="swatch" style=${{ background: colourOf(number) }} />`}${spoken(name)}${changed.includes(name) && html`<span aria-label=${t("part_changed")}> •</span>`}</button>`)}</div>
      ${part && html`<fieldset><legend>${spoken(part)}</legend><div class="partform">
        ${Object.keys(parts[part]).filter((name) => !UNLABELLED.test(name)).map(setting)}
        <details key=${part}><summary>${t("part_more")}</summary>${Object.keys(parts[part]).filter((name) => UNLABELLED.test(name)).map(setting)}</details>
        ${change.like
          ? html`<div class="row taken"><img src=${other} alt=${change.like.name} /><label>${t("part_take")}<select value=${change.take} onChange=${(e) => put({ take: e.target.value }, commit)}>${["both", "shape", "texture"].map((one) => html`<option value=${one}>${t(`take_${one}`)}</option>`)}</select></label>
              <button class="quiet small" onClick=${() => put({ like: null }, commit)} aria-label=${t("photo_remove", { name: change.like.name })}>×</button></div>`
          : html`<${Drop} compact label=${t("part_like", { part: spoken(part) })} onFiles=${([one]) => put({ like: one, draw: null }, commit)} />`}
        ${MOVES.map(([name, ...range]) => slide(t(`part_${name}`), change[name], range, name === "scale" ? `${Math.round(100 * change.scale)} %` : `${change[name]} px`, (v) => ({ [name]: v })))}
        <label class="check"><input type="checkbox" checked=${change.leave_out} onChange=${(e) => put({ leave_out: e.target.checked }, commit)} /> ${t("part_leave_out")}</label>
        <div class="row wrap"><button onClick=${() => put({ draw: 1 + Math.floor(Math.random() * 999_999), like: null }, commit)}>${t("part_draw")}</button>${change.draw !== null && html`<small>${t("seed")} ${change.draw}</small>`}
          <button class="quiet" disabled=${!changed.includes(part)} onClick=${() => undoPart(part)}>${t("part_undo")}</button></div></div></fieldset>`}
      ${running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`}
      <div class="row wrap"><button class="primary" disabled=${running || !changed.length || !!look.made} onClick=${go}>${running ? t("working") : t("collage_go")}</button>
        ${look.made && html`<button class="quiet" onClick=${() => commit({ ...look, made: null })}>${t("before")}</button>`}
        ${!look.photo && html`<button disabled=${running} onClick=${another}>${t("another")}</button>`}
        ${look.photo && html`<button class="quiet" onClick=${() => commit({ ...NOTHING })}>${t("part_portrait")}</button>`}
        <${Replay} operations=${["compose"]} look=${look} onRunning=${setRunning} onMade=${replayed} /></div>
      ${!look.photo && html`<${Drop} compact label=${t("parts_drop")} onFiles=${([one]) => commit({ ...NOTHING, photo: one })} />`}
      <${Outcome} made=${look.made} /></div>
    <${History} operations=${["compose"]} current=${look.made} onOpen=${(made) => commit({ ...NOTHING, ...made.look, made })} />
  </section>`;
}
