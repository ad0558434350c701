/** Portrait: sliders with this person's reach, the face follows; seeds, one or several side by side; a grid of two attributes. */

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { attempt, did, forget, t, useStore } from "../store.js";
import { Bar, Picture, Slider, fetchPicture, html, word } from "../ui.js";
import { Draws, drawn, saveSheet } from "../draws.js";
import { useSession } from "../session.js";
import { Chooser, History, Outcome, followed, limitsOf, remember, savePicture } from "../made.js";
import { Replay } from "../recipes.js";

/** @type {{values: Record<string, number>, seed: number, made?: any, draws?: import("../draws.js").Draw[]}} `made`: a picture that is there already, such as a
 * grid; `draws`: several that lie side by side */
const START = { values: {}, seed: 1 };
const COUNTS = [4, 6, 9, 12, 16]; // of draws
const IDLE_S = 120; // so long a portrait is held open after a slider was moved last

export function Portrait() {
  const store = useStore();
  const person = store.person;
  const [asked, setAsked] = useState(START);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [live, setLive] = useState(/** @type {any} */ (null)); // while a slider moves
  const [busy, setBusy] = useState(false);
  const [grid, setGrid] = useState(["", ""]);
  const loop = useRef({ wanted: /** @type {any} */ (null), running: false, person: "", stale: false });
  const [count, setCount] = useState(9);
  const [drawing, setDrawing] = useState(/** @type {import("../draws.js").Draw[] | null} */ (null)); // those that are there, while others are being made
  const sheet = useRef(new AbortController());
  const before = useRef(START);
  const [moved, setMoved] = useState(""); // person and seed of the portrait whose slider was moved: it is held open
  const [moving, setMoving] = useState(false);
  const session = useSession(moved, () => store.studio.submit(person?.persona_id ?? "", "open", { seed: asked.seed, values: asked.values, idle_s: IDLE_S }), false);
  const following = moving && session?.frame && !session.over;

  // One picture is asked for at a time. What was asked meanwhile is asked next, and only the newest.
  const draw = async (request, last) => {
    loop.current.wanted = { request, last, person: person?.persona_id };
    if (loop.current.running) return;
    loop.current.running = true;
    setBusy(true);
    while (loop.current.wanted) {
      const { request, last, person } = loop.current.wanted;
      loop.current.wanted = null;
      loop.current.stale = false;
      const job = await attempt(() => store.studio.run(person, "synthesize", request));
      if (!job || loop.current.stale || person !== loop.current.person) continue;
      await attempt(() => fetchPicture(pictureOf(job))); // the frame that is shown meanwhile stays until it is there
      const next = loop.current.wanted;
      setLive(job);
      if (last && !next) setMade(remember(job));
    }
    setMoving(false); // what was shown meanwhile is replaced by the sharp picture
    loop.current.running = false;
    setBusy(false);
  };

  useEffect(() => {
    loop.current.person = person?.persona_id ?? "";
    setAsked(START);
    before.current = START;
    setMade(null);
    setLive(null);
    setMoving(false);
    leaveSheet();
    forget(before); // its steps were of somebody else
    if (person) draw(START, true);
  }, [person?.persona_id]);

  /** What is still being drawn of a sheet is not wanted any more. */
  const leaveSheet = () => {
    sheet.current.abort();
    setDrawing(null);
  };
  const show = (next) => {
    leaveSheet();
    setAsked(next);
    before.current = next;
    if (!next.made && !next.draws) return void draw(next, true);
    loop.current.stale = true; // what is still being drawn is not wanted any more
    loop.current.wanted = null;
    setMoving(false);
    setMade(next.made ?? null);
    setLive(next.made?.job ?? null);
  };
  const change = (next) => {
    const last = before.current;
    show(next);
    did(() => show(next), () => show(last), before);
  };
  const move = (name, value) => {
    const values = { ...asked.values, [name]: value };
    if (value === null) delete values[name];
    leaveSheet();
    const next = { values, seed: asked.seed };
    setAsked(next);
    const held = `${person?.persona_id} ${asked.seed}`;
    if (session && !session.over && session.state?.status === "open" && moved === held) {
      setMoving(true);
      return session.send({ do: "set", values: Object.fromEntries((person?.reach ?? []).map((r) => [r.attribute, values[r.attribute] ?? null])) });
    }
    setMoved(session?.over ? "" : held); // frames will come; until then pictures of jobs
    draw(next, false);
  };
  const another = () => change({ values: asked.values, seed: 1 + Math.floor(Math.random() * 999_999) });
  /** A picture that is there: what it was asked for, if it is one. */
  const open = (made) => {
    const [values, ...more] = made.request.values;
    change({ values: more.length ? {} : values, seed: made.request.seed, made });
  };
  const running = (job) => setBusy(!!job);
  const makeGrid = () =>
    attempt(async () => {
      const request = { seed: asked.seed, values: Object.fromEntries(Object.entries(asked.values).filter(([n]) => !grid.includes(n))), grid };
      const job = await store.studio.submit(person?.persona_id ?? "", "synthesize", request);
      change({ ...asked, made: remember(await followed(job, running)) });
    });
  const makeSheet = () =>
    attempt(async () => {
      sheet.current.abort();
      const { signal } = (sheet.current = new AbortController());
      setDrawing([]);
      const seeds = Array.from({ length: count }, (_, n) => asked.seed + n);
      const draws = await drawn(person?.persona_id ?? "", asked.values, seeds, setDrawing, signal).finally(() => !signal.aborted && setDrawing(null));
      if (!signal.aborted) change({ values: asked.values, seed: asked.seed, draws });
    });
  const stopSheet = () => (drawing?.length ? change({ values: asked.values, seed: asked.seed, draws: drawing }) : leaveSheet());
  const choose = ({ seed, job }) => change({ values: asked.values, seed, made: store.made.find((one) => one.job.id === job.id) ?? remember(job) });
  const draws = drawing ?? asked.draws;
  useEffect(() => {
    const key = (event) => {
      if (store.area !== "portrait") return;
      if (event.detail === "save" && asked.draws) return void saveSheet(asked.draws);
      if (event.detail === "another") another();
      if (event.detail === "save" && made) savePicture(made);
    };
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });

  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  const achieved = live?.result.pictures.length === 1 ? live.result.pictures[0].report.attributes : {};
  const picture = live ? pictureOf(live) : null;
  return html`<section class="bench" aria-labelledby="portrait-title">
    <h1 id="portrait-title" class="hidden">${t("portrait")}</h1>
    <div class="stage" aria-busy=${busy || moving || !!drawing}>
      ${draws ? html`<${Draws} draws=${draws} count=${drawing ? count : draws.length} onChoose=${choose} />` : html`${following && html`<img class="face following" src=${session.url} alt=${t("drawing")} />`}
      <${Picture} hidden=${!!following} class=${live?.result.sheet ? "sheet" : "face"} address=${picture} alt=${`${person.name}: ${Object.entries(asked.values).map(([n, v]) => `${word(n, n)} ${v}`).join(", ")}`} />`}
      ${busy && html`<span class="busy">${t("drawing")}</span>`}</div>
    <div class="controls">
      <${Chooser} />
      ${person.reach.map((reach) => html`<${Slider} key=${reach.attribute} area="portrait" reach=${reach} limits=${limitsOf(reach.attribute, reach)} value=${asked.values[reach.attribute] ?? null}
        mark=${achieved[reach.attribute]?.achieved ?? null} markName=${t("achieved")}
        onInput=${(value) => move(reach.attribute, value)}
        onDone=${() => setTimeout(() => setAsked((now) => (settle(now, before, change), now)))} />`)}
      <div class="row wrap">
        <label class="seed">${t("seed")}<input type="number" min="0" value=${asked.seed} onChange=${(e) => change({ values: asked.values, seed: Math.max(0, Math.round(Number(e.target.value) || 0)) })} /></label>
        <button class="primary" onClick=${another}>${t("another")}</button>
        <button class="quiet" onClick=${() => change(START)}>${t("reset")}</button>
      </div>
      <details><summary>${t("grid")}</summary><div class="row wrap">
        ${[0, 1].map((n) => html`<label>${t(n ? "grid_down" : "grid_across")}<select value=${grid[n]} onChange=${(e) => setGrid(n ? [grid[0], e.target.value] : [e.target.value, grid[1]])}>
          <option value="">–</option>${person.reach.map((r) => html`<option value=${r.attribute}>${word(r.attribute, r.attribute)}</option>`)}</select></label>`)}
        <button disabled=${!grid[0] || !grid[1] || grid[0] === grid[1]} onClick=${makeGrid}>${t("grid_make")}</button></div></details>
      <details><summary>${t("sheet")}</summary><div class="row wrap">
        <label>${t("variations_count")}<select value=${count} onChange=${(e) => setCount(Number(e.target.value))}>${COUNTS.map((n) => html`<option value=${n}>${n}</option>`)}</select></label>
        <button disabled=${!!drawing} onClick=${makeSheet}>${t("sheet_make")}</button></div></details>
      ${drawing && html`<${Bar} job=${{ progress: { stage: "synthesize", step: drawing.length, steps: count } }} what=${t("sheet")} onCancel=${stopSheet} cancel=${t("stop")} />`}
      ${asked.draws && html`<p class="hint">${t("sheet_hint")}</p><div class="row wrap"><button onClick=${() => saveSheet(asked.draws ?? [])}>${t("sheet_save")}</button></div>`}
      <${Outcome} made=${made} job=${live} />
      <${Replay} operations=${["synthesize"]} onRunning=${running} onMade=${(job) => open(remember(job))} />
    </div>
    <${History} operations=${["synthesize"]} current=${made} onOpen=${open} />
  </section>`;
}

/** The address of a job's picture. */
const pictureOf = (job) => job.result.sheet ?? job.result.pictures[0].blob;

/** A slider was let go of: one step of the history, and one picture that is kept. */
function settle(now, before, change) {
  if (JSON.stringify([now.values, now.seed]) !== JSON.stringify([before.current.values, before.current.seed])) change(now);
}
