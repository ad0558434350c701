-- The atomic steps of the Redis ledger (redis.py sends this one script, after outbox.lua, for all of them).
-- KEYS[1]: prefix of every key.  ARGV[1]: the step's name.  ARGV[2]: its arguments, a JSON object without nulls.
-- With a `tenant` among them, only that tenant's jobs and personas exist.
--
--   job:ID        hash    a JobRow; what is None is absent; `number` is its place in the order of submission, `seq` its last event
--   events:ID     stream  entry SEQ-0 = one event
--   jobs:TENANT, status:STATUS:TENANT, persona_jobs:ID    sorted sets of job ids by number
--   queue:LANE    sorted set of queued job ids by number
--   waiting:LANE:TENANT   sorted set of the same, of one tenant, by priority and number
--   line:LANE     sorted set of the tenants that may have a job claimed, by whose turn it is (see `in_line`)
--   busy:LANE, turn:LANE  hashes: tenant -> its running jobs; -> when it was last served, counted by `services`
--   quotas        hash: tenant or * -> JSON of `running`, `queued`, `personas`, as far as they are limited
--   over          sorted set of ended job ids by when; without those that made a persona, until it is deleted
--   expiring      sorted set of persona ids by their end
--   running       sorted set of job ids by the end of their lease, by the server's clock
--   held:WORKER   set of the running jobs of one worker process
--   tenants       set     every tenant that has ever submitted a job
--   keys:TENANT, names:TENANT    hashes: idempotency key -> job id, persona name -> persona id
--   persona:ID    hash    a PersonaRow;  active:TENANT: set of ids;  tombstones:TENANT: set of hashed names
--   adding        hash    persona id -> the job that adds photos to her
--   wrapped_keys  hash    persona id -> her data key, wrapped;  secret: the installation's own master key, if it has one
--   deletion:ID   hash    a Deletion;  deletions: sorted set of ids of those without a receipt, by time;  rewrite: set when the
--                         server's files are to be written anew
--   refs:DIGEST, refs_of:ID    sets: the jobs that mention a blob, the blobs that a job mentions
--   priors:TENANT hash    name -> its record; what a prior names is referred to by the id prior:TENANT:NAME
--   api_keys      hash    SHA-256 of a key's secret -> an ApiKeyRow as JSON;  api_key_ids: the key's id -> that SHA-256
--   stats         hash    stale: writes that were refused because their token was old; set_aside: entries that were not as they must be
--   set_aside     list    the last of those

local P, step, a = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
local call = redis.call
local TERMINAL = { succeeded = true, failed = true, cancelled = true }

local function clock()
  if a.now then return a.now end
  local t = call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local now = clock()
local function stamp(seconds) return string.format('%.6f', seconds) end
local function key(kind, id) return P .. kind .. ':' .. id end

local function hash(name)
  local flat, row = call('HGETALL', name), {}
  for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
  return #flat > 0 and row or nil
end
local function visible(name)
  local row = hash(name)
  return row and (not a.tenant or row.tenant == a.tenant) and row or nil
end
local function get(id) return visible(key('job', id)) end
local function reply(tag, id) return { tag, call('HGETALL', key('job', id)) } end

-- Larger than every earlier token of the job, also of those that a power cut may have taken from the append-only file.
local function next_token(row)
  return string.format('%.0f', math.max(tonumber(row.token) + 1, math.floor(now * 1e6)))
end

local function event(id, kind, data)
  local seq = call('HINCRBY', key('job', id), 'seq', 1)
  call('XADD', key('events', id), string.format('%d-0', seq), 'time', stamp(now), 'kind', kind, 'data', data or '{}')
  return seq
end
local outbox = open_outbox(P, a, now, stamp)

-- Without the record, which is large.
local function persona_of(id)
  local row = call('HMGET', key('persona', id), 'tenant', 'status', 'expires', 'job_id')
  local ended = row[3] and tonumber(row[3]) <= now
  return row[1] and { tenant = row[1], usable = row[2] == 'active' and not ended, ended = ended, job_id = row[4] }
end

local function quotas(tenant)
  local text = call('HMGET', P .. 'quotas', tenant, '*')
  return cjson.decode(text[1] or text[2] or '{}')
