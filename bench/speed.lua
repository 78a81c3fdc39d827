-- SPDX-License-Identifier: MIT
-- The performance promises, measured: pictures from a server on this machine to
-- files on its disk. All that is compared alternates within one run; medians are
-- shown, and the least and the most are kept.
-- `make bench` runs it, and says where its tools are. Writes results.json there.
local cjson = require "cjson"
local mime = require "mime"
local Harness = require "bench.support.harness"
local report = require "bench.support.report"

local TOOLS = assert(os.getenv "BENCH", "`make bench` runs this")
local REPETITIONS = tonumber(os.getenv "REPETITIONS") or 7
local PICTURE, MANY, PARALLEL = 20000000, 10, 8
local ROUNDS = 3 -- of a warm process; the first one of each does not count

local summary = Harness.summary
local output = Harness.output
local peers, missing = require "bench.support.peers"()
local bench <close> = Harness.new(TOOLS .. "/run", TOOLS)
local data, out = bench.data, bench.out
local picture = data .. "/picture.png"

local function write(name, ...)
  local file <close> = assert(io.open(data .. "/" .. name, "wb"))
  assert(file:write(...))
end

-- A picture that no step can make smaller: the frame of a PNG, and noise.
local function make_data()
  local noise <close> = assert(io.open("/dev/urandom", "rb"))
  local head = "\137PNG\r\n\26\n"
    .. string.pack(">I4c4I4I4BBBBBI4", 13, "IHDR", 2048, 2048, 8, 2, 0, 0, 0, 0)
  local size = PICTURE - #head - 24
  local bytes = head .. string.pack(">I4c4", size, "IDAT") .. noise:read(size)
    .. string.pack(">I4I4c4I4", 0, 0, "IEND", 0)
  local item = '{"b64_json":"' .. mime.b64(bytes) .. '"}'
  write("picture.png", bytes)
  write("one.json", '{"created":1,"data":[', item, "]}")
  write("many.json", '{"created":1,"data":[', item, ("," .. item):rep(MANY - 1), "]}")
end

local function make_links(base)
  local links = {}
  for i = 1, MANY do links[i] = ('{"url":"%s/picture.png/%d"}'):format(base, i) end
  write("links.json", '{"created":1,"data":[', table.concat(links, ","), "]}")
end

local function certificate()
  local pem, key = bench.folder .. "/certificate.pem", bench.folder .. "/key.pem"
  output(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
    .. "-subj /CN=bench -addext subjectAltName=IP:127.0.0.1 "
    .. "-out '%s' -keyout '%s'"):format(pem, key))
  return pem, key
end

local function say(...)
  io.stderr:write(string.format(...), "\n")
end

