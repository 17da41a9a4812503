#!lua name=LIBRARY
-- The live catalogue: items, one sequence number, a log of what changed, and which servers have applied how much of it.
--
-- Every key shares one hash tag. All times are this server's own: no clock of a gateway counts. An item that was taken
-- off stays as an empty record, since a release may know it.

local function now_us()
  local time = redis.call("TIME")
  return time[1] * 1000000 + time[2]
end

-- A catalogue is born with the first call; one that was lost is born again, and its epoch tells.
local function epoch_of(meta)
  redis.call("HSETNX", meta, "epoch", now_us())
  return redis.call("HGET", meta, "epoch")
end

local function sequence_of(meta)
  return tonumber(redis.call("HGET", meta, "sequence") or 0)
end

-- Writes records and logs their ids, as one change. Fails where there would be more items than `most`.
local function change(keys, args)
  local meta, items, log = keys[1], keys[2], keys[3]
  local most, length = tonumber(args[1]), args[2]
  if redis.call("HLEN", items) + (#args - 2) / 2 > most then
    local added = redis.call("HLEN", items)
    for at = 3, #args, 2 do
      added = added + 1 - redis.call("HEXISTS", items, args[at])
    end
    if added > most then
      return redis.error_reply("FULL the catalogue holds at most " .. most .. " items")
    end
  end
  local told = {}
  for at = 3, #args, 2 do
    redis.call("HSET", items, args[at], args[at + 1])
    told[#told + 1], told[#told + 2] = "i", args[at]
  end
  local epoch, sequence = epoch_of(meta), redis.call("HINCRBY", meta, "sequence", 1)
  redis.call("XADD", log, "MAXLEN", "~", length, sequence .. "-0", unpack(told))
  return { epoch, sequence }
end

local function position(keys)
  return { epoch_of(keys[1]), sequence_of(keys[1]) }
end

-- Renews a server's lease; what it has applied counts only where it is of this epoch. Tells whether it had a lease.
local function renew(keys, args)
  local meta, leases, applied = keys[1], keys[2], keys[3]
  local server, epoch, sequence, lease_us = args[1], args[2], args[3], tonumber(args[4])
  local current, now = epoch_of(meta), now_us()
  for _, gone in ipairs(redis.call("ZRANGEBYSCORE", leases, "-inf", now)) do
    redis.call("ZREM", leases, gone)
    redis.call("HDEL", applied, gone)
  end
  local had = epoch == current and redis.call("ZSCORE", leases, server)
  redis.call("ZADD", leases, now + lease_us, server)
  redis.call("HSET", applied, server, epoch == current and sequence or 0)
  return { current, sequence_of(meta), had and 1 or 0 }
end

local function leave(keys, args)
  redis.call("HDEL", keys[3], args[1])
  return redis.call("ZREM", keys[2], args[1])
end

-- Lists what each server with a lease has applied. A catalogue younger than a lease does not know yet who serves.
local function standing(keys, args)
  local meta, leases, applied = keys[1], keys[2], keys[3]
  local now, epoch = now_us(), epoch_of(meta)
  local found = {}
  for _, server in ipairs(redis.call("ZRANGEBYSCORE", leases, "(" .. string.format("%.0f", now), "+inf")) do
    found[#found + 1] = tonumber(redis.call("HGET", applied, server) or 0)
  end
  return { epoch, now - tonumber(epoch) < tonumber(args[1]) and 1 or 0, found }
end

redis.register_function("LIBRARY_change", change)
redis.register_function("LIBRARY_position", position)
redis.register_function("LIBRARY_renew", renew)
redis.register_function("LIBRARY_leave", leave)
redis.register_function("LIBRARY_standing", standing)
