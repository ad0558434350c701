"use strict";
const $ = (id) => document.getElementById(id);
const csrf = document.querySelector("meta[name=csrf]").content;
let seed = 0;

async function call(method, path, body) {
  const headers = { "X-CSRF-Token": csrf };
  if (body && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await fetch(path, { method, headers, body });
  if (answer.status === 401) location.reload();
  const data = await answer.json();
  $("error").hidden = answer.ok;
  if (!answer.ok) {
    $("error").textContent = typeof data.detail === "string" ? data.detail : "That did not work.";
    throw new Error(answer.status);
  }
  return data;
}

async function show() {
  const me = await call("GET", "/api/me");
  $("nothing").hidden = !["nothing", "failed"].includes(me.state);
  $("learning").hidden = me.state !== "learning";
  $("ready").hidden = me.state !== "ready";
  $("told").textContent = me.told ? `Webhook: ${me.told} UTC` : "";
  if (me.state === "failed") {
    $("error").textContent = me.error;
    $("error").hidden = false;
  }
  if (me.state === "learning") follow();
  if (me.state === "ready") {
    const used = me.photos.filter((p) => p.accepted).length;
    $("count").textContent = `${used} of ${me.photos.length} photos used`;
    $("verdicts").replaceChildren(...me.photos.map((p) => item(`${p.name}: ${p.accepted ? "ok" : p.reason}`)));
    $("sliders").replaceChildren(...Object.entries(me.reach).map(([name, [low, high, unit]]) => slider(name, low, high, unit)));
    draw();
  }
}

function item(text) {
  const li = document.createElement("li");
  li.textContent = text;
  return li;
}

function slider(name, low, high, unit) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const value = document.createElement("output");
  Object.assign(input, { type: "range", name, min: low, max: high, step: (high - low) / 50, value: (low + high) / 2 });
  const say = () => (value.textContent = unit === "deg" ? `${Math.round(input.value) || 0}°` : `${(+input.value).toFixed(2)} ${unit}`);
  input.addEventListener("input", say);
  input.addEventListener("change", draw);
  say();
  label.append(`${name.replace("_", " ")} `, value, input);
  return label;
}

async function draw() {
  const values = Object.fromEntries([...document.querySelectorAll("#sliders input")].map((i) => [i.name, +i.value]));
  $("picture").classList.add("busy");
  try {
    const made = await call("POST", "/api/portraits", { values, seed });
    $("picture").src = made.image;
    const wanted = Object.keys(values).filter((name) => name in made.achieved);
    $("achieved").textContent = wanted.map((name) => `${name.replace("_", " ")} ${made.achieved[name]}`).join(" · ");
  } finally {
    $("picture").classList.remove("busy");
  }
}

function follow() {
  const source = new EventSource("/api/progress");
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.stage) {
      $("stage").textContent = event.stage + (event.eta ? `, about ${Math.ceil(event.eta)} s left` : "");
      $("bar").value = event.step / event.steps;
    }
    if (["succeeded", "failed", "cancelled"].includes(event.kind)) {
      source.close();
      show();
      setTimeout(show_told, 2000);
    }
  };
}

async function show_told() {
  const me = await call("GET", "/api/me");
  $("told").textContent = me.told ? `Webhook: ${me.told} UTC` : "";
}

$("photos").addEventListener("submit", async (event) => {
  event.preventDefault();
  await call("POST", "/api/photos", new FormData(event.target));
  show();
});
$("another").addEventListener("click", () => {
  seed += 1;
  draw();
});
$("forget").addEventListener("click", async () => {
  if (confirm("Delete your photos, your model and all portraits?")) {
    await call("DELETE", "/api/me");
    show();
  }
});
$("sign-out").addEventListener("click", async () => {
  await call("POST", "/sign-out");
  location.reload();
});
show();
