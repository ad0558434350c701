/** Small parts that every area uses: a dialog, a drop zone, a slider with a person's reach, pictures, before and after, the report. */

import { Fragment, h } from "./vendor/preact.js";
import { useEffect, useRef, useState } from "./vendor/preact-hooks.js";
import htm from "./vendor/htm.js";
import { state, t } from "./store.js";
import { zoomed } from "./paint.js";

export const html = htm.bind(h);
export { Fragment };

/** @param {number} value @param {string} [unit] */
export const shown = (value, unit) => (unit === "deg" ? `${Math.round(value * 10) / 10}°` : `${Math.round(value * 100) / 100}`);

/** @param {number} seconds */
export const time = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`);

/** @param {string} key @param {string} fallback */
export const word = (key, fallback) => (t(key) === key ? fallback : t(key));

/** @param {{title: string, onClose: () => void, children?: any}} props */
export function Dialog({ title, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const last = /** @type {any} */ (document.activeElement);
    /** @type {any} */ (box.current).showModal();
    return () => last?.focus();
  }, []);
  return html`<dialog ref=${box} aria-label=${title} onClose=${onClose} onCancel=${onClose}>
    <header><h2>${title}</h2><button class="quiet" onClick=${onClose} aria-label=${t("close")}>×</button></header>
    ${children}
  </dialog>`;
}

/** The server speaks English. In another language, its words stand below what the page says by their code.
 * @param {{code: string, words: string, values?: Record<string, any>}} props `code`: such as "error_conflict" */
function Said({ code, words, values }) {
  const own = word(code, "");
  return own ? html`${t(code, values)}<br /><small lang="en">${words}</small>` : words;
}

/** What went wrong, with what to do. @param {{error: any, onClose?: () => void}} props */
export function Trouble({ error, onClose }) {
  const photos = error.details?.photos ?? [];
  const values = { ...error.details, param: error.param ? `“${word(error.param, error.param)}”` : "" };
  return html`<div class="trouble" role="alert">
    <div><strong>${t("failed_title")}</strong><p><${Said} code=${`error_${error.code}`} words=${error.message} values=${values} /></p>
      ${photos.length > 0 && html`<ul class="verdicts">${photos.map((v) => html`<${VerdictLine} verdict=${v} />`)}</ul>`}</div>
    ${onClose && html`<button class="quiet" onClick=${onClose} aria-label=${t("close")}>×</button>`}
  </div>`;
}

/** @param {{verdict: import("./client.js").Verdict}} props */
export function VerdictLine({ verdict }) {
  const kind = !verdict.accepted ? "refused" : verdict.warnings?.length ? "warned" : "used";
  return html`<li class=${kind}><span class="mark" aria-hidden="true">${kind === "refused" ? "✕" : kind === "warned" ? "!" : "✓"}</span>
    <span><b>${verdict.name}</b> <span class="state">${t(kind)}</span>${verdict.reason && html`<br /><small><${Said} code=${`verdict_${verdict.code}`} words=${verdict.reason} /></small>`}
      ${(verdict.warnings ?? []).map((why) => html`<br /><small lang="en">${why}</small>`)}</span></li>`;
}

/** @param {{label: string, several?: boolean, onFiles: (files: File[]) => void, compact?: boolean}} props */
export function Drop({ label, several, onFiles, compact }) {
  const [over, setOver] = useState(false);
  const files = useRef(null);
  const folder = useRef(null);
  const take = (list) => {
    const found = [...list].filter((f) => f.type.startsWith("image/") || /\.(jpe?g|png|webp|avif|heic|heif)$/i.test(f.name));
    if (found.length) onFiles(several ? found : found.slice(0, 1));
  };
  const drop = async (event) => {
    event.preventDefault();
    setOver(false);
    take(await dropped(event.dataTransfer));
  };
  return html`<div class=${`drop ${over ? "over" : ""} ${compact ? "compact" : ""}`} onDragOver=${(e) => (e.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    ${!compact && html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 16V5m0 0-4 4m4-4 4 4M4 19h16" /></svg>`}
    <p>${label}</p>
    <div class="row">
      <button onClick=${() => files.current.click()}>${several ? t("choose_photos") : t("choose_photo")}</button>
      ${several && html`<button class="quiet" onClick=${() => folder.current.click()}>${t("choose_folder")}</button>`}
    </div>
    <input ref=${files} class="hidden" type="file" accept="image/*,.heic,.heif,.avif" multiple=${!!several} aria-label=${label} tabindex="-1"
      onChange=${(e) => (take(e.target.files), (e.target.value = ""))} />
    ${several && html`<input ref=${folder} class="hidden" type="file" webkitdirectory aria-label=${t("choose_folder")} tabindex="-1" onChange=${(e) => (take(e.target.files), (e.target.value = ""))} />`}
  </div>`;
}

/** Files of a drop, with those of folders. @param {DataTransfer} data @returns {Promise<File[]>} */
async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry?.isDirectory)) return [...data.files];
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) return void found.push(await new Promise((ok, no) => entry.file(ok, no)));
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!part.length) return;
      for (const one of part) await walk(one);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

/**
 * One attribute. Drawn on the track: the person's reach, within it what photos show, and the holes between them. `mark`: a value that is
 * shown beside the one asked for, such as what was achieved.
 * @param {{reach: import("./client.js").Reach, limits: {low: number, high: number}, value: number | null, mark?: number | null, markName?: string,
 *   onInput: (value: number | null) => void, onDone: () => void, area: string, disabled?: boolean}} props
 */
export function Slider({ reach, limits, value, mark, markName, area, disabled, onInput, onDone }) {
  const span = reach.high - reach.low || 1;
  const pad = span * 0.15;
  const low = Math.max(limits.low, reach.low - pad);
  const high = Math.min(limits.high, reach.high + pad);
  const at = (v) => (100 * (v - low)) / (high - low);
  const stretch = (from, to) => ({ left: `${at(Math.max(low, from))}%`, width: `${Math.max(0, at(Math.min(high, to)) - at(Math.max(low, from)))}%` });
  const name = word(reach.attribute, reach.attribute);
  const step = reach.unit === "deg" ? 0.5 : span > 20 ? 1 : 0.01;
  const resting = Math.max(low, Math.min(high, 0)) || (low > 0 || high < 0 ? (low + high) / 2 : 0);
  const beyond = value !== null && (value < reach.low || value > reach.high);
  const id = `${area}-${reach.attribute}`;
  return html`<div class="slider">
    <label for=${id}>${name}</label>
    <output for=${id} class=${value === null ? "free" : ""}>${value === null ? t("free") : shown(value, reach.unit)}</output>
    <div class="track">
      <div class="marks"><i class="reach" style=${stretch(reach.low, reach.high)} />
      ${reach.photos_low !== null && html`<i class="photos" style=${stretch(reach.photos_low, reach.photos_high)} />`}
      ${reach.holes.map(([from, to]) => html`<i class="hole" style=${stretch(from, to)} />`)}
      ${value !== null && typeof mark === "number" && html`<i class="achieved" style=${{ left: `${at(Math.max(low, Math.min(high, mark)))}%` }} title=${`${markName}: ${shown(mark, reach.unit)}`} />`}</div>
      <input id=${id} type="range" min=${low} max=${high} step=${step} disabled=${disabled} value=${value ?? mark ?? resting} class=${value === null ? "free" : ""}
        aria-valuetext=${value === null ? t("free") : shown(value, reach.unit)}
        aria-describedby=${`${id}-reach`}
        onInput=${(e) => onInput(Number(e.target.value))} onChange=${onDone} />
    </div>
    <button class="quiet small" disabled=${value === null} onClick=${() => (onInput(null), onDone())} aria-label=${`${name}: ${t("set_free")}`} title=${t("set_free")}>↺</button>
    <small id=${`${id}-reach`} class=${beyond ? "beyond" : ""}>${beyond
      ? t("clamped", { name: state.person?.name, value: shown(Math.max(reach.low, Math.min(reach.high, value)), reach.unit) })
      : `${shown(reach.low, reach.unit)} … ${shown(reach.high, reach.unit)}`}</small>
  </div>`;
}

/** Pictures that were fetched: the API wants a key, which an <img> cannot send. */
const fetched = new Map();

/** @param {string} address @returns {Promise<string>} an address of this page's own */
export function fetchPicture(address) {
  if (!fetched.has(address)) {
    const made = state.studio.picture(address).then((blob) => URL.createObjectURL(blob));
    made.catch(() => fetched.delete(address));
    fetched.set(address, made);
    if (fetched.size > 150) {
      const oldest = [...fetched.keys()][0];
      const url = fetched.get(oldest);
      fetched.delete(oldest);
      url.then((u) => setTimeout(() => URL.revokeObjectURL(u), 60_000), () => {});
    }
  }
  return fetched.get(address);
}

/** @param {{address: string | null, alt: string, class?: string}} props */
export function Picture({ address, alt, ...rest }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let here = true;
    if (address) fetchPicture(address).then((found) => here && setUrl(found), () => here && setUrl(""));
    else setUrl("");
    return () => void (here = false);
  }, [address]);
  return url ? html`<img src=${url} alt=${alt} ...${rest} />` : html`<div class=${`empty ${rest.class ?? ""}`} role=${alt && "img"} aria-label=${alt} />`;
}

/** Width by height of a picture that is loaded, for a box of exactly its shape: what is drawn over it must lie on it.
 * @returns {[number, (event: any) => void]} */
export function useAspect() {
  const [aspect, setAspect] = useState(1);
  return [aspect, (event) => setAspect(event.target.naturalWidth / event.target.naturalHeight || 1)];
}

/** Two pictures, one over the other, with a line between that is moved. `start`: where the line is at first, in percent. `children` lie above.
 * @param {{before: string, after: string, zoom?: import("./paint.js").Zoom | null, start?: number, children?: any}} props */
export function Compare({ before, after, zoom, start, children }) {
  const [at, setAt] = useState(start ?? 50);
  const [held, setHeld] = useState(false);
  const letGo = () => setHeld(false);
  const [aspect, measure] = useAspect();
  return html`<div class="compare fitted" style=${{ "--aspect": aspect }}>
    <div class="sheet" style=${zoomed(zoom)}><img src=${after} alt=${t("after")} onLoad=${measure} /></div>
    <div class="above" style=${{ clipPath: held ? "none" : `inset(0 ${100 - at}% 0 0)` }}><div class="sheet" style=${zoomed(zoom)}><img src=${before} alt=${t("before")} /></div></div>
    <i class="line" style=${{ left: `${at}%` }} />
    <input type="range" min="0" max="100" value=${at} aria-label=${t("compare")} onInput=${(e) => setAt(Number(e.target.value))} />
    ${children && html`<div class="sheet over" style=${zoomed(zoom)}>${children}</div>`}
    <button class="hold" aria-pressed=${held} onPointerDown=${() => setHeld(true)} onPointerUp=${letGo} onPointerLeave=${letGo}
      onKeyDown=${(e) => [" ", "Enter"].includes(e.key) && setHeld(true)} onKeyUp=${letGo} aria-label=${t("hold")} title=${t("hold")}>${t("before")}</button>
  </div>`;
}

/** @param {{report: any}} props */
export function Report({ report }) {
  const rows = Object.entries(report.attributes ?? {});
  const unit = (name) => [...(state.person?.reach ?? []), ...(state.about?.attributes ?? [])].find((a) => [a.attribute, a.name].includes(name))?.unit;
  const fact = (label, value) => value !== null && value !== undefined && value !== "" && html`<dt>${label}</dt><dd>${value}</dd>`;
  const leaks = Object.entries(report.leakage ?? {}).map(([name, share]) => `${word(name, name)} ${Math.round(100 * Number(share))} %`).join(", ");
  const stayed = (ious) => Object.entries(ious ?? {}).map(([name, iou]) => `${word(`piece_${name}`, name)} ${Math.round(100 * Number(iou))} %`).join(", ");
  return html`<div class="report">
    ${rows.length > 0 && html`<table><thead><tr><td></td><th>${t("asked")}</th><th>${t("target")}</th><th>${t("achieved")}</th><th>${t("error")}</th></tr></thead><tbody>
      ${rows.map(([name, a]) => html`<tr class=${a.clamped ? "clamped" : ""}><th scope="row">${word(name, name)}</th>
        ${[a.requested, a.target, a.achieved, a.error].map((v) => html`<td>${v === null || v === undefined ? "–" : shown(v, unit(name))}</td>`)}</tr>`)}
    </tbody></table>`}
    <dl>
      ${fact(t("likeness"), report.identity === null || report.identity === undefined ? null : `${report.identity.toFixed(2)}${report.identity_percentile === null ? "" : `, ${t("likeness_percentile", { p: Math.round(report.identity_percentile) })}`}`)}
      ${fact(t("nearest"), report.nearest_photo)}
      ${fact(t("leakage"), leaks)}
      ${fact(t("outside"), report.outside_change?.toFixed?.(2))}
      ${fact(t("inside_parts"), report.inside_parts?.toFixed?.(2))}
      ${fact(t("outside_parts"), report.outside_parts?.toFixed?.(2))}
      ${fact(t("mask_iou"), stayed(report.mask_iou))}
      ${fact(t("parser_iou"), stayed(report.parser_iou))}
      ${fact(t("method"), report.method && word(`method_${report.method}`, report.method))}
      ${fact(t("steps"), report.steps)}
      ${(report.points ?? []).map((point, n) => fact(t("point_n", { n: n + 1 }), `${t(`end_${point.end}`)}, ${t("px_left", { n: point.left.toFixed(1) })}`))}
      ${fact(t("fixed"), report.fixed_change?.toFixed?.(2))}
      ${fact(t("consistency"), report.consistency === null || report.consistency === undefined ? null : `${report.consistency.toFixed(1)} dB`)}
      ${fact(t("degradation"), report.degradation)}
      ${fact(t("seed"), report.seed)}
      ${fact(t("seconds"), report.seconds?.toFixed?.(2))}
    </dl>
    ${(report.warnings ?? []).map((warning) => html`<p class="warning" lang="en">${warning}</p>`)}
  </div>`;
}

/** @param {string} name @param {Blob | string} content */
export async function save(name, content) {
  const link = document.createElement("a");
  const url = typeof content === "string" ? content : URL.createObjectURL(content);
  link.href = url;
  link.download = name;
  link.click();
}

/** The stages of learning somebody, with the share of the time that each takes about. */
const STAGES = { intake: 0.06, invert: 0.19, tune: 0.68, calibrate: 0.05, evaluate: 0.01, package: 0.01 };

/** @param {import("./client.js").Progress} p */
function shareOf(p) {
  const within = p.steps ? p.step / p.steps : 0;
  if (!(p.stage in STAGES)) return within;
  const before = Object.keys(STAGES).slice(0, Object.keys(STAGES).indexOf(p.stage));
  return before.reduce((sum, stage) => sum + STAGES[stage], STAGES[p.stage] * within);
}

/** @param {{job: import("./client.js").Job | null, what: string, onCancel?: () => void, cancel?: string, children?: any}} props */
export function Bar({ job, what, onCancel, cancel, children }) {
  const p = job?.progress;
  const share = p ? shareOf(p) : 0;
  return html`<div class="progress" role="status" aria-label=${what}>
    <div class="row"><b>${what}</b><span>${p ? `${word(`stage_${p.stage}`, p.stage)}${p.stage === "drag" ? `, ${t("step_of", { n: p.step })}, ${t("px_left", { n: parseFloat(p.message) })}` : ""}` : job?.status === "queued" && job.ahead ? t("waiting", { n: job.ahead }) : t("stage_starting")}${p?.eta ? `, ${t("left", { time: time(p.eta) })}` : ""}</span>
      ${onCancel && html`<button class="quiet" onClick=${onCancel}>${cancel ?? t("cancel")}</button>`}</div>
    <progress max="1" value=${p?.steps === 0 ? undefined : share} aria-label=${what} />
    ${children}
  </div>`;
}
