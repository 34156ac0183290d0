// The openai package for Node against `apimctl serve`, unchanged: node openai_sdk.mjs GATEWAY KEY
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.cwd(), "package.json"));
const { default: OpenAI, AzureOpenAI } = await import(pathToFileURL(require.resolve("openai")).href);
const { version } = JSON.parse(readFileSync(path.join(process.cwd(), "node_modules/openai/package.json")));

const [gateway, key] = process.argv.slice(2);
const apiVersion = "2024-10-21";
const model = "gpt-4o-mini";
const hello = [{ role: "user", content: "Say hello" }];
const say = (content) => [{ role: "user", content }];
const azure = (more = {}) => new AzureOpenAI({ endpoint: gateway, apiKey: key, apiVersion, ...more });
const plain = (more = {}) => new OpenAI({ baseURL: `${gateway}/openai/v1`, apiKey: key, ...more });
const clients = {
  AzureOpenAI: azure(),
  "AzureOpenAI(deployment)": azure({ deployment: model }),
  "OpenAI(/openai/v1)": plain(),
  "OpenAI(/deployments)": new OpenAI({ baseURL: `${gateway}/deployments/${model}`, apiKey: key, defaultQuery: { "api-version": apiVersion } }),
};
const tools = [{
  type: "function",
  function: { name: "get_current_weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
}];
let passed = 0;
const failed = [];

async function check(name, work) {
  try {
    await work();
    passed += 1;
  } catch (error) {
    failed.push(name);
    console.log(`FAILED ${name}: ${error?.stack ?? error}`);
  }
}

async function text(client, messages) {
  let whole = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    whole += chunk.choices[0]?.delta?.content ?? "";
  }
  return whole;
}

for (const [name, client] of Object.entries(clients)) {
  await check(`${name}: completion`, async () => {
    const answer = await client.chat.completions.create({ model, messages: hello });
    assert.ok(answer.choices[0].message.content && answer.usage.total_tokens > 0);
  });
  await check(`${name}: stream`, async () => {
    const whole = await client.chat.completions.create({ model, messages: hello });
    assert.equal(await text(client, hello), whole.choices[0].message.content);
  });
  await check(`${name}: tools`, async () => {
    const answer = await client.chat.completions.create({ model, messages: say("What is the weather in Paris?"), tools });
    assert.equal(answer.choices[0].message.tool_calls[0].function.name, "get_current_weather");
  });
}
await check("embeddings", async () => {
  for (const client of [azure(), plain()]) {
    const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a cat", "a dog"] });
    assert.equal(answer.data.length, 2);
    assert.equal(answer.data[1].embedding.length, 1536);
  }
});
await check("responses", async () => {
  const answer = await plain().responses.create({ model, input: "Say hello" });
  assert.ok(answer.output_text);
});
await check("wrong key", async () => {
  await assert.rejects(azure({ apiKey: "wrong" }).chat.completions.create({ model, messages: hello }), OpenAI.AuthenticationError);
  await assert.rejects(plain({ apiKey: "wrong" }).chat.completions.create({ model, messages: hello }), OpenAI.AuthenticationError);
});
await check("not found", async () => {
  await assert.rejects(plain().files.list(), OpenAI.NotFoundError);
  await assert.rejects(azure().chat.completions.create({ model: "no-such-model", messages: hello }), (error) => error.code === "DeploymentNotFound");
});
await check("timeout", async () => {
  const client = azure({ maxRetries: 0, timeout: 500 });
  await assert.rejects(client.chat.completions.create({ model, messages: say("answer slowly") }), OpenAI.APIConnectionTimeoutError);
});
await check("cancelled streams", async () => {
  for (let number = 0; number < 5; number += 1) {
    const stream = await azure().chat.completions.create({ model, messages: say("stream slowly"), stream: true });
    for await (const _ of stream) break;
  }
  assert.ok((await azure().chat.completions.create({ model, messages: hello })).choices.length);
});
await check("a stream that breaks off", async () => {
  await assert.rejects(text(azure({ maxRetries: 0 }), say("break off")));
});
await check("200 at once", async () => {
  const one = async (number) => {
    const client = number % 2 ? clients.AzureOpenAI : clients["OpenAI(/openai/v1)"];
    const messages = say(`question number ${number}`);
    if (number % 4 < 2) return (await client.chat.completions.create({ model, messages })).choices[0].message.content;
    return text(client, messages);
  };
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  const first = await Promise.all(numbers.map(one));
  assert.deepEqual(await Promise.all(numbers.map(one)), first);
  assert.ok(new Set(first).size > 150);
});
console.log(`openai for Node ${version}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exit(failed.length ? 1 : 0);
