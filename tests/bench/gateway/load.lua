-- One chat completion of about a kilobyte, over and over. Headers from BENCH_HEADERS, one to a line.
local sentence = "How does a gateway share out its calls among deployments? "
local prompt = string.sub(string.rep(sentence, 15), 1, 830)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["User-Agent"] = "openai-python/1.60"
for line in string.gmatch(os.getenv("BENCH_HEADERS") or "", "[^\n]+") do
  local name, value = string.match(line, "^([^:]+):%s*(.*)$")
  if name then wrk.headers[name] = value end
end
wrk.body = '{"model":"gpt-4o-mini","max_tokens":256,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"'
  .. prompt .. '"}]}'
local whole
function init() whole = wrk.format() end
function request() return whole end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT{"requests":%d,"seconds":%.6f,"bad":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests,
    summary.duration / 1e6, errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
