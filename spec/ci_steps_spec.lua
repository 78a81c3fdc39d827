-- SPDX-License-Identifier: MIT
-- Tests .ci/steps.sh: what fails, hangs or dies beside the rest is told, and
-- nothing of it stays behind. Who still runs is known by the lock that it holds.

local files = require "spec.support.files"

local folder

-- What the script prints, without times, and its exit status. Whoever started the
-- specs may have had them ignore signals.
local function run(script)
  folder:write("script", ". .ci/steps.sh\nsettle() { paste -sd' ' \"$failed\"; }\n" .. script)
  local pipe = assert(io.popen(("F=%s env --default-signal=INT bash %s 2>&1")
    :format(files.quote(folder.path), files.quote(folder:at "script"))))
  local output = pipe:read "a"
  local _, _, status = pipe:close()
  return output:gsub(", %d+ s\n", "\n"), status
end

-- Can the lock be had? What was killed a moment ago may hold it for another.
local function is_free(name)
  return os.execute(("flock --wait 20 %s true"):format(files.quote(folder:at(name)))) == true
end

describe("steps.sh", function()
  before_each(function() folder = files.folder() end)
  after_each(function() folder:close() end)

  it("runs every step, whatever came before it, and names what failed", function()
    assert.same({ "\n=== one\n1\n=== one: passed\n\n=== two\n"
      .. "=== two: FAILED (exit status 3)\n\n=== three\n3\n=== three: passed\ntwo\n", 0 },
      { run "step one 60 echo 1; step two 60 sh -c 'exit 3'; step three 60 echo 3; settle" })
  end)

  it("tells of the lane beside, behind the steps that it ran beside", function()
    assert.same({ "\n=== near\nhere\n=== near: passed\n"
      .. "\n=== far\nthere\n=== far: passed\n\n=== bad\n"
      .. "=== bad: FAILED (exit status 1)\nbad\n", 0 },
      { run("far() { step far 60 echo there; step bad 60 false; }\n"
        .. "beside far; step near 60 echo here; join; settle") })
  end)

  it("tells of a lane that did not reach its end", function()
    assert.same({ "lost\n", 0 }, { run "lost() { exit 3; }\nbeside lost; join; settle" })
  end)

  it("ends a step that hangs, with what it started and what it left", function()
    local output = run("step hangs 1 sh -c 'flock $F/deaf sh -c \"trap : TERM; sleep 600; "
      .. "sleep 600\" 2>/dev/null & flock $F/tame sleep 600'\n"
      .. "step leaves 60 sh -c 'flock $F/left sleep 600 >/dev/null & exit 0'; settle")
    assert.same("\n=== hangs\n=== hangs: FAILED (exit status 124)\n\n=== leaves\n"
      .. "=== leaves: passed\nhangs\n", output)
    assert.same({ true, true, true }, { is_free "deaf", is_free "tame", is_free "left" })
  end)

  it("lets the specs interrupt programs of theirs, in both lanes", function()
    local interrupt = "bash -c 'trap \"echo interrupted; exit 0\" INT; kill -INT $$; exit 1'\n"
    local output = run("far() { step far 60 " .. interrupt .. "}\n"
      .. "beside far\nstep near 60 " .. interrupt .. "join; settle")
    assert.same(2, select(2, output:gsub("interrupted\n", "")))
  end)

  it("is ended with both lanes", function()
    for _, signal in ipairs { "INT", "TERM" } do
      local _, status = run("far() { step far 60 flock $F/far sleep 600; }\nbeside far\n"
        .. "export RUN=$$ F\nstep near 60 sh -c 'while flock --nonblock $F/far true; do "
        .. "sleep 0.01; done; kill -" .. signal .. " $RUN; flock $F/near sleep 600'; settle")
      assert.same(signal == "INT" and 130 or 143, status)
      assert.same({ true, true }, { is_free "far", is_free "near" })
    end
  end)
end)