end

local function count(status, tenant) return call('ZCARD', key('status', status .. ':' .. tenant)) end

local function full(tenant, limits)
  local limit = (limits or quotas(tenant)).running
  return limit and count('running', tenant) >= limit
end

-- Fewest running jobs of the lane first, then served longest ago; exact, as doubles are up to 2^53.
local STEP = 1e12
local function standing(lane, tenant)
  return (call('HGET', key('busy', lane), tenant) or 0) * STEP + (call('HGET', key('turn', lane), tenant) or 0)
end

local function in_line(tenant, only)
  local limits = quotas(tenant)
  local stands = not full(tenant, limits)
  for _, lane in ipairs(limits.running and { 'serve', 'tune', 'live' } or { only }) do
    if stands and call('EXISTS', key('waiting', lane .. ':' .. tenant)) == 1 then
      call('ZADD', key('line', lane), standing(lane, tenant), tenant)
    else
      call('ZREM', key('line', lane), tenant)
    end
  end
end

local function move(id, row, status)
  if row.status then call('ZREM', key('status', row.status .. ':' .. row.tenant), id) end
  call('ZADD', key('status', status .. ':' .. row.tenant), row.number, id)
  local waiting = key('waiting', row.lane .. ':' .. row.tenant)
  if status == 'queued' then
    call('ZADD', key('queue', row.lane), row.number, id)
    call('ZADD', waiting, row.number - (row.priority or 0) * 1e13, id)
  else
    call('ZREM', key('queue', row.lane), id)
    call('ZREM', waiting, id)
  end
  if status == 'running' then
    call('HINCRBY', key('busy', row.lane), row.tenant, 1)
    call('HSET', key('turn', row.lane), row.tenant, call('INCR', P .. 'services'))
  elseif row.status == 'running' and call('HINCRBY', key('busy', row.lane), row.tenant, -1) == 0 then
    call('HDEL', key('busy', row.lane), row.tenant)
  end
  in_line(row.tenant, row.lane)
  if status ~= 'running' then
    call('ZREM', P .. 'running', id)
    if row.worker and row.worker ~= '' then call('SREM', key('held', row.worker), id) end
  end
  call('HSET', key('job', id), 'status', status)
end

local function refer(id, blobs)
  for _, digest in ipairs(blobs) do
    call('SADD', key('refs', digest), id)
    call('SADD', key('refs_of', id), digest)
  end
end

local function forget(id)
  local blobs = call('SMEMBERS', key('refs_of', id))
  for _, digest in ipairs(blobs) do call('SREM', key('refs', digest), id) end
  call('DEL', key('refs_of', id))
  return blobs
end

local function free_key(id, row)
  local keys = key('keys', row.tenant)
  if row.key and call('HGET', keys, row.key) == id then call('HDEL', keys, row.key) end
  call('HDEL', key('job', id), 'key')
end

local function finish(id, row, status, result, error)
  move(id, row, status)
  call('HSET', key('job', id), 'finished', stamp(now), 'lease_until', '0', 'token', next_token(row))
  if result then call('HSET', key('job', id), 'result', result) else call('HDEL', key('job', id), 'result') end
  if error then call('HSET', key('job', id), 'error', error) else call('HDEL', key('job', id), 'error') end
  if status ~= 'succeeded' then free_key(id, row) end
  local persona = key('persona', row.persona_id)
  local its_own = row.operation == 'create' and call('HGET', persona, 'job_id') == id
  if its_own and status == 'succeeded' then
    call('HSET', persona, 'status', 'active', 'record', result)
    call('SADD', key('active', row.tenant), row.persona_id)
  elseif its_own then -- the name is free again, and nothing of the photos is kept
    local name = call('HGET', persona, 'name')
    if name then call('HDEL', key('names', row.tenant), name) end
    call('DEL', persona)
    call('ZREM', P .. 'expiring', row.persona_id)
    call('HDEL', P .. 'wrapped_keys', row.persona_id)
    forget(id)
  elseif row.operation == 'add' then
    if call('HGET', P .. 'adding', row.persona_id) == id then call('HDEL', P .. 'adding', row.persona_id) end
    local its = call('HMGET', persona, 'tenant', 'status', 'job_id')
    if status == 'succeeded' and its[1] == row.tenant and its[2] == 'active' then
      call('HSET', persona, 'record', result)
      refer(its[3], call('SMEMBERS', key('refs_of', id))) -- kept as long as the persona is
    end
  end
  if row.operation ~= 'create' or status ~= 'succeeded' then call('ZADD', P .. 'over', stamp(now), id) end
  outbox.put(row, status, event(id, status), error)
  call('EXPIRE', key('events', id), a.keep_events_s or 604800)
