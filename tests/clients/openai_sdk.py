"""The openai package for Python against `apimctl serve`, unchanged: python openai_sdk.py GATEWAY KEY"""

import asyncio
import json
import sys
import time

import httpx2 as httpx  # what this version of the package speaks HTTP with
import openai
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

GATEWAY, KEY = sys.argv[1], sys.argv[2]
VERSION = "2024-10-21"
MODEL, EMBEDDING = "gpt-4o-mini", "text-embedding-3-small"
HELLO = [{"role": "user", "content": "Say hello"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
passed, failed = 0, []


def clients():
    """Every way in which an application names the gateway."""
    yield "AzureOpenAI", AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION)
    yield "AzureOpenAI(azure_deployment)", AzureOpenAI(azure_endpoint=GATEWAY, azure_deployment=MODEL, api_key=KEY, api_version=VERSION)
    yield "OpenAI(/openai/v1)", OpenAI(base_url=f"{GATEWAY}/openai/v1", api_key=KEY)
    yield "OpenAI(/deployments)", OpenAI(base_url=f"{GATEWAY}/deployments/{MODEL}", api_key=KEY, default_query={"api-version": VERSION})


def check(name, work):
    global passed
    try:
        result = work()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
        passed += 1
    except Exception as error:  # noqa: BLE001
        failed.append(name)
        print(f"FAILED {name}: {type(error).__name__}: {error}")


def raises(kind, work):
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def completion(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def stream(client):
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert text == whole.choices[0].message.content, (text, whole.choices[0].message.content)
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def tools(client):
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = client.chat.completions.create(model=MODEL, messages=question, tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_current_weather" and "city" in json.loads(call.function.arguments)
    question += [answer.choices[0].message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert client.chat.completions.create(model=MODEL, messages=question, tools=TOOLS).choices[0].message.content


def image(client):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]
    assert client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}]).choices[0].message.content


def large(client):
    text = "All work and no play makes Jack a dull boy. " * 24_000
    assert client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], max_tokens=5).usage.prompt_tokens > 100_000


def embeddings(client):
    answer = client.embeddings.create(model=EMBEDDING, input=["a cat", "a dog"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) == 1536


for name, client in clients():
    for work in (completion, stream, tools, image, large):
        check(f"{name}: {work.__name__}", lambda: work(client))
for name, client in list(clients())[::2]:
    check(f"{name}: embeddings", lambda: embeddings(client))


def legacy():
    client = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION)
    assert client.completions.create(model="gpt-35-turbo-instruct", prompt="Once upon a time").choices[0].text


def responses():
    client = OpenAI(base_url=f"{GATEWAY}/openai/v1", api_key=KEY)
    assert client.responses.create(model=MODEL, input="Say hello").output_text
    events = list(client.responses.create(model=MODEL, input="Say hello", stream=True))
    assert events[-1].type == "response.completed" and events[-1].response.usage.output_tokens > 0
    assert [model.id for model in client.models.list().data]


def wrong_key():
    for client in (AzureOpenAI(azure_endpoint=GATEWAY, api_key="wrong", api_version=VERSION), OpenAI(base_url=f"{GATEWAY}/openai/v1", api_key="wrong")):
        error = raises(openai.AuthenticationError, lambda: completion(client))
        assert error.status_code == 401 and "invalid subscription key" in error.response.text, error.response.text
        assert error.response.headers["www-authenticate"].startswith('AzureApiManagementKey realm="')


def not_found():
    client = OpenAI(base_url=f"{GATEWAY}/openai/v1", api_key=KEY)
    error = raises(openai.NotFoundError, lambda: client.files.list())
    assert error.response.json() == {"statusCode": 404, "message": "Resource not found"}
    azure = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION)
    error = raises(openai.NotFoundError, lambda: azure.chat.completions.create(model="no-such-model", messages=HELLO))
    assert error.code == "DeploymentNotFound", error.response.text


def throttled():
    seen = []
    transport = httpx.Client(event_hooks={"response": [lambda response: seen.append((response.status_code, response.headers.get("retry-after")))]})
    client = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION, http_client=transport, max_retries=3)
    started = time.monotonic()
    assert client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "throttle me once"}]).choices
    assert seen[0][0] in (429, 503) and int(seen[0][1]) >= 1 and seen[-1][0] == 200, seen
    assert time.monotonic() - started >= 0.9, "the SDK did not wait as it was told"


def timeout():
    client = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION, max_retries=0, timeout=0.5)
    raises(openai.APITimeoutError, lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "answer slowly"}]))


def cancelled():
    client = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION)
    for _ in range(5):
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "stream slowly"}], stream=True)
        next(iter(answer))
        answer.close()
    completion(client)


def broken():
    client = AzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION, max_retries=0)
    question = [{"role": "user", "content": "break off"}]
    error = raises((openai.APIError, httpx.RemoteProtocolError), lambda: list(client.chat.completions.create(model=MODEL, messages=question, stream=True)))
    assert not isinstance(error, openai.APIStatusError), error


async def concurrent():
    async with AsyncAzureOpenAI(azure_endpoint=GATEWAY, api_key=KEY, api_version=VERSION, max_retries=0) as azure:
        async with AsyncOpenAI(base_url=f"{GATEWAY}/openai/v1", api_key=KEY, max_retries=0) as plain:
            async def one(number):
                client = azure if number % 2 else plain
                question = [{"role": "user", "content": f"question number {number}"}]
                if number % 4 < 2:
                    answer = await client.chat.completions.create(model=MODEL, messages=question)
                    return number, answer.choices[0].message.content
                parts = []
                async for chunk in await client.chat.completions.create(model=MODEL, messages=question, stream=True):
                    if chunk.choices:
                        parts.append(chunk.choices[0].delta.content or "")
                return number, "".join(parts)

            answers = dict(await asyncio.gather(*(one(number) for number in range(200))))
            # The same question again gives the same answer: nothing was mixed up between calls.
            again = dict(await asyncio.gather(*(one(number) for number in range(200))))
            assert answers == again and len(set(answers.values())) > 150


for work in (legacy, responses, wrong_key, not_found, throttled, timeout, cancelled, broken, concurrent):
    check(work.__name__, work)
print(f"openai for Python {openai.__version__}")
print(f"{passed} passed, {len(failed)} failed")
sys.exit(bool(failed))
