/** A photo or portrait that the server holds open: what it last said and showed. Its history is part of the page's. */

import { useEffect, useRef, useState } from "./vendor/preact-hooks.js";
import { PortraitistError } from "./client.js";
import { attempt, did, forget, set, state } from "./store.js";

/** @param {{code: string, message: string, param?: string | null, details?: any}} error as a session says it */
const typed = (error) => new PortraitistError({ param: null, details: {}, status: 409, ...error, detail: error.message });

export class Session {
  /** @type {any} */ state = null; // {status, width, height, corners, start, values, at, history}
  /** @type {any} */ frame = null; // the last one's head
  /** @type {Record<string, [number, number]>} */ parts = {}; // of the face, as it is at rest
  /** @type {any} */ landed = null; // how the last drag ended
  url = ""; // of the last frame
  resting = false; // the frame is the picture as it is saved
  /** @type {string | null} */ over = null; // why it ended
  /** @type {any} */ error = null; // what went wrong, if that is why
  /** @type {(at: number) => void} */ onUndone = () => {}; // undo or redo has gone to that place of the history
  /** @type {(landed: any) => void} */ onLanded = () => {};
  onDropped = () => {}; // a step could not be done, and is none
  key = ""; // of `useSession`
  #changed;
  #counted; // whether its history is part of the page's
  /** @type {import("./client.js").Live | null} */ #live = null;
  #at = 0; // steps that the page's history knows
  #going = false; // an undo or redo is on its way
  #lost = false;
  /** @type {Map<string, (job: string | null) => void>} */ #saving = new Map();

  /** @param {() => Promise<import("./client.js").Job>} submit @param {() => void} changed @param {boolean} counted */
  constructor(submit, changed, counted) {
    [this.#changed, this.#counted] = [changed, counted];
    attempt(submit).then((job) => {
      if (!job) return this.#end("failed");
      if (this.over) return void state.studio.cancel(job.id).catch(() => {});
      this.#live = state.studio.live(job, (message) => this.over || this.#told(message));
    });
  }

  /** For an open session. @param {Record<string, any>} command */
  send(command) {
    if (["set", "drag", "aim", "undo", "redo"].includes(command.do)) this.resting = false;
    this.#live?.send(command);
    this.#changed();
  }

  /** Make the picture as it is now; the job that does. @returns {Promise<string | null>} */
  save() {
    const tag = `${Math.random()}`;
    this.#live?.send({ do: "save", tag });
    return new Promise((resolve) => this.#saving.set(tag, resolve));
  }

  close() {
    this.#end("closed");
    this.#live?.close();
    URL.revokeObjectURL(this.url);
    forget(this);
  }

  /** @param {string} why */
  #end(why) {
    this.over ??= why;
    for (const resolve of this.#saving.values()) resolve(null);
    this.#changed();
  }

  /** @param {any} message */
  #told(message) {
    if (message.is === "lost") set({ trouble: new TypeError() });
    else if (this.#lost) set({ trouble: null });
    this.#lost = message.is === "lost";
    if (message.is === "state") {
      this.state = message;
      if (message.status === "open") this.#count(message.at);
    }
    if (message.is === "frame") {
      const old = this.url;
      this.url = URL.createObjectURL(message.picture);
      setTimeout(() => URL.revokeObjectURL(old), 1000); // it is shown until the new one is there
      this.frame = message;
      if (message.parts) this.parts = message.parts;
      this.resting = message.kind === "rest";
    }
    if (message.is === "landed") {
      this.landed = message;
      this.onLanded(message);
    }
    if (message.is === "saving") this.#saving.get(message.tag)?.(message.job);
    if (message.is === "refused") {
      this.#saving.get(message.tag)?.(null);
      set({ trouble: typed(message.error) });
      if (message.do === "drag") this.onDropped();
    }
    if (message.is === "ended") {
      this.error = message.error;
      if (message.error) set({ trouble: typed(message.error) });
      this.#end(message.why);
    }
    this.#changed();
  }

  /** The server's history as steps of the page's. @param {number} at */
  #count(at) {
    if (!this.#counted) return;
    if (this.#going) return void (this.#going = at !== this.#at);
    if (at < this.#at) {
      forget(this, this.#at - at);
      this.onDropped();
    }
    for (let n = this.#at + 1; n <= at; n++) did(() => this.#go("redo", n), () => this.#go("undo", n - 1), this);
    this.#at = at;
  }

  /** @param {string} way @param {number} at */
  #go(way, at) {
    [this.#at, this.#going] = [at, true];
    this.landed = null;
    this.send({ do: way });
    this.onUndone(at);
  }
}

/** The session of `key`, as long as that is the same; none for "". Of a new key it comes a moment later: until then the last one is given.
 * `counted`: its history is part of the page's.
 * @param {string} key @param {() => Promise<import("./client.js").Job>} submit @param {boolean} [counted] @returns {Session | null} */
export function useSession(key, submit, counted = true) {
  const [, draw] = useState({});
  const box = useRef(/** @type {Session | null} */ (null));
  useEffect(() => {
    if (!key) return;
    const session = (box.current = new Session(submit, () => draw({}), counted));
    session.key = key;
    draw({});
    return () => {
      session.close();
      box.current = null;
    };
  }, [key]);
  return box.current;
}
