/** What was made: a picture with its report, saving, its recipe, and the row of thumbnails to go back to. */

import { useEffect, useMemo, useState } from "./vendor/preact-hooks.js";
import { attempt, following, set, state, t, useStore } from "./store.js";
import { Picture, Report, fetchPicture, html, save } from "./ui.js";

/** A job that was just submitted, when it is over; meanwhile `onRunning` is told of it. @param {any} job @param {(job: any) => void} onRunning */
export async function followed(job, onRunning) {
  onRunning(job);
  try {
    for await (const event of following(job.id)) if (event.progress) onRunning({ ...job, progress: event.progress });
    return await state.studio.finished(await state.studio.job(job.id));
  } finally {
    onRunning(null);
  }
}

/** Remember a finished job's first picture. `look`: the area's state that it was made from, to come back to.
 * @param {any} job @param {any} [look] @returns {import("./store.js").Made} */
export function remember(job, look) {
  const { sheet, pictures } = job.result;
  const made = { operation: job.operation, request: pictures[0].report.recipe.request, job, look, person: job.persona_id, picture: sheet ?? pictures[0].blob };
  set({ made: [made, ...state.made].slice(0, 60) });
  return made;
}

/** @param {import("./store.js").Made} made */
export async function savePicture(made) {
  const address = await attempt(() => fetchPicture(made.picture)); // the file as delivered: with its credentials
  const number = made.job.result.pictures.length > 1 && !made.job.result.sheet ? `-${1 + (made.number ?? 0)}` : "";
  if (address) save(`${state.person?.name ?? "picture"}-${made.job.id.slice(4, 12)}${number}.png`, address);
}

/** How it was made, which the SDK and the command line replay, too. @param {import("./store.js").Made} made */
export function saveRecipe(made) {
  save(`${made.job.id}.json`, new Blob([JSON.stringify(made.job.result.pictures[0].report.recipe, null, 2)], { type: "application/json" }));
}

/** @param {{made: import("./store.js").Made | null, job?: any}} props `job`: a newer one than what was kept, while a slider moves */
export function Outcome({ made, job }) {
  if (!made) return null;
  const report = (job ?? made.job).result.pictures[made.number ?? 0].report;
  return html`<div class="row wrap">
      <button onClick=${() => savePicture(made)}>${t("save")}</button>
      <button class="quiet" onClick=${() => saveRecipe(made)}>${t("save_recipe")}</button>
    </div>
    <details open><summary>${t("report")}</summary><${Report} report=${report} /></details>`;
}

/** @param {{operations: string[], onOpen: (made: import("./store.js").Made) => void, current: any}} props */
export function History({ operations, onOpen, current }) {
  const store = useStore();
  const mine = store.made.filter((made) => made.person === store.person?.persona_id && operations.includes(made.operation));
  return html`<section class="history" aria-label=${t("history")}>
    ${mine.length === 0
      ? html`<p class="hint">${t("history_none")}</p>`
      : html`<ul>${mine.map((made) => html`<li key=${made.job.id}><button class=${made.job.id === current?.job.id ? "chosen" : ""} onClick=${() => onOpen(made)} aria-label=${`${t("history")} ${made.job.id}`}><${Picture} address=${made.picture} alt="" /></button></li>`)}</ul>`}
  </section>`;
}

/** The address of a picture for this page, or "". @param {string | null} address */
export function useUrl(address) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let here = true;
    if (address) fetchPicture(address).then((found) => here && setUrl(found), (error) => here && set({ trouble: error }));
    else setUrl("");
    return () => void (here = false);
  }, [address]);
  return url;
}

/** The address of a file that was chosen, for this page, or "". @param {File | null} file */
export function useFile(file) {
  const url = useMemo(() => (file ? URL.createObjectURL(file) : ""), [file]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return url;
}

/** Who is worked with. */
export function Chooser() {
  const store = useStore();
  return html`<label class="chooser">${t("person")}<select value=${store.person?.persona_id ?? ""} onChange=${(e) => set({ person: store.people.find((p) => p.persona_id === e.target.value) ?? null })}>
    ${store.people.map((p) => html`<option value=${p.persona_id}>${p.name}</option>`)}
  </select></label>`;
}

/** The limits that an attribute has for anybody. @param {string} name @param {any} reach */
export function limitsOf(name, reach) {
  return state.about?.attributes.find((a) => a.name === name) ?? { low: reach.low, high: reach.high };
}
