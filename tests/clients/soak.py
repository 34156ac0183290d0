"""A soak under faults: 200 clients, half of them streaming, two accounts that fail in turns.

python3 soak.py APIMCTL [SECONDS]. One account at a time is out or answers nonsense, so each request has a healthy member and an attempt left:
every answer has to begin with 200. Streams that were under way at an account when it went out may break off, no other ones.
Afterwards memory and file descriptors have to be what they were.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

apimctl, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
CLIENTS, KEY = 200, "soak-key-0123456789abcdef"
CYCLE = 20  # seconds: one account is out for the first 6, the other for 6 in the middle; a breaker that tripped is closed again in between
FAULTS = [
    {"connection": "refused"},
    {"status": 500},
    {"throttle": "PT1S"},
    {"cut": "beforeFirstByte"},
    {"status": 503, "headers": {"retry-after": "1"}},
]
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "soak"}], "max_tokens": 40}

here = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp()
spec = os.path.join(work, "soak.yaml")
with open(os.path.join(here, "gateway.yaml")) as file:
    text = file.read()
rule = (
    "{ rules: [{ name: soak, failureCondition: { count: 1, interval: PT10S, statusCodeRanges: [{ min: 429, max: 429 }, { min: 500, max: 599 }], "
    'errorReasons: ["Server errors"] }, tripDuration: PT2S, acceptRetryAfter: true }] }'
)
text = text.replace("circuitBreaker: default", f"circuitBreaker: {rule}").replace("../../policies", os.path.join(here, "../../policies"))
with open(spec, "w") as file:
    file.write(text)

outages = []
start, which = 5, 0
while start < seconds + CYCLE:
    outages.append((("clients-france", "clients-sweden")[which % 2], start, 6, FAULTS[which % len(FAULTS)]))
    start, which = start + CYCLE // 2, which + 1
behavior = os.path.join(work, "behavior.json")
with open(behavior, "w") as file:
    rules = [{"name": f"outage {n}", "account": a, "from": f"PT{s}S", "for": f"PT{d}S", "do": f} for n, (a, s, d, f) in enumerate(outages)]
    json.dump({"latency": {"headers": "PT0.01S", "perToken": "PT0.02S"}, "rules": rules}, file)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
log = open(os.path.join(work, "serve.log"), "w")
command = [apimctl, "serve", spec, "--simulate", "--behavior", behavior, "--listen", f"127.0.0.1:{port}", "--subscription-key", f"consumer={KEY}"]
server = subprocess.Popen(command, stdout=log, stderr=log)


def memory():
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def descriptors():
    return len(os.listdir(f"/proc/{server.pid}/fd"))


counts = {"whole": 0, "streamed": 0, "broken": 0}
lost = []


async def head(reader):
    status = int((await reader.readline()).split()[1])
    headers = {}
    while (line := (await reader.readline()).strip()):
        name, value = line.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    return status, headers


async def chunks(reader):
    while (size := int(await reader.readline() or b"-1", 16)) > 0:
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()


async def client(end, number):
    reader = writer = None
    while time.monotonic() < end:
        stream = random.random() < 0.5
        body = json.dumps({**BODY, "stream": stream}).encode()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = f"POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\nhost: soak\r\napi-key: {KEY}\r\n"
            writer.write(f"{request}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            status, headers = await asyncio.wait_for(head(reader), 30)
        except (OSError, asyncio.TimeoutError, ValueError, IndexError) as error:
            lost.append(f"client {number}: {type(error).__name__} before the head")
            writer = None
            continue
        if status != 200:
            lost.append(f"client {number}: {status}")
        try:
            if "content-length" in headers:
                await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 30)
                counts["whole"] += 1
            else:
                text = b"".join([piece async for piece in chunks(reader)])
                assert text.rstrip().endswith(b"data: [DONE]"), text[-80:]
                counts["streamed"] += 1
        except (OSError, asyncio.IncompleteReadError, ValueError):
            counts["broken"] += 1
            writer.close()
            writer = None
        await asyncio.sleep(random.random() * 0.1)
    if writer is not None:
        writer.close()


async def soak():
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.05)
    before = descriptors()
    end = time.monotonic() + seconds
    clients = [asyncio.create_task(client(end, number)) for number in range(CLIENTS)]
    # Once everybody has been served, nothing may grow any more.
    await asyncio.sleep(max(10, seconds * 0.3))
    early = memory()
    await asyncio.gather(*clients)
    late = memory()
    await asyncio.sleep(2)
    after = descriptors()
    return before, after, early, late


try:
    before, after, early, late = asyncio.run(soak())
finally:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        lost.append("the gateway did not stop within 20 s")

print(f"{seconds} s, {CLIENTS} clients: {counts['whole']} whole answers, {counts['streamed']} streams, {counts['broken']} broken off, {len(lost)} lost")
print(f"memory {early:.1f} MB at a third, {late:.1f} MB at the end; file descriptors {before} before, {after} after")
problems = lost[:10]
if counts["whole"] + counts["streamed"] < CLIENTS * 5:
    problems.append("hardly anything was served")
# Broken streams belong to outages by refused connections only: one in five.
if counts["broken"] > CLIENTS * (len(outages) / len(FAULTS) + 1):
    problems.append(f"{counts['broken']} streams broke off")
if late > early * 1.15 + 8:
    problems.append("memory grows")
# Connections to backends are in memory; the gateway's own sockets are gone.
if after > before + 8:
    problems.append("connections stay open")
for problem in problems:
    print(f"FAILED {problem}")
print(f"{0 if problems else 1} passed, {1 if problems else 0} failed")
sys.exit(bool(problems))
