-- serve.lua - for wrk: asks for lists of users in turn. wrk -s serve.lua URL -- PATTERN USERS K TOKEN
local pattern, users, k, at = "u%d", 1, 10, 0
function init(args)
  pattern, users, k = args[1], tonumber(args[2]), tonumber(args[3])
  if args[4] then wrk.headers["Authorization"] = "Bearer " .. args[4] end
  at = math.random(0, users - 1)
end
function request()
  at = (at + 7919) % users -- a prime: nobody's neighbour next
  return wrk.format("GET", "/v1/recommend/" .. string.format(pattern, at) .. "?k=" .. k)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("| %d | %.3f | %.3f | %.3f | %d |\n",
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, latency.max / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
