#!lua name=LIBRARY
-- Folds events of one user into the user's row and appends them to the shard's stream, in one step.
--
-- keys: the row, the ids of the user's newest events, the stream, where a row goes that cannot be read.
-- args: about how many events the stream keeps; how many ids are kept; then for each event 8 bytes of its id's hash with
--       its 17 bytes in a row (EVENT_DTYPE in row.py), and what the stream keeps of it.
-- Returns "1" where the row or the ids that were there cannot be read, else "0"; the row's version, 0 where there is
-- none; and a digit for each event: "0" accepted, "1" recorded before.
--
-- Impressions go to the stream alone: twenty a slate, they would push what the user did out of the row.
--
-- Lua's numbers are doubles: keys, ids and versions stay bytes. Events move as blocks of bytes, and nothing is unpacked
-- but what is compared.

local HEADER, EVENT, COUNTERS, ID = 24, 17, 8, 8 -- bytes
local START = "UR\1\2" -- magic, codec, number of counters
local MAX_EVENTS, IMPRESSION, MAX_TYPE = 256, 1, 6
local IDS_TTL_S, ASIDE_TTL_S = 86400, 30 * 86400
local HALF_LIFE_S = 30 * 86400
local LARGEST = 3.4028234663852886e38 -- in 32 bits

-- Finds the record of `size` bytes that begins with `start`, at `from` or later.
local function record_at(records, size, start, from)
  local at = records:find(start, from, true)
  while at and (at - 1) % size ~= 0 do
    at = records:find(start, at + 1, true)
  end
  return at
end

local function time_of(events, at)
  local time = struct.unpack("<I4", events, at + 8)
  return time
end

-- Puts an event where its time belongs, before others of that time, in the place of an older one of its item and type.
local function insert(events, event)
  local time, kind = time_of(event, 1), event:byte(EVENT)
  local key = event:sub(1, 8)
  local same = record_at(events, EVENT, key, 1)
  while same and events:byte(same + EVENT - 1) ~= kind do
    same = record_at(events, EVENT, key, same + 1)
  end
  if same then
    if time_of(events, same) > time then
      return events
    end
    events = events:sub(1, same - 1) .. events:sub(same + EVENT)
  end
  local low, high = 0, #events / EVENT
  while low < high do
    local middle = math.floor((low + high) / 2)
    if time_of(events, middle * EVENT + 1) > time then
      low = middle + 1
    else
      high = middle
    end
  end
  local before, after = events:sub(1, low * EVENT), events:sub(low * EVENT + 1)
  return (before .. event .. after):sub(1, MAX_EVENTS * EVENT)
end

-- Tells whether a value is a row that row.py reads.
local function is_row(value)
  if type(value) ~= "string" or #value < HEADER + COUNTERS or value:sub(1, #START) ~= START then
    return false
  end
  local events = struct.unpack("<I2", value, 5)
  if events > MAX_EVENTS or #value ~= HEADER + events * EVENT + COUNTERS then
    return false
  end
  local byte = string.byte -- looked up once, not 256 times
  for at = HEADER + EVENT, HEADER + events * EVENT, EVENT do
    local kind = byte(value, at)
    if kind < 1 or kind > MAX_TYPE then
      return false
    end
  end
  local count, sum = struct.unpack("<ff", value, #value - COUNTERS + 1)
  return math.abs(count) <= LARGEST and math.abs(sum) <= LARGEST -- false for what is no number
end

-- Adds 1 to 8 bytes, little-endian.
local function next_version(version)
  local low, high = struct.unpack("<I4I4", version)
  low = low + 1
  if low == 4294967296 then
    low, high = 0, (high + 1) % 4294967296
  end
  return struct.pack("<I4I4", low, high)
end

local function bounded(counter)
  return math.max(-LARGEST, math.min(LARGEST, counter))
end

local function record(keys, args)
  local row_key, ids_key, stream, aside_key = keys[1], keys[2], keys[3], keys[4]
  local row, ids = redis.pcall("GET", row_key), redis.pcall("GET", ids_key)
  local is_foreign = row and not is_row(row)
  local is_bad = is_foreign
  local version, events, count, sum, counted_at = string.rep("\0", 8), "", 0, 0, 0
  if row and not is_foreign then
    version, events = row:sub(9, 16), row:sub(HEADER + 1, -COUNTERS - 1)
    count, sum = struct.unpack("<ff", row, #row - COUNTERS + 1)
    counted_at = struct.unpack("<I4", row, 21)
  end
  if type(ids) ~= "string" or #ids % ID ~= 0 then
    is_bad = is_bad or ids
    ids = ""
  end

  local outcomes, is_new, has_changed = {}, false, false
  for at = 3, #args, 2 do
    local id, event = args[at]:sub(1, ID), args[at]:sub(ID + 1)
    if record_at(ids, ID, id, 1) then
      outcomes[#outcomes + 1] = "1"
    else
      redis.call("XADD", stream, "MAXLEN", "~", args[1], "*", "event", args[at + 1])
      ids, is_new = ids .. id, true
      outcomes[#outcomes + 1] = "0"
      if event:byte(EVENT) ~= IMPRESSION then
        events, has_changed = insert(events, event), true
        -- Counters are right for any moment: decayed to the newest time, an event that comes late counts less.
        local time, value = time_of(event, 1), struct.unpack("<f", event, 13)
        local decay = 2 ^ (-math.abs(time - counted_at) / HALF_LIFE_S)
        if time > counted_at then
          count, sum, counted_at = count * decay + 1, sum * decay + value, time
        else
          count, sum = count + decay, sum + value * decay
        end
      end
    end
  end

  if has_changed then
    if is_foreign then
      -- Another version's gateways may read it; the first that is set aside is the one with the most to lose.
      redis.call("RENAMENX", row_key, aside_key)
      redis.call("EXPIRE", aside_key, ASIDE_TTL_S)
    end
    version = next_version(version)
    local header = START .. struct.pack("<I2I2", #events / EVENT, 0) .. version
    local times = struct.pack("<I4I4", time_of(events, 1), counted_at)
    redis.call("SET", row_key, header .. times .. events .. struct.pack("<ff", bounded(count), bounded(sum)))
  end
  if is_new then
    redis.call("SET", ids_key, ids:sub(-args[2] * ID), "EX", IDS_TTL_S)
  end
  return (is_bad and "1" or "0") .. version .. table.concat(outcomes)
end

redis.register_function("LIBRARY", record)
