#!lua name=LIBRARY
-- Derives counters from a shard's events, and looks after the shard's stream.
--
-- Every key carries the shard's hash tag. Lua's numbers are doubles: keys of items and users stay bytes.

local RATE_HALF_LIFE_S, PAIR_HALF_LIFE_S = 3 * 86400, 30 * 86400
local WINDOW_S = 1800 -- two items that a user touches within half an hour are a pair
local TYPES, FIRST_TOUCH, LAST_TOUCH = 6, 2, 5 -- to see an item on a screen is no touch, nor to hide it
local TOUCHES, TOUCH = 8, 12 -- a user's newest, each in bytes: item, time
local PAIRS_AN_ITEM, USERS_AN_ITEM = 2, 0.5
local DRAWN = 4
local COUNTED, COUNTED_BYTES = "<I4I4I4I4I4I4I4ffffff", 52 -- ITEM_DTYPE in derived.py
local WEIGHED, WEIGHED_BYTES = "<I4f", 8 -- PAIR_DTYPE

local function time_of(value)
  local time = struct.unpack("<I4", value)
  return time
end

-- Reads a record of so many bytes; what is none, as another version's, is begun anew.
local function record_of(key, field, size)
  local held = redis.call("HGET", key, field)
  return held and #held == size and held or string.rep("\0", size)
end

-- Writes a field; where that makes more than `most`, of four drawn by chance the one with the oldest event leaves, as
-- Redis' own LRU does. Returns how many left.
local function put(key, field, value, most)
  if redis.call("HSET", key, field, value) == 0 or redis.call("HLEN", key) <= most then
    return 0
  end
  local drawn = redis.call("HRANDFIELD", key, DRAWN, "WITHVALUES")
  local oldest = 1
  for at = 3, #drawn, 2 do
    if time_of(drawn[at + 1]) < time_of(drawn[oldest + 1]) then
      oldest = at
    end
  end
  return redis.call("HDEL", key, drawn[oldest])
end

-- Rates are right for any moment: decayed to the newest time, an event that comes late counts less.
local function count(key, item, kind, time, most)
  local record = { struct.unpack(COUNTED, record_of(key, item, COUNTED_BYTES)) } -- and where it ended
  local decay = 2 ^ (-math.abs(time - record[1]) / RATE_HALF_LIFE_S)
  local rate = 1 + TYPES + kind
  if time > record[1] then
    for at = 2 + TYPES, 1 + 2 * TYPES do
      record[at] = record[at] * decay
    end
    record[1], record[rate] = time, record[rate] + 1
  else
    record[rate] = record[rate] + decay
  end
  record[1 + kind] = math.min(record[1 + kind] + 1, 4294967295)
  return put(key, item, struct.pack(COUNTED, unpack(record, 1, 1 + 2 * TYPES)), most)
end

local function weigh(key, one, other, time, most)
  local field = one < other and one .. other or other .. one
  local at, weight = struct.unpack(WEIGHED, record_of(key, field, WEIGHED_BYTES))
  local decay = 2 ^ (-math.abs(time - at) / PAIR_HALF_LIFE_S)
  if time > at then
    at, weight = time, weight * decay + 1
  else
    weight = weight + decay
  end
  return put(key, field, struct.pack(WEIGHED, at, weight), most)
end