-- Each contender: key, name, words (its command), files (how many it leaves),
-- lines (takes its numbers from what it prints: one a round).
local function measure(title, contenders, repetitions)
  say("%s", title)
  local taken = {}
  for _, one in ipairs(contenders) do taken[one.key] = { wall = {}, cpu = {}, rss = {} } end
  for _ = 1, repetitions or REPETITIONS do
    for _, one in ipairs(contenders) do
      bench:warm(MANY, PICTURE)
      local seen, mine = bench:run(one.words), taken[one.key]
      local walls = { seen.wall }
      if one.lines then
        walls = {}
        for line in seen.printed:gmatch "[^\n]+" do walls[#walls + 1] = tonumber(line) end
        table.remove(walls, 1)
      end
      table.move(walls, 1, #walls, #mine.wall + 1, mine.wall)
      table.insert(mine.cpu, seen.cpu)
      table.insert(mine.rss, seen.rss)
      bench:sweep(one.files, picture)
    end
  end
  local rows = {}
  for i, one in ipairs(contenders) do
    local mine = taken[one.key]
    rows[i] = { key = one.key, name = one.name, wall_ms = summary(mine.wall),
      cpu_ms = not one.lines and summary(mine.cpu) or nil, rss_mib = summary(mine.rss) }
    say("  %-26s %9.1f ms %8.1f MiB", one.name, rows[i].wall_ms.median, rows[i].rss_mib.median)
  end
  return rows
end

local function each_peer(rounds, url, count, lines)
  local contenders = {}
  for i, peer in ipairs(peers) do
    contenders[i] = { key = peer.key, name = peer.name, lines = lines, files = count,
      words = peer.command(rounds, url, out, count) }
  end
  return contenders
end

local function floor(key, name, ...)
  return { key = key, name = name, lines = true, words = { TOOLS .. "/floors", ... } }
end

local function ours(key, name, files, ...)
  local words = { "lua5.4", "bench/peers/ours.lua", ... }
  return { key = key, name = name, files = files, words = words }
end

make_data()
local plain = bench:serve()
local pem, key = certificate()
local secure = bench:serve { pem, key }
make_links(plain)
local one, many = plain .. "/one.json", plain .. "/many.json"
local encoded = (PICTURE + 2) // 3 * 4

local results = {
  date = os.date "!%Y-%m-%d", repetitions = REPETITIONS, picture_bytes = PICTURE, many = MANY,
  parallel = PARALLEL, machine = report.machine(output, bench.folder),
  congestion = bench.congestion, peers = {}, missing = {}, rows = {},
}
for i, peer in ipairs(peers) do
  results.peers[i] = { key = peer.key, name = peer.name, version = peer.version }
end
for i, peer in ipairs(missing) do
  results.missing[i] = peer.name
  say("skipped, it is not installed: %s", peer.name)
end
local rows = results.rows

local contenders = each_peer(1, one, 1)
table.insert(contenders, { key = "curl", name = "curl -o /dev/null",
  words = { "curl", "-s", "-d", "{}", "-o", "/dev/null", one } })
rows.one = measure("one picture in a reply, whole process", contenders)

contenders = each_peer(ROUNDS, many, MANY, true)
table.insert(contenders, floor("receive", "floor: receive", "receive", ROUNDS, many))
table.insert(contenders, floor("decode", "floor: decode", "decode", ROUNDS, encoded * MANY))
table.insert(contenders, floor("write", "floor: write", "write", ROUNDS, out, MANY, PICTURE))
rows.many = measure(MANY .. " pictures in a reply, warm process", contenders)

rows.memory = measure("memory", {
  ours("idle", "an idle client", 0, 0, one, out, 1),
  ours("one", "one picture", 1, 1, one, out, 1),
  ours("many", MANY .. " in one reply", MANY, 1, many, out, MANY),
  ours("parallel", PARALLEL .. " replies at once", PARALLEL, 1, one, out, PARALLEL, "parallel"),
})

local tls = ours("ours", "gptimage", MANY, ROUNDS, secure .. "/many.json", out, MANY, "", pem)
tls.lines = true
rows.tls = measure(MANY .. " pictures in a reply over TLS, warm process", {
  tls, floor("receive", "floor: receive", "receive", ROUNDS, secure .. "/many.json", pem),
})

local downloads = ours("ours", "gptimage", MANY, 1, plain .. "/links.json", out, MANY, "url")
local curl = { "curl", "-s" }
for i = 1, MANY do
  table.move({ "-o", ("%s/%d.png"):format(out, i), ("%s/picture.png/%d"):format(plain, i) }, 1, 3,
    #curl + 1, curl)
end
rows.downloads = measure(MANY .. " downloads, whole process", {
  downloads, { key = "curl", name = "curl -o", files = MANY, words = curl },
})

say("the decoder alone")
local printed = bench:run { TOOLS .. "/floors", "base64", 3 * REPETITIONS, encoded }.printed
local taken, order = {}, {}
for name, ms in printed:gmatch "(%S+) (%S+)\n" do
  if not taken[name] then
    taken[name] = {}
    order[#order + 1] = name
  end
  table.insert(taken[name], tonumber(ms))
end
rows.decoder = {}
for i, name in ipairs(order) do
  rows.decoder[i] = { key = name, name = name, wall_ms = summary(taken[name]),
    gb_s = encoded / summary(taken[name]).median / 1e6 }
end

results.goals = report.goals(results)
local file <close> = assert(io.open(TOOLS .. "/results.json", "w"))
file:write(cjson.encode(results), "\n")
io.write(report.text(results))
