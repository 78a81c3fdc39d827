-- SPDX-License-Identifier: MIT
-- Tests src/net/gim_filing_name.c through clients: names that live tasks are to file pictures
-- under. Names as such are in gim_name_spec.lua, and those that are taken on the disk in
-- gim_filing_spec.lua.
local files = require "spec.support.files"
local lfs = require "lfs"
local services = require "spec.support.service"

describe("a folder as output", function()
  local service, client, folder

  before_each(function()
    folder = files.folder()
    service = services.start()
  end)

  after_each(function()
    service:close()
    folder:close()
  end)

  local function path_of(output)
    local task = assert(client:submit(services.request { output = folder.path .. output }))
    return assert(service:finish(task)).images[1].path:sub(#folder.path + 1)
  end

  for _, overwrite in ipairs { "number", "replace", "refuse" } do
    it("is where pictures go, under the name of their task: " .. overwrite, function()
      assert(lfs.mkdir(folder.path .. "/there"))
      assert(lfs.mkdir(folder.path .. "/gpt-image-2-beta"))
      assert(lfs.link(folder.path .. "/there", folder.path .. "/linked", true))
      client = service:client { overwrite = overwrite }
      for output, place in pairs { ["/there"] = "/there/", ["/there/"] = "/there/",
        ["/linked"] = "/linked/", ["/new/deep/"] = "/new/deep/", ["/there/.."] = "/there/../",
        ["/{model}"] = "/gpt-image-2-beta/" } do
        local path = path_of(output)
        assert.equal(place .. services.ID .. "-1.png", path)
        assert(os.remove(folder.path .. path))
      end
      assert.equal("/" .. services.ID, path_of "/{id}") -- known too late to be a folder
    end)
  end
end)

describe("a name that a live task is to use", function()
  local service, client, folder

  local function at(name) return folder.path .. "/" .. name end

  local function submit(output, more)
    local fields = { output = at(output) }
    for name, value in pairs(more or {}) do fields[name] = value end
    return client:submit(services.request(fields))
  end

  before_each(function()
    folder = files.folder()
    service = services.start()
    client = service:client { overwrite = "refuse" }
  end)

  after_each(function()
    service:close()
    folder:close()
  end)

  local function assert_refused(name, task, err)
    assert.is_nil(task)
    assert.same({ "io", "no" }, { err.kind, err.billed })
    assert.truthy(err.message:find(('"%s" is to be written by another task'):format(name), 1, true))
  end

  it("is refused before paying, until that task is over", function()
    local first = assert(submit("a.png"))
    for _ = 1, 2 do assert_refused("a.png", submit("a.png")) end
    assert(service:finish(first))
    assert.equal(1, #service.posts)
    local _, err = submit("a.png")
    assert.truthy(err.message:find "a.png\" is there already")
    os.remove(at "a.png")
    assert(service:finish(assert(submit("a.png"))))
    assert.equal(2, #service.posts)
  end)

  it("is free again when that task was cancelled", function()
    assert(submit("a.png")):cancel()
    assert(service:finish(assert(submit("a.png"))))
    assert.same({ "a.png" }, folder:files())
  end)

  it("is the same by whatever way its folder is reached", function()
    assert(lfs.mkdir(at "in"))
    assert(lfs.link(at "in", at "too", true))
    local first = assert(submit("in/a.png"))
    for _, other in ipairs { "too/a.png", "in/./a.png", "in//a.png", "too/../in/a.png" } do
      assert_refused("a.png", submit(other))
    end
    assert(submit("a.png")):cancel()
    assert(service:finish(first))
  end)

  it("is one of several, also where the template makes them", function()
    for _, pair in ipairs { { "a-{index}.png", "a-2.png" }, { "a.png", "a-2.png" },
      { "a-{index}.png", "a.png" } } do
      local first = assert(submit(pair[1], { n = 2, model = "gpt-image-2" }))
      assert_refused("a-2.png", submit(pair[2], { n = 2, model = "gpt-image-2" }))
      first:cancel()
    end
  end)

  it("stops nobody who gives way, or takes it", function()
    for _, overwrite in ipairs { "number", "replace" } do
      client = service:client { overwrite = overwrite }
      local first, second = assert(submit "a.png"), assert(submit "a.png")
      assert(service:finish(first))
      assert(service:finish(second))
    end
    assert.same({ "a-2.png", "a.png" }, folder:files())
  end)

  it("stops nobody when it cannot be known, or is nobody else's", function()
    for _, output in ipairs { "{id}.png", "a.{format}", "{key}.png" } do
      local first, second = assert(submit(output)), assert(submit(output))
      first:cancel()
      second:cancel()
    end
  end)

  it("is that of a task that was attached, too, which is never refused itself", function()
    local options = { output = at "a.png" }
    local first = assert(client:attach(services.ID, options))
    assert_refused("a.png", submit("a.png"))
    assert(client:attach("task-unified-1764000000-bbbbbbbb", options)):cancel()
    assert(service:finish(first))
    assert.equal(0, #service.posts)
  end)

  it("is no matter for another client, and leaves nothing behind", function()
    local other = service:client { overwrite = "refuse" }
    local task = assert(submit("a.png"))
    assert(other:submit(services.request { output = at "a.png" })):cancel()
    task:cancel()
    client:close()
    other:close()
    assert.same({}, folder:files())
  end)
end)