-- Pairs the item with what the user touched close to it in time, once each; an item that was among that already came
-- with its pairs. Returns how many users and pairs left.
local function touch(users_key, pairs_key, user, item, time, most)
  local before = (redis.call("HGET", users_key, user) or ""):sub(5) -- without the newest time
  if #before % TOUCH ~= 0 then
    before = ""
  end
  local kept, near, newest, kept_at, is_again = {}, {}, time, time, false
  for at = 1, #before, TOUCH do
    local other, touched_at = before:sub(at, at + 7), time_of(before:sub(at + 8, at + 11))
    newest = math.max(newest, touched_at)
    local is_near = math.abs(time - touched_at) <= WINDOW_S
    if other == item then
      is_again = is_again or is_near
      kept_at = math.max(time, touched_at)
    else
      kept[#kept + 1] = before:sub(at, at + TOUCH - 1)
      if is_near then
        near[#near + 1] = other
      end
    end
  end
  local left = 0
  if not is_again then
    for _, other in ipairs(near) do
      left = left + weigh(pairs_key, item, other, time, PAIRS_AN_ITEM * most)
    end
  end
  table.insert(kept, 1, item .. struct.pack("<I4", kept_at))
  local value = struct.pack("<I4", newest) .. table.concat(kept, "", 1, math.min(#kept, TOUCHES))
  return left + put(users_key, user, value, math.ceil(USERS_AN_ITEM * most))
end

local function is_before(one, other)
  local one_ms, one_place = one:match("(%d+)-(%d+)")
  local other_ms, other_place = other:match("(%d+)-(%d+)")
  if one_ms ~= other_ms then
    return tonumber(one_ms) < tonumber(other_ms)
  end
  return tonumber(one_place) < tonumber(other_place)
end

-- keys: the stream, and of what is derived the state, items, pairs, users.
-- args: the group; how many items are counted; then for each entry its id, and 21 bytes: user, item, time, type; empty
--       where the entry could not be read.
-- Applies those of the entries that are not applied yet: the group knows. Returns how many these were, and how many
-- items, pairs and users left for want of room.
local function apply(keys, args)
  local stream, state, items, pairs, users = unpack(keys)
  local group, most = args[1], tonumber(args[2])
  for place = 2, #keys do
    redis.call("HLEN", keys[place]) -- a key of another type fails here, before anything is acknowledged
  end
  local applied, left = 0, 0
  for at = 3, #args, 2 do
    local event = args[at + 1]
    if redis.call("XACK", stream, group, args[at]) == 1 then
      applied = applied + 1
      if event ~= "" then
        local user, item = event:sub(1, 8), event:sub(9, 16)
        local time, kind = time_of(event:sub(17)), event:byte(21)
        left = left + count(items, item, kind, time, most)
        if kind >= FIRST_TOUCH and kind <= LAST_TOUCH then
          left = left + touch(users, pairs, user, item, time, most)
        end
      end
    end
  end
  if applied > 0 then
    redis.call("HINCRBY", state, "applied", applied)
    local last = redis.call("HGET", state, "last")
    if not last or is_before(last, args[#args - 1]) then -- what was taken over may be older
      redis.call("HSET", state, "last", args[#args - 1])
    end
  end
  return { applied, left }
end

local function named(list)
  local found = {}
  for at = 1, #list, 2 do
    found[list[at]] = list[at + 1]
  end
  return found
end

-- Finds the id up to which entries were read by a group; nil where there is no stream, or no such group.
local function delivered_to(stream, group)
  if redis.call("EXISTS", stream) == 0 then
    return nil
  end
  for _, listed in ipairs(redis.call("XINFO", "GROUPS", stream)) do
    local found = named(listed)
    if found.name == group then
      return found["last-delivered-id"]
    end
  end
  return nil
end

-- keys: as of apply.
-- args: the group; the id before which entries are too old; after how many ms without a word a consumer is forgotten.
-- Makes the group where it is missing, after what was applied before. Drops entries that are old and applied.
-- Returns how many events wait, how many were dropped unapplied, how many are pending, and the oldest id that waits,
-- empty where none does.
local function tend(keys, args)
  local stream, state = keys[1], keys[2]
  local group, too_old, forgotten_ms = args[1], args[2], tonumber(args[3])
  local delivered = delivered_to(stream, group)
  if not delivered then
    delivered = redis.call("HGET", state, "last") or "0-0"
    redis.call("XGROUP", "CREATE", stream, group, delivered, "MKSTREAM")
  end
  for _, listed in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    local consumer = named(listed)
    if consumer.pending == 0 and consumer.idle > forgotten_ms then
      redis.call("XGROUP", "DELCONSUMER", stream, group, consumer.name)
    end
  end
  local pending = redis.call("XPENDING", stream, group)
  local unread = redis.call("XRANGE", stream, "(" .. delivered, "+", "COUNT", 1)
  local oldest = unread[1] and unread[1][1]
  if pending[1] > 0 and (not oldest or is_before(pending[2], oldest)) then
    oldest = pending[2]
  end
  redis.call("XTRIM", stream, "MINID", oldest and is_before(oldest, too_old) and oldest or too_old)

  -- Who records drops the oldest where a stream is full, whatever became of them. All that ever came was applied,
  -- waits, or was dropped: while none waits it is plain how many were, else at least those before the first that is
  -- left.
  local info = named(redis.call("XINFO", "STREAM", stream))
  local came, held = info["entries-added"], info.length
  local applied = tonumber(redis.call("HGET", state, "applied") or 0)
  local dropped = tonumber(redis.call("HGET", state, "dropped") or 0)
  if applied + dropped > came then -- it is another stream
    applied, dropped = 0, 0
    redis.call("HSET", state, "applied", 0, "dropped", 0)
  end
  local surely = oldest and came - held - applied or came - applied
  if surely > dropped then
    dropped = surely
    redis.call("HSET", state, "dropped", dropped)
  end
  return { oldest and math.max(came - applied - dropped, 1) or 0, dropped, pending[1], oldest or "" }
end

redis.register_function("LIBRARY_apply", apply)
redis.register_function("LIBRARY_tend", tend)
