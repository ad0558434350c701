/** Photo: a photo of the person is held open. Sliders move, points are pulled, and the face follows. What is not moved stays as it is. */

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { attempt, did, forget, t, useSteps, useStore } from "../store.js";
import { Bar, Compare, Drop, Slider, html } from "../ui.js";
import { Chooser, History, Outcome, followed, limitsOf, remember, savePicture, useFile, useUrl } from "../made.js";
import { Replay } from "../recipes.js";
import { choiceOf } from "../faces.js";
import { Paint, Tools, maskOf, zoomTo } from "../paint.js";
import { PointList, Points, asked, inSquare, pulled } from "../points.js";
import { useSession } from "../session.js";

const FRAME_PX = 800; // of the longer side, while it moves
const METHODS = ["draggan", "freedrag", "transformer"];
const REPLAYED = ["retouch", "drag", "move", "edit"];
/** @typedef {import("../points.js").Place} Place */
/** @type {{points: import("../points.js").Point[], strokes: import("../paint.js").Stroke[]}} */
const NOTHING = { points: [], strokes: [] };

/** @param {import("../points.js").Point[]} points */
const growth = (points) => points.map((one) => one.grow).join();

export function Photo() {
  const store = useStore();
  const person = store.person;
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const look = useSteps(NOTHING);
  const [pulling, setPulling] = useState(false); // points in place of sliders
  const [atOnce, setAtOnce] = useState(true); // pull while the pointer moves
  const [method, setMethod] = useState("draggan");
  const [guarded, setGuarded] = useState(true); // stop where it would be somebody else
  const [near, setNear] = useState(false);
  const [named, setNamed] = useState(/** @type {{of: string, face: import("../faces.js").Place | null}} */ ({ of: "", face: null })); // the face that was chosen, in which photo
  const found = useRef(/** @type {{of: string, faces: import("../faces.js").Face[]}} */ ({ of: "", faces: [] }));
  const [tool, setTool] = useState(/** @type {import("../paint.js").Tool} */ ({ kind: "points", size: 80 }));
  const [made, setMade] = useState(/** @type {any} */ (null)); // what was kept last
  const [viewed, setViewed] = useState(/** @type {any} */ (null)); // one of the history, in place of the session
  const views = useRef(null); // owns the steps from one picture of the history to another
  const [keeping, setKeeping] = useState(/** @type {any} */ (null)); // a job
  const [hand, setHand] = useState(/** @type {Record<string, number | null>} */ ({})); // sliders that are being moved: the server's word comes later
  const drag = useRef(/** @type {{ids: number[], grow: string, held: boolean} | null} */ (null)); // the points that are on their way; `held`: by a pointer or a key
  const way = useRef(/** @type {{at: number, ids: number[], from: Place[], to: Place[], share: number} | null} */ (null)); // of the last pull: whence, and whereto at full strength
  const [strength, setStrength] = useState(1); // how far along it
  const points = useRef(/** @type {Record<number, import("../points.js").Point[]>} */ ({})); // as they were at each place of the session's history
  const source = useFile(file);
  const picture = useUrl(viewed?.picture ?? null);
  const of = `${person?.persona_id} ${source}`;
  const face = named.of === of ? named.face : null;
  const request = { frame_px: FRAME_PX, ...(face ? { face } : {}) };
  const wanted = file && person ? `${of} ${face ?? ""}` : "";
  const session = useSession(wanted, () =>
    store.studio.submit(person?.persona_id ?? "", "open", request, { photo: [/** @type {File} */ (file)] }));
  const shownFile = viewed?.look?.file; // a picture of another photo: its own before
  const otherSource = useFile(shownFile && shownFile !== file ? shownFile : null);
  useEffect(() => {
    look.renew(NOTHING);
    points.current = {};
    drag.current = null;
    way.current = null;
    setMade(null);
    setViewed(null);
    forget(views);
  }, [source, person?.persona_id, `${face}`]);
  const told = session?.state?.faces ?? session?.error?.details?.faces;
  if (told) found.current = { of, faces: told };
  const faces = found.current.of === of ? found.current.faces : [];
  const choose = (at) => {
    const [next, last] = [{ of, face: at }, named];
    setNamed(next);
    did(() => setNamed(next), () => setNamed(last));
  };
  const which = choiceOf({ source, name: person?.name ?? "", faces, at: face, onChoose: choose });
  const keep = () =>
    attempt(async () => {
      const id = await session?.save();
      if (id) setMade(remember(await followed(await store.studio.job(id), setKeeping), { file }));
    });
  const view = (next) => {
    const last = viewed;
    setViewed(next);
    did(() => setViewed(next), () => setViewed(last), views);
  };
  /** What a recipe makes is looked at. */
  const replayed = (job, _, { photo }) => view(remember(job, photo ? { file: photo } : undefined));
  const replay = html`<${Replay} operations=${REPLAYED} look=${{ file }} onRunning=${setKeeping} onMade=${replayed} />`;
  useEffect(() => {
    const key = (event) => store.area === "photo" && event.detail === "save" && (viewed || made ? savePicture(viewed ?? made) : keep());
    addEventListener("studio", key);
    return () => removeEventListener("studio", key);
  });
  if (!person) return html`<p class="hint">${t("choose_person")} <button onClick=${() => (location.hash = "people")}>${t("people")}</button></p>`;
  if (file && session?.over === "failed" && faces.length > 0)
    return html`<section class="bench" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1>
      <div class="stage"><${Compare} before=${source} after=${source} start=${0}>${which.marks}</${Compare}></div>
      <div class="controls"><${Chooser} />${which.row}<button class="quiet" onClick=${() => setFile(null)}>${t("another_photo")}</button></div></section>`;
  if (!file || !session || (session.over && session.over !== "idle" && session.over !== "gone"))
    return html`<section class="bench single" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1><${Chooser} /><${Drop} label=${t("drop_photo")} onFiles=${([one]) => setFile(one)} />
      ${viewed && picture && html`<img src=${picture} alt=${t("after")} /><${Outcome} made=${viewed} />`}
      ${keeping && html`<${Bar} job=${keeping} what=${t("working")} />`}${replay}</section>`;

  const { state, frame } = session;
  const able = store.priors.find((one) => one.name === person.prior.split("@")[0])?.assets.includes("latent_transformer"); // to move by it
  const open = state?.status === "open" && session.key === wanted; // else another face was chosen just now
  const size = open ? { width: state.width, height: state.height } : { width: 1, height: 1 };
  const values = open ? { ...state.values, ...hand } : {};
  const changed = () => {
    setMade(null);
    setViewed(null);
  };
  const move = (name, value) => {
    changed();
    setHand({ ...hand, [name]: value });
    session.send({ do: "set", values: { [name]: value } });
  };
  const letGo = () => {
    session.state.values = { ...session.state.values, ...hand }; // it will say so itself in a moment
    setHand({});
  };
  /** Pull the points as they are now. `held`: they are still being moved, so a preview is shown. */
  const pull = (list, held = false) => {
    changed();
    drag.current = { ids: list.map((one) => one.id), grow: growth(list), held };
    way.current = { at: state.at + 1, ids: drag.current.ids, from: list.map((one) => one.handle), to: list.map((one) => one.to), share: 1 };
    setStrength(1);
    session.send({ do: "drag", points: asked(list), method, guarded, held, ...(look.now.strokes.length ? { mask: maskOf(look.now.strokes, size).split(",")[1] } : {}) });
  };
  const movePoints = (list) => {
    setViewed(null);
    const going = drag.current;
    const same = going && going.ids.length === list.length && list.every((one, n) => one.id === going.ids[n]) && growth(list) === going.grow;
    if (atOnce && same) {
      if (way.current) way.current.to = list.map((one) => one.to);
      going.held = true;
      session.send({ do: "aim", to: list.map((one) => one.to), held: true });
    } else if (atOnce && list.some(pulled) && list.length >= look.now.points.length) {
      points.current[state.at] = look.kept().points;
      // Those that were still on their way begin where they are.
      list = list.map((one) => ({ ...one, handle: frame?.points[going?.ids.indexOf(one.id) ?? -1]?.at ?? one.handle }));
      pull(list, true);
    }
    showPoints(list);
  };
  const last = open && state.history[state.at - 1]?.do === "drag" && way.current?.at === state.at ? way.current : null; // what can go farther, or less far
  /** @param {any} pull @param {number} share */
  const goTo = (pull, share) => {
    changed();
    way.current = pull;
    setStrength(share);
    drag.current = { ids: pull.ids, grow: "", held: false };
    const between = (n) => /** @type {Place} */ (pull.to[n].map((v, axis) => pull.from[n][axis] + share * (v - pull.from[n][axis])));
    // At full strength the very numbers of before, which give the very picture.
    session.send({ do: "aim", to: share === 1 ? pull.to : pull.to.map((_, n) => inSquare(between(n), state.corners)[0]) });
  };
  const goneTo = (next) => {
    if (!last || next === last.share) return;
    const before = last.share;
    const go = (share) => goTo(last, (last.share = share));
    last.share = next;
    did(() => go(next), () => go(before), views);
  };
  const showPoints = (list) => look.show((now) => ({ ...now, points: list }));
  /** They were let go of: the method takes over from where the pull began. */
  const donePoints = () => {
    const going = drag.current;
    if (!going) return look.commit();
    if (!going.held) return;
    going.held = false;
    session.send({ do: "aim", to: look.latest().points.filter((one) => going.ids.includes(one.id)).map((one) => one.to) });
  };
  session.onLanded = ({ points: ended }) => {
    if (drag.current?.held) return; // it landed while it was being taken up again, and lands anew when that is let go
    const ids = drag.current?.ids ?? [];
    drag.current = null;
    const landed = (one) => ended[ids.indexOf(one.id)];
    look.settle((now) => ({ ...now, points: now.points.map((one) => (landed(one) ? { ...one, handle: landed(one).reached, to: landed(one).reached, grow: 0, landed: true } : one)) }));
    points.current[session.state.at] = look.latest().points;
  };
  session.onDropped = () => {
    drag.current = null;
    look.show(look.kept());
  };
  session.onUndone = (at) => {
    drag.current = null;
    changed();
    if (points.current[at]) look.settle((now) => ({ ...now, points: points.current[at] }));
  };
  const going = !!frame?.points.length && !session.resting;
  const left = going ? Math.max(...frame.points.map((p) => p.left)) : 0;
  const ended = going ? frame.points.map((p) => ({ reached: p.at, left: p.left, confidence: p.confidence })) : (session.landed?.points ?? []);
  const shown = look.now.points.map((one, n) => (drag.current ? ended[drag.current.ids.indexOf(one.id)] : ended[n]));
  const now = viewed ? picture : session.url || source;
  const zoom = near && open ? zoomTo(state.corners, size) : null;
  const busy = !open || !session.resting || !!keeping;
  return html`<section class="bench" aria-labelledby="photo-title"><h1 id="photo-title" class="hidden">${t("photo")}</h1>
    <div class="stage" aria-busy=${busy}>
      ${pulling && open && !viewed
        ? html`<${Paint} key=${source} source=${now} alt=${file.name} label=${t("mask_hint")} size=${size} strokes=${look.now.strokes} tool=${tool} zoom=${zoom} onStrokes=${(strokes) => look.commit({ ...look.now, strokes })}>
            <${Points} points=${look.now.points} landmarks=${tool.kind === "points" && session.resting ? session.parts : {}} ended=${shown} corners=${state.corners} size=${size} active=${tool.kind === "points"} onMove=${movePoints} onShow=${showPoints} onDone=${donePoints} /></${Paint}>`
        : html`<${Compare} key=${viewed ? "viewed" : source} before=${viewed ? (viewed.look ? otherSource || source : picture) : source} after=${now} zoom=${zoom} start=${viewed ? 50 : 0}>${!viewed && which.marks}</${Compare}>`}
      ${(!open || keeping) && !session.over && html`<span class="busy">${t(keeping ? "working" : state?.status === "waiting" ? "stage_starting" : "opening")}</span>`}
      <${Tools} tool=${tool} kinds=${pulling ? ["points", "brush", "eraser"] : []} onTool=${setTool} onClear=${() => look.commit({ ...look.now, strokes: [] })}>
        <button class=${near ? "" : "quiet"} aria-pressed=${near} disabled=${!open} onClick=${() => setNear(!near)}>${t("zoom")}</button></${Tools}>
    </div>
    <div class="controls"><${Chooser} />
      <div class="switch" role="group" aria-label=${t("how")}>${[false, true].map((p) => html`<button aria-pressed=${pulling === p} onClick=${() => setPulling(p)}>${t(p ? "pull" : "sliders")}</button>`)}</div>
      ${which.row}
      ${session.over
        ? html`<p class="warning">${t("session_over")}</p><button onClick=${() => setFile(new File([file], file.name, { type: file.type }))}>${t("open_again")}</button>`
        : pulling
        ? html`<p class="hint">${t(tool.kind === "points" ? "pull_hint" : "mask_hint")} ${tool.kind === "points" && html`<span class="keyboard">${t("pull_keys")}</span>`}</p>
          <label class="check"><input type="checkbox" checked=${atOnce} onChange=${(e) => setAtOnce(e.target.checked)} /> ${t("at_once")}</label>
          <label class="check"><input type="checkbox" checked=${guarded} onChange=${(e) => setGuarded(e.target.checked)} /> ${t("guarded", { name: person.name })}</label>
          <label>${t("method")}<select value=${method} onChange=${(e) => setMethod(e.target.value)}>${METHODS.filter((one) => one !== "transformer" || able).map((one) => html`<option value=${one}>${t(`method_${one}`)}</option>`)}</select></label>
          <${PointList} points=${look.now.points} landmarks=${session.parts} ended=${shown} onChange=${(list) => look.commit({ ...look.now, points: list })} onMove=${movePoints} onShow=${showPoints} onDone=${donePoints} />
          ${last && html`<label class="ranged"><span>${t("how_far")}</span><span class="value">${Math.round(100 * strength)} %</span><input type="range" min="0" max="1.5" step="0.05" value=${strength} onInput=${(e) => goTo(last, Number(e.target.value))} onChange=${(e) => goneTo(Number(e.target.value))} /></label>`}
          ${going && html`<${Bar} job=${{ status: "running", progress: { stage: "drag", step: frame.step, steps: 0, message: `${left}` } }} what=${t("pull")} cancel=${t("stop")} onCancel=${() => session.send({ do: "stop" })}>${drag.current?.held && able && method !== "transformer" && html`<small>${t("held_preview")}</small>`}</${Bar}>`}`
        : html`<p class="hint">${t("photo_hint")}</p>
          ${person.reach.map((reach) => html`<${Slider} key=${reach.attribute} area="photo" disabled=${!open} reach=${reach} limits=${limitsOf(reach.attribute, reach)} value=${values[reach.attribute] ?? null}
            mark=${state?.start?.[reach.attribute] ?? null} markName=${t("in_photo")} onInput=${(v) => move(reach.attribute, v)} onDone=${letGo} />`)}`}
      ${keeping && html`<${Bar} job=${keeping} what=${t("working")} />`}
      <div class="row wrap">
        <button class="primary" disabled=${!open || !session.resting || !!keeping || !!made || !!session.over} onClick=${keep}>${t("keep")}</button>
        ${pulling && !atOnce && html`<button disabled=${!look.now.points.some(pulled)} onClick=${() => ((points.current[state.at] = look.kept().points), pull(look.now.points))}>${t("pull_go")}</button>`}
        ${viewed && html`<button class="quiet" onClick=${() => view(null)}>${t("back_to_work")}</button>`}
        <button class="quiet" onClick=${() => setFile(null)}>${t("another_photo")}</button>${replay}</div>
      <${Outcome} made=${viewed ?? made} /></div>
    <${History} operations=${REPLAYED} current=${viewed} onOpen=${view} />
  </section>`;
}
