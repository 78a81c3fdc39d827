-- SPDX-License-Identifier: MIT
-- Compares lua/gptimage/meta.lua with what it describes, both ways: methods and functions with the
-- real tables, options with the descriptors that the core reads them by, fields with those of
-- objects that the sandbox made.

local core = require "gptimage.core"
local files = require "spec.support.files"
local gptimage = require "gptimage"
local sandboxes = require "spec.support.sandbox"

-- Class -> { fields = {name = type}, functions = {name = true}, methods = {name = true} }.
local function parse(text)
  local classes, of_local, current = {}, {}, nil
  for line in text:gmatch("[^\n]*") do
    local class = line:match("^%-%-%-@class ([%w_.]+)")
    local field, optional, kind = line:match("^%-%-%-@field ([%w_]+)(%??) (.*)$")
    local variable = line:match("^local ([%w_]+) = {}$")
    local owner, mark, name = line:match("^function ([%w_]+)([.:])([%w_]+)%(")
    if class then
      current = { fields = {}, optional = {}, functions = {}, methods = {} }
      classes[class] = current
    elseif field then
      assert(current.fields[field] == nil, "field twice: " .. field)
      current.fields[field] = kind
      current.optional[field] = optional == "?"
    elseif variable then
      of_local[variable] = current
    elseif owner then
      local described = assert(of_local[owner], "no class for " .. owner)
      described[mark == "." and "functions" or "methods"][name] = true
    end
  end
  return classes
end

local function names(set)
  local list = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local META = { "lua/gptimage/meta.lua", "lua/gptimage/meta/requests.lua",
  "lua/gptimage/meta/plans.lua", "lua/gptimage/meta/journal.lua", "lua/gptimage/meta/mask.lua" }
local texts = {}
for i, path in ipairs(META) do
  texts[i] = files.read(path)
end
local meta = table.concat(texts)
local classes = parse(meta)

-- The options that a static array of the binding describes: {"name", LGIM_...} and TEXT(name).
local function described(path, array)
  local body = assert(files.read(path):match("lgim_option " .. array .. "%[%] = (%b{});"), array)
  local found = {}
  for name in body:gmatch('{"([%w_]+)",%s*LGIM_') do
    found[name] = true
  end
  for name in body:gmatch("TEXT%(([%w_]+)%)") do
    found[name] = true
  end
  return found
end

-- Every field that is there is documented, and none that is documented as always there is missing.
local function compare(object, class)
  local fields = classes[class].fields
  for name in pairs(object) do
    assert.is_not_nil(fields[name], class .. " has a field that meta.lua lacks: " .. tostring(name))
  end
  for name, kind in pairs(fields) do
    local bare = kind:gsub("  .*", ""):gsub("%s+$", "") -- two spaces, then what it means
    if bare:find("%? ") then
      bare = bare:match("^.-%?") -- or one, where the line was full
    end
    local may_be_absent = bare:find("%?$") or bare:find("|nil$") or bare == "any"
    assert.is_truthy(may_be_absent or object[name] ~= nil,
      ("%s.%s is documented as always there, and is missing"):format(class, name))
  end
end

