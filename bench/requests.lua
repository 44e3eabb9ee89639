-- Sends a prepared list of requests with wrk; bench/load.py writes the list and reads the result.
--   REQUESTS=FILE wrk -s bench/requests.lua URL      a line: method TAB path TAB access token TAB body
-- Token and body may be empty.
local list, next_one = {}, 0

init = function()
    for line in io.lines(os.getenv("REQUESTS")) do
        local method, path, token, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
        local headers = {}
        if token ~= "" then headers["Authorization"] = "Bearer " .. token end
        if body ~= "" then headers["Content-Type"] = "application/json" end
        list[#list + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
    end
end

request = function()
    next_one = next_one % #list + 1
    return list[next_one]
end

done = function(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "bytes": %d, "refused": %d, "broken": %d, ' ..
        '"p50_us": %d, "p99_us": %d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
