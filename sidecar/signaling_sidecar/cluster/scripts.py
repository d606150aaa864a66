"""The Lua scripts that a cluster runs in Redis. Redis runs no other command while a script is running.

The keys in Redis, after the prefix `signaling-sidecar:`

- `epoch`: a text that names the current state. If it has changed, Redis has lost the state of the cluster.
- `restored`: the epoch in which an owner has given Redis its state again after a loss. While `restored` equals `epoch`,
  no other owner may give Redis its state.
- `key`: the key of the keyed hashes that replace secrets, such as pairing codes, in room ids and records.
- `instances`: a hash from the numbers of the living instances to the boot ids of their processes. `last_instance` is
  the highest number ever given to an instance.
- `lease:N`: expires unless instance N renews it.
- `owner`: a hash. `instance` is the number of the owner, or empty after it has released the hub. `fence` counts how
  often an instance has become the owner, and `step` counts the commits of all owners. `place` is the id of the last
  entry of `in` whose effects are committed, and `checkpoint` is the id of the last entry in `log` that has a
  checkpoint. `held` has the commands that wait until pings have shown whether other connections are alive. `bytes`
  counts all bytes that were ever appended to `log`.
- `revoked`: a sorted set of the revoked tokens and subjects, by the Unix time until which they must be remembered. It
  is not deleted with the other keys when a cluster is founded again.
- `in`: the inbox, a stream of messages to the owner. `posts` has the number of the last post of each instance.
- `out:N`: the outbox of instance N, a stream of messages from the owner to the instance.
- `log`: a stream of the committed lines of the event log, with a checkpoint now and then. `checkpoints` is a list of
  the ids of the entries with a checkpoint, each with the value of `bytes` after this entry. Entries before the first
  checkpoint are deleted.

Each script returns a list. Its first element is `ok`, another word that the script needs, or one of these:

- `epoch`: Redis has lost its state, or another instance has founded the cluster again.
- `buried`: this instance has been declared dead.
- `fenced`: this instance is not the owner any more.
- `lost`: Redis has an older state than this instance has seen.

If the memory of Redis is full, Redis stops a script only at the script's first write, and never at a later one. So each
script is carried out as a whole or not at all.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha1

PREFIX = "signaling-sidecar:"
KEPT_BYTES = 16_000_000
"""How many bytes of the log Redis keeps at least, for instances that read the log late. Older parts are deleted when a
checkpoint is written."""

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

# ARGV: 0, the epoch and the key of a new cluster, lease in ms, whether to found a cluster if there is none (1) or to
# return `wait` (0), boot id
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

# ARGV: number of this instance, epoch, lease in ms, id of the last entry that was read in this instance's outbox
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

# ARGV: number of this instance, epoch, number of the instance to declare dead
DECLARE = (
    _MEMBER
    + """
if redis.call('EXISTS', p..'lease:'..ARGV[3]) == 1 then return {'alive'} end
bury(ARGV[3])
return {'ok'}
"""
)

# If the answer to a successful claim was lost, the owner claims the hub again, which begins another term.
# ARGV: number of this instance, epoch, whether to replace an owner whose lease is over (1) or only an owner that has
# released the hub (0)
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

# ARGV: number of this instance, epoch, number of the post, encoded messages
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

# ARGV: number of this instance, epoch, fence, the fields of a `Step` (step, place, held, seq, ts, lines, checkpoint),
# and then the number of each other instance, followed by the encoded messages to it
COMMIT = (
    _MEMBER
    + """
local KEPT_BYTES = @KEPT_BYTES@
-- Delete the log before the newest checkpoint that is followed by at least `kept` bytes and is not the last one.
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

# ARGV: number of this instance, epoch, fence
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

# ARGV: number of this instance, epoch
LEAVE = (
    _MEMBER
    + """
bury(me, ',"stopped":true')
return {'ok'}
"""
)

# Only the last owner may run this, so the script fails if Redis has a later owner. The script also fails if another
# instance has founded a cluster since the loss. But if the owner has renewed its lease a short time ago, the other
# instance has just started and found no cluster in Redis, so the script replaces the new cluster.
# ARGV: number of this instance, epoch, new epoch, key, lease in ms, highest number of an instance, the fields of a
# `State` (fence, step, seq, ts, checkpoint, held), boot id, whether the owner has renewed its lease a short time ago
# (1) or not (0)
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

# ARGV: not used, not used, a JSON object with the revoked tokens and subjects and the times until which they must be
# remembered, and then each of these times, followed by its token or subject
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

# ARGV: not used, not used, the time now
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
    """Return the SHA-1 digest by which Redis finds a script that it has run before."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
