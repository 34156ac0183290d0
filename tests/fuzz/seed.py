#!/usr/bin/env python3
"""Fills corpus/ from the cases and documents of the repository, one file each."""
import hashlib, json, os, glob

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")

def put(target, text):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    data = text.encode("utf-8")
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as f:
        f.write(data)

for path in glob.glob(os.path.join(ROOT, "tests/cases/expressions/*.jsonl")):
    for line in open(path, encoding="utf-8"):
        text = json.loads(line)["expr"].strip()
        put("expression", text[2:-1])
for pattern in ["policies/**/*.xml", "tests/cases/policies/**/*.xml"]:
    for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
        put("document", open(path, encoding="utf-8").read())
