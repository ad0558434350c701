/** Faces of a group photo: drawn on it, and in a row. The one that is changed is chosen, and another can be. */

import { useEffect, useState } from "./vendor/preact-hooks.js";
import { state, t, useStore } from "./store.js";
import { html, useAspect } from "./ui.js";

/**
 * @typedef {[number, number]} Place in px of the photo
 * @typedef {{corners: Place[], likeness: number, theirs: boolean}} Face `theirs`: it is as like the person as a photo of them is
 * @typedef {{person: string, file: File, at: Place}} Named a face that was chosen: for whom, in which photo, and a place in it
 * @typedef {"theirs" | "best" | "none"} Free what is taken where none was named: the one most like the person, if that is theirs, or whoever it is, or one that is not known here
 * @typedef {{at: Place | null, looking: boolean, asked: {face?: Place}, best: Face | null, marks: any, row: any}} Choice `at`: a place in the face that was named; `asked`: that as a
 *   request says it; `best`: the chosen one, or the one most like the person; `looking`: they are not known yet; `marks` over the photo and `row` beside it: null where there is nothing to choose
 */

/** @param {Face} face @returns {Place} */
const middleOf = ({ corners }) => /** @type {Place} */ ([0, 1].map((axis) => Math.round(corners.reduce((sum, place) => sum + place[axis], 0) / 4)));

/** From left to right. @param {Face[]} faces */
const inRow = (faces) => [...faces].sort((a, b) => middleOf(a)[0] - middleOf(b)[0]);

/** @type {WeakMap<File, Record<string, Promise<Face[]>>>} */
const found = new WeakMap(); // by the person's id

/** @param {File} file @param {string} person @returns {Promise<Face[]>} */
function facesOf(file, person) {
  const known = found.get(file) ?? {};
  found.set(file, known);
  known[person] ??= state.studio.run(person, "faces", {}, { photo: [file] }).then((job) => job.result.faces);
  known[person].catch(() => delete known[person]);
  return known[person];
}

/** Which face of a photo is meant.
 * @param {{source: string, name: string, faces: Face[], at: Place | null, onChoose: (at: Place) => void, free?: Free, legend?: string, looking?: boolean}} props @returns {Choice} */
export function choiceOf({ source, name, faces, at, onChoose, free = "theirs", legend, looking = false }) {
  const row = inRow(faces);
  const best = row.reduce((most, face) => (face.likeness > most.likeness ? face : most), row[0]);
  const chosen = at && row.length ? faceAt(row, at) : best && (free === "best" || (free === "theirs" && best.theirs)) ? best : null;
  const choose = (face) => face !== chosen && onChoose(middleOf(face));
  const open = row.length > 1 || (row.length > 0 && !chosen && free === "theirs");
  return {
    at, looking, best: chosen ?? best ?? null, asked: at ? { face: at } : {},
    marks: open ? html`<${FaceMarks} source=${source} faces=${row} chosen=${chosen} onChoose=${choose} />` : null,
    row: open ? html`<${FaceRow} source=${source} name=${name} faces=${row} chosen=${chosen} stranger=${!!at && !chosen?.theirs} legend=${legend ?? t("which_face")} onChoose=${choose} />` : null,
  };
}

/** The same for a photo that lies in an area: the server is asked for its faces. `named`: what `onChoose` was told last.
 * @param {{file: File | null, source: string, named: Named | null, onChoose: (named: Named) => void, free?: Free, legend?: string}} props @returns {Choice} */
export function useChoice({ file, source, named, onChoose, free, legend }) {
  const { person, about } = useStore();
  const id = person?.persona_id ?? "";
  const [told, setTold] = useState({ file: /** @type {File | null} */ (null), person: "", faces: /** @type {Face[]} */ ([]) });
  const able = !!about?.operations.some((one) => one.name === "faces");
  useEffect(() => {
    if (!file || !id || !able) return;
    let here = true;
    const tell = (faces) => here && setTold({ file, person: id, faces });
    facesOf(file, id).then(tell, () => tell([])); // without them, the server chooses
    return () => void (here = false);
  }, [file, id, able]);
  const of = (what) => file !== null && what?.file === file && what.person === id;
  return choiceOf({
    source, free, legend, looking: able && !of(told), name: person?.name ?? "", faces: of(told) ? told.faces : [], at: of(named) ? (named?.at ?? null) : null,
    onChoose: (at) => file && onChoose({ person: id, file, at }),
  });
}

/** A photo, with its faces where one can be chosen. @param {{source: string, alt: string, marks: any}} props */
export function FacePhoto({ source, alt, marks }) {
  const [aspect, measure] = useAspect();
  if (!marks) return html`<img src=${source} alt=${alt} />`;
  return html`<div class="fitted" style=${{ "--aspect": aspect }}><div class="sheet"><img src=${source} alt=${alt} onLoad=${measure} draggable="false" />${marks}</div></div>`;
}

/** The face that lies at a place. @param {Face[]} faces @param {Place} place */
function faceAt(faces, [x, y]) {
  const far = (face) => Math.hypot(middleOf(face)[0] - x, middleOf(face)[1] - y);
  return faces.reduce((near, face) => (far(face) < far(near) ? face : near));
}

/** A picture's size once it is loaded. @param {string} source @returns {{width: number, height: number}} */
export function useSize(source) {
  const [size, setSize] = useState({ width: 1, height: 1 });
  useEffect(() => {
    setSize({ width: 1, height: 1 });
    const image = new Image();
    image.onload = () => setSize({ width: image.naturalWidth, height: image.naturalHeight });
    if (source) image.src = source;
    return () => void (image.onload = null);
  }, [source]);
  return size;
}

/** Squares over the photo. Who cannot point uses the row. @param {{source: string, faces: Face[], chosen: Face | null, onChoose: (face: Face) => void}} props */
function FaceMarks({ source, faces, chosen, onChoose }) {
  const { width, height } = useSize(source);
  return html`<svg class="faces" viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
    ${faces.map((face) => html`<path key=${`${middleOf(face)}`} class=${face === chosen ? "chosen" : ""} d=${`M${face.corners.join("L")}Z`} onClick=${() => onChoose(face)} />`)}</svg>`;
}

/** The faces, cut out. `stranger`: the one that was named is not theirs.
 * @param {{source: string, name: string, faces: Face[], chosen: Face | null, stranger: boolean, legend: string, onChoose: (face: Face) => void}} props */
function FaceRow({ source, name, faces, chosen, stranger, legend, onChoose }) {
  const { width, height } = useSize(source);
  const box = ({ corners }) => {
    const [xs, ys] = [0, 1].map((axis) => corners.map((place) => place[axis]));
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return [x, y, Math.max(...xs) - x, Math.max(...ys) - y].join(" ");
  };
  return html`<fieldset class="facerow"><legend>${legend}</legend>
    <div class="row wrap">${faces.map((face, n) => html`<button key=${`${middleOf(face)}`} aria-pressed=${face === chosen} onClick=${() => onChoose(face)} aria-label=${t("face_n", { n: n + 1, likeness: face.likeness.toFixed(2) })}>
      <svg viewBox=${box(face)} aria-hidden="true"><image href=${source} width=${width} height=${height} /></svg><small>${t("face_likeness", { likeness: face.likeness.toFixed(2) })}</small></button>`)}</div>
    ${stranger ? html`<p class="warning">${t("face_stranger", { name })}</p>` : html`<p class="hint">${t("face_hint", { name })}</p>`}</fieldset>`;
}
