WITH f AS (SELECT event, lower(path) AS p, lower(key) AS k, lower(value) AS v, value FROM flat)
SELECT count(DISTINCT event) AS events,
  count(*) FILTER (WHERE k IN ('validity','secret_state','status','state','active','live','is_active') AND v IN ('active','live','valid','open','true','enabled')) AS live,
  count(*) FILTER (WHERE k IN ('validity','secret_state','status','state','active','live','is_active') AND v IN ('inactive','revoked','invalid','expired','rotated','false','disabled','resolved')) AS dead,
  count(*) FILTER (WHERE (k IN ('publicly_leaked','public','is_public') AND v = 'true') OR (k IN ('visibility','exposure','location','source_type','access') AND regexp_matches(v, 'public|paste|forum|internet|darkweb|dark web|stealer'))) AS public,
  count(*) FILTER (WHERE (k IN ('private','is_private') AND v = 'true') OR (k IN ('visibility','exposure') AND v IN ('private','internal'))) AS private,
  count(*) FILTER (WHERE (k IN ('used_after_leak','anomalous_use','used') AND v = 'true') OR (k LIKE '%use%' AND try_cast(v AS INTEGER) > 0 AND k LIKE '%unknown%')) AS misused,
  count(*) FILTER (WHERE k IN ('path','file','location_path') AND regexp_matches(v, 'test|fixture|example|sample|mock|docs/')) AS test_path,
  count(*) FILTER (WHERE regexp_matches(v, 'stealer|credential intelligence|leaked.?password|breach')) AS stolen,
  count(*) FILTER (WHERE regexp_matches(v, 'secret_scanning|secret.?scanning|leak')) AS detected,
  coalesce(arg_min(value, length(p)) FILTER (WHERE k IN ('secret_id','secret_name','key_id','accesskeyid','access_key_id','secret','token_id')), '') AS secret_id,
  coalesce(arg_min(value, length(p)) FILTER (WHERE k IN ('owner','account','username','secret_owner','compromised_emails','user','committer','login','email')), '') AS owner,
  coalesce(arg_min(v, length(p)) FILTER (WHERE k IN ('secret_type','type','kind','secret_type_display_name')), '') AS kind,
  coalesce(arg_max(value, length(p)) FILTER (WHERE k IN ('used_from','last_used_ip','ip_address','source_ip')), '') AS ip
FROM f
