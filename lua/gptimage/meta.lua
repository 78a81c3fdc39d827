-- SPDX-License-Identifier: MIT
---@meta gptimage
-- Every function, method and field of gptimage, for editors with the Lua language server and for
-- readers. Never loaded. Times are seconds, sizes bytes or pixels, money credits.
-- Misuse (a wrong type, an unknown option or field, a closed object) raises. What the world does
-- and what the rules refuse comes back as nil and a gptimage.error.

---@class gptimage
---@field version string           of this library, "0.1.0"
---@field journal gptimage.journal  loaded when first used
---@field mask gptimage.mask       loaded when first used; needs libpng, see README
---@field sandbox table            gptimage.sandbox, loaded when first used; needs lua-http
local gptimage = {}

---A client of one service. The key comes from the options or from $STARMAGIC_API_KEY,
---$EVOLINK_API_KEY or $MAGICK_API_KEY; without one: nil and an error of kind "auth".
---@param options gptimage.options?
---@return gptimage.client? client, gptimage.error? err
function gptimage.client(options) end

---What a request would be, without a key and without a network: pixels, tier, price, body, and
---everything that the rules find wrong with it.
---@param request gptimage.request
---@param options gptimage.plan_options?
---@return gptimage.plan? plan, gptimage.error? err
function gptimage.plan(request, options) end

---The known models with their limits: of one provider, or of all.
---@param provider gptimage.provider?
---@return gptimage.model[]
function gptimage.models(provider) end

---Every legal ratio and tier of a model with its pixels.
---@param provider gptimage.provider
---@param model string
---@param procedure gptimage.sizes?  how gpt-image-2 turns a ratio into pixels
---@return gptimage.size[]? sizes, gptimage.error? err
function gptimage.sizes(provider, model, procedure) end

---@alias gptimage.provider "starmagic"|"evolink"|"magick"
---@alias gptimage.sizes "anchor"|"budget"
---@alias gptimage.billed "no"|"maybe"|"yes"
---@alias gptimage.overwrite "number"|"replace"|"refuse"

-- Client ----------------------------------------------------------------------------------------

---Tasks run while somebody steps the client: a blocking call, run, or the host's own loop.
---
---Callbacks and spawned coroutines run inside step, wait and run (and close, for what it ends),
---one after the other. They may call everything here: inside them wait drives I/O and its own
---task only, step and run do I/O alone and call nobody back, close lets go at once of the network
---and of the rest when the step below unwinds.
---@class gptimage.client
---@field provider gptimage.provider
---@field base_url string
---@field spent number     credits, as the replies said: used, or reserved and not given back
---@field foreign boolean  true in a child after fork, where every method fails
local client = {}

---Starts a request and returns at once. With pictures it is an edit.
---@param request gptimage.request
---@return gptimage.task? task, gptimage.error? err
function client:submit(request) end

---Submits and waits: yields in a coroutine of client:spawn (of any client) and of an attached
---loop, blocks elsewhere. Raises outside the coroutines of an attached loop, which it would block,
---and where it would yield across a function in C, such as string.gsub.
---@param request gptimage.request
---@return gptimage.result? result, gptimage.error? err
function client:generate(request) end

---The same, and insists on at least one reference picture.
---@param request gptimage.request
---@return gptimage.result? result, gptimage.error? err
function client:edit(request) end

---Picks up a task that was submitted earlier, by whatever program.
---@param id string
---@param options gptimage.attach_options?
---@return gptimage.task? task, gptimage.error? err
function client:attach(id, options) end

---Brings to an end what earlier programs left in the journal (option `journal`; raises without
---one): picks up tasks that run, downloads and files what was paid and not saved. Never submits
---anything. The tasks are like any other, with the key and the output of their request; ask once,
---before anything else. Reads, but waits for nothing.
---@return gptimage.recovery report, gptimage.task[] tasks
function client:recover() end

---The live tasks, in the order of their start; in `into`, which holds nothing else then: looking
---at them in every frame makes no garbage.
---@param into gptimage.task[]?
---@return gptimage.task[]
function client:tasks(into) end

---Runs f(...) as a coroutine that may wait by yielding: with generate, edit, task:await,
---image:save and image:data, for tasks of this client and of others. It starts in the next step.
---Yields that are meant for another scheduler are an error there.
---@param f function
---@param ... any
function client:spawn(f, ...) end

---Does the work that is due. Waits at most `timeout` seconds (0 without, negative: no limit) for
---the first thing to do, and stops after about `budget` seconds of I/O. Raises what callbacks
---raised, unless there is on_error.
---@param timeout number?
---@param budget number?
---@return integer live  tasks that are not done
function client:step(timeout, budget) end

