/** The page: who comes in, which area is shown, keys of the keyboard. Each area is a file of `areas/`. */

import { render } from "./vendor/preact.js";
import { useEffect } from "./vendor/preact-hooks.js";
import { attempt, canRedo, canUndo, keep, nextLanguage, nextTheme, redo, set, state, t, undo, useStore } from "./store.js";
import { Dialog, Trouble, html } from "./ui.js";
import { Collage } from "./areas/collage.js";
import { Parts } from "./areas/parts.js";
import { People, refresh } from "./areas/people.js";
import { Photo } from "./areas/photo.js";
import { Portrait } from "./areas/portrait.js";
import { Restore } from "./areas/restore.js";
import { Styles } from "./areas/styles.js";
import { Variations } from "./areas/variations.js";

/** An area is there when the server has its operation, and what it is for. */
const AREAS = [
  { name: "people", view: People, operation: null },
  { name: "portrait", view: Portrait, operation: "synthesize" },
  { name: "photo", view: Photo, operation: "open" },
  { name: "restore", view: Restore, operation: "enhance" },
  { name: "collage", view: Collage, operation: "transfer" },
  { name: "variations", view: Variations, operation: "variations" },
  { name: "styles", view: Styles, operation: "restyle" },
  { name: "parts", view: Parts, operation: "compose", when: () => state.priors.some((prior) => Object.keys(prior.parts).length > 0) },
];
const areas = () => AREAS.filter((a) => !a.operation || (state.about?.operations.some((o) => o.name === a.operation) && (a.when?.() ?? true)));

const visited = new Set();

const SHORTCUTS = [
  ["Ctrl Z", "key_undo"], ["Ctrl Shift Z", "key_redo"],
  ["R", "key_r"], ["S", "key_s"], ["?", "key_help"], ["Esc", "key_escape"],
];

/** The area stands in the address, so that the browser's own back and forward go between areas. @param {string} area */
function open(area) {
  if (area !== state.area) location.hash = area;
}

addEventListener("hashchange", () => /^#\w+$/.test(location.hash) && set({ area: location.hash.slice(1) }));

async function enter() {
  const said = new URLSearchParams(location.hash.slice(1));
  const [token, person] = [said.get("token"), said.get("person")];
  if (token || person) history.replaceState(null, "", location.pathname); // it is used up now
  if (token) {
    await attempt(async () => keep("key", await state.studio.begin(token)));
  }
  await attempt(async () => {
    const [about, priors] = [await state.studio.about(), await state.studio.priors()];
    set({ about, priors: priors.items, needsKey: false });
    await refresh(state);
    const wanted = person && state.people.find((p) => p.name === person);
    if (wanted) {
      set({ person: wanted });
      open("portrait");
    }
  });
}

/** Nothing of this studio stays in the browser. */
function leave() {
  keep("key", "");
  state.studio.key = "";
  set({ helping: false, needsKey: true, about: null, people: [], person: null, made: [], learning: [] });
}

function shortcut(event) {
  const typing = event.target.matches?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
    event.preventDefault();
    return event.shiftKey ? redo() : undo();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const area = areas()[Number(event.key) - 1];
  if (area) open(area.name);
  if (event.key === "?") set({ helping: true });
  if (event.key === "r") dispatchEvent(new CustomEvent("studio", { detail: "another" }));
  if (event.key === "s") dispatchEvent(new CustomEvent("studio", { detail: "save" }));
}

function Studio() {
  const store = useStore();
  useEffect(() => {
    enter();
    addEventListener("keydown", shortcut);
    return () => removeEventListener("keydown", shortcut);
  }, []);
  useEffect(() => document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [store.area, store.about]); // on a phone
  const view = areas().find((a) => a.name === store.area) ?? AREAS[0];
  visited.add(view.name); // an area that was opened stays as it was left
  return html`<a class="hidden" href="#main">${t("skip")}</a>
    <header class="top">
      <b class="brand"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="9" r="5" /><path d="M3 22c1-6 5-8 9-8s8 2 9 8" /></svg><span>Portraitist</span></b>
      <nav aria-label=${t("title")}>${store.about && areas().map((a) => html`<button aria-current=${a.name === view.name ? "page" : undefined} onClick=${() => open(a.name)}>${t(a.name)}</button>`)}</nav>
      <div class="row">
        <button class="quiet icon" disabled=${!canUndo()} onClick=${undo} aria-label=${t("undo")} title=${t("undo")}>↶</button>
        <button class="quiet icon" disabled=${!canRedo()} onClick=${redo} aria-label=${t("redo")} title=${t("redo")}>↷</button>
        <button class="quiet icon" onClick=${nextTheme} aria-label=${t("theme")} title=${t("theme")}>◐</button>
        <button class="quiet icon" onClick=${nextLanguage} aria-label=${t("language")} title=${t("language")}>${store.language === "en" ? "中" : "En"}</button>
        <button class="quiet icon" onClick=${() => set({ helping: true })} aria-label=${t("help")} title=${t("help")}>?</button>
      </div>
    </header>
    <main id="main">
      ${store.trouble && html`<${Trouble} error=${readable(store.trouble)} onClose=${() => set({ trouble: null })} />`}
      ${store.needsKey ? html`<${Key} />` : store.about && areas().filter((a) => visited.has(a.name)).map((a) => html`<div key=${a.name} hidden=${a !== view}><${a.view} /></div>`)}
    </main>
    ${store.helping && html`<${Dialog} title=${t("help")} onClose=${() => set({ helping: false })}><dl class="keys">${[...areas().map((a, n) => [`${n + 1}`, a.name]), ...SHORTCUTS].map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${t(what)}</dd>`)}</dl>
      <footer class="row"><button class="quiet" onClick=${leave}>${t("key_forget")}</button></footer></${Dialog}>`}`;
}

/** An error of the network has no words of ours. */
const readable = (error) => (error instanceof TypeError ? { message: t("lost_text"), details: {} } : error);

function Key() {
  const open = (event) => {
    event.preventDefault();
    const key = new FormData(event.target).get("key");
    state.studio.key = `${key}`.trim();
    keep("key", state.studio.key);
    enter();
  };
  return html`<section class="key"><h1>${t("key_title")}</h1><p>${t("key_text")}</p>
    <form class="row" onSubmit=${open}><label>${t("key_label")}<input name="key" type="password" autocomplete="off" required /></label><button class="primary">${t("key_open")}</button></form></section>`;
}

document.documentElement.lang = state.language;
if (state.theme) document.documentElement.dataset.theme = state.theme;
render(html`<${Studio} />`, /** @type {HTMLElement} */ (document.getElementById("studio")));
