-- wrk: send a pool of bearer tokens by turns, and print the figures as one line of JSON.
--
--   wrk ... --script load.lua URL -- POOL START PAUSE
--
-- POOL has one "GROUP TOKEN" a line. Where there are several groups, the one in use changes every
-- second of the wall clock, as the keys of a rotating tenant do. START is the place in the pool to
-- begin at, so that runs can follow one another. PAUSE is in milliseconds, between an answer and
-- the next request of a connection.

local groups, names, position = {}, {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local group, token = line:match("^(%d+) (%S+)$")
    if groups[group] == nil then
      groups[group] = {}
      names[#names + 1] = group
    end
    local headers = { Authorization = "Bearer " .. token, Accept = "application/json" }
    table.insert(groups[group], wrk.format("GET", nil, headers))
  end
  position = tonumber(arguments[2])
  local pause = tonumber(arguments[3])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  local pool = groups[names[os.time() % #names + 1]]
  position = position + 1
  return pool[position % #pool + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, '
      .. '"p50": %.0f, "p75": %.0f, "p90": %.0f, "p99": %.0f}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(75), latency:percentile(90),
    latency:percentile(99)))
end
