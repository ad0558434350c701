/** The page's state: one object, changed by `set`; and a history over which undo and redo go. */

import { useEffect, useRef, useState } from "./vendor/preact-hooks.js";
import { Portraitist, PortraitistError } from "./client.js";
import { LANGUAGES, translator } from "./texts.js";

const KEPT = { key: "portraitist.key", theme: "portraitist.theme", language: "portraitist.language" };

/** @param {keyof typeof KEPT} name */
const kept = (name) => localStorage.getItem(KEPT[name]);

/**
 * @typedef {{operation: string, request: any, job: import("./client.js").Job, look?: any, person: string, picture: string, number?: number}} Made one picture and how to make it again; `number`: which of several
 */
export const state = {
  studio: new Portraitist("", kept("key") ?? ""),
  /** @type {any} */ about: null,
  needsKey: false,
  /** @type {any} */ trouble: null,
  area: /^#\w+$/.test(location.hash) ? location.hash.slice(1) : "people",
  language: kept("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en"),
  theme: kept("theme") ?? "",
  /** @type {import("./client.js").Prior[]} */ priors: [],
  /** @type {import("./client.js").Persona[]} */ people: [],
  /** @type {import("./client.js").Persona | null} */ person: null,
  /** @type {import("./client.js").Job[]} */ learning: [],
  /** @type {Made[]} */ made: [],
  helping: false,
};

/** @type {Set<() => void>} */
const watchers = new Set();

/** @param {Partial<typeof state>} change */
export function set(change) {
  Object.assign(state, change);
  for (const watcher of watchers) watcher();
}

/** The state, for a component: it is drawn anew when anything changes. */
export function useStore() {
  const [, draw] = useState({});
  useEffect(() => {
    const watcher = () => draw({});
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return state;
}

/** @param {string} key @param {Record<string, any>} [values] */
export const t = (key, values) => translator(state.language)(key, values);

/** @param {"key" | "theme" | "language"} name @param {string} value */
export function keep(name, value) {
  value ? localStorage.setItem(KEPT[name], value) : localStorage.removeItem(KEPT[name]);
}

export function nextLanguage() {
  const all = Object.keys(LANGUAGES);
  const language = all[(all.indexOf(state.language) + 1) % all.length];
  keep("language", language);
  document.documentElement.lang = language;
  set({ language });
}

export function nextTheme() {
  const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  keep("theme", theme);
  document.documentElement.dataset.theme = theme;
  set({ theme });
}

/** Ask the server, and say what went wrong in the page. @template T @param {() => Promise<T>} call @returns {Promise<T | undefined>} */
export async function attempt(call) {
  try {
    const found = await call();
    if (state.trouble) set({ trouble: null });
    return found;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    if (/** @type {any} */ (error).code === "job_cancelled") return undefined; // by whoever looks on
    const status = /** @type {any} */ (error).status;
    set(status === 401 ? { needsKey: true } : { trouble: error });
    return undefined;
  }
}

/** What a job says while it is followed; trouble with the way to it is shown as long as it lasts. @param {string} id */
export async function* following(id) {
  let lost = false;
  for await (const event of state.studio.follow(id)) {
    const away = event.kind === "lost" || event.kind === "unavailable";
    if (away) set({ trouble: event.problem ? new PortraitistError(event.problem) : new TypeError() });
    else if (lost) set({ trouble: null });
    lost = away;
    yield event;
  }
}

// -- undo and redo over everything: each step knows how to go back and forth ------------------------------------------

/** @type {{back: () => void, forth: () => void, owner?: any}[]} */
const steps = [];
let place = 0;

/** Something was done that can be undone. @param {() => void} forth @param {() => void} back @param {any} [owner] */
export function did(forth, back, owner) {
  steps.splice(place, steps.length, { back, forth, owner });
  if (steps.length > 200) steps.shift();
  place = steps.length;
  set({});
}

/** Steps about something that is gone are taken out of the history; `most`: so many of the last ones. @param {any} owner @param {number} [most] */
export function forget(owner, most = Infinity) {
  for (let n = steps.length - 1; n >= 0 && most > 0; n--) {
    if (steps[n].owner !== owner) continue;
    steps.splice(n, 1);
    if (n < place) place--;
    most--;
  }
  set({});
}

/**
 * State of an area whose every change is one step of the history. `show` changes it while a hand is still moving, `commit` makes what is
 * shown a step, `settle` a part of the last one. They take the new state, or what to do with the newest. `renew` begins anew.
 * @template T @param {T} start
 */
export function useSteps(start) {
  const [, draw] = useState({});
  const box = useRef({ now: start, kept: start });
  const put = (/** @type {T} */ next) => {
    box.current.now = next;
    draw({});
  };
  const both = (/** @type {T} */ next) => {
    put(next);
    box.current.kept = next;
  };
  /** @param {T | ((now: T) => T)} next @returns {T} */
  const of = (next) => (typeof next === "function" ? /** @type {any} */ (next)(box.current.now) : next);
  return {
    now: box.current.now, // as this was drawn
    latest: () => box.current.now,
    kept: () => box.current.kept, // after the last step
    /** @param {T | ((now: T) => T)} next */
    show: (next) => put(of(next)),
    /** @param {T | ((now: T) => T)} [next] */
    commit: (next) => {
      const last = box.current.kept;
      const made = next === undefined ? box.current.now : of(next);
      if (made === last) return;
      both(made);
      did(() => both(made), () => both(last), box);
    },
    /** @param {T | ((now: T) => T)} next */
    settle: (next) => both(of(next)),
    /** @param {T} next */
    renew: (next) => {
      both(next);
      forget(box);
    },
  };
}

export const canUndo = () => place > 0;
export const canRedo = () => place < steps.length;

export function undo() {
  if (canUndo()) steps[--place].back();
  set({});
}

export function redo() {
  if (canRedo()) steps[place++].forth();
  set({});
}
