"""The scripts of the rollout's state in Redis (`store`): each compares, and writes all or nothing.

A transition compares the revision first. What takes exposure away runs under `allow-oom`, what gives exposure does not.
"""

from typing import Final

from routing.link import script

DONE: Final = -2
FROZEN: Final = -3

_READ_REVISION: Final = """
local document = redis.call('GET', KEYS[1])
local revision = 0
if document then
  local ok, decoded = pcall(cjson.decode, document)
  revision = ok and type(decoded) == 'table' and tonumber(decoded['revision']) or -1
end
if revision ~= tonumber(ARGV[1]) then return revision end
"""

_COMMIT: Final = (
    _READ_REVISION
    + """
if ARGV[11] == '1' and redis.call('EXISTS', KEYS[6]) == 1 then return -3 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[2])
if ARGV[4] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('RPUSH', KEYS[4], ARGV[6]) end
if ARGV[12] == '' then
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'entry', ARGV[7])
else
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'entry', ARGV[7], 'numbers', ARGV[12])
end
for at = 7, #KEYS do redis.call('EXPIRE', KEYS[at], ARGV[at + 6]) end
redis.call('PUBLISH', ARGV[9], ARGV[10])
return -2
"""
)
SHRINK: Final = script("#!lua flags=allow-oom" + _COMMIT)
WIDEN: Final = script("#!lua" + _COMMIT)

RENEW: Final = script(
    "#!lua"
    + _READ_REVISION
    + """
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[1], ARGV[5])
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[5])
end
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4]) end
for at = 4, #KEYS do
  local left = redis.call('PTTL', KEYS[at])
  if left ~= -2 and left < ARGV[6] * 1000 - 86400000 then redis.call('EXPIRE', KEYS[at], ARGV[6]) end
end
return -2
"""
)

LEAD: Final = script("""#!lua flags=allow-oom
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

RESIGN: Final = script("""#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")

RESTORE: Final = script("""#!lua
local last = redis.call('LINDEX', KEYS[1], -1)
if last then
  local ok, decoded = pcall(cjson.decode, last)
  if ok and tonumber(decoded['number']) >= tonumber(ARGV[1]) then return 0 end
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
""")

LOAD: Final = script("""#!lua flags=no-writes
return { redis.call('GET', KEYS[1]), redis.call('LINDEX', KEYS[2], -1), redis.call('TIME'), redis.call('GET', KEYS[3]) }
""")

FREEZE: Final = script("""#!lua flags=allow-oom
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'entry', ARGV[3])
return 1
""")

UNFREEZE: Final = script("""#!lua flags=allow-oom
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'entry', ARGV[1])
return 1
""")

FORGET: Final = script("""#!lua flags=allow-oom
local gone, kept, documents = {}, {}, redis.call('HGETALL', KEYS[1])
for _, id in ipairs(ARGV) do gone[id] = true end
for at = 1, #documents, 2 do
  if not gone[documents[at]] then
    kept[#kept + 1] = documents[at]
    kept[#kept + 1] = documents[at + 1]
  end
end
redis.call('DEL', KEYS[1])
if #kept > 0 then redis.call('HSET', KEYS[1], unpack(kept)) end
return 1
""")
"""Takes fields out of a hash with no more than the commands that a user of `docs/guides/external-redis.md` may use."""
