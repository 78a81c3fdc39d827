// SPDX-License-Identifier: MIT
// The official SDK, told what to call. usage: openai.mjs MODULES CALLS
//
// CALLS is a file with a JSON array of {client, call, body}: the SDK's options ("apiKey",
// "baseURL", …), "generate", "edit", "variation" or "models", and the call's body, in which
// {"$file": path} is a file that is read as it is sent, {"$blob": path, "name", "type"} its bytes
// at once, {"$stream": path, "name"} what the SDK sends without knowing its length.
//
// Prints one line of JSON for each: {"value"} or {"error": {name, status, code, param, type,
// message, requestID}}.
import { createRequire } from "node:module";
import { createReadStream, readFileSync } from "node:fs";

const [modules, calls] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { default: OpenAI, toFile, toStreamingFile } = require("openai");

async function file(value) {
  if (value?.$file) return createReadStream(value.$file);
  if (value?.$blob) return toFile(readFileSync(value.$blob), value.name, { type: value.type });
  if (value?.$stream) return toStreamingFile(createReadStream(value.$stream), value.name);
  return value;
}

async function collected(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

for (const { client: options, call, body } of JSON.parse(readFileSync(calls, "utf8"))) {
  const client = new OpenAI(options);
  let told;
  try {
    for (const name of ["image", "mask"]) {
      if (!body?.[name]) continue;
      body[name] = Array.isArray(body[name])
        ? await Promise.all(body[name].map(file)) : await file(body[name]);
    }
    const value = call === "models" ? await collected(await client.models.list())
      : call === "variation" ? await client.images.createVariation(body)
      : await client.images[call](body);
    told = { value: body?.stream ? await collected(value) : value };
  } catch (error) {
    const { name, status, code, param, type, message, requestID } = error;
    told = { error: { class: error.constructor.name, name, status, code, param, type, message,
      requestID } };
  }
  console.log(JSON.stringify(told));
}
