/** Styles: a photo or a new portrait as a cartoon, a drawing, a clay figure; and styles of one's own, learnt from pictures. */

import { useEffect, useState } from "../vendor/preact-hooks.js";
import { attempt, following, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Dialog, Drop, html, word } from "../ui.js";
import { FacePhoto, useChoice } from "../faces.js";
import { Chooser, History, Outcome, followed, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay, namedIn } from "../recipes.js";

const REGIONS = ["", "head", "face", "hair", "eyes", "smile", "nose", "background"];
const LEAST = 5; // pictures to learn from
/** @type {{photo: File | null, style: string, strength: number, region: string, like: File | null, tuned: boolean, seed: number, face: import("../faces.js").Named | null, made: any}} */
const NOTHING = { photo: null, style: "toon", strength: 1, region: "", like: null, tuned: false, seed: 1, face: null, made: null };

/** @typedef {{name: string, bases: string[], record: any}} Style `record`: null for those that come with Portraitist */

export function Styles() {
  const store = useStore();
  const person = store.person;
  const { now: look, show, commit } = useSteps(NOTHING);
  const [styles, setStyles] = useState(/** @type {Style[] | null} */ (null)); // null: not known yet
  const [running, setRunning] = useState(/** @type {any} */ (null));
  const [removing, setRemoving] = useState(/** @type {Style | null} */ (null));
  const photo = useFile(look.photo);
  const picture = useUrl(look.made?.picture ?? null);
  const which = useChoice({ file: look.photo, source: photo, named: look.face, onChoose: (face) => change({ face }) });
  const refresh = () => attempt(async () => setStyles((await store.studio.styles()).items));
  useEffect(() => void refresh(), []);
  useEffect(() => {
    const key = (event) => {
      if (store.area !== "styles") return;
      if (event.detail === "save" && look.made) savePicture(look.made);
      if (event.detail === "another" && !look.photo) another();
    };
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  const base = person.prior.split("@")[0];
  const worn = (styles ?? []).filter((style) => style.bases.includes(base));
  const style = worn.find((one) => one.name === look.style) ?? worn[0];
  const region = look.photo ? look.region : "";
  const change = (part) => commit({ ...look, made: null, ...part });

  const go = (seed) =>
    attempt(async () => {
      const request = { style: style.name, strength: look.strength, seed, ...(region ? { region } : {}), ...(look.tuned && look.photo ? { preset: "best" } : {}), ...which.asked };
      const job = await store.studio.submit(person.persona_id, "restyle", request, { ...(look.photo ? { photo: [look.photo] } : {}), ...(look.like ? { like: [look.like] } : {}) });
      const made = remember(await followed(job, setRunning), { ...look, seed });
      commit((now) => ({ ...now, seed, made }));
    });
  const replayed = (job, request, { photo, like: [like = null] }) => {
    const { style, strength, seed, region, preset } = request;
    const next = { ...NOTHING, photo, style, strength, seed, region: region ?? "", like, tuned: preset === "best", face: namedIn(request, photo, request.face) };
    commit({ ...next, made: remember(job, next) });
  };
  const another = () => style && !running && go(1 + Math.floor(Math.random() * 999_999));
  return html`<section class="bench" aria-labelledby="styles-title"><h1 id="styles-title" class="hidden">${t("styles")}</h1>
    <div class="stage" aria-busy=${!!running}>
      ${look.made && picture
        ? look.made.request.region && photo ? html`<${Compare} before=${photo} after=${picture} />` : html`<img class=${look.made.request.region ? "sheet" : "face"} src=${picture} alt=${word(`style_${look.made.request.style}`, look.made.request.style)} />`
        : look.photo ? html`<${FacePhoto} source=${photo} alt=${look.photo.name} marks=${which.marks} />` : html`<${Drop} label=${t("style_drop")} onFiles=${([one]) => change({ photo: one })} />`}
      ${running && html`<span class="busy">${t("working")}</span>`}</div>
    <div class="controls"><${Chooser} />
      ${styles && worn.length === 0 && html`<p class="hint">${t("style_none", { base })}</p>`}
      ${worn.length > 0 && html`<div class="choices" role="group" aria-label=${t("style")}>${worn.map((one) => html`<span key=${one.name}>
        <button aria-pressed=${one === style} onClick=${() => change({ style: one.name })}>${word(`style_${one.name}`, one.name)}</button>
        ${one.record && html`<button class="quiet small" onClick=${() => setRemoving(one)} aria-label=${t("style_remove", { name: one.name })} title=${t("style_remove", { name: one.name })}>×</button>`}</span>`)}</div>
      ${style?.record && html`<p class="hint">${t("style_about", { n: style.record.pictures, steps: style.record.steps })} ${style.record.warnings.join(" ")}</p>`}
      <label>${t("strength")}: ${Math.round(100 * look.strength)} %<input type="range" min="0" max="1" step="0.05" value=${look.strength} onInput=${(e) => show({ ...look, strength: Number(e.target.value) })} onChange=${() => change({ strength: look.strength })} /></label>
      ${which.row}
      ${look.like
        ? html`<p>${t("style_like_of", { name: look.like.name })} <button class="quiet small" onClick=${() => change({ like: null })}>${t("clear")}</button></p>`
        : html`<${Drop} compact label=${t("style_like")} onFiles=${([one]) => change({ like: one })} />`}
      ${look.photo
        ? html`<label>${t("style_region")}<select value=${look.region} onChange=${(e) => change({ region: e.target.value })}>${REGIONS.map((one) => html`<option value=${one}>${one ? word(`region_${one}`, one) : t("style_whole")}</option>`)}</select></label>
          <label class="check"><input type="checkbox" checked=${look.tuned} onChange=${(e) => change({ tuned: e.target.checked })} /> ${t("style_tuned")}</label>`
        : html`<label class="seed">${t("seed")}<input type="number" min="0" value=${look.seed} onChange=${(e) => change({ seed: Math.max(0, Math.round(Number(e.target.value) || 0)) })} /></label>`}`}
      ${running && html`<${Bar} job=${running} what=${t("working")} onCancel=${() => attempt(() => store.studio.cancel(running.id))} />`}
      <div class="row wrap"><button class="primary" disabled=${running || !style} onClick=${() => go(look.seed)}>${running ? t("working") : t("style_go")}</button>
        ${!look.photo && html`<button disabled=${running || !style} onClick=${another}>${t("another")}</button>`}
        ${look.made && look.photo && html`<button class="quiet" onClick=${() => change({})}>${t("before")}</button>`}
        ${look.made && !look.photo && html`<button class="quiet" onClick=${() => change({})}>${t("style_photo")}</button>`}
        ${look.photo && html`<button class="quiet" onClick=${() => change({ photo: null })}>${t("another_photo")}</button>`}
        <${Replay} operations=${["restyle"]} look=${look} onRunning=${setRunning} onMade=${replayed} /></div>
      <${Outcome} made=${look.made} />
      <${Learn} base=${base} onLearnt=${(name) => refresh().then(() => change({ style: name }))} /></div>
    <${History} operations=${["restyle"]} current=${look.made} onOpen=${(made) => commit({ ...NOTHING, ...made.look, made })} />
    ${removing && html`<${Removing} style=${removing} onClose=${() => setRemoving(null)} onGone=${refresh} />`}
  </section>`;
}

/** A style of one's own: its name and pictures; how far it is. @param {{base: string, onLearnt: (name: string) => void}} props */
function Learn({ base, onLearnt }) {
  const store = useStore();
  const [name, setName] = useState("");
  const [pictures, setPictures] = useState(/** @type {File[]} */ ([]));
  const [jobs, setJobs] = useState(/** @type {{job: any, name: string}[]} */ ([]));
  const [learnt, setLearnt] = useState(/** @type {any} */ (null)); // the record of the one that was learnt last
  const watch = (job, name) =>
    attempt(async () => {
      setJobs((all) => [...all, { job, name }]);
      try {
        for await (const event of following(job.id)) if (event.progress) setJobs((all) => all.map((one) => (one.job.id === job.id ? { ...one, job: { ...job, status: "running", progress: event.progress } } : one)));
        const over = await store.studio.job(job.id);
        if (over.status === "cancelled") return;
        const record = (await store.studio.finished(over)).result;
        setLearnt(record);
        onLearnt(record.name);
      } finally {
        setJobs((all) => all.filter((one) => one.job.id !== job.id));
      }
    });
  useEffect(() => void attempt(async () => {
    for (const status of /** @type {const} */ (["running", "queued"])) // of before the page was opened
      for (const job of (await store.studio.jobs({ status })).items) if (job.operation === "style") watch(job, "");
  }), []);
  const learn = (event) => {
    event.preventDefault();
    return attempt(async () => {
      const job = await store.studio.learnStyle({ name: name.trim(), base }, pictures);
      watch(job, name.trim());
      setName("");
      setPictures([]);
    });
  };
  const ready = name.trim() && pictures.length >= LEAST;
  const refused = Object.entries(learnt?.refused ?? {});
  return html`<details class="learn"><summary>${t("style_learn")}</summary>
      <p class="hint">${t("style_learn_hint", { base })}</p>
      <form onSubmit=${learn}>
        <${Drop} several compact label=${pictures.length ? t("photos_chosen", { n: pictures.length }) : t("style_pictures")} onFiles=${(more) => setPictures([...pictures, ...more])} />
        <label>${t("name")}<input value=${name} maxlength="64" onInput=${(e) => setName(e.target.value)} /></label>
        ${pictures.length > 0 && pictures.length < LEAST && html`<p class="warning">${t("style_few", { n: LEAST })}</p>`}
        <div class="row wrap"><button class="primary" disabled=${!ready}>${t("style_learn_go")}</button>
          ${pictures.length > 0 && html`<button type="button" class="quiet" onClick=${() => setPictures([])}>${t("clear")}</button>`}</div>
      </form></details>
    ${jobs.map(({ job, name }) => html`<${Bar} key=${job.id} job=${job} what=${t("style_learning", { name })} onCancel=${() => attempt(() => store.studio.cancel(job.id))} />`)}
    ${learnt && html`<div role="status" aria-label=${t("style_learnt", { name: learnt.name })}><p><b>${t("style_learnt", { name: learnt.name })}</b> ${t("style_about", { n: learnt.pictures, steps: learnt.steps })}</p>
      ${refused.length > 0 && html`<ul class="verdicts">${refused.map(([file, why]) => html`<li class="refused"><span class="mark" aria-hidden="true">✕</span><span><b>${file}</b> <small>${why}</small></span></li>`)}</ul>`}</div>`}`;
}

/** @param {{style: Style, onClose: () => void, onGone: () => void}} props */
function Removing({ style, onClose, onGone }) {
  const store = useStore();
  const remove = () =>
    attempt(async () => {
      await store.studio.removeStyle(style.name);
      onGone();
    }).finally(onClose);
  return html`<${Dialog} title=${t("style_remove", { name: style.name })} onClose=${onClose}><p>${t("style_remove_text")}</p>
    <footer class="row"><button class="quiet" onClick=${onClose}>${t("cancel")}</button><button class="danger" onClick=${remove}>${t("style_remove_yes")}</button></footer></${Dialog}>`;
}
