#!/usr/bin/env python3
"""The gateway beside nginx on this machine, interleaved and pinned. See ../README.md."""

import argparse
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
KEY = "sk-bench-key-0123456789abcdef"
HEADERS = [f"api-key: {KEY}", f"Authorization: Bearer {KEY}"]
PATH = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
LOAD_CORE, GATEWAY_CORE = "0", "1"
BACKENDS = (29101, 29102)
NGINX_PORT, GATEWAY_PORT, BARE_PORT = 29201, 29202, 29203


def fail(text):
    sys.exit(f"run.py: {text}")


# ---- processes

def tree(pid):
    """A process and everything it started."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = open(f"/proc/{entry}/stat").read()
                parent = int(stat[stat.rindex(")") + 2:].split()[1])
                children.setdefault(parent, []).append(int(entry))
            except OSError:
                pass
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    """User and system time of a process tree, to the nanosecond."""
    total = 0
    for process in tree(pid):
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                total += int(open(f"/proc/{process}/task/{thread}/schedstat").read().split()[0])
        except OSError:
            pass
    return total / 1e9


def resident_mb(pid):
    total = 0
    for process in tree(pid):
        try:
            match = re.search(r"^Rss:\s+(\d+)", open(f"/proc/{process}/smaps_rollup").read(), re.M)
            total += int(match.group(1)) if match else 0
        except OSError:
            pass
    return total / 1024


def spawn(command, core, log, env=None):
    full = (["taskset", "-c", core] if core else []) + command
    return subprocess.Popen(full, stdin=subprocess.DEVNULL, stdout=open(log, "ab"), stderr=subprocess.STDOUT,
                            env=dict(os.environ, **(env or {})))


def stop(process):
    if process is None:
        return
    started = tree(process.pid)
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in started[1:]:
        try:
            os.kill(pid, 9)
        except OSError:
            pass


# ---- load

class Bench:
    def __init__(self, options, programs, run):
        self.options, self.programs, self.run = options, programs, run
        self.env = dict(os.environ, BENCH_HEADERS="\n".join(HEADERS))

    def load(self, *command):
        done = subprocess.run(["taskset", "-c", LOAD_CORE, *map(str, command)], capture_output=True, text=True, env=self.env)
        if done.returncode != 0:
            fail(f"{command[0]}: {done.stdout[-300:]}{done.stderr[-300:]}")
        return done.stdout

    def wrk(self, url, connections, seconds):
        out = self.load("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", f"{HERE}/load.lua", url)
        return json.loads(re.search(r"RESULT(\{.*\})", out).group(1))

    def probe(self, mode, url, *arguments):
        return json.loads(self.load(self.programs["bench-probe"], mode, url, *arguments))

    def gap(self, milliseconds):
        url = f"http://127.0.0.1:{BACKENDS[0]}/__set?gap_ms={milliseconds}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST", data=b""), timeout=5).read()

    def charged(self, process, work):
        """What `work` returns, and the CPU seconds the gateway spent meanwhile."""
        before = cpu_seconds(process.pid)
        result = work()
        return result, cpu_seconds(process.pid) - before

    def measure(self, gateway):
        """Everything about one gateway in one round."""
        options, found = self.options, {}
        url = f"http://127.0.0.1:{gateway['port']}{gateway.get('path', PATH)}"
        log = f"{self.run}/{gateway['name']}.log"
        self.gap(0)
        started = time.monotonic()
        process = spawn(gateway["command"](), GATEWAY_CORE, log, gateway.get("env"))
        try:
            try:
                self.probe("ready", url, 30)
            except SystemExit as error:
                fail(f"{gateway['name']} does not answer ({error}): {open(log).read()[-800:]}")
            found["start_ms"] = (time.monotonic() - started) * 1e3
            time.sleep(0.3)
            found["idle_mb"] = resident_mb(process.pid)
            self.wrk(url, 32, 1)
            for connections in (32, 128):
                result, cpu = self.charged(process, lambda: self.wrk(url, connections, options.seconds))
                if result["bad"]:
                    fail(f"{gateway['name']}: {result['bad']} bad answers at {connections} connections")
                found[f"c{connections}_cpu_us"] = cpu * 1e6 / result["requests"]
                found[f"c{connections}_rps"] = result["requests"] / result["seconds"]
            for rate in (500, 2000):
                result, cpu = self.charged(process, lambda: self.probe("rate", url, rate, options.seconds))
                if result["bad"]:
                    fail(f"{gateway['name']}: {result['bad']} bad answers at {rate}/s")
                for share in ("p50", "p90", "p99"):
                    found[f"r{rate}_{share}_us"] = result[f"latency_{share}_us"]
                found[f"r{rate}_cpu_us"] = cpu * 1e6 / result["requests"]
            for name, gap in (("paced", 20), ("unpaced", 0)):
                self.gap(gap)
                result, cpu = self.charged(process, lambda: self.probe("stream", url, 100, options.seconds))
                if result["bad"]:
                    fail(f"{gateway['name']}: {result['bad']} bad streams")
                found[f"{name}_chunk_cpu_us"] = cpu * 1e6 / result["chunks"]
                found[f"{name}_delay_p50_us"] = result["delay_p50_us"]
                found[f"{name}_delay_p99_us"] = result["delay_p99_us"]
            found["load_mb"] = resident_mb(process.pid)
        finally:
            self.gap(0)
            stop(process)
        return found


ROWS = [
    ("c32_cpu_us", "CPU µs/request, 32 connections", 2), ("c128_cpu_us", "CPU µs/request, 128 connections", 2),
    ("c32_rps", "requests/s, 32 connections", 0), ("c128_rps", "requests/s, 128 connections", 0),
    ("r500_p50_us", "latency at 500/s, p50 µs", 0), ("r500_p90_us", "latency at 500/s, p90 µs", 0), ("r500_p99_us", "latency at 500/s, p99 µs", 0),
    ("r2000_p50_us", "latency at 2,000/s, p50 µs", 0), ("r2000_p90_us", "latency at 2,000/s, p90 µs", 0), ("r2000_p99_us", "latency at 2,000/s, p99 µs", 0),
    ("r2000_cpu_us", "CPU µs/request at 2,000/s", 1),
    ("paced_chunk_cpu_us", "CPU µs/chunk, 100 streams, 20 ms between chunks", 2), ("paced_delay_p50_us", "delay of a paced chunk, p50 µs", 0), ("paced_delay_p99_us", "delay of a paced chunk, p99 µs", 0),
    ("unpaced_chunk_cpu_us", "CPU µs/chunk, 100 streams, no pause", 2),
    ("idle_mb", "resident MB, idle", 1), ("load_mb", "resident MB, after the load", 1), ("start_ms", "start to first answer, ms", 0),
]


def table(rounds):
    names = list(rounds)
    lines = ["| | " + " | ".join(names + [f"{name} : nginx" for name in names if name != "nginx"]) + " |",
             "|---" * (2 * len(names)) + "|"]
    for key, title, digits in ROWS:
        cells, ratios = [], []
        for name in names:
            values = [found[key] for found in rounds[name]]
            cells.append(f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})")
            if name != "nginx":
                # Round by round, so that what else the machine did weighs on both.
                pairs = [found[key] / other[key] for found, other in zip(rounds[name], rounds["nginx"]) if other[key]]
                ratios.append(f"{statistics.median(pairs):.2f}" if pairs else "–")
        lines.append(f"| {title} | " + " | ".join(cells + ratios) + " |")
    return "\n".join(lines)


def machine():
    model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short=10", "HEAD") + (" with changes" if git("status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock") else "")


def build(profile, programs, with_gateway):
    command = ["cargo", "build", "--profile", profile, "--features", "bench", "--message-format", "json-render-diagnostics"]
    for program in programs:
        command += ["--example", program]
    if with_gateway:
        command += ["--bin", "apimctl"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        fail("the build failed")
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            found[message["target"]["name"]] = message["executable"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="for each measurement")
    parser.add_argument("--gateways", default="bare", help="of: bare, apimctl (comma between); nginx always")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--spec", default="examples/openai-lb.yaml", help="what apimctl serves")
    parser.add_argument("--serve-options", default="", help="further options of apimctl serve")
    parser.add_argument("--backends", default="aoai-primary-backend,aoai-secondary-backend", help="names of the two backends in the spec")
    parser.add_argument("--subscription", default="azure-openai-consumer")
    parser.add_argument("--path", default=PATH, help="what is asked of apimctl")
    parser.add_argument("--programs", metavar="DIR", help="take the programs from there instead of building them")
    parser.add_argument("--note", default="", help="a sentence for the result")
    parser.add_argument("--append", metavar="FILE", help="append the result here (docs/benchmarks/gateway.md)")
    options = parser.parse_args()
    options.seconds = int(options.seconds) if options.seconds == int(options.seconds) else options.seconds
    wanted = [name for name in options.gateways.split(",") if name]

    run = tempfile.mkdtemp(prefix="bench-")
    programs = ["bench-backend", "bench-probe", "bench-proxy"] + ["apimctl"] * ("apimctl" in wanted)
    if options.programs:
        built = {name: os.path.join(os.path.abspath(options.programs), name) for name in programs}
    else:
        built = build(options.profile, ["bench-backend", "bench-probe", "bench-proxy"], "apimctl" in wanted)

    def nginx():
        text = open(f"{HERE}/nginx.conf").read()
        for name, value in (("@PORT@", NGINX_PORT), ("@WORKERS@", 1), ("@RUN@", run)):
            text = text.replace(name, str(value))
        open(f"{run}/nginx.conf", "w").write(text)
        return ["nginx", "-p", run, "-c", f"{run}/nginx.conf"]

    def apimctl():
        command = [built["apimctl"], "serve", os.path.join(ROOT, options.spec), "--listen", f"127.0.0.1:{GATEWAY_PORT}", "--workers", "1",
                   "--subscription-key", f"{options.subscription}={KEY}"]
        for name, port in zip(options.backends.split(","), BACKENDS):
            command += ["--backend", f"{name}=http://127.0.0.1:{port}"]
        return command + shlex.split(options.serve_options)

    known = {
        "nginx": {"name": "nginx", "port": NGINX_PORT, "command": nginx},
        "bare": {"name": "bare", "port": BARE_PORT, "command": lambda: [built["bench-proxy"], "--listen", str(BARE_PORT)]},
        "apimctl": {"name": "apimctl", "port": GATEWAY_PORT, "path": options.path, "command": apimctl},
    }
    for name in wanted:
        if name not in known:
            fail(f"no gateway is called {name}")
    gateways = [known[name] for name in ["nginx"] + [name for name in wanted if name != "nginx"]]

    bench = Bench(options, built, run)
    backend = spawn([built["bench-backend"], *map(str, BACKENDS)], LOAD_CORE, f"{run}/backend.log")
    time.sleep(0.3)
    if backend.poll() is not None:
        fail(f"the backends did not start: {open(f'{run}/backend.log').read()}")
    rounds = {gateway["name"]: [] for gateway in gateways}
    loads = []
    try:
        for number in range(options.rounds):
            # Each order as often as the other: what follows what makes no difference then.
            for gateway in gateways if number % 2 == 0 else reversed(gateways):
                loads.append(os.getloadavg()[0])
                found = bench.measure(gateway)
                rounds[gateway["name"]].append(found)
                print(f"round {number + 1} {gateway['name']}: " + ", ".join(f"{key} {found[key]:.1f}" for key in ("c32_cpu_us", "c128_cpu_us", "c32_rps", "r2000_p90_us", "paced_chunk_cpu_us")), file=sys.stderr, flush=True)
    finally:
        stop(backend)
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().removeprefix("nginx version: ")
    text = "\n".join([
        f"## {time.strftime('%Y-%m-%d')}, commit {commit()}", "",
        f"{machine()}; {version}; profile `{options.profile}`; {options.rounds} rounds of {options.seconds} s each, median (min–max); ratios are medians of the rounds' own ratios.",
        f"Load and backends on core {LOAD_CORE}, the gateway on core {GATEWAY_CORE}, one worker each. Load average before the measurements: {statistics.median(loads):.1f} (up to {max(loads):.1f})."
        + (" " + options.note if options.note else ""), "", table(rounds), ""])
    print(text)
    if options.append:
        with open(options.append, "a") as file:
            file.write("\n" + text)


main()
