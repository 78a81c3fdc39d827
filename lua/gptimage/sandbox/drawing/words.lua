-- SPDX-License-Identifier: MIT
-- What a prompt asks for, as far as the sandbox can draw it: English and Chinese words to motifs.

local M = {}

local motifs = {
  cat = "cat kitten kitty 猫 貓 喵",
  window = "window sill windowsill room interior 窗 室内",
  sunset = "sunset dusk evening twilight golden 夕阳 夕陽 日落 黄昏 晚霞 傍晚",
  dawn = "dawn sunrise morning 日出 清晨 早晨 黎明 朝阳",
  night = "night midnight moon moonlight star stars starry galaxy aurora 夜 月 星 银河 极光",
  day = "day noon sunny summer spring 白天 晴 夏 春",
  mist = "mist misty fog foggy rain rainy cloudy ink 雾 雨 云雾 水墨 山水",
  sea = "sea ocean beach coast island lake river water harbor harbour wave waves bay "
    .. "海 湖 河 江 水 岛 沙滩 浪",
  boat = "boat sail sailboat sailing ship yacht 船 帆",
  mountains = "mountain mountains alps peak peaks canyon 山 峰",
  hills = "hill hills valley meadow field fields grass countryside 丘 谷 草 田 乡",
  snow = "snow snowy winter ice arctic 雪 冬 冰",
  city = "city skyline street town tokyo york shanghai cyberpunk neon building skyscraper "
    .. "城 街 楼 都市 赛博",
  forest = "forest tree trees wood woods pine jungle 森林 树 林",
  desert = "desert dune dunes sahara camel mars 沙漠 沙丘 火星",
  balloon = "balloon balloons 气球",
  birds = "bird birds gull seagull crane 鸟 鸥 鹤",
}

local word_to_motif, characters = {}, {}
for motif, words in pairs(motifs) do
  for word in words:gmatch("%S+") do
    if word:find("^%a") then
      word_to_motif[word] = motif
    else
      characters[#characters + 1] = { word, motif }
    end
  end
end

---@param prompt string
---@return table<string, true> motifs
function M.read(prompt)
  local found = {}
  for word in prompt:lower():gmatch("%a+") do
    local motif = word_to_motif[word] or word_to_motif[word:gsub("s$", "")]
    if motif then
      found[motif] = true
    end
  end
  for _, pair in ipairs(characters) do
    if prompt:find(pair[1], 1, true) then
      found[pair[2]] = true
    end
  end
  return found
end

return M
