WITH f AS (SELECT event, lower(path) AS p, lower(key) AS k, lower(value) AS v, value FROM flat),
e AS (SELECT event,
  coalesce(string_agg(lower(regexp_replace(value, '([a-z])([A-Z])', '\1 \2', 'g')), ' ') FILTER (WHERE length(v) < 300 AND k IN ('action','eventname','eventtype','event_type','operationname','operation','methodname','actionname','activity','verb','subresource','description','policyarn')), '') AS act,
  coalesce(bool_or(k IN ('errorcode','error_code') AND v NOT IN ('0','none','','null')), false) AS bad,
  coalesce(bool_or(p LIKE '%userdata%'), false) AS userdata
  FROM f GROUP BY event),
j AS (SELECT *, regexp_matches(act, 'creat|put|attach|add|grant|assign|updat|set|modif|generat|chang') AS make FROM e WHERE NOT bad)
SELECT count(*) AS events,
  count(*) FILTER (WHERE make AND regexp_matches(act, 'assume role policy|add permission|administrator|owner|super ?admin|full ?access|privileg|elevat|cluster-admin|login profile|trust')) AS elevated,
  count(*) FILTER (WHERE regexp_matches(act, '(get|read|retriev|reveal|batch).{0,12}(secret|password|parameters|private key|credential)')) AS secrets_read,
  count(*) FILTER (WHERE regexp_matches(act, 'federation token|session token')) AS sessions_made,
  count(*) FILTER (WHERE regexp_matches(act, 'send command|run command|start session|serial console|ssh ?public ?key|execute command')) AS commands,
  count(*) FILTER (WHERE make AND (userdata OR regexp_matches(act, 'function code|user data|startup.?script'))) AS code_changed,
  count(*) FILTER (WHERE make AND regexp_matches(act, '(snapshot|image|ami) ?(attribute|permission|polic|acl)')) AS lent,
  count(*) FILTER (WHERE regexp_matches(act, 'leave organization|close account')) AS left_control,
  count(*) FILTER (WHERE regexp_matches(act, 'run instances|invoke model')) AS spent
FROM j