---Does now what the first TLS connection would do inside some later step: loading the system's
---bundle of authorities takes some 17 ms in one piece. Connects to the service (for requests and
---for downloads) and hangs up, nothing is asked and nothing costs. Blocks until that is done, at
---most `timeout.connect` seconds. Optional; for hosts that draw frames, before the first of them.
---@return true? done, gptimage.error? err
function client:warm_up() end

---Steps until no task is live and no spawned coroutine waits for one, at most `timeout` seconds.
---Drives the clients, too, for whose tasks coroutines of this one wait.
---@param timeout number?
---@return integer live
function client:run(timeout) end

---Where the money is, with ids: sent, paid, at risk, given back, saved.
---@return gptimage.ledger
function client:ledger() end

---Waits for all of them. Requests are started at once, in order; tasks may be other clients', too.
---Yields or blocks as generate does. Left by an error, or with its coroutine, it cancels what is
---not done, as race and map do.
---@param list (gptimage.request|gptimage.task)[]
---@return gptimage.results results  by index, with holes where there is an error
---@return table<integer, gptimage.error>? errors  by index; nil when there are none
function client:all(list) end

---Waits for the first that succeeds, and cancels the others, which may be billed all the same:
---tasks[i].billed says so, and tasks[i].id can be attached to. Yields or blocks as generate does.
---@param list (gptimage.request|gptimage.task)[]  at least one
---@return gptimage.result? result  nil when all failed; then the second is the error, which lists
---                                 theirs in `errors`
---@return integer|gptimage.error winner  index of the one that succeeded
---@return table<integer, gptimage.task>? tasks  by index, but for what the rules refused
function client:race(list) end

---Generates all of the requests, `concurrency` (16) at a time. Mistakes in any of them raise before
---the first is sent. Each result is given to f as it comes, in the caller's coroutine: f may wait,
---and while it does the tasks go on, but none is started. What f raises is raised, and cancels the
---rest. Yields or blocks as generate does.
---@param requests gptimage.request[]
---@param f? fun(result: gptimage.result, index: integer): any, gptimage.error?
---@param options? gptimage.map_options
---@return gptimage.results values  by index: what f returned, or the result where there is no f
---@return table<integer, gptimage.error>? errors  by index, f's too (nil, err); nil: there are none
function client:map(requests, f, options) end

---A descriptor that is readable when step has something to do; nil where there is no epoll.
---@return integer?
function client:fd() end

---Seconds until a step is due by the clock; nil: nothing is live. What comes by the network the
---descriptor tells; where there is none, this is 0.01 at most while something may come.
---@return number?
function client:timeout() end

---Lets go of everything, and is what <close> does. Tasks that are live go on at the service and
---end here as cancelled, billed "maybe", with their id; their callbacks are called, and spawned
---coroutines are closed. With a journal it waits until that is on the disk. Idempotent.
function client:close() end

---Whether it is closed; the one method, with close, that a closed client has left.
---@return boolean
function client:closed() end

---By index, with holes where there is an error.
---@class gptimage.results
---@field n integer  how many there would be without holes

---@class gptimage.map_options
---@field concurrency? integer  tasks under way at once; 16 without

-- Loops -----------------------------------------------------------------------------------------

---What drives a client from an event loop, as require("gptimage.loop.luv").attach(client, options)
---gives it; likewise gptimage.loop.cqueues and gptimage.loop.copas. One loop at a time; closing the
---client ends it, and so does <close>.
---
---Inside coroutines of the loop generate, edit, await, image:save and image:data, all, race and map
---yield in the loop's way: on cqueues in all that it resumes; on luv and copas, which cannot tell
---theirs from others, in those of spawn. Elsewhere they raise, since they would block the loop.
---The descriptor is watched while something is live, and no longer: the loop can end. What
---callbacks raise goes to on_error; else, on luv, which would end the process, to the standard
---error stream, on cqueues out of step and loop, and on copas to its error handler.
---@class gptimage.loop
local loop = {}

---The loop drives the client no longer; somebody has to step it, if tasks are live. Idempotent.
function loop:detach() end

---luv and copas only: runs f(...) as a coroutine in which generate and its kin yield. On luv it
---runs at once, and its other yields are the program's own, for its callbacks to resume; on copas
---it is copas.addthread.
---@param f function
---@param ... any
function loop:spawn(f, ...) end

---@class gptimage.loop_options
---@field budget? number     seconds of I/O each time when there is some; no limit without
---@field controller? any    cqueues only: the controller; without, the one that is running

-- Task ------------------------------------------------------------------------------------------

---@alias gptimage.going "uploading"|"submitting"|"pending"|"processing"|"saving"