describe("meta.lua", function()
  it("is Lua, and says so to the language server", function()
    for i, path in ipairs(META) do
      assert(loadfile(path))
      local mark = "\n---@meta" .. (i == 1 and " gptimage" or "") .. "\n"
      assert.truthy(files.read(path):find(mark, 1, true))
    end
  end)

  it("names every function of gptimage", function()
    local real = {}
    for name, value in pairs(gptimage) do
      if type(value) == "function" then
        real[name] = true
      end
    end
    assert.same(names(real), names(classes.gptimage.functions))
    for name in pairs(classes.gptimage.fields) do
      assert.is_not_nil(gptimage[name], name)
    end
  end)

  it("names every function of gptimage.mask", function()
    assert.same(names(gptimage.mask), names(classes["gptimage.mask"].functions))
  end)

  it("names every method of clients and tasks", function()
    assert.same(names(core.methods.client), names(classes["gptimage.client"].methods))
    assert.same(names(core.methods.task), names(classes["gptimage.task"].methods))
  end)

  it("names every option that the core reads", function()
    local settings, client = "src/bind/lgim_settings.c", "src/bind/lgim_client_start.c"
    for class, real in pairs {
      ["gptimage.options"] = described(settings, "options_of_client"),
      ["gptimage.timeouts"] = described(settings, "options_of_timeout"),
      ["gptimage.poll"] = described(settings, "options_of_poll"),
      ["gptimage.retry"] = described(settings, "options_of_retry"),
      ["gptimage.rate"] = described(settings, "options_of_rate"),
      ["gptimage.attach_options"] = described(client, "options_of_attach"),
      ["gptimage.plan_options"] = described("src/bind/lgim_plan.c", "options"),
    } do
      assert.same(names(real), names(classes[class].fields), class)
      for name, optional in pairs(classes[class].optional) do
        assert.is_true(optional, class .. "." .. name .. " is no option if it must be given")
      end
    end
    local fields = described("src/bind/lgim_fields.c", "wire_fields")
    for _, more in ipairs { described("src/bind/lgim_fields.c", "picture_fields"),
      described(client, "options_of_request") } do
      for name in pairs(more) do fields[name] = true end
    end
    assert.same(names(fields), names(classes["gptimage.request"].fields))
  end)

  it("mentions no class that it does not describe", function()
    for kind in meta:gmatch("gptimage%.([%l_]+)%f[^%l_]") do
      local whole = "gptimage." .. kind
      local known = classes[whole] or classes.gptimage.functions[kind]
        or classes.gptimage.fields[kind]
        or meta:find("@alias " .. whole .. "%f[^%w_]")
      assert.is_truthy(known, whole)
    end
  end)

  it("names every field of plans, models and sizes", function()
    local plan = assert(gptimage.plan({ model = "gpt-image-2-beta", prompt = "x", size = "16:9" },
      { prices = { ["gpt-image-2-beta"] = 2.5 } }))
    compare(plan, "gptimage.plan")
    compare(plan.price, "gptimage.price")
    compare(plan.assumes, "gptimage.assumes")
    local warned = assert(gptimage.plan { model = "brand-new", prompt = "x" })
    compare(warned.warnings[1], "gptimage.issue")
    for _, model in ipairs(gptimage.models()) do
      compare(model, "gptimage.model")
      compare(model.size, "gptimage.size_rule")
      compare(model.prices, "gptimage.model_prices")
      compare(model.defaults, "gptimage.assumes")
    end
    for _, size in ipairs(assert(gptimage.sizes("starmagic", "gpt-image-2-beta"))) do
      compare(size, "gptimage.size")
    end
  end)

  it("names every field of errors and issues", function()
    local _, err = gptimage.plan { model = "gpt-image-2-beta", prompt = "x", size = "1x1" }
    compare(err, "gptimage.error")
    compare(err.issues[1], "gptimage.issue")
    local kinds = {}
    for kind in meta:gmatch('\n%-%-%-| "([%l_]+)"') do
      kinds[kind] = true
    end
    -- The closed set, as the core names it.
    local real = {}
    for kind in files.read("src/core/gim_base.h"):gmatch('GIM_E_[%u_]+,?%s+/%* "([%l_]+)"') do
      real[kind] = true
    end
    assert.same(names(real), names(kinds))
  end)

  describe("on the sandbox", function()
    local sandbox
    setup(function() sandbox = sandboxes.start { latency = 0.1 } end)
    teardown(function() sandbox:stop() end)

    it("names every field of clients, tasks, results, images and log events", function()
      local folder <close> = files.folder()
      local events = {}
      local client <close> = assert(gptimage.client {
        base_url = sandbox.starmagic, api_key = "sk-x", poll = { first = 0.05, min = 0.05 },
        log = function(event) events[#events + 1] = event end,
      })
      for name in pairs(classes["gptimage.client"].fields) do
        assert.is_not_nil(client[name], name)
      end
      local task = assert(client:submit { model = "gpt-image-2-beta", prompt = "x",
        output = folder.path .. "/{id}.{format}" })
      local result = assert(task:wait())
      for name in pairs(classes["gptimage.task"].fields) do
        assert.is_not_nil(task[name], name)
      end
      compare(task.usage, "gptimage.usage")
      assert.is_not_nil(result.raw)
      compare(result, "gptimage.result")
      local image = result.images[1]
      compare(image, "gptimage.image")
      assert.same(names(classes["gptimage.image"].methods),
        names(getmetatable(image).__index))
      assert.truthy(#events > 0)
      for _, event in ipairs(events) do
        compare(event, "gptimage.log_event")
        assert.truthy(classes["gptimage.log_event"].fields.event:find('"' .. event.event .. '"', 1,
          true), event.event)
      end
      local ledger = client:ledger()
      compare(ledger, "gptimage.ledger")
      compare(ledger.credits, "gptimage.ledger_credits")
      compare(ledger.ids, "gptimage.ledger_ids")
      local _, err = client:generate { model = "gpt-image-2-beta", prompt = "x",
        callback_url = "http://example.com" }
      compare(err, "gptimage.error")
    end)

    it("names every status of a task", function()
      local client <close> = assert(gptimage.client {
        base_url = sandbox.starmagic, api_key = "sk-x", poll = { first = 0.05, min = 0.05 } })
      local task = assert(client:submit { model = "gpt-image-2-beta", prompt = "x" })
      local documented = classes["gptimage.task"].fields.status
        .. meta:match("@alias gptimage%.going ([^\n]*)")
      local seen = {}
      while not task:done() do
        seen[task.status] = true
        client:step(1)
      end
      seen[task.status] = true
      for status in pairs(seen) do
        assert.truthy(documented:find('"' .. status .. '"', 1, true), status)
      end
      assert.is_true(seen.submitting and seen.completed)
    end)
  end)
end)
