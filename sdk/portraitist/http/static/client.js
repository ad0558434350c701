/**
 * A client of Portraitist's HTTP API, for browsers and Node. One file without dependencies; copy it into your app.
 *
 *     const studio = new Portraitist("http://127.0.0.1:8321", "ptk_…");
 *     const job = await studio.create({ name: "ana" }, files);
 *     for await (const event of studio.follow(job.id)) console.log(event.kind, event.progress?.stage);
 *     const made = await studio.run("ana", "synthesize", { values: { yaw: 20 } });
 *     const png = await studio.picture(made.result.pictures[0].blob);
 *
 * @typedef {{code: string, detail: string, status: number, param: string | null, details: Record<string, any>}} Problem
 * @typedef {"queued" | "running" | "succeeded" | "failed" | "cancelled"} Status
 * @typedef {{stage: string, step: number, steps: number, eta: number | null, message: string, photo: string, photos: Verdict[]}} Progress
 * @typedef {{seq: number, time: string, kind: string, progress: Progress | null, detail: string, problem?: Problem}} JobEvent `problem`: of the kind "unavailable"
 * @typedef {{id: string, operation: string, persona_id: string, status: Status, ahead: number | null, attempt: number,
 *   progress: Progress | null, created: string, started: string | null, finished: string | null,
 *   error: {code: string, message: string, param: string | null, details: Record<string, any>} | null,
 *   result: any, arrangement: Record<string, any>}} Job
 * @typedef {{attribute: string, unit: string, low: number, high: number, photos_low: number | null, photos_high: number | null,
 *   holes: [number, number][], advice: string}} Reach
 * @typedef {{name: string, accepted: boolean, code: string, reason: string, warnings: string[]}} Verdict
 * @typedef {{persona_id: string, name: string, photos: Verdict[], reach: Reach[], attributes: string[], warnings: string[],
 *   preview: string | null, preset: string, prior: string, seed: number, consent: any, expires: string | null}} Persona
 * @typedef {{name: string, calibrated: boolean, assets: string[], parts: Record<string, Record<string, [number, number]>>, record: any}} Prior `parts`: what can be
 *   set in each part of a face, from lowest to highest
 * @typedef {{items: any[], next: string | null}} Page
 * @typedef {{key?: string, wait?: number, signal?: AbortSignal}} Options `key`: for idempotency; `wait`: seconds
 */

const ENDS = ["succeeded", "failed", "cancelled"];
const EMPTY = { seq: 0, time: "", kind: "unavailable", progress: null, detail: "" };

/** What the server refused, and why. `detail` says what to do. */
export class PortraitistError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail);
    this.name = "PortraitistError";
    this.code = problem.code;
    this.status = problem.status;
    this.param = problem.param ?? null;
    this.details = problem.details ?? {};
  }
}

export class Portraitist {
  /**
   * @param {string} address such as "http://127.0.0.1:8321"; "" in a page of the same server
   * @param {string} key an API key
   */
  constructor(address, key) {
    this.address = address.replace(/\/$/, "");
    this.key = key;
  }

  /** Exchange the printed address's token for the key of a session. It works once.
   * @param {string} token */
  async begin(token) {
    const answer = await this.#json("POST", "/v1/session", { token });
    this.key = answer.key;
    return this.key;
  }

  /** Who you are here, and what can be done. */
  about() {
    return this.#json("GET", "/v1");
  }

  /** The people that were learnt, by name. @param {string} [cursor] @returns {Promise<Page>} */
  people(cursor) {
    return this.#json("GET", "/v1/personas" + query({ limit: 200, cursor }));
  }

  /** @param {string} persona name or id @returns {Promise<Persona>} */
  person(persona) {
    return this.#json("GET", `/v1/personas/${encodeURIComponent(persona)}`);
  }

  /** Learn a person. @param {Record<string, any>} request @param {File[]} photos @param {Options} [options] @returns {Promise<Job>} */
  create(request, photos, options) {
    return this.#make("/v1/personas", request, { photos }, options);
  }

  /** Erase everything of a person. The answer is the signed receipt. @param {string} persona */
  erase(persona) {
    return this.#json("DELETE", `/v1/personas/${encodeURIComponent(persona)}`);
  }

  /**
   * Any operation of the server's table: synthesize, edit, enhance, add, …
   * @param {string} persona
   * @param {string} operation
   * @param {Record<string, any>} request the SDK's words; attributes stand in `values`
   * @param {Record<string, File[] | Blob[]>} [files] by the name of their argument
   * @param {Options} [options]
   * @returns {Promise<Job>}
   */
  submit(persona, operation, request, files, options) {
    return this.#make(`/v1/personas/${encodeURIComponent(persona)}/${operation}`, request, files ?? {}, options);
  }

