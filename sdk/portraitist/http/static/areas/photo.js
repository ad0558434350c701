/** Photo: open a real photo of the person, move sliders, see before and after. What is not moved stays as it is. */

import { useEffect, useState } from "../vendor/preact-hooks.js";
import { attempt, did, set, t, useStore } from "../store.js";
import { Compare, Drop, Slider, html } from "../ui.js";
import { Chooser, History, Outcome, limitsOf, remember, savePicture, useFile, useUrl } from "../made.js";

export function Photo() {
  const store = useStore();
  const person = store.person;
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const source = useFile(file);
  const [values, setValues] = useState(/** @type {Record<string, number>} */ ({}));
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const result = useUrl(made?.picture ?? null);
  const open = (one) => {
    setFile(one);
    setMade(null);
    setValues({});
  };
  useEffect(() => setMade(null), [person?.persona_id]);
  useEffect(() => {
    const key = (event) => store.area === "photo" && event.detail === "save" && made && savePicture(made);
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  if (!file) return html`<section class="bench single" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1><${Chooser} /><${Drop} label=${t("drop_photo")} onFiles=${([one]) => open(one)} /></section>`;
  const apply = async () => {
    setBusy(true);
    const request = { values };
    const job = await attempt(() => store.studio.run(person.persona_id, "edit", request, { photo: [file] }));
    setBusy(false);
    if (!job) return;
    const last = made;
    const next = remember(job, "edit", request);
    setMade(next);
    did(() => setMade(next), () => setMade(last));
  };
  const move = (name, value) => {
    const next = { ...values, [name]: value };
    if (value === null) delete next[name];
    setValues(next);
  };
  return html`<section class="bench" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1>
    <div class="stage" aria-busy=${busy}>${result ? html`<${Compare} before=${source} after=${result} />` : html`<img src=${source} alt=${file.name} />`}
      ${busy && html`<span class="busy">${t("working")}</span>`}</div>
    <div class="controls"><${Chooser} />
      <p class="hint">${t("photo_hint")}</p>
      ${person.reach.map((reach) => html`<${Slider} key=${reach.attribute} area="photo" reach=${reach} limits=${limitsOf(reach.attribute, reach)} value=${values[reach.attribute] ?? null}
        achieved=${made?.job.result.pictures[0].report.attributes[reach.attribute]?.achieved ?? null} onInput=${(v) => move(reach.attribute, v)} onDone=${() => {}} />`)}
      <div class="row wrap"><button class="primary" disabled=${busy || !Object.keys(values).length} onClick=${apply}>${busy ? t("working") : t("apply")}</button>
        <button class="quiet" onClick=${() => open(null)}>${t("another_photo")}</button></div>
      <${Outcome} made=${made} /></div>
    <${History} operations=${["edit"]} current=${made} onOpen=${setMade} />
  </section>`;
}
