/** Which part of the face each pixel is: laid over the picture, to see and to click on. */

import { useEffect, useRef, useState } from "./vendor/preact-hooks.js";
import { t } from "./store.js";
import { html, word } from "./ui.js";

/** @typedef {{names: string[], side: number, data: string}} Classes `data`: base64 of zlib of one byte per pixel, row by row */

const COLOURS = ["#2f2f3f", "#e8b796", "#7a4b2a", "#4f9bd9", "#f0c96a", "#d95f6a", "#8f2f3f", "#6b4a8f", "#c99a7a", "#5fae7f", "#f2f2f2", "#3fd0c9"];
const CHOSEN = "#4d6bff";

/** A part's colour in the map. @param {number} number */
export const colourOf = (number) => COLOURS[number % COLOURS.length];

/** @param {Classes} classes @returns {Promise<Uint8Array>} */
async function numbersOf({ data }) {
  const packed = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {{classes: Classes, chosen: string, all: boolean, onPick: (name: string) => void}} props `all`: every part in its colour; else the chosen one */
export function PartMap({ classes, chosen, all, onPick }) {
  const canvas = useRef(/** @type {any} */ (null));
  const [numbers, setNumbers] = useState(/** @type {Uint8Array | null} */ (null));
  useEffect(() => {
    let here = true;
    numbersOf(classes).then((found) => here && setNumbers(found));
    return () => void (here = false);
  }, [classes]);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen || numbers?.length !== classes.side ** 2) return;
    const image = pen.createImageData(classes.side, classes.side);
    const seen = classes.names.map((name, number) => rgba(all ? colourOf(number) : CHOSEN, all ? (name === chosen ? 0.85 : 0.6) : name === chosen ? 0.5 : 0));
    numbers.forEach((number, at) => image.data.set(seen[number], 4 * at));
    pen.putImageData(image, 0, 0);
  }, [numbers, classes, chosen, all]);
  const at = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const [column, row] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.max(0, Math.min(classes.side - 1, Math.floor(share * classes.side))));
    return numbers ? classes.names[numbers[row * classes.side + column]] : "";
  };
  const tell = (event) => (canvas.current.title = word(`piece_${at(event)}`, at(event)));
  return html`<canvas ref=${canvas} class="partmap" role="img" aria-label=${t("part_map", { part: word(`piece_${chosen}`, chosen) })} width=${classes.side} height=${classes.side} onPointerMove=${tell} onClick=${(event) => at(event) && onPick(at(event))} />`;
}

/** @param {string} colour @param {number} opacity */
const rgba = (colour, opacity) => [1, 3, 5].map((n) => parseInt(colour.slice(n, n + 2), 16)).concat(Math.round(255 * opacity));
