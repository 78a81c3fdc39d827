-- SPDX-License-Identifier: MIT
-- Tests src/core/gim_address.c through the test window.
local window = require "gptimage.core_test"

local function public(text)
  return window.address_is_public(assert(window.parse_address(text), text))
end

describe("gim_address_is_public", function()
  it("knows the first and last address of each IPv4 range, and their neighbours", function()
    for _, range in ipairs {
      { nil, "0.0.0.0", "0.255.255.255", "1.0.0.0" },
      { "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0" },
      { "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0" },
      { "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0" },
      { "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0" },
      { "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0" },
      { "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0" },
      { "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0" },
      { "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0" },
      { "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0" },
      { "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0" },
      { "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0" },
      { "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0" },
      { "223.255.255.255", "224.0.0.0", "239.255.255.255", nil },
      { nil, "240.0.0.0", "255.255.255.255", nil },
    } do
      if range[1] then assert.is_true(public(range[1]), range[1]) end
      assert.is_false(public(range[2]), range[2])
      assert.is_false(public(range[3]), range[3])
      if range[4] then assert.is_true(public(range[4]), range[4]) end
    end
  end)

  it("knows IPv6, and the IPv4 addresses inside", function()
    for text, expected in pairs {
      ["2606:4700::1"] = true, ["2a00:1450:4001::8a"] = true, ["2000::"] = true,
      ["3fff:1000::"] = true, ["2001:200::1"] = true, ["2001:db7:ffff::"] = true,
      ["::"] = false, ["::1"] = false, ["::2"] = false, ["fc00::1"] = false, ["fdff::1"] = false,
      ["fe80::1"] = false, ["febf::1"] = false, ["fec0::1"] = false, ["ff02::1"] = false,
      ["100::1"] = false, ["5f00::1"] = false, ["4000::1"] = false, ["1fff::1"] = false,
      ["2001:db8::1"] = false, ["2001:db8:ffff::1"] = false, ["2001::1"] = false,
      ["2001:0:4136:e378:8000:63bf:3fff:fdd2"] = false, ["2001:2::1"] = false,
      ["2001:10::1"] = false, ["2001:20::1"] = false, ["3fff::1"] = false, ["3fff:fff::1"] = false,
      ["::ffff:127.0.0.1"] = false, ["::ffff:10.0.0.1"] = false, ["::ffff:7f00:1"] = false,
      ["::ffff:8.8.8.8"] = true, ["::ffff:808:808"] = true, ["::ffff:0:808:808"] = false,
      ["64:ff9b::127.0.0.1"] = false, ["64:ff9b::8.8.8.8"] = true, ["64:ff9b::a00:1"] = false,
      ["64:ff9b:1::8.8.8.8"] = false, ["64:ff9b:0:0:0:1:808:808"] = false,
      ["2002:7f00:1::"] = false, ["2002:a00:1::1"] = false, ["2002:808:808::"] = true,
      ["::127.0.0.1"] = false, ["::8.8.8.8"] = false,
    } do
      assert.same(expected, public(text), text)
    end
  end)

  it("takes 4 and 16 bytes and nothing else", function()
    for n = 0, 20 do
      local bytes = ("\8"):rep(n)
      assert.same(n == 4, window.address_is_public(bytes))
      assert.is_false(window.address_is_loopback(bytes))
    end
    assert.is_true(window.address_is_loopback("\127\0\0\1"))
    assert.is_true(window.address_is_loopback(("\0"):rep(15) .. "\1"))
    assert.is_true(window.address_is_loopback(window.parse_address "::ffff:127.9.9.9"))
    assert.is_false(window.address_is_loopback(("\0"):rep(16)))
  end)
end)

