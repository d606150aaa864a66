"""What happens in Redis, as Lua scripts. Redis runs each script as a whole, with no other command in between.

The keys, after the prefix `signaling-sidecar:`

- `epoch`: a random text. A new one means that Redis has lost what the cluster knew.
- `restored`: the epoch that an owner has begun, which gave Redis its state again. No other owner may do so after it.
- `key`: the key of the keyed hashes that name secrets, such as pairing codes, in rooms and records.
- `instances`: a hash with the living instances, by number. The values are the boot ids of their processes.
  `last_instance` is the highest number ever given.
- `lease:N`: exists as long as instance N is heard of.
- `owner`: a hash. `instance` is the number of the owner, or empty after it has released the hub. `fence` counts the
  owners, and `step` counts the commits of all owners. `place` is the id of the last entry of `in` whose effects are
  committed, and `checkpoint` is the id of the last entry of `log` with a checkpoint. `held` has the commands that wait
  for the result of a challenge. `bytes` counts all that was ever appended to `log`.
- `revoked`: a sorted set of the revoked tokens and subjects, by the Unix time until which they must be remembered. It
  outlives the other keys.
- `in`: a stream of what the instances tell the owner. `posts` has the number of the last post of each instance.
- `out:N`: a stream of what the owner tells instance N.
- `log`: a stream of the committed lines of the event log, and now and then a checkpoint. `checkpoints` is a list of
  those in it, each with the `bytes` up to its end. What lies before the first of them is deleted.

Each script returns a list, whose first element is the result as a word:

- `epoch`: Redis has lost its state, or another instance has founded the cluster again.
- `buried`: this instance has been declared dead.
- `fenced`: this instance is not the owner any more.
- `lost`: Redis has an older state than this instance has seen.

Every script that needs memory begins to write with a command that Redis refuses when its memory is full, so each is
carried out as a whole or not at all.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha1

PREFIX = "signaling-sidecar:"
KEPT_BYTES = 16_000_000
"""Of the log in Redis, for instances that read it late. There may be more, until the next checkpoint."""

_COMMON = """
local p = '@PREFIX@'
local me, epoch = ARGV[1], ARGV[2]
local function is_member() return redis.call('HEXISTS', p..'instances', me) == 1 end
local function is_epoch() return redis.call('GET', p..'epoch') == epoch end
local function bury(instance, more)
  if redis.call('HEXISTS', p..'instances', instance) == 0 then return false end
  redis.call('XADD', p..'in', '*', 'from', '0', 'batch', '[{"type":"Gone","instance":'..instance..(more or '')..'}]')
  redis.call('HDEL', p..'instances', instance)
  redis.call('HDEL', p..'posts', instance)
  redis.call('DEL', p..'out:'..instance, p..'lease:'..instance)
  return true
end
local function tell_of_owner(instance, fence)
  for _, each in ipairs(redis.call('HKEYS', p..'instances')) do
    redis.call('XADD', p..'out:'..each, '*', 'owner', instance, 'fence', fence)
  end
end
""".replace("@PREFIX@", PREFIX)

_MEMBER = (
    _COMMON
    + """
if not is_epoch() then return {'epoch', redis.call('EXISTS', p..'epoch')} end
if not is_member() then return {'buried'} end
"""
)

# ARGV: 0, a new epoch, a new key, lease in ms, whether to found a cluster if there is none (1) or to wait (0), boot id
JOIN = (
    _COMMON
    + """
if ARGV[5] == '0' and redis.call('EXISTS', p..'epoch') == 0 then return {'wait'} end
redis.call('SET', p..'epoch', epoch, 'NX')
redis.call('SET', p..'key', ARGV[3], 'NX')
local number = redis.call('INCR', p..'last_instance')
redis.call('HSET', p..'instances', number, ARGV[6])
redis.call('SET', p..'lease:'..number, '', 'PX', ARGV[4])
return {'ok', number, redis.call('GET', p..'epoch'), redis.call('GET', p..'key'),
  redis.call('HGET', p..'owner', 'checkpoint') or ''}
"""
)

# ARGV: me, epoch, lease in ms, the last entry of this instance's outbox that was read
RENEW = (
    _MEMBER
    + """
