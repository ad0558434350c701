/** What was made: a picture with its report, saving, the recipe, and the row of thumbnails to go back to. */

import { useEffect, useMemo, useState } from "./vendor/preact-hooks.js";
import { attempt, set, state, t, useStore } from "./store.js";
import { Picture, Report, fetchPicture, html, save } from "./ui.js";

/** Remember a finished job's first picture. `look`: the area's state that it was made from, to come back to.
 * @param {any} job @param {string} operation @param {any} request @param {any} [look] @returns {import("./store.js").Made} */
export function remember(job, operation, request, look) {
  const made = { operation, request, job, look, person: job.persona_id, picture: job.result.sheet ?? job.result.pictures[0].blob };
  set({ made: [made, ...state.made].slice(0, 60) });
  return made;
}

/** @param {import("./store.js").Made} made */
export async function savePicture(made) {
  const address = await attempt(() => fetchPicture(made.picture)); // the file as delivered: with its credentials
  const number = made.job.result.pictures.length > 1 && !made.job.result.sheet ? `-${1 + (made.number ?? 0)}` : "";
  if (address) save(`${state.person?.name ?? "picture"}-${made.job.id.slice(4, 12)}${number}.png`, address);
}

/** The recipe that the picture has, which the SDK and the command line replay, too; else the request. @param {import("./store.js").Made} made */
export function saveRecipe(made) {
  const recipe = made.job.result.pictures[0].report.recipe ?? { format: "portraitist-recipe-1", persona: made.person, operation: made.operation, request: made.request };
  save(`${made.job.id}.json`, new Blob([JSON.stringify(recipe, null, 2)], { type: "application/json" }));
}

/** Chooses a recipe's file: {operation, request}, and `recipe` as the SDK has it. @param {{operations: string[], onRecipe: (recipe: {operation: string, request: any, recipe?: any}) => void}} props */
export function Replay({ operations, onRecipe }) {
  const read = async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    const read = await file.text().then(JSON.parse).catch(() => null);
    const recipe = read?.recipe ? { operation: read.request?.operation, request: read.request, recipe: read } : read?.format === "portraitist-recipe-1" ? read : null;
    if (!operations.includes(recipe?.operation)) return set({ trouble: new Error(t("not_recipe")) });
    onRecipe(recipe);
  };
  return html`<label class="file"><input class="hidden" type="file" accept=".json,application/json" onChange=${read} /><span>${t("replay")}</span></label>`;
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
