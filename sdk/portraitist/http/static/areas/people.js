/** People: who was learnt, learning somebody new, adding photos, deleting with a receipt. */

import { useEffect, useState } from "../vendor/preact-hooks.js";
import { attempt, following, set, t, useStore } from "../store.js";
import { Bar, Dialog, Drop, Picture, Trouble, VerdictLine, html, save, word } from "../ui.js";
import { useFile } from "../made.js";

/** Fetch everybody, and keep who is chosen. @param {any} store */
export async function refresh(store) {
  await attempt(async () => {
    const people = (await store.studio.people()).items.filter((person) => !person.name.startsWith("prior:")); // nobody was learnt
    set({ people, person: people.find((p) => p.persona_id === store.person?.persona_id) ?? people[0] ?? null });
  });
}

export function People() {
  const store = useStore();
  const [making, setMaking] = useState(/** @type {File[] | null} */ (null));
  const [deleting, setDeleting] = useState(/** @type {any} */ (null));
  const [open, setOpen] = useState("");
  useEffect(() => void resume(store), []);
  return html`<section aria-labelledby="people-title">
    <header class="row"><h1 id="people-title">${t("people")}</h1><button class="primary" onClick=${() => setMaking([])}>${t("person_new")}</button></header>
    ${store.learning.map((job) => html`<${Learning} key=${job.id} job=${job} />`)}
    ${store.people.length === 0 && store.learning.length === 0
      ? html`<${Drop} several label=${t("people_none")} onFiles=${setMaking} />`
      : html`<ul class="cards">${store.people.map((person) => html`<${Card} key=${person.persona_id} person=${person} open=${open === person.persona_id}
          onDetails=${() => setOpen(open === person.persona_id ? "" : person.persona_id)} onDelete=${() => setDeleting(person)} />`)}</ul>`}
    ${making && html`<${NewPerson} files=${making} onClose=${() => setMaking(null)} />`}
    ${deleting && html`<${Deleting} person=${deleting} onClose=${() => setDeleting(null)} />`}
  </section>`;
}

/** Jobs that learn and go on since before the page was opened. */
async function resume(store) {
  await refresh(store);
  await attempt(async () => {
    for (const status of ["running", "queued"]) {
      for (const job of (await store.studio.jobs({ status })).items) {
        if (["create", "add"].includes(job.operation)) watch(store, job, "");
      }
    }
  });
}

/** Follow a job that learns, until it is over. @param {any} store @param {any} job @param {string} name */
async function watch(store, job, name) {
  if (store.learning.some((one) => one.id === job.id)) return;
  const change = (changed) => set({ learning: store.learning.map((one) => (one.id === job.id ? { ...one, ...changed } : one)) });
  set({ learning: [...store.learning, { ...job, name }] });
  const looked = new Map(); // photos as they are judged, by name: the verdict, or null before there is one
  try {
    for await (const event of following(job.id)) {
      if (event.kind === "started") change({ status: "running", ahead: null });
      if (event.progress) change({ status: "running", progress: event.progress });
      if (event.progress?.photo) looked.set(event.progress.photo, null);
      for (const verdict of event.progress?.photos ?? []) looked.set(verdict.name, verdict);
      change({ looked: [...looked].reverse() });
    }
    const over = await store.studio.job(job.id);
    if (over.status === "failed") return change(over); // stays until it is read
    set({ learning: store.learning.filter((one) => one.id !== job.id) });
    await refresh(store);
  } catch (error) {
    set({ trouble: error, learning: store.learning.filter((one) => one.id !== job.id) });
  }
}

function Learning({ job }) {
  const store = useStore();
  const away = () => set({ learning: store.learning.filter((one) => one.id !== job.id) });
  if (job.status === "failed") return html`<${Trouble} error=${{ ...job.error, message: job.error.message }} onClose=${away} />`;
  const what = job.operation === "add" ? t("adding", { name: job.name }) : t("learning", { name: job.name });
  const judging = job.progress?.stage === "intake";
  const shown = (job.looked ?? []).filter(([, verdict]) => judging || (verdict && (!verdict.accepted || verdict.warnings.length))); // later: only what is to be read
  return html`<${Bar} job=${job} what=${what} onCancel=${() => attempt(() => store.studio.cancel(job.id))}>
    ${shown.length > 0 && html`<ul class="verdicts">${shown.map(([name, verdict]) => verdict
      ? html`<${VerdictLine} key=${name} verdict=${verdict} />`
      : html`<li key=${name}><span class="mark" aria-hidden="true">◦</span><span><b>${name}</b> <span class="state">${t("looked_at")}</span></span></li>`)}</ul>`}
  </${Bar}>`;
}

function Card({ person, open, onDetails, onDelete }) {
  const store = useStore();
  const used = person.photos.filter((v) => v.accepted).length;
  const advice = person.reach.filter((r) => r.advice);
  const add = (files) => attempt(async () => watch(store, await store.studio.submit(person.persona_id, "add", {}, { photos: files }), person.name));
  return html`<li class=${`card ${store.person?.persona_id === person.persona_id ? "chosen" : ""}`}>
    <button class="picture" onClick=${() => (set({ person }), (location.hash = "portrait"))} aria-label=${`${t("person_open")}: ${person.name}`}>
      <${Picture} address=${person.preview} alt="" />
    </button>
    <div class="row"><h2>${person.name}</h2><small>${t("person_photos", { used, all: person.photos.length })}</small></div>
    <div class="row">
      <button class="primary" onClick=${() => (set({ person }), (location.hash = "portrait"))}>${t("portrait")}</button>
      <button class="quiet" aria-expanded=${open} onClick=${onDetails}>${t("person_verdicts")}</button>
      <button class="quiet danger" onClick=${onDelete}>${t("person_delete")}</button>
    </div>
    ${open && html`<div class="details">
      ${advice.length > 0 && html`<h3>${t("person_advice")}</h3><ul>${advice.map((r) => html`<li><b>${word(r.attribute, r.attribute)}</b>: <span lang="en">${r.advice}</span></li>`)}</ul>`}
      <${Drop} several compact label=${t("person_add")} onFiles=${add} />
      <ul class="verdicts">${person.photos.map((v) => html`<${VerdictLine} verdict=${v} />`)}</ul>
    </div>`}
  </li>`;
}

