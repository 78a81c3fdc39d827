-- SPDX-License-Identifier: MIT
-- `gptimage sandbox`: runs the sandbox and prints where it is.

local M = {}

M.summary = "Serve both image services on this machine: no key, no money, real pictures."

local EPILOG = [[
Prints an address a line, and "ready" once it serves:
   starmagic, evolink, magick   for base_url or $GPTIMAGE_BASE_URL of a client of that provider
   files                        for files_url: where pictures for starmagic and evolink are uploaded
   origin                       of all of them; control is below it: /_sandbox/ledger, .../faults
   ca_file                      with --tls: for the option ca_file. The addresses behind TLS are
                                called starmagic_tls and so on
Any API key will do. It ends by Ctrl-C.]]

---Adds the command's options to its parser.
function M.define(command)
  local function seconds(text)
    local number = tonumber(text)
    return number and number >= 0 and number or nil, "a number of seconds is expected"
  end
  local function positive(text)
    local number = tonumber(text)
    return number and number > 0 and number or nil, "a number above 0 is expected"
  end
  local function count(text)
    local number = math.tointeger(tonumber(text))
    return number and number >= 0 and number or nil, "a number of files is expected"
  end
  local function port(text)
    local number = math.tointeger(tonumber(text))
    return number and number >= 0 and number < 65536 and number or nil, "a port is expected"
  end
  command:epilog(EPILOG)
  command:option("--host", "Address to listen on.", "127.0.0.1")
  command:option("--port", "Port; 0 lets the system choose.", "0"):convert(port)
  command:flag("--tls", "Listen with TLS as well (HTTP/2 and HTTP/1.1), on a port of its own.")
  command:option("--latency", "Seconds that a picture takes.", "2"):convert(seconds)
  command:option("--key", "The only API key to take; any without.")
  command:option("--credits", "The account's balance.", "1000000"):convert(seconds)
  command:flag("--idempotent", "Answer a repeated Idempotency-Key with the first task.")
  command:flag("--allow-private", "Take links and callbacks on private addresses and plain http.")
  command:option("--speed", "Sandbox seconds in a real second.", "1"):convert(positive)
  command:option("--expired", "Status of a result link after 24 hours.", "404")
    :choices { "403", "404", "410" }
  command:option("--sizes", "Size table of gpt-image-2.", "anchor"):choices { "anchor", "budget" }
  command:flag("--edits", "Let the gateway's /v1/edits work; stock gateways answer 400.")
  command:option("--file-quota", "Files that the upload service keeps at once.", "100")
    :convert(count)
  command:flag("--fetch-references", "Fetch references behind foreign links, as the services do.")
  command:flag("--verbose", "Tell of handshakes that fail, too.")
  command:flag("--tied", "End when nobody reads the output any more; it must be a pipe.")
end

local function print_line(name, value)
  io.stdout:write(name, " ", value, "\n")
end

-- The CA goes to a file of its own, because that is what HTTP clients ask for.
local function write_ca(pem)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(pem)
  file:close()
  return path
end

-- Ends the world on SIGTERM and SIGINT.
local function watch_signals(world)
  local signal = require "cqueues.signal"
  signal.ignore(signal.SIGPIPE)
  signal.block(signal.SIGTERM, signal.SIGINT)
  local listener = signal.listen(signal.SIGTERM, signal.SIGINT)
  world.cq:wrap(function()
    listener:wait()
    world.stopped = true
  end)
end

-- A pipe whose reader has gone is in error, which every poll reports.
local function watch_reader(world)
  world.cq:wrap(function()
    require("cqueues").poll({ pollfd = 1, events = "p" })
    world.stopped = true
  end)
end

---Runs the command. Returns the process's exit status.
---@param arguments table  parsed
---@return integer
function M.run(arguments)
  local world, message = require("gptimage.sandbox").new {
    host = arguments.host, port = arguments.port, tls = arguments.tls, key = arguments.key,
    latency = arguments.latency, credits = arguments.credits, speed = arguments.speed,
    idempotent = arguments.idempotent, allow_private = arguments.allow_private,
    expired = math.tointeger(tonumber(arguments.expired)), sizes = arguments.sizes,
    edits = arguments.edits, file_quota = arguments.file_quota,
    fetch_references = arguments.fetch_references, verbose = arguments.verbose,
  }
  if not world then
    io.stderr:write("gptimage sandbox: ", message, "\n")
    return 1
  end
  watch_signals(world)
  if arguments.tied then
    watch_reader(world)
  end
  local ca_file = world.ca_pem and write_ca(world.ca_pem)
  for _, line in ipairs(world.urls) do
    print_line(line[1], line[2])
  end
  if ca_file then
    print_line("ca_file", ca_file)
  end
  io.stdout:write("ready\n")
  io.stdout:flush()
  local ok, problem = xpcall(world.run, debug.traceback, world)
  if ca_file then
    os.remove(ca_file)
  end
  if not ok then
    io.stderr:write("gptimage sandbox: ", problem, "\n")
    return 1
  end
  return 0
end

return M
