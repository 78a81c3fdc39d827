-- SPDX-License-Identifier: MIT
-- Light of the hours: sky from the zenith to the horizon, the sun or moon, and the dark of what
-- stands near.

local M = {}

M.sunset = {
  { sky = { 0x2B1B4D, 0x6B2A6B, 0xD9536B, 0xF79A5B, 0xFFD98A }, sun = 0xFFF3CF, glow = 0xFFC27A,
    dark = 0x1E1238, far = 0xB65476, sea = 0x3A1F55, light = 0xFFD28F },
  { sky = { 0x1B2A52, 0x51487F, 0xB96A86, 0xF2A07B, 0xFBD9A6 }, sun = 0xFFF6DD, glow = 0xFFCF9A,
    dark = 0x151C3A, far = 0x9C6A8C, sea = 0x27305C, light = 0xFFDCA8 },
  { sky = { 0x14365C, 0x3C6E86, 0x9DAF9F, 0xF3C38A, 0xF79D65 }, sun = 0xFFF4D6, glow = 0xFFD79B,
    dark = 0x0E2338, far = 0x8A8F83, sea = 0x1D4560, light = 0xFFE0A8 },
}
M.dawn = {
  { sky = { 0x6D83C4, 0xA3A4DA, 0xE9B4C6, 0xFFD5B8, 0xFFEFD2 }, sun = 0xFFFBEA, glow = 0xFFF0CC,
    dark = 0x3B3F73, far = 0xB9A5CC, sea = 0x7C86BE, light = 0xFFF1D6 },
  { sky = { 0x4F8FA8, 0x93BFC0, 0xD7DCC4, 0xF8DDB5, 0xFCC9A0 }, sun = 0xFFF9E3, glow = 0xFFEAC0,
    dark = 0x22505C, far = 0x9FB5AC, sea = 0x5C97A6, light = 0xFFEFCB },
}
M.night = {
  { sky = { 0x050A24, 0x0B1842, 0x183263, 0x32558A, 0x5F7FA8 }, sun = 0xF7F2DA, glow = 0xA9BEDD,
    dark = 0x040818, far = 0x24406E, sea = 0x0C1B40, light = 0xE9E6CF, moon = true },
  { sky = { 0x120826, 0x27124A, 0x46246F, 0x74418C, 0xA66A9B }, sun = 0xFBF0DC, glow = 0xD0A9D6,
    dark = 0x0C0519, far = 0x513070, sea = 0x1E1040, light = 0xF3DDE4, moon = true },
  { sky = { 0x031521, 0x07303C, 0x0F5257, 0x2B7C70, 0x79AE90 }, sun = 0xF3F5DE, glow = 0xB5DCC3,
    dark = 0x021016, far = 0x1A5A5C, sea = 0x06303C, light = 0xDDEFD2, moon = true },
}
M.day = {
  { sky = { 0x2B7BCB, 0x5AA6E2, 0x94CDEE, 0xC9E9F4, 0xF2F7EC }, sun = 0xFFFBE4, glow = 0xFFF6D2,
    dark = 0x14495A, far = 0x86B9C9, sea = 0x2B7FB0, light = 0xF4FCFF },
  { sky = { 0x2E9FB3, 0x63C0C4, 0xA5DED2, 0xDDF0DA, 0xFBF3D3 }, sun = 0xFFFDF0, glow = 0xFFF8DC,
    dark = 0x1B5B4F, far = 0x8FC7B4, sea = 0x2A8EA0, light = 0xF6FFF4 },
}
M.mist = {
  { sky = { 0x9AB0BA, 0xB9C8CB, 0xD5DBD6, 0xEAE7DB, 0xF5EEDD }, sun = 0xF6DDBE, glow = 0xF7E8D0,
    dark = 0x2D4250, far = 0xBCC8C8, sea = 0x8FA7B0, light = 0xFBF8EE },
}
M.snow = {
  { sky = { 0x46699E, 0x7FA5CF, 0xB9D3E8, 0xE5ECF1, 0xFBEFE2 }, sun = 0xFFFAEE, glow = 0xFFF3E0,
    dark = 0x263F66, far = 0xB7CBE0, sea = 0x6F95BD, light = 0xFFFFFF },
}
M.desert = {
  { sky = { 0x3B6A92, 0x8BAFB6, 0xF0D7A8, 0xF7B267, 0xF4895F }, sun = 0xFFF6DA, glow = 0xFFE1A8,
    dark = 0x6B2E2B, far = 0xE39A5F, sea = 0x3B6A92, light = 0xFFE9BE },
}

---The palette for what the prompt asks; `random` decides what it leaves open.
function M.choose(motifs, random)
  local hours = {}
  for _, hour in ipairs { "night", "sunset", "dawn", "mist", "snow", "desert", "day" } do
    if motifs[hour] then
      hours[#hours + 1] = hour
    end
  end
  local hour = hours[1]
  if not hour then
    local all = { "sunset", "dawn", "night", "day", "sunset", "mist" }
    hour = all[random(#all)]
  end
  return M[hour][random(#M[hour])], hour
end

return M