function NewPerson({ files, onClose }) {
  const store = useStore();
  const [photos, setPhotos] = useState(/** @type {File[]} */ (files));
  const [name, setName] = useState("");
  const [agreed, setAgreed] = useState(false);
  const [who, setWho] = useState("");
  const [until, setUntil] = useState("");
  const [attributes, setAttributes] = useState(["yaw", "pitch", "smile"]);
  const [preset, setPreset] = useState("balanced");
  const priors = store.priors.filter((one) => one.calibrated);
  const [prior, setPrior] = useState("default");
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [sending, setSending] = useState(false);
  const ready = photos.length > 0 && name.trim() && agreed && who.trim() && attributes.length > 0 && !sending;
  const learn = async (event) => {
    event.preventDefault();
    if (!ready) return;
    setSending(true);
    setTrouble(null);
    const consent = { subject: name.trim(), by: who.trim(), text: t("consent_text"), ...(until ? { expires: `${until}T23:59:59Z` } : {}) };
    try {
      const job = await store.studio.create({ name: name.trim(), attributes, preset, prior, consent }, photos);
      onClose();
      watch(store, job, name.trim());
    } catch (error) {
      setTrouble(error);
      setSending(false);
    }
  };
  const flip = (a) => setAttributes(attributes.includes(a) ? attributes.filter((one) => one !== a) : [...attributes, a]);
  return html`<${Dialog} title=${t("person_new")} onClose=${onClose}>
    <form onSubmit=${learn}>
      ${trouble && html`<${Trouble} error=${trouble} />`}
      <${Drop} several compact=${photos.length > 0} label=${photos.length ? t("photos_chosen", { n: photos.length }) : t("drop_photos")} onFiles=${(more) => setPhotos([...photos, ...more])} />
      ${photos.length > 0 && html`<ul class="thumbs">${photos.map((file, n) => html`<${Thumb} key=${file.name + file.size} file=${file} onRemove=${() => setPhotos(photos.filter((_, i) => i !== n))} />`)}</ul>`}
      <label>${t("name")}<input value=${name} maxlength="64" required onInput=${(e) => setName(e.target.value)} /><small>${t("name_hint")}</small></label>
      <fieldset><legend>${t("consent")}</legend>
        <label class="check"><input type="checkbox" checked=${agreed} onChange=${(e) => setAgreed(e.target.checked)} /> <span>${t("consent_text")}</span></label>
        <div class="row"><label>${t("consent_who")}<input value=${who} maxlength="200" onInput=${(e) => setWho(e.target.value)} /></label>
          <label>${t("consent_until")}<input type="date" value=${until} onInput=${(e) => setUntil(e.target.value)} /></label></div>
      </fieldset>
      <fieldset><legend>${t("attributes")}</legend><div class="row wrap">${(store.about?.attributes ?? []).map((a) => html`<label class="check"><input type="checkbox" checked=${attributes.includes(a.name)} onChange=${() => flip(a.name)} /> ${word(a.name, a.name)}</label>`)}</div></fieldset>
      ${priors.length > 1 && html`<label>${t("prior")}<select value=${prior} onChange=${(e) => setPrior(e.target.value)}>${priors.map((one) => html`<option value=${one.name}>${one.name}${Object.keys(one.parts).length ? `: ${t("prior_parts")}` : ""}</option>`)}</select></label>`}
      <fieldset><legend>${t("quality")}</legend><div class="row wrap">${["fast", "balanced", "best"].map((p) => html`<label class="check"><input type="radio" name="preset" checked=${preset === p} onChange=${() => setPreset(p)} /> ${t(p)}</label>`)}</div></fieldset>
      <footer class="row"><button type="button" class="quiet" onClick=${onClose}>${t("cancel")}</button><button class="primary" disabled=${!ready}>${t("learn")}</button></footer>
    </form>
  </${Dialog}>`;
}

function Thumb({ file, onRemove }) {
  return html`<li><img src=${useFile(file)} alt=${file.name} /><button type="button" class="quiet" onClick=${onRemove} aria-label=${t("photo_remove", { name: file.name })}>×</button></li>`;
}

function Deleting({ person, onClose }) {
  const store = useStore();
  const [receipt, setReceipt] = useState(/** @type {any} */ (null));
  const erase = () =>
    attempt(async () => {
      setReceipt(await store.studio.erase(person.persona_id));
      set({ made: store.made.filter((made) => made.person !== person.persona_id) });
      await refresh(store);
    });
  return html`<${Dialog} title=${receipt ? t("deleted", { name: person.name }) : t("delete_title", { name: person.name })} onClose=${onClose}>
    ${receipt
      ? html`<footer class="row"><button class="quiet" onClick=${onClose}>${t("close")}</button><button class="primary" onClick=${() => save(`${person.persona_id}-receipt.json`, new Blob([JSON.stringify(receipt, null, 2)]))}>${t("receipt")}</button></footer>`
      : html`<p>${t("delete_text", { name: person.name })}</p><footer class="row"><button class="quiet" onClick=${onClose}>${t("cancel")}</button><button class="danger" onClick=${erase}>${t("delete_yes")}</button></footer>`}
  </${Dialog}>`;
}
