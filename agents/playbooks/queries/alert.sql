WITH j AS (SELECT event, path, key, value, CASE WHEN value LIKE '{%' AND json_valid(value) THEN value ELSE '{}' END AS tree FROM flat),
f AS (SELECT event, lower(path) AS p, lower(key) AS k, lower(value) AS v, value FROM j WHERE tree = '{}'
  UNION ALL SELECT j.event, lower(j.path || t.path), lower(t.key), lower(t.atom->>'$'), t.atom->>'$' FROM j, json_tree(j.tree) t WHERE j.tree <> '{}' AND t.atom IS NOT NULL),
e AS (SELECT event, bool_or(
    (k IN ('result','outcome','status','resulttype','statuscode','reason','errormessage','error_message','resultdescription','access_result','login_status','actionresult','responsecode','consolelogin','errors','code')
      AND regexp_matches(v, 'fail|denied|deny|unauthori|not authorized|forbidden|invalid|error|reject|blocked|(^| )[45][0-9][0-9]( |$)'))
    OR (regexp_matches(k, 'success$') AND v IN ('no','false'))
    OR (k IN ('errorcode','error_code') AND v NOT IN ('0','none','','null'))) AS bad
  FROM f GROUP BY event),
w AS (SELECT CASE WHEN v = 'true' THEN k ELSE value END AS word, min(CASE WHEN regexp_matches(k, '^(action|event|operation|method|activity|verb|type|category|description|title|displaymessage|subresource|resource|reason|result)') THEN 0 ELSE length(p) END) AS far
  FROM f WHERE length(value) BETWEEN 3 AND 120 AND regexp_matches(v, '[a-z]{3}') AND v <> 'false'
    AND NOT regexp_matches(v, '@|^[0-9a-f-]{16,}$|^[0-9]{4}-[0-9]{2}-|^mozilla|^https?:')
    AND NOT regexp_matches(k, '(agent|browser|region|city|country|timezone|^p_.*|_at|time)$|^(name|displayname|username|user|email|first.?name|last.?name)$')
  GROUP BY ALL),
s AS (SELECT word, far, sum(length(word) + 3) OVER (ORDER BY far, word ROWS UNBOUNDED PRECEDING) AS total FROM w)
SELECT count(*) AS events,
  count(*) FILTER (WHERE NOT bad) AS done,
  count(*) FILTER (WHERE bad) AS refused,
  coalesce((SELECT string_agg(word, ' | ' ORDER BY far, word) FROM s WHERE total < 950), '') AS said
FROM e
