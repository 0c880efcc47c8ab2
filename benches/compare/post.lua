-- 600 bytes of a booking.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"title":"Planning","start":"2026-03-01T09:00:00Z","notes":"' .. string.rep("n", 538) .. '"}'