  /** `submit`, and wait until the job is over. Throws the job's error. Same arguments. @returns {Promise<Job>} */
  async run(persona, operation, request, files, options) {
    const job = await this.submit(persona, operation, request, files, { wait: 30, ...options });
    return this.finished(job, options?.signal);
  }

  /** The same picture again. @param {Record<string, any>} recipe as a report holds it @param {Record<string, File[] | Blob[]>} [files] photo, mask and like, where their
   * first job is forgotten @returns {Promise<Job>} */
  replay(recipe, files) {
    return this.#make("/v1/replay", { recipe }, files ?? {}, {});
  }

  /** The job when it is over. @param {Job} job @param {AbortSignal} [signal] @returns {Promise<Job>} */
  async finished(job, signal) {
    while (job.status === "queued" || job.status === "running") {
      job = await this.#json("GET", `/v1/jobs/${job.id}`, undefined, { wait: 30, signal });
    }
    if (job.status !== "succeeded") {
      const error = job.error ?? { code: "job_cancelled", message: "the job was cancelled", param: null, details: {} };
      throw new PortraitistError({ ...error, detail: error.message, status: 409 });
    }
    return job;
  }

  /** @param {{status?: Status, cursor?: string, limit?: number}} [which] @returns {Promise<Page>} */
  jobs(which) {
    return this.#json("GET", "/v1/jobs" + query(which ?? {}));
  }

  /** @param {string} id @returns {Promise<Job>} */
  job(id) {
    return this.#json("GET", `/v1/jobs/${id}`);
  }

  /** @param {string} id @returns {Promise<Job>} */
  cancel(id) {
    return this.#json("POST", `/v1/jobs/${id}/cancel`);
  }

  /**
   * Every event of a job until it is over. When the connection is lost it says so (kind "lost") and goes on where it was.
   * @param {string} id
   * @param {AbortSignal} [signal]
   * @returns {AsyncGenerator<JobEvent>}
   */
  async *follow(id, signal) {
    let last = 0;
    let over = false;
    for (let pause = 500; ; pause = Math.min(pause * 2, 10_000)) {
      try {
        const answer = await this.#fetch("GET", `/v1/jobs/${id}/events`, { headers: { "Last-Event-ID": `${last}` }, signal });
        if (answer.status === 204 || answer.body === null) return;
        for await (const event of messages(answer.body)) {
          if (event.kind === undefined) {
            yield { ...EMPTY, detail: /** @type {any} */ (event).detail, problem: /** @type {any} */ (event) };
            continue;
          }
          last = event.seq;
          pause = 500;
          yield event;
          over = ENDS.includes(event.kind);
        }
        if (over) return;
      } catch (error) {
        if (signal?.aborted || error instanceof PortraitistError) throw error;
        yield { ...EMPTY, kind: "lost" };
      }
      await new Promise((resolve) => setTimeout(resolve, pause)); // and ask whether there is more
    }
  }

  /**
   * A live session's commands and frames (docs/http.md). `job` is what `submit(persona, "open", …)` answered. `tell` is told every message,
   * and a frame as {is: "frame", …its head, picture: Blob}. When the connection is lost it says {is: "lost"} and comes back.
   * @param {Job} job @param {(message: any) => void} tell @returns {Live}
   */
  live(job, tell) {
    const base = this.address || /** @type {any} */ (globalThis).location.origin;
    return new Live(`${base.replace(/^http/, "ws")}/v1/jobs/${job.id}/live`, this.key, tell);
  }

