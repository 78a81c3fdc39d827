-- SPDX-License-Identifier: MIT
---@meta
-- What a journal holds and what client:recover says of it: part of lua/gptimage/meta.lua.

---What client:recover found. Counts of tasks, then lists of requests without one.
---@class gptimage.recovery
---@field attached integer     accepted: asked for until they are done
---@field downloading integer  paid: downloaded to their output. Of links older than 24 hours new
---                            ones are asked for, once, where the task's id is known
---@field linked integer       paid, without an output: done, with links that live for 24 hours
---@field filed integer        paid: pictures that came in base64, taken from beside the journal
---@field finished integer     nothing to do
---@field maybe gptimage.recovered[]      sent, perhaps, and no answer: told again by every program
---                            until one that told them closes its client
---@field lost gptimage.recovered[]       paid, and links too old or the files gone: the same. With
---                            an id client:attach may still find it
---@field elsewhere gptimage.recovered[]  of another service (base_url): for a client of that
---@field failed gptimage.recovered[]     not taken up now: their `error` says why; the next
---                            program may

---@class gptimage.recovered
---@field key string
---@field time integer?       unix time of the request
---@field id string?          the task's
---@field model string?
---@field prompt string?
---@field provider string?
---@field base_url string?
---@field output string?
---@field kind string?        of the error that the earlier program got, if it lived to see it
---@field error gptimage.error?

---Loaded when first used.
---@class gptimage.journal
local journal = {}

---Walks the lines of a journal, in order, for tools: entry and number of the line.
---@param path string
---@return (fun(): gptimage.journal_entry?, integer?)? iterator, gptimage.error? err
function journal.lines(path) end

---One line; src/core/gim_record.h has the members of each event.
---@class gptimage.journal_entry
---@field event? "intent"|"accepted"|"arrived"|"done"|"saved"|"failed"|"closed"
---@field key? string
---@field time? integer       unix time
---@field text? string        of a line that is none of a journal: then all there is

return journal