describe("gim_address_parse", function()
  it("reads IPv6 in all its spellings", function()
    local function groups(text)
      local bytes = window.parse_address(text)
      if not bytes then return nil end
      return ("%x:%x:%x:%x:%x:%x:%x:%x"):format(string.unpack(">I2I2I2I2I2I2I2I2", bytes))
    end
    for text, expected in pairs {
      ["1:2:3:4:5:6:7:8"] = "1:2:3:4:5:6:7:8", ["::"] = "0:0:0:0:0:0:0:0",
      ["1::"] = "1:0:0:0:0:0:0:0", ["::8"] = "0:0:0:0:0:0:0:8", ["1::8"] = "1:0:0:0:0:0:0:8",
      ["1:2:3:4:5:6:7::"] = "1:2:3:4:5:6:7:0", ["::2:3:4:5:6:7:8"] = "0:2:3:4:5:6:7:8",
      ["1:2:3::7:8"] = "1:2:3:0:0:0:7:8", ["ABCD:ef01::"] = "abcd:ef01:0:0:0:0:0:0",
      ["1:2:3:4:5:6:1.2.3.4"] = "1:2:3:4:5:6:102:304", ["::1.2.3.4"] = "0:0:0:0:0:0:102:304",
      ["1::5:1.2.3.4"] = "1:0:0:0:0:5:102:304", ["0001::"] = "1:0:0:0:0:0:0:0",
    } do
      assert.same(expected, groups(text), text)
    end
  end)

  it("refuses what is none", function()
    for _, text in ipairs { "", ":", ":::", "1", "1:", ":1", "1:2", "1::2::3", "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "1::2:",
      "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::1.2.3.04", "1:2:3:4:5:6:7:1.2.3.4",
      "::1.2.3.4:5", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1..2.3",
      "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "::1%eth0", "1.2.3.-4", "1111.1.1.1" } do
      assert.is_nil(window.parse_address(text), text)
    end
  end)
end)

describe("gim_address_judge", function()
  it("judges names", function()
    for host, expected in pairs {
      ["example.com"] = "public", ["EXAMPLE.com."] = "public", ["a.b.c"] = "public",
      ["localhost.example.com"] = "public", ["local.example"] = "public",
      ["10.example.com"] = "public", ["mylocal"] = "internal", ["notlocalhost.com"] = "public",
      ["localhost"] = "loopback", ["LOCALHOST."] = "loopback", ["a.b.localhost"] = "loopback",
      ["printer.local"] = "internal", ["local"] = "internal",
      ["metadata.google.internal"] = "internal",
      ["x.INTERNAL."] = "internal", ["host.localdomain"] = "internal",
      ["localhost.localdomain"] = "internal", ["router.home.arpa"] = "internal",
      ["intranet"] = "internal", ["intranet."] = "internal", [""] = "unclear", ["."] = "unclear",
      ["xinternal.com"] = "public", ["home.arpa"] = "internal", ["1e1.com"] = "public",
    } do
      assert.same(expected, window.judge_host(host), host)
    end
  end)

  it("judges addresses, and never takes an odd spelling for a public one", function()
    for host, expected in pairs {
      ["8.8.8.8"] = "public", ["8.8.8.8."] = "public", ["127.0.0.1"] = "loopback",
      ["127.0.0.1."] = "loopback", ["10.1.2.3"] = "internal", ["169.254.169.254"] = "internal",
      ["0.0.0.0"] = "internal", ["255.255.255.255"] = "internal",
      ["0177.0.0.1"] = "unclear", ["0x7f.0.0.1"] = "unclear", ["0x7f.1"] = "unclear",
      ["0X7F000001"] = "unclear", ["2130706433"] = "unclear", ["017700000001"] = "unclear",
      ["127.1"] = "unclear", ["127.0.1"] = "unclear", ["10.1"] = "unclear", ["0"] = "unclear",
      ["0x"] = "unclear", ["010.8.8.8"] = "unclear", ["0x08.8.8.8"] = "unclear",
      ["134744072"] = "unclear", ["8.8.2056"] = "unclear", ["1.2.3.256"] = "unclear",
      ["1.2.3.4.5"] = "unclear", ["99999999999999999999"] = "unclear", ["08.1.1.1"] = "unclear",
      ["a.1"] = "unclear", ["1.2.3.0x4"] = "unclear", ["example.123"] = "unclear",
      ["::1"] = "loopback", ["::ffff:127.0.0.1"] = "loopback", ["::ffff:10.0.0.1"] = "internal",
      ["2606:4700::1111"] = "public", ["::g"] = "unclear", ["1:2"] = "unclear", ["::"] = "internal",
      ["fe80::1%eth0"] = "unclear",
    } do
      assert.same(expected, window.judge_host(host), host)
    end
  end)
end)
