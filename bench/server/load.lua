-- One request shape from the environment; {uuid} and {n} in the body are new for every request.
local method, path = os.getenv("BENCH_METHOD"), os.getenv("BENCH_PATH")
local body, count = os.getenv("BENCH_BODY"), 0
local headers = {}
for name, value in (os.getenv("BENCH_HEADERS") or ""):gmatch("([^:\n]+): ([^\n]*)") do headers[name] = value end

function init() math.randomseed(tonumber(os.getenv("BENCH_SEED") or "1")) end

local function uuid()
  local r = math.random
  return string.format("%08x-%04x-4%03x-%04x-%06x%06x", r(0, 0x7fffffff), r(0, 0xffff), r(0, 0xfff),
                       0x8000 + r(0, 0x3fff), r(0, 0xffffff), r(0, 0xffffff))
end

function request()
  if not body or body == "" then return wrk.format(method, path, headers) end
  count = count + 1
  local text = body:gsub("{uuid}", uuid):gsub("{n}", tostring(1700000000000 + count))
  return wrk.format(method, path, headers, text)
end

function done(summary, latency)
  io.write(string.format('{"requests": %d, "seconds": %.3f, "errors": %d, "p50_ms": %.2f, "p99_ms": %.2f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status + summary.errors.connect
    + summary.errors.read + summary.errors.timeout, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000))
end
