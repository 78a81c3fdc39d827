-- SPDX-License-Identifier: MIT
-- A certificate authority and a server certificate for this run of the sandbox.

local altname = require "openssl.x509.altname"
local bignum = require "openssl.bignum"
local extension = require "openssl.x509.extension"
local http_tls = require "http.tls"
local name = require "openssl.x509.name"
local pkey = require "openssl.pkey"
local rand = require "openssl.rand"
local x509 = require "openssl.x509"

local M = {}

local DAY = 24 * 3600

local function new_certificate(common_name, key)
  local certificate = x509.new()
  certificate:setVersion(3)
  certificate:setSerial(bignum.fromBinary(rand.bytes(16)))
  local subject = name.new()
  subject:add("O", "gptimage sandbox")
  subject:add("CN", common_name)
  certificate:setSubject(subject)
  certificate:setPublicKey(key)
  certificate:setLifetime(os.time() - DAY, os.time() + 30 * DAY)
  return certificate
end

local function alpn_select(_, protocols)
  for _, wanted in ipairs { "h2", "http/1.1" } do
    for _, protocol in ipairs(protocols) do
      if protocol == wanted then
        return protocol
      end
    end
  end
end

---@return table ctx     a TLS context for the server
---@return string ca_pem  the authority's certificate
function M.new()
  local ca_key = pkey.new { type = "EC", curve = "prime256v1" }
  local ca = new_certificate("gptimage sandbox CA", ca_key)
  ca:setIssuer(ca:getSubject())
  ca:setBasicConstraints { CA = true, pathLen = 0 }
  ca:setBasicConstraintsCritical(true)
  ca:addExtension(extension.new("keyUsage", "critical,keyCertSign,cRLSign"))
  ca:sign(ca_key, "sha256")

  local key = pkey.new { type = "EC", curve = "prime256v1" }
  local certificate = new_certificate("localhost", key)
  certificate:setIssuer(ca:getSubject())
  local names = altname.new()
  names:add("DNS", "localhost")
  names:add("IP", "127.0.0.1")
  names:add("IP", "::1")
  certificate:setSubjectAlt(names)
  certificate:setBasicConstraints { CA = false }
  certificate:setBasicConstraintsCritical(true)
  certificate:addExtension(extension.new("extendedKeyUsage", "serverAuth"))
  certificate:sign(ca_key, "sha256")

  local ctx = http_tls.new_server_context()
  ctx:setAlpnSelect(alpn_select)
  assert(ctx:setPrivateKey(key))
  assert(ctx:setCertificate(certificate))
  return ctx, ca:toPEM()
end

return M
