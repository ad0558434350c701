/** What a recipe's file says is made again. It holds no photos: the server has those, or asks for them. */

import { useState } from "./vendor/preact-hooks.js";
import { attempt, set, t, useStore } from "./store.js";
import { Dialog, Drop, Trouble, html } from "./ui.js";
import { followed } from "./made.js";

/**
 * @typedef {{recipe: number, request: any, files: Record<string, string>}} Recipe `files`: by the blobs of the request, SHA-256 of what was in them
 * @typedef {"photo" | "mask" | "like"} Given what can be handed over once more
 * @typedef {{photo: File | null, like: (File | null)[]}} Photos those of a recipe that this page has
 */

/** Photos that something was taken from. @param {Recipe} recipe @returns {{name: string, blob: string}[]} */
const othersOf = ({ request }) => [request.like ?? request.other ?? []].flat();

/**
 * Chooses a recipe's file, and makes its pictures again. `onRunning`: the job, then null. `onMade`: the finished one, and what it was made from.
 * @param {{operations: string[], look?: any, onRunning: (job: any) => void, onMade: (job: any, request: any, photos: Photos) => void}} props `look`: of the area, whose photos may be the recipe's
 */
export function Replay({ operations, look, onRunning, onMade }) {
  const store = useStore();
  const [missing, setMissing] = useState(/** @type {{recipe: Recipe, files: any, which: Given, error: any} | null} */ (null));
  const again = (recipe, files) =>
    attempt(async () => {
      setMissing(null);
      try {
        const job = await followed(await store.studio.replay(recipe, files), onRunning);
        onMade(job, recipe.request, await photosOf(recipe, [...Object.values(files).flat(), ...filesIn(look), ...store.made.flatMap((made) => filesIn(made.look))]));
      } catch (/** @type {any} */ error) {
        if (!["photo", "mask", "like"].includes(error.param) || ![404, 422].includes(error.status)) throw error;
        setMissing({ recipe, files, which: error.param, error: error.status === 422 ? error : null }); // 422: another one was given
      }
    });
  const read = async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    const recipe = await file.text().then(JSON.parse).catch(() => null);
    const whose = recipe?.request?.persona_id;
    if (!recipe?.recipe || !operations.includes(recipe.request?.operation)) return set({ trouble: new Error(t("not_recipe")) });
    if (whose !== store.person?.persona_id) return set({ trouble: new Error(t("recipe_of", { name: store.people.find((one) => one.persona_id === whose)?.name ?? "?" })) });
    again(recipe, {});
  };
  return html`<label class="file"><input class="hidden" type="file" accept=".json,application/json" onChange=${read} /><span>${t("replay")}</span></label>
    ${missing && html`<${Missing} ...${missing} onClose=${() => setMissing(null)} onFiles=${(given) => again(missing.recipe, { ...missing.files, [missing.which]: given })} />`}`;
}

/** What the server has no more is asked for by its name. @param {{recipe: Recipe, which: Given, error: any, onClose: () => void, onFiles: (files: File[]) => void}} props */
function Missing({ recipe, which, error, onClose, onFiles }) {
  const names = which === "mask" ? [] : (which === "photo" ? [recipe.request.photo] : othersOf(recipe)).map((photo) => photo.name);
  const inOrder = (files) => names.map((name) => files.find((file) => file.name === name));
  const give = (files) => onFiles(inOrder(files).every(Boolean) ? inOrder(files) : files);
  return html`<${Dialog} title=${t("recipe_photo")} onClose=${onClose}>
    ${error && html`<${Trouble} error=${error} />`}
    <p>${which === "mask" ? t("recipe_mask_text") : t("recipe_photo_text", { names: names.join(", ") })}</p>
    <${Drop} several=${names.length > 1} label=${t("drop_photo")} onFiles=${give} /></${Dialog}>`;
}

/** Those of a look and of its settings, not of what was made. @param {any} look @returns {File[]} */
const filesIn = (look) =>
  Object.entries(look ?? {}).flatMap(([name, value]) => (value instanceof File ? [value] : name !== "made" && value?.constructor === Object ? filesIn(value) : []));

/** @type {WeakMap<File, Promise<string>>} */
const digests = new WeakMap();

/** @param {File} file SHA-256 @returns {Promise<string>} */
function digestOf(file) {
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const known = digests.get(file) ?? file.arrayBuffer().then((bytes) => crypto.subtle.digest("SHA-256", bytes)).then(hex);
  digests.set(file, known);
  return known;
}

/** Which of the files that lie here a recipe was made with, to show them beside its picture. @param {Recipe} recipe @param {File[]} files @returns {Promise<Photos>} */
async function photosOf(recipe, files) {
  const found = new Map();
  if (crypto.subtle) for (const file of new Set(files)) found.set(await digestOf(file), file); // it is there on loopback and over https
  const of = (photo) => (photo ? (found.get(recipe.files[photo.blob]) ?? null) : null);
  return { photo: of(recipe.request.photo), like: othersOf(recipe).map(of) };
}

/** The face that a recipe names, as an area has it. @param {any} request @param {File | null} file @param {any} at @returns {import("./faces.js").Named | null} */
export const namedIn = ({ persona_id }, file, at) => (file && at ? { person: persona_id, file, at } : null);
