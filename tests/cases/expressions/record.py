#!/usr/bin/env python3
"""Records what a real C# compiler and runtime answer to expressions.

usage: record.py ORACLE.py NAME.jsonl            answers all cases of the file again, in place
       record.py ORACLE.py NAME.jsonl < LIST     adds one case for each line of LIST that the file does not have yet, then the same

A line of LIST is `@(...)`, `@{...}` or an expression alone; `context: ` before it gives it the request of context.json.
ORACLE.py is described in generate.py.
"""
import json, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))

def main():
    oracle, name = sys.argv[1], os.path.basename(sys.argv[2])
    path, family = os.path.join(HERE, name), name.rsplit(".", 1)[0]
    cases = [json.loads(line) for line in open(path, encoding="utf-8")] if os.path.exists(path) else []
    known = {(case["expr"], case.get("context", False)) for case in cases}
    for line in [] if sys.stdin.isatty() else sys.stdin.read().splitlines():
        context = line.startswith("context: ")
        text = line[9:] if context else line
        if not text.strip():
            continue
        expr = text if text.startswith("@") else "@(" + text + ")"
        if (expr, context) not in known:
            known.add((expr, context))
            cases.append({"id": "%s-%04d" % (family, len(cases)), "expr": expr, **({"context": True} if context else {})})
    with open(os.path.join(HERE, "context.json"), encoding="utf-8") as file:
        surroundings = json.load(file)
    lines = [json.dumps({"id": case["id"], "expr": case["expr"], **(surroundings if case.get("context") else {})}) for case in cases]
    answered = subprocess.run([sys.executable, oracle], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    answers = {answer.pop("id"): answer for answer in map(json.loads, answered.stdout.splitlines())}
    with open(path, "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps({**case, "answer": answers[case["id"]]}, ensure_ascii=False) + "\n")

main()
