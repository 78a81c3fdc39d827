-- SPDX-License-Identifier: MIT
-- What happened to the money: "paid exactly once" is a question to this table.
--
-- A paid request that is accepted opens an entry: its credits are reserved. The entry is then
-- charged (the pictures were made) or refunded (failed, cancelled). Money is in whole millionths of
-- a credit inside, and in credits in the JSON.

local json = require "gptimage.sandbox.json"

local M = {}

local methods = {}
local ledger_mt = { __name = "sandbox.ledger", __index = methods }

local counters = {
  "submits",      -- paid POSTs that arrived whole
  "refused",      -- of these, answered with an error and not accepted
  "accepted",     -- reserved; each is one task, seen by the caller or not
  "replays",      -- submits whose Idempotency-Key was seen before
  "deduplicated", -- of these, answered with the first one's task (only with --idempotent)
  "charged", "failed", "cancelled", "refunded",
  "polls", "downloads", -- requests of these kinds
  "downloaded",   -- pictures handed over whole to the end (200, or a 206 that reaches the end)
  "uploaded",     -- files that the file service took
  "callbacks",    -- attempts to call back
  "called_back",  -- answered with 2xx
}

---@param credits number  the account's balance at the start
function M.new(credits)
  local self = setmetatable({ counts = {}, entries = {}, keys = {} }, ledger_mt)
  for _, name in ipairs(counters) do
    self.counts[name] = 0
  end
  self.balance_micros = math.floor(credits * 1000000)
  self.reserved_micros, self.charged_micros, self.refunded_micros = 0, 0, 0
  return self
end

---Adds one to a counter.
function methods:count(name)
  self.counts[name] = self.counts[name] + 1
end

---Notes a paid POST; returns the entry that its Idempotency-Key opened before, if any.
function methods:submitted(service, key)
  self:count("submits")
  local first = key and self.keys[service .. " " .. key]
  if first then
    self:count("replays")
  end
  return first
end

---Can this price be reserved?
function methods:affords(micros)
  return micros <= self.balance_micros
end

---Accepts a paid request: reserves its price.
---@param entry {task: string, service: string, key: string?, micros: integer}  kept, and returned
function methods:open(entry)
  entry.state = "reserved"
  entry.downloads, entry.downloaded, entry.polls, entry.replied = 0, 0, 0, false
  entry.callbacks = json.array {}
  self.entries[#self.entries + 1] = entry
  if entry.key then
    local name = entry.service .. " " .. entry.key
    self.keys[name] = self.keys[name] or entry
  end
  self:count("accepted")
  self.balance_micros = self.balance_micros - entry.micros
  self.reserved_micros = self.reserved_micros + entry.micros
  return entry
end

---The pictures were made: what was reserved is kept.
function methods:charge(entry)
  assert(entry.state == "reserved")
  entry.state = "charged"
  self:count("charged")
  self.reserved_micros = self.reserved_micros - entry.micros
  self.charged_micros = self.charged_micros + entry.micros
end

---No pictures: what was reserved is given back.
---@param why "failed"|"cancelled"
function methods:refund(entry, why)
  assert(entry.state == "reserved")
  entry.state = "refunded"
  self:count(why)
  self:count("refunded")
  self.reserved_micros = self.reserved_micros - entry.micros
  self.refunded_micros = self.refunded_micros + entry.micros
  self.balance_micros = self.balance_micros + entry.micros
end

---A number of credits for JSON.
function M.credits(micros)
  return micros % 1000000 == 0 and micros // 1000000 or micros / 1000000
end

---The whole ledger as JSON shows it.
function methods:snapshot()
  local object = json.object()
  for _, name in ipairs(counters) do
    object[name] = self.counts[name]
  end
  object.credits = json.object("balance", M.credits(self.balance_micros),
    "reserved", M.credits(self.reserved_micros), "charged", M.credits(self.charged_micros),
    "refunded", M.credits(self.refunded_micros))
  local entries = json.array {}
  for i, entry in ipairs(self.entries) do
    entries[i] = json.object("task", entry.task, "service", entry.service, "key", entry.key,
      "model", entry.model, "width", entry.width, "height", entry.height, "n", entry.n,
      "state", entry.state, "credits", M.credits(entry.micros),
      "prompt_sha256", entry.prompt_sha256, "replied", entry.replied, "polls", entry.polls,
      "downloads", entry.downloads, "downloaded", entry.downloaded, "callbacks", entry.callbacks)
  end
  object.entries = entries
  return object
end

return M