end

local function held()
  local row = get(a.id)
  if row and row.status == 'running' and tonumber(row.token) == a.token then return row end
  call('HINCRBY', P .. 'stats', 'stale', 1)
end

local steps = {}

function steps.submit()
  local names, keys = key('names', a.owner), key('keys', a.owner)
  if get(a.id) then return reply('new', a.id) end -- the same call, sent again by the client
  local holder = a.key and call('HGET', keys, a.key)
  if holder then return reply('key', holder) end
  if a.creates then
    local taken = call('HGET', names, a.creates)
    if taken then
      local persona = persona_of(taken)
      if persona.ended then return { 'persona', taken } end
      return reply('name', persona.job_id)
    end
  elseif a.persona_id ~= '' then
    local persona = persona_of(a.persona_id)
    if not persona or persona.tenant ~= a.owner then return { 'persona' } end
    if not persona.usable then return { 'persona', a.persona_id } end
    local other = a.operation == 'add' and call('HGET', P .. 'adding', a.persona_id)
    local row = other and get(other)
    if row and not TERMINAL[row.status] then return reply('adding', other) end
  end
  local limits, held = quotas(a.owner), { queued = count('queued', a.owner), personas = call('HLEN', names) }
  for _, quota in ipairs({ 'queued', a.creates and 'personas' or nil }) do
    if limits[quota] and held[quota] >= limits[quota] then return { 'quota', quota, held[quota], limits[quota] } end
  end
  if a.creates then
    call('HSET', names, a.creates, a.persona_id)
    call('HSET', key('persona', a.persona_id), 'id', a.persona_id, 'tenant', a.owner, 'name', a.creates, 'status', 'creating',
      'job_id', a.id)
    if a.consent then call('HSET', key('persona', a.persona_id), 'consent', a.consent) end
    if a.expires then
      call('HSET', key('persona', a.persona_id), 'expires', stamp(a.expires))
      call('ZADD', P .. 'expiring', stamp(a.expires), a.persona_id)
    end
    call('HSET', P .. 'wrapped_keys', a.persona_id, a.wrapped_key)
  end
  local number = call('INCR', P .. 'number')
  call('SADD', P .. 'tenants', a.owner)
  call('HSET', key('job', a.id), 'id', a.id, 'tenant', a.owner, 'operation', a.operation, 'persona_id', a.persona_id,
    'request', a.request, 'body_hash', a.body_hash, 'shape', a.shape, 'lane', a.lane, 'priority', a.priority,
    'attempts', '0', 'token', '0', 'worker', '', 'memory', a.memory,
    'lease_until', '0', 'created', stamp(now), 'number', number)
  if a.webhook then call('HSET', key('job', a.id), 'webhook', a.webhook) end
  if a.trace then call('HSET', key('job', a.id), 'trace', a.trace) end
  if a.key then
    call('HSET', key('job', a.id), 'key', a.key)
    call('HSET', keys, a.key, a.id)
  end
  call('ZADD', key('jobs', a.owner), number, a.id)
  call('ZADD', key('persona_jobs', a.persona_id), number, a.id)
  if a.operation == 'add' then call('HSET', P .. 'adding', a.persona_id, a.id) end
  move(a.id, { tenant = a.owner, lane = a.lane, number = number, priority = a.priority }, 'queued')
  refer(a.id, a.blobs)
  event(a.id, 'queued')
  return reply('new', a.id)
end

-- A tenant's queued jobs in a lane, with the first `limit` ids.
local function line(lane, tenant, limit)
  local waiting = key('waiting', lane .. ':' .. tenant)
  return { tenant, tonumber(call('HGET', key('busy', lane), tenant) or 0), tonumber(call('HGET', key('turn', lane), tenant) or 0),
    call('ZCARD', waiting), call('ZRANGE', waiting, 0, limit - 1) }
