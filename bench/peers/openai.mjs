// SPDX-License-Identifier: MIT
// The official SDK. usage: openai.mjs ROUNDS BASE_URL FOLDER COUNT MODULES
import { createRequire } from "node:module";
import { unlinkSync, writeFileSync } from "node:fs";

const [rounds, baseUrl, folder, count, modules] = process.argv.slice(2);
const OpenAI = createRequire(modules + "/")("openai").default;
const client = new OpenAI({ apiKey: "bench", baseURL: baseUrl + "/v1", maxRetries: 0 });
for (let number = 0; number < Number(rounds); number++) {
  const began = performance.now();
  const reply = await client.images.generate({
    model: "gpt-image-2", prompt: "A lighthouse", n: Number(count),
  });
  const paths = reply.data.map((image, i) => {
    const path = `${folder}/openai-${number}-${i}.png`;
    writeFileSync(path, Buffer.from(image.b64_json, "base64"));
    return path;
  });
  console.log((performance.now() - began).toFixed(3));
  if (number < rounds - 1) paths.forEach((path) => unlinkSync(path));
}
