// SPDX-License-Identifier: MIT
// What JavaScript has. usage: polls.mjs COUNT POLLS BASE_URL MODULES HOW, of HOW fetch,
// request_agent, fetch_agent and openai.
// As polls.lua: COUNT tasks at once, each one POST and POLLS queries, a second apart.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [count, polls, base, modules, how] = process.argv.slice(2);
const require = createRequire(modules + "/");
const prompt = "a lighthouse ".repeat(40).slice(0, 500);
const request = { model: "gpt-image-2-beta", prompt, size: "16:9", resolution: "2K" };
const headers = { authorization: "Bearer bench", "content-type": "application/json" };
const path = "/v1/images/generations";

// An undici Agent with as many connections as we have, by undici's own request and by its fetch; the
// fetch of node and the SDK as they come.
function ask() {
  if (how === "openai") {
    const OpenAI = require("openai").default;
    const client = new OpenAI({ apiKey: "bench", baseURL: base + "/v1", maxRetries: 0 });
    return {
      post: () => client.post("/images/generations", { body: request }),
      get: (id) => client.get("/tasks/" + id),
    };
  }
  if (how === "request_agent") {
    const { Agent, request: send } = require("undici");
    const dispatcher = new Agent({ connections: 32 });
    const call = async (url, options) => (await send(url, { dispatcher, ...options })).body.json();
    return {
      post: () => call(base + path, { method: "POST", headers, body: JSON.stringify(request) }),
      get: (id) => call(base + "/v1/tasks/" + id, { headers }),
    };
  }
  let send = fetch, more = {};
  if (how === "fetch_agent") {
    const undici = require("undici");
    send = undici.fetch;
    more = { dispatcher: new undici.Agent({ connections: 32 }) };
  }
  const call = async (url, options) => (await send(url, { ...more, ...options })).json();
  return {
    post: () => call(base + path, { method: "POST", headers, body: JSON.stringify(request) }),
    get: (id) => call(base + "/v1/tasks/" + id, { headers }),
  };
}

const { post, get } = ask();
const memory = (name) =>
  Number(readFileSync("/proc/self/status", "utf8").match(name + ":\\s+(\\d+)")[1]) / 1024;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function one() {
  let task = await post();
  for (let i = 0; i < Number(polls); i++) {
    await sleep(1000);
    task = await get(task.id);
  }
  if (task.status !== "completed") throw new Error(task.status);
}

const cpu = process.cpuUsage(), wall = performance.now(), before = memory("VmRSS");
await Promise.all(Array.from({ length: Number(count) }, one));
const used = process.cpuUsage(cpu);
console.log((used.user + used.system) / 1e6, (performance.now() - wall) / 1e3,
  memory("VmHWM") - before);
process.exit(0); // kept-alive connections would hold it