end

function steps.ahead()
  local row = get(a.id)
  if not row or row.status ~= 'queued' then return {} end
  local before, lines = row.lane == 'tune' and call('ZCARD', key('queue', 'serve')) or 0, {}
  for _, tenant in ipairs(call('ZRANGE', key('line', row.lane), 0, -1)) do
    if tenant ~= row.tenant then lines[#lines + 1] = line(row.lane, tenant, 0) end
  end
  local place = call('ZRANK', key('waiting', row.lane .. ':' .. row.tenant), a.id)
  return { before, place, line(row.lane, row.tenant, 0), lines }
end

function steps.queued()
  local lines = {}
  for _, tenant in ipairs(call('ZRANGE', key('line', a.lane), 0, a.tenant and -1 or a.limit - 1)) do
    if not a.tenant or tenant == a.tenant then lines[#lines + 1] = line(a.lane, tenant, a.limit) end
  end
  return lines
end

function steps.cancel()
  local row = get(a.id)
  if not row then return { 'none' } end
  if row.status == 'queued' then
    finish(a.id, row, 'cancelled', nil, a.error)
  elseif row.status == 'running' and not row.cancel_requested then
    call('HSET', key('job', a.id), 'cancel_requested', stamp(now))
    event(a.id, 'cancel_requested')
  end
  return reply('ok', a.id)
end

function steps.delete_persona()
  local persona = visible(key('persona', a.persona_id))
  if not persona or persona.status == 'deleted' then return { persona and 'deleted' or 'none' } end
  local jobs, blobs = call('ZRANGE', key('persona_jobs', a.persona_id), 0, -1), {}
  call('HDEL', P .. 'wrapped_keys', a.persona_id)
  for _, id in ipairs(jobs) do
    for _, digest in ipairs(forget(id)) do blobs[digest] = true end
    call('DEL', key('events', id))
    call('HSET', key('job', id), 'seq', 0)
    local row = get(id)
    if not TERMINAL[row.status] then finish(id, row, 'cancelled', nil, a.error) end
    free_key(id, row)
    outbox.drop(id)
    call('HDEL', key('job', id), 'webhook')
    call('HSET', key('job', id), 'shape', '{}', 'body_hash', '', 'persona_id', '',
      'request', cjson.encode({ operation = row.operation }))
    call('HDEL', key('job', id), 'result')
    if row.status == 'failed' then call('HDEL', key('job', id), 'error') end
    if row.finished then call('ZADD', P .. 'over', row.finished, id) end
  end
  if call('EXISTS', key('persona', a.persona_id)) == 1 then -- one whose creation was just stopped is gone already
    call('HDEL', key('names', persona.tenant), persona.name)
    call('SREM', key('active', persona.tenant), a.persona_id)
    call('HSET', key('persona', a.persona_id), 'status', 'deleted', 'name', a.tombstone)
    call('HDEL', key('persona', a.persona_id), 'record', 'consent')
    call('ZREM', P .. 'expiring', a.persona_id)
    call('SADD', key('tombstones', persona.tenant), a.tombstone)
  end
  local free = {}
  for digest in pairs(blobs) do
    if call('EXISTS', key('refs', digest)) == 0 then free[#free + 1] = digest end
  end
  call('DEL', key('persona_jobs', a.persona_id))
  call('HSET', key('deletion', a.persona_id), 'persona_id', a.persona_id, 'tenant', persona.tenant, 'time', stamp(now),
    'blobs', table.concat(free, ' '), 'jobs', table.concat(jobs, ' '))
  call('ZADD', P .. 'deletions', stamp(now), a.persona_id)
  call('SET', P .. 'rewrite', 1)
  return { 'ok', call('HGETALL', key('deletion', a.persona_id)) }
end

function steps.unfinished_deletions()
  local ids = {}
  for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'deletions', '-inf', stamp(now - a.older_than_s))) do
    if visible(key('deletion', id)) then ids[#ids + 1] = id end
  end
  return ids
end

function steps.close_deletion()
  local row = visible(key('deletion', a.persona_id))
  if not row then return { 'none' } end
  if not row.receipt then
    call('HSET', key('deletion', a.persona_id), 'receipt', a.receipt)
    call('HDEL', key('deletion', a.persona_id), 'blobs', 'jobs')
    call('ZREM', P .. 'deletions', a.persona_id)
    call('SET', P .. 'rewrite', 1)
  end
  return { 'ok', row.receipt or a.receipt }
end

local LANES = { serve = true, tune = true, live = true }
local function whole(row, id)
  for _, name in ipairs({ 'number', 'priority', 'attempts', 'token', 'seq' }) do
    if not string.find(row[name] or '', '^-?%d+$') then return false end
  end
  for _, name in ipairs({ 'tenant', 'operation', 'persona_id', 'request', 'worker', 'status' }) do
    if not row[name] then return false end
  end
  return row.id == id and LANES[row.lane] and tonumber(row.created) and tonumber(row.memory or 0)
end

local function set_aside(entry)
  call('LPUSH', P .. 'set_aside', entry)
  call('LTRIM', P .. 'set_aside', 0, 99)
  call('HINCRBY', P .. 'stats', 'set_aside', 1)
end

-- A job whose row was not written by us, or in part, ends here. Only where it stands is believed.
local function give_up(id, lane, tenant, row)
  local name = key('job', id)
  call('DEL', key('events', id))
  call('HDEL', name, 'webhook', 'result', 'cancel_requested', 'started', 'memory', 'trace', 'key')
  call('HSET', name, 'id', id, 'lane', lane, 'tenant', tenant, 'operation', row.operation or '', 'persona_id', row.persona_id or '',
    'request', '{}', 'shape', '{}', 'body_hash', '', 'worker', row.worker or '', 'priority', 0, 'attempts', 0, 'token', 0,
    'created', stamp(now), 'seq', 0, 'number', call('INCR', P .. 'number'))
  finish(id, hash(name), 'failed', nil, a.error)
end

function steps.give_up()
  local row = get(a.id)
  if not row then return end
  set_aside('job ' .. a.id)
  give_up(a.id, row.lane, row.tenant, row)
end

-- The job `id` as it stands in the tenant's line, if it may be claimed. What should not stand there leaves it.
local function standing_job(id, tenant)
  local row = get(id)
  local strange = not row or (row.status or 'queued') ~= 'queued' or (row.tenant or tenant) ~= tenant
    or LANES[row.lane] and row.lane ~= a.lane
  if not strange and whole(row, id) then return row end
  set_aside('job ' .. id)
  call('ZREM', key('queue', a.lane), id)
  call('ZREM', key('waiting', a.lane .. ':' .. tenant), id)
  if not strange then give_up(id, a.lane, tenant, row) end
end

-- Of the tenant whose turn it is, the first job, or rather one of the next about a persona of `prefer`, while the first is younger
-- than PATIENCE_S. What needs more memory than `memory` is passed over; so is a tenant whose first LOOK_AHEAD jobs do.
local LOOK_AHEAD, PATIENCE_S, TENANTS = 8, 1, 16
local function choose(tenant)
  local first
  for _, id in ipairs(call('ZRANGE', key('waiting', a.lane .. ':' .. tenant), 0, LOOK_AHEAD - 1)) do
    local row = standing_job(id, tenant)
    if row and (not a.memory or tonumber(row.memory or 0) <= a.memory) then
      first = first or row
      if not a.prefer or now - first.created >= PATIENCE_S then return first end
      if row.priority == first.priority and a.prefer[row.persona_id] then return row end
    end
  end
  return first
end

function steps.take()
  for _, tenant in ipairs(call('ZRANGE', key('line', a.lane), 0, TENANTS - 1)) do
    local row = choose(tenant)
    if row then
      a.id = row.id
      return steps.claim()
    end
    in_line(tenant, a.lane) -- it may have left, or never have been there
  end
  return { 'none' }
end

function steps.claim()
  local row = get(a.id)
  if not row or row.status ~= 'queued' or not whole(row, a.id) or full(row.tenant) then return { 'none' } end
  move(a.id, row, 'running')
  call('ZADD', P .. 'running', stamp(now + a.lease_s), a.id)
  call('SADD', key('held', a.worker), a.id)
  local attempt = call('HINCRBY', key('job', a.id), 'attempts', 1)
  call('HSET', key('job', a.id), 'token', next_token(row), 'worker', a.worker, 'lease_until', stamp(now + a.lease_s))
  call('HSETNX', key('job', a.id), 'started', stamp(now))
  event(a.id, 'started', cjson.encode({ attempt = attempt }))
  return reply('ok', a.id)
end

function steps.heartbeat()
  local row = held()
  if not row then return { 'stale' } end
  call('ZADD', P .. 'running', stamp(now + a.lease_s), a.id)
  call('HSET', key('job', a.id), 'lease_until', stamp(now + a.lease_s))
  return { 'ok', row.cancel_requested and 1 or 0 }
end

function steps.progress()
  local row = held()
  if not row then return { 'stale' } end
  outbox.put(row, 'progress', event(a.id, 'progress', a.data), a.data)
  return { 'ok' }
end

function steps.refer()
  if not held() then return { 'stale' } end
  refer(a.id, a.blobs)
  return { 'ok' }
end

function steps.amend()
  if not held() then return { 'stale' } end
  call('HSET', key('job', a.id), 'request', a.request)
  return { 'ok' }
end

function steps.finish()
  local row = held()
  if not row then return { 'stale' } end
  finish(a.id, row, a.status, a.result, a.error)
  return { 'ok' }
end

-- What becomes of the attempt was decided by `rules.after_death`, which saw whether cancellation was asked for.
function steps.requeue()
  local row = held()
  if not row then return { 'stale' } end
  if (row.cancel_requested ~= nil) ~= a.cancelling then return { 'again' } end
  if a.status == 'queued' then
    move(a.id, row, 'queued')
    call('HSET', key('job', a.id), 'lease_until', '0', 'token', next_token(row))
    if a.memory then call('HSET', key('job', a.id), 'memory', a.memory) end
    if a.refund then call('HINCRBY', key('job', a.id), 'attempts', '-1') end
    event(a.id, a.event, a.data)
  else
    finish(a.id, row, a.status, nil, a.error)
  end
  return reply('ok', a.id)
end

function steps.rewrap()
  if call('HEXISTS', P .. 'wrapped_keys', a.persona_id) == 1 then
    call('HSET', P .. 'wrapped_keys', a.persona_id, a.wrapped_key)
  end
end

function steps.expired()
  return call('ZRANGEBYSCORE', P .. 'running', '-inf', '(' .. stamp(now))
end

function steps.set_quotas()
  call('HSET', P .. 'quotas', a.of, a.quotas)
  if a.of ~= '*' then call('SADD', P .. 'tenants', a.of) end
  for _, tenant in ipairs(call('SMEMBERS', P .. 'tenants')) do
    for _, lane in ipairs({ 'serve', 'tune', 'live' }) do in_line(tenant, lane) end
  end
end

function steps.forget()
  local over = call('ZRANGEBYSCORE', P .. 'over', '-inf', '(' .. stamp(now - a.after_s), 'LIMIT', 0, a.limit)
  local gone = 0
  for _, id in ipairs(over) do
    local row = get(id)
    if row then
      forget(id)
      free_key(id, row)
      outbox.drop(id)
      for _, index in ipairs({ 'jobs:' .. row.tenant, 'status:' .. row.status .. ':' .. row.tenant, 'persona_jobs:' .. row.persona_id,
        'over' }) do
        call('ZREM', P .. index, id)
      end
      call('DEL', key('job', id), key('events', id))
      gone = gone + 1
    end
  end
  return gone
end

local function prior_id() return 'prior:' .. a.tenant .. ':' .. a.prior end

-- Only if the record is still the one that was `seen`, or there is none.
function steps.replace_prior()
  if (call('HGET', key('priors', a.tenant), a.prior) or nil) ~= a.seen then return 0 end
  forget(prior_id())
  call('HSET', key('priors', a.tenant), a.prior, a.record)
  refer(prior_id(), a.blobs)
  return 1
end

function steps.remove_prior()
  if call('HDEL', key('priors', a.tenant), a.prior) == 0 then return { 'none' } end
  return { 'ok', forget(prior_id()) }
end

return (steps[step] or outbox[step])()