---One request, from client:submit or attach, until it is done. It moves in steps of its client.
---@class gptimage.task
---@field id string?               the service's; nil until it has answered
---@field key string               ours: one for each request, kept across retries, not by resubmit
---@field status gptimage.going|"completed"|"failed"|"cancelled"
---                             After a timeout of ours: what the service said last, if it goes on
---@field progress integer         0 to 100, as the service says
---@field estimated_time number?   seconds, as the service says
---@field billed gptimage.billed   as far as is known now
---@field usage gptimage.usage?
---@field can_cancel boolean?      what the service says; no way to cancel there is known
---@field created integer?         unix time
---@field client gptimage.client
local task = {}

---Blocks until the task is done, at most `timeout` seconds: then nil and an error of kind
---"timeout", and the task goes on.
---@param timeout number?
---@return gptimage.result? result, gptimage.error? err
function task:wait(timeout) end

---Yields until the task is done. Only in coroutines of client:spawn and of an attached loop;
---raises elsewhere, and where another coroutine waits for this task already.
---@return gptimage.result? result, gptimage.error? err
function task:await() end

---Calls f(task, result, err) once the task is done; in the next step, when it is done already.
---@param f fun(task: gptimage.task, result: gptimage.result?, err: gptimage.error?)
function task:on_done(f) end

---Whether it has a result or an error: then wait returns at once.
---@return boolean
function task:done() end

---Stops caring about the task: it ends as cancelled, billed "no" when nothing had left, else
---"maybe", since the service may go on with it. Idempotent; nothing when it is done.
function task:cancel() end

-- Results ---------------------------------------------------------------------------------------

---@class gptimage.result
---@field id string?             the task's; nil where the service answers with the pictures
---@field model string?          what the service says it used
---@field created integer?       unix time
---@field billed gptimage.billed
---@field usage gptimage.usage?
---@field warnings gptimage.issue[]  the plan's, and what came otherwise than planned
---@field request_id string?
---@field images gptimage.image[]  some may have failed: see image.error
---@field raw any                the reply, as cjson reads it, without the pictures' base64; read
---                              when first asked for

---@class gptimage.usage
---@field credits_reserved number?
---@field credits_used number?

---One picture of a result: a link, a file, or bytes that are kept until the result goes.
---@class gptimage.image
---@field url string?            lives until expires_at
---@field expires_at integer?    unix time
---@field path string?           where it was saved
---@field format "png"|"jpeg"|"webp"|nil
---@field width integer?         pixels, read from the picture
---@field height integer?
---@field size integer?          bytes
---@field revised_prompt string?
---@field error gptimage.error?  this picture failed, others may not have
local image = {}

---Writes the picture to a file, which appears when it is whole. It takes the place of a file or of
---a link itself, never of a device, FIFO, socket or folder. Yields or blocks as generate does.
---@param path string
---@return string? path, gptimage.error? err
function image:save(path) end

---The picture's bytes. Yields or blocks likewise where they have to be fetched.
---@return string? bytes, gptimage.error? err
function image:data() end

-- Errors ----------------------------------------------------------------------------------------

---@alias gptimage.kind
---| "invalid"       refused by a rule, the service's or ours: see issues
---| "auth"          the key, or what it may do
---| "quota"         no money, or over the budget
---| "rate_limited"  too many requests
---| "refused"       content moderation
---| "not_found"     unknown task, model or route
---| "server"        the service failed
---| "network"       name, connection, TLS, proxy, reset
---| "timeout"       a time of ours is over
---| "protocol"      the reply is not what a service sends
---| "too_big"       a limit of ours was reached
---| "cancelled"     by the caller or by the service
---| "io"            files
---| "no_memory"

---`tostring` is one line, and `"failed: " .. err` takes it. Never holds a key, a whole prompt or a
---signed link.
---@class gptimage.error
---@operator concat(any): string
---@field kind gptimage.kind
---@field message string
---@field retryable boolean      the same request may succeed later. That is not enough to send it
---                             again: with billed "maybe" (time-outs, broken connections) that
---                             may pay twice. Attach to task_id, or look at the service's log
---@field billed gptimage.billed only "no" is free to be sent again
---@field field string?          the request's field or the option
---@field code string?           the service's code
---@field status integer?        HTTP status
---@field param string?          the service's
---@field retry_after number?    seconds, as the service asked
---@field request_id string?
---@field task_id string?        to attach to, when the task may go on
---@field issues gptimage.issue[]?  everything wrong with an invalid request
---@field result gptimage.result?  paid, but no picture could be saved: try image:save elsewhere
---@field errors gptimage.error[]?  of client:race: those of each

---tostring is "field: message", in one line; `..` takes it.
---@class gptimage.issue
---@operator concat(any): string
---@field field string
---@field rule string            a stable name: "multiple_of_16", "required"
---@field message string
---@field got string?
---@field nearest string?        the nearest legal value

---What step, run and close raise for callbacks and coroutines, without on_error. `tostring` has the
---tracebacks; `..` takes it.
---@class gptimage.errors
---@operator concat(any): string
---@field errors {error: any, traceback: string}[]

return gptimage, client, task, image