  /** A picture by the address in a result. @param {string} address @returns {Promise<Blob>} */
  async picture(address) {
    return (await this.#fetch("GET", address, {})).blob();
  }

  /** The generators that a person can start from. @returns {Promise<Page>} */
  priors() {
    return this.#json("GET", "/v1/priors");
  }

  /** Other ways to draw: those that come with Portraitist, then one's own. @returns {Promise<Page>} */
  styles() {
    return this.#json("GET", "/v1/styles");
  }

  /** Learn a style. @param {Record<string, any>} request @param {File[]} images @param {Options} [options] @returns {Promise<Job>} */
  learnStyle(request, images, options) {
    return this.#make("/v1/styles", request, { images }, options);
  }

  /** Remove a style that was learnt. Pictures made with it stay. @param {string} name */
  async removeStyle(name) {
    await this.#fetch("DELETE", `/v1/styles/${encodeURIComponent(name)}`, {});
  }

  /** Was it made here? @param {Blob} picture */
  async verify(picture) {
    const body = new FormData();
    body.append("picture", picture, "picture");
    return (await this.#fetch("POST", "/v1/verify", { body })).json();
  }

  /** @param {string} path @param {Record<string, any>} request @param {Record<string, Blob[]>} files @param {Options} [options] */
  async #make(path, request, files, options) {
    if (Object.keys(files).length === 0) return this.#json("POST", path, request, options);
    const body = new FormData();
    body.append("request", new Blob([JSON.stringify(request)], { type: "application/json" }), "request.json");
    for (const [name, several] of Object.entries(files)) {
      for (const file of several) body.append(name, file, file instanceof File ? file.name : `${name}.png`);
    }
    return (await this.#fetch("POST", path, { body, headers: preferences(options), signal: options?.signal })).json();
  }

  /** @param {string} method @param {string} path @param {any} [data] @param {Options} [options] */
  async #json(method, path, data, options) {
    const headers = { ...preferences(options), ...(data === undefined ? {} : { "Content-Type": "application/json" }) };
    const body = data === undefined ? undefined : JSON.stringify(data);
    return (await this.#fetch(method, path, { headers, body, signal: options?.signal })).json();
  }

  /** @param {string} method @param {string} path @param {RequestInit} rest @returns {Promise<Response>} */
  async #fetch(method, path, rest) {
    const headers = { ...rest.headers, ...(this.key ? { Authorization: `Bearer ${this.key}` } : {}) };
    const answer = await fetch(this.address + path, { ...rest, method, headers, credentials: "omit", cache: "no-cache" });
    if (answer.ok) return answer;
    throw new PortraitistError(await problemIn(answer));
  }
}

/** One live session; `send` what docs/http.md lists, such as {do: "set", values: {yaw: 12}}. */
export class Live {
  #address;
  #key;
  #tell;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {any[]} */ #waiting = []; // commands for when the connection is back
  #over = false;
  #pause = 250;

  /** @param {string} address @param {string} key @param {(message: any) => void} tell */
  constructor(address, key, tell) {
    [this.#address, this.#key, this.#tell] = [address, key, tell];
    this.#open();
  }

  /** @param {Record<string, any>} command */
  send(command) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
    else if (!this.#over) this.#waiting.push(command);
  }

  /** End the session. */
  close() {
    this.send({ do: "close" });
    this.#over = true;
    if (this.#socket?.readyState === WebSocket.CONNECTING) this.#socket.onopen = () => this.#greet(); // it is closed by what is said then
  }

  #greet() {
    for (const command of [{ do: "hello", key: this.#key }, ...this.#waiting.splice(0)]) this.#socket?.send(JSON.stringify(command));
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.#address));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#greet();
    socket.onmessage = ({ data }) => {
      this.#pause = 250;
      const message = typeof data === "string" ? JSON.parse(data) : frame(data);
      if (message.is === "ended") this.#over = true;
      this.#tell(message);
    };
    socket.onclose = () => {
      if (this.#over) return;
      this.#tell({ is: "lost" });
      setTimeout(() => this.#over || this.#open(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, 5000);
    };
  }
}

/** @param {ArrayBuffer} data four bytes of length, a head as JSON, a JPEG */
function frame(data) {
  const length = new DataView(data).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  return { is: "frame", ...head, picture: new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }) };
}

/** @param {Response} answer @returns {Promise<Problem>} */
async function problemIn(answer) {
  try {
    return await answer.json();
  } catch {
    return { code: "unreadable", detail: `the server answered ${answer.status}`, status: answer.status, param: null, details: {} };
  }
}

/** @param {Options} [options] @returns {Record<string, string>} */
function preferences(options) {
  return {
    ...(options?.wait ? { Prefer: `wait=${options.wait}` } : {}),
    ...(options?.key ? { "Idempotency-Key": options.key } : {}),
  };
}

/** @param {Record<string, any>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? "?" + new URLSearchParams(given.map(([name, value]) => [name, `${value}`])) : "";
}

/** The events of a stream. @param {ReadableStream<Uint8Array>} body @returns {AsyncGenerator<JobEvent>} */
async function* messages(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      text += decoder.decode(value, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = text.slice(0, end).split("\n").find((line) => line.startsWith("data: "));
        text = text.slice(end + 2);
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    if (!ended) reader.cancel().catch(() => {});
  }
}