local had = redis.call('PEXPIRE', p..'lease:'..me, ARGV[3])
if had == 0 then redis.call('SET', p..'lease:'..me, '', 'PX', ARGV[3]) end
redis.call('XTRIM', p..'out:'..me, 'MINID', ARGV[4])
local silent = {}
for _, each in ipairs(redis.call('HKEYS', p..'instances')) do
  if redis.call('EXISTS', p..'lease:'..each) == 0 then silent[#silent + 1] = each end
end
local owner = redis.call('HMGET', p..'owner', 'instance', 'fence', 'step', 'checkpoint', 'seq')
local left_ms = owner[1] and owner[1] ~= '' and redis.call('PTTL', p..'lease:'..owner[1]) or -2
return {'ok', had, owner[1] or '', owner[2] or '0', owner[3] or '0', left_ms,
  redis.call('GET', p..'last_instance') or '0', owner[4] or '', tonumber(redis.call('HGET', p..'posts', me) or '0'),
  silent, tonumber(owner[5] or '0')}
"""
)

# ARGV: me, epoch, the number of a silent instance
DECLARE = (
    _MEMBER
    + """
if redis.call('EXISTS', p..'lease:'..ARGV[3]) == 1 then return {'alive'} end
bury(ARGV[3])
return {'ok'}
"""
)

# An instance that is the owner already, and does not know it because the answer was lost, begins another term.
# ARGV: me, epoch, whether the lease of an owner may be over (1) or only an owner that has released may be followed (0)
CLAIM = (
    _MEMBER
    + """
local owner = redis.call('HMGET', p..'owner', 'instance', 'fence', 'step', 'place', 'checkpoint', 'held', 'seq')
local before = owner[1] or ''
if before ~= '' and before ~= me then
  local left_ms = redis.call('PTTL', p..'lease:'..before)
  if left_ms >= 0 then return {'taken', left_ms} end
  if ARGV[3] == '0' then return {'taken', 0} end
end
local fence = (owner[2] or 0) + 1
redis.call('HSET', p..'owner', 'instance', me, 'fence', fence)
if before ~= '' and before ~= me then bury(before) end
tell_of_owner(me, fence)
return {'ok', fence, owner[3] or '0', owner[4] or '0-0', owner[5] or '', owner[6] or '', owner[7] or '0', before,
  redis.call('HKEYS', p..'instances')}
"""
)

# ARGV: me, epoch, number of the post, batch
POST = (
    _MEMBER
    + """
local last = tonumber(redis.call('HGET', p..'posts', me) or '0')
local number = tonumber(ARGV[3])
if number <= last then return {'ok'} end
if number ~= last + 1 then return {'lost'} end
redis.call('XADD', p..'in', '*', 'from', me, 'batch', ARGV[4])
redis.call('HSET', p..'posts', me, number)
return {'ok'}
"""
)

# ARGV: me, epoch, fence, step, place, held, seq, ts, lines, checkpoint, and then pairs of an instance and its batch
COMMIT = (
    _MEMBER
    + """
local KEPT_BYTES = @KEPT_BYTES@
-- Delete the oldest part of the log, up to a checkpoint that has this many bytes after it and is not the last one.
local function forget_all_but(kept, checkpoint, bytes)
  local list = p..'checkpoints'
  redis.call('RPUSH', list, checkpoint..' '..bytes)
  while redis.call('LLEN', list) > 2 do
    local second = redis.call('LINDEX', list, 1)
    if bytes - tonumber(string.match(second, ' (%d+)$')) < kept then break end
    redis.call('LPOP', list)
  end
  if redis.call('LLEN', list) > 1 then
    redis.call('XTRIM', p..'log', 'MINID', string.match(redis.call('LINDEX', list, 0), '^%S+'))
  end
end
local owner = redis.call('HMGET', p..'owner', 'instance', 'fence', 'step')
if owner[1] ~= me or owner[2] ~= ARGV[3] then return {'fenced'} end
local stored, step = tonumber(owner[3] or '0'), tonumber(ARGV[4])
if step <= stored then return {'ok', redis.call('HGET', p..'owner', 'last_entry') or ''} end
if step ~= stored + 1 then return {'lost'} end
redis.call('HSET', p..'owner', 'step', ARGV[4], 'place', ARGV[5], 'held', ARGV[6], 'seq', ARGV[7])
local bytes = redis.call('HINCRBY', p..'owner', 'bytes', #ARGV[9] + #ARGV[10])
local entry = ''
if ARGV[9] ~= '' then
  entry = redis.call('XADD', p..'log', '*', 'step', ARGV[4], 'seq', ARGV[7], 'ts', ARGV[8], 'lines', ARGV[9])
end
if ARGV[10] ~= '' then
  entry = redis.call('XADD', p..'log', '*', 'step', ARGV[4], 'seq', ARGV[7], 'ts', ARGV[8], 'checkpoint', ARGV[10])
  redis.call('HSET', p..'owner', 'checkpoint', entry)
  forget_all_but(KEPT_BYTES, entry, bytes)
end
if entry ~= '' then redis.call('HSET', p..'owner', 'last_entry', entry) end
for at = 11, #ARGV, 2 do
  if redis.call('HEXISTS', p..'instances', ARGV[at]) == 1 then
    redis.call('XADD', p..'out:'..ARGV[at], '*', 'batch', ARGV[at + 1])
  end
end
if ARGV[5] ~= '0-0' then redis.call('XTRIM', p..'in', 'MINID', ARGV[5]) end
return {'ok', entry}
""".replace("@KEPT_BYTES@", str(KEPT_BYTES))
)

# ARGV: me, epoch, fence
RELEASE = (
    _MEMBER
    + """
local owner = redis.call('HMGET', p..'owner', 'instance', 'fence')
if owner[1] ~= me or owner[2] ~= ARGV[3] then return {'fenced'} end
redis.call('HSET', p..'owner', 'instance', '')
tell_of_owner('', ARGV[3])
return {'ok'}
"""
)

# ARGV: me, epoch
LEAVE = (
    _MEMBER
    + """
bury(me, ',"stopped":true')
return {'ok'}
"""
)

# Only the last owner may do this: Redis may have forgotten it, but knows no later one. If another instance has founded
# the cluster again meanwhile, the last owner comes too late, unless Redis has heard of it until a moment ago: then that
# instance has just started, and did not know that there was a cluster.
# ARGV: me, epoch, new epoch, key, lease in ms, highest instance, fence, step, seq, ts, checkpoint, held, boot id,
# whether Redis has heard of this owner until a moment ago (1) or not (0)
FOUND_AGAIN = (
    _COMMON
    + """
local stored = redis.call('GET', p..'epoch')
local is_of_another = stored and stored ~= epoch and stored ~= ARGV[3]
if is_of_another and (ARGV[14] == '0' or redis.call('GET', p..'restored') == stored) then return {'epoch', 1} end
local fence = tonumber(redis.call('HGET', p..'owner', 'fence') or '0')
if stored == epoch and fence >= tonumber(ARGV[7]) then return {'fenced'} end
redis.call('SET', p..'epoch', ARGV[3])
redis.call('SET', p..'restored', ARGV[3])
for _, each in ipairs(redis.call('HKEYS', p..'instances')) do
  redis.call('DEL', p..'out:'..each, p..'lease:'..each)
end
redis.call('DEL', p..'in', p..'log', p..'checkpoints', p..'owner', p..'posts', p..'instances', p..'out:'..me)
redis.call('SET', p..'key', ARGV[4])
redis.call('SET', p..'last_instance', ARGV[6])
redis.call('HSET', p..'instances', me, ARGV[13])
redis.call('SET', p..'lease:'..me, '', 'PX', ARGV[5])
local entry = redis.call('XADD', p..'log', '*', 'step', ARGV[8], 'seq', ARGV[9], 'ts', ARGV[10], 'checkpoint', ARGV[11])
redis.call('HSET', p..'owner', 'instance', me, 'fence', ARGV[7], 'step', ARGV[8], 'seq', ARGV[9], 'place', '0-0',
  'checkpoint', entry, 'held', ARGV[12], 'last_entry', entry)
return {'ok', entry}
"""
)

# ARGV: not used, not used, a JSON object with revoked tokens and subjects and their times, then the same as pairs of a
# time and a name
REVOKE = (
    _COMMON
    + """
for at = 4, #ARGV, 2 do redis.call('ZADD', p..'revoked', 'GT', ARGV[at], ARGV[at + 1]) end
for _, each in ipairs(redis.call('HKEYS', p..'instances')) do
  redis.call('XADD', p..'out:'..each, '*', 'revoked', ARGV[3])
end
return {'ok'}
"""
)

# ARGV: not used, not used, now
REVOKED = (
    _COMMON
    + """
redis.call('ZREMRANGEBYSCORE', p..'revoked', '-inf', ARGV[3])
local found = redis.call('ZRANGE', p..'revoked', 0, -1, 'WITHSCORES')
table.insert(found, 1, 'ok')
return found
"""
)


@cache
def digest_of(script: str) -> str:
    """Return the name by which Redis knows a script that it has run before."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
