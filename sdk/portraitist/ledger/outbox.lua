-- The outbox of the Redis ledger; ledger.lua begins with this text. outbox/protocol.py says what must hold.
--
--   delivery:ID        hash    a DeliveryRow
--   outbox, dead       sorted sets of delivery ids: waiting ones by when they are due, dead ones by when they were given up
--   deliveries_of:JOB  set of the job's delivery ids;  progress_of:JOB: the one that tells of its progress

local function open_outbox(P, a, now, stamp)
  local call = redis.call
  local function key(kind, id) return P .. kind .. ':' .. id end
  local outbox = {}

  local function forget(id)
    local job = call('HGET', key('delivery', id), 'job_id')
    call('ZREM', P .. 'outbox', id)
    call('ZREM', P .. 'dead', id)
    call('DEL', key('delivery', id))
    if not job then return end
    call('SREM', key('deliveries_of', job), id)
    if call('GET', key('progress_of', job)) == id then call('DEL', key('progress_of', job)) end
  end

  local function visible(id)
    local tenant = call('HGET', key('delivery', id), 'tenant')
    return tenant and (not a.tenant or tenant == a.tenant)
  end

  -- `row`: the job's hash. In the step that writes event number `seq`.
  function outbox.put(row, kind, seq, data)
    if not row.webhook then return end
    local webhook, progress = cjson.decode(row.webhook), call('GET', key('progress_of', row.id))
    if progress and kind == 'progress' then return end
    if progress then forget(progress) end
    local wanted = false
    for _, one in ipairs(webhook.events) do wanted = wanted or one == kind end
    if not wanted then return end
    local id, due = 'msg_' .. row.id:gsub('^job_', '') .. '_' .. seq, stamp(kind == 'progress' and now + a.progress_s or now)
    call('HSET', key('delivery', id), 'id', id, 'tenant', row.tenant, 'job_id', row.id, 'operation', row.operation,
      'persona_id', row.persona_id, 'kind', kind, 'seq', seq, 'created', stamp(now), 'data', data or '{}', 'url', webhook.url,
      'attempts', 0, 'due', due, 'dead', 0, 'error', '')
    call('ZADD', P .. 'outbox', due, id)
    call('SADD', key('deliveries_of', row.id), id)
    if kind == 'progress' then call('SET', key('progress_of', row.id), id) end
  end

  function outbox.drop(job)
    for _, id in ipairs(call('SMEMBERS', key('deliveries_of', job))) do forget(id) end
  end

  function outbox.take_deliveries()
    for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'dead', '-inf', stamp(now - a.keep_dead_s))) do forget(id) end
    local taken, due = {}, stamp(now + a.lease_s)
    for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'outbox', '-inf', stamp(now), 'LIMIT', 0, a.limit)) do
      if visible(id) then
        call('ZADD', P .. 'outbox', due, id)
        call('HSET', key('delivery', id), 'due', due)
        call('HINCRBY', key('delivery', id), 'attempts', 1)
        taken[#taken + 1] = call('HGETALL', key('delivery', id))
      end
    end
    return taken
  end

  function outbox.settle_delivery()
    if tonumber(call('HGET', key('delivery', a.id), 'attempts') or -1) ~= a.attempts then return end
    if not call('ZSCORE', P .. 'outbox', a.id) then return end
    if not a.error then return forget(a.id) end
    local due = stamp(now + (a.retry_s or 0))
    call('HSET', key('delivery', a.id), 'error', a.error, 'due', due, 'dead', a.retry_s and 0 or 1)
    if not a.retry_s then call('ZREM', P .. 'outbox', a.id) end
    call('ZADD', P .. (a.retry_s and 'outbox' or 'dead'), due, a.id)
  end

  function outbox.resend_delivery()
    if not visible(a.id) then return {} end
    if call('ZREM', P .. 'dead', a.id) == 1 then
      call('ZADD', P .. 'outbox', stamp(now), a.id)
      call('HSET', key('delivery', a.id), 'dead', 0, 'attempts', 0, 'due', stamp(now))
    end
    return call('HGETALL', key('delivery', a.id))
  end

  return outbox
end

