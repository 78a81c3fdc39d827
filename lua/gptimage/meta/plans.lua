-- SPDX-License-Identifier: MIT
---@meta
-- What plans, sizes, models and ledgers are made of; goes with gptimage/meta.lua.

-- Plans -----------------------------------------------------------------------------------------

---Unknown is nil, never 0.
---@class gptimage.plan
---@field provider gptimage.provider
---@field model string
---@field known_model boolean    false: sent with a warning, few rules could be checked
---@field edit boolean
---@field endpoint string
---@field method string
---@field body string            the JSON that would be sent. Where a link comes from an upload, the
---                              file's name stands in angle brackets; of a form: what is in it
---@field multipart boolean      a form with files is sent, not that JSON
---@field uploads gptimage.upload[]  the pictures of this machine that would be sent
---@field width integer?         pixels
---@field height integer?
---@field tier "1K"|"2K"|"4K"|nil  of a ratio, or what pixels are billed as
---@field n integer
---@field price gptimage.price
---@field assumes gptimage.assumes
---@field scaled_down boolean    the table's cell did not fit, and is smaller than its tier says
---@field warnings gptimage.issue[]

---@class gptimage.upload
---@field field string           "images[2]", "mask"
---@field name string            as the service is told
---@field mime string            "image/png"
---@field size integer           bytes
---@field width integer?         pixels, where its header says
---@field height integer?

---@class gptimage.price
---@field unit string?           what a factor of 1 is
---@field factor number?         times that, n included
---@field credits number?        by the option `prices`

---What the service takes for fields that were left out.
---@class gptimage.assumes
---@field size string?
---@field resolution string?
---@field quality string?
---@field n integer?

---@class gptimage.size
---@field size string            "16:9", or pixels where the model has a list of them
---@field ratio string?         the same, where it is a ratio
---@field resolution "1K"|"2K"|"4K"|nil
---@field width integer
---@field height integer
---@field tier "1K"|"2K"|"4K"|nil  as a plan has it
---@field factor number?
---@field scaled_down boolean

---One row of the table of limits. What nobody states is nil or empty.
---@class gptimage.model
---@field name string
---@field provider gptimage.provider
---@field fields string[]        that the service's page names
---@field newer_fields string[]  of newer pages only: sent, with a warning
---@field advisory boolean       the page states no limits: ours are warnings there
---@field size gptimage.size_rule
---@field qualities string[]
---@field response_formats string[]
---@field backgrounds string[]
---@field output_formats string[]
---@field n_max integer?
---@field prompt_max integer?    code points
---@field prompt_tokens integer? above about so many: a warning
---@field image_urls_min integer?
---@field image_urls_max integer?
---@field reference_max_bytes integer?
---@field prices gptimage.model_prices
---@field defaults gptimage.assumes

---@class gptimage.size_rule
---@field auto boolean
---@field list string[]?         the only sizes there are; else the rules below
---@field ratios string[]?
---@field multiple_of integer?   of both edges, in pixels
---@field edge_max integer?
---@field pixels_min integer?
---@field pixels_max integer?
---@field ratio_max integer?     long edge to short edge
---@field procedure gptimage.sizes?
---@field procedure_option boolean?  the option `sizes` may choose the other one

---@class gptimage.model_prices
---@field unit string?
---@field tiers table<string, number>?      factors
---@field qualities table<string, number>?  factors

-- Ledgers ---------------------------------------------------------------------------------------

---Where the money of a client's paid requests is. Every request is counted once, however often it
---went out: sent = refused + at_risk + given_back + paid, but for tasks of other programs.
---@class gptimage.ledger
---@field sent integer        of this client, whose body has left whole
---@field refused integer     the service refused them, or was never reached by them: not charged
---@field at_risk integer     billed "maybe": running, or nobody knows how they ended
---@field given_back integer  accepted, then failed or cancelled at the service: not charged
---@field paid integer        billed "yes"
---@field attached integer    of the at_risk, given_back and paid: tasks of other programs
---@field saved integer       of the paid: every picture is in a file
---@field credits gptimage.ledger_credits
---@field ids gptimage.ledger_ids

---@class gptimage.ledger_credits
---@field spent number        as the replies said, for what is paid or at risk; is client.spent
---@field estimated number    by prices, for what is paid or at risk and the replies said nothing of
---@field pending number      by prices, for what is not sent yet
---@field budget number?      spent, estimated and pending never pass it by a request of ours

---The ids of tasks, or our keys where the service gave none; the oldest first. Of more than 10,000
---requests the oldest that are settled are only counted.
---@class gptimage.ledger_ids
---@field refused string[]
---@field at_risk string[]
---@field given_back string[]
---@field paid string[]
---@field saved string[]
