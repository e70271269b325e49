WITH f AS (SELECT event, lower(path) AS p, lower(key) AS k, lower(value) AS v, value FROM flat),
e AS (SELECT event,
  coalesce(string_agg(lower(regexp_replace(value, '([a-z])([A-Z])', '\1 \2', 'g')), ' ') FILTER (WHERE length(v) < 300 AND (k IN
    ('action','eventname','eventtype','event_type','operationname','operation','methodname','actionname','event','name','activity','verb','subresource','path','method','description','primarydescription','operation_detail','title','alert_type','displaymessage','setting_name','new_value','role_name','policyarn')
    OR (k IN ('type','category') AND regexp_matches(v, '[._]') AND v NOT LIKE '%::%'))), '') AS act,
  coalesce(string_agg(v, ' ') FILTER (WHERE k IN ('result','outcome','status','resulttype','code','statuscode','reason','errormessage')), '') AS res,
  bool_or(k IN ('errorcode','error_code') AND v NOT IN ('0','none','','null')) AS err,
  coalesce(arg_min(value, length(p) - CASE WHEN k IN ('username','email') THEN 20 ELSE 0 END) FILTER (WHERE k IN ('username','arn','email','principalemail','alternateid','login','actor','user','user_email','email_address','caller','operator')), '') AS who,
  arg_min(value, length(p)) FILTER (WHERE k IN ('sourceipaddress','ipaddress','ip_address','calleripaddress','callerip','clientip','client_ip_address','ip','sourceips','sourceip','src_ip')) AS ip,
  bool_or(v IN ('allusers','allauthenticatedusers','public-read','public-read-write','anyone') OR (k = 'group' AND v = 'all') OR (k IN ('visibility','access','acl') AND v LIKE '%public%') OR regexp_matches(v, '^[0-9a-f.:]+/0$|"(aws|principal)": *"\*"')) AS open,
  bool_or(k = 'type' AND v = 'root') AS root,
  bool_or(k IN ('severity','risklevel','risk_level','alarm_risk_level') AND v IN ('high','critical')) OR max(try_cast(v AS DOUBLE)) FILTER (WHERE k = 'severity') BETWEEN 7 AND 10 AS severe,
  bool_or(k IN ('detectorid','threatname','findingtype','technique_id','threatclassification','malware_family','mitre_attacks')) AS finding
  FROM f GROUP BY event),
a AS (SELECT *, coalesce(err, false) OR regexp_matches(res, 'fail|denied|deny|unauthori|invalid|forbidden|(^| )40[0-9]( |$)') AS bad FROM e),
j AS (SELECT *,
  regexp_matches(act, 'disabl|delet|remov|stop|deactivat|suspend|turn.?off|purge|clear|bypass|revert|detach| off|deregister') AS cut,
  regexp_matches(act, 'creat|put|attach|add|grant|assign|updat|set|modif|enabl|invit|generat|import|author|chang|install|promot|write') AS make
  FROM a)
SELECT count(*) AS events,
  count(*) FILTER (WHERE NOT bad AND (cut OR regexp_matches(act, 'put event selector')) AND regexp_matches(act, 'trail|log|audit|guard ?duty|detector|monitor|alert|diagnostic|flow|config|macie|secur|defend|threat|protect|firewall|selector|branch')) AS blinded,
  count(*) FILTER (WHERE NOT bad AND (cut OR act LIKE '%reset%') AND regexp_matches(act, 'mfa|2fa|factor|two.?step|2sv|sso|saml|ip.?allow|allow.?list|conditional')) AS weakened,
  count(*) FILTER (WHERE NOT bad AND make AND regexp_matches(act, 'access key|api.?key|token|credential|secret|account.?key|certificate|oauth|login profile|ssh')) AS keys_made,
  count(*) FILTER (WHERE NOT bad AND make AND regexp_matches(act, 'admin|owner|role|privileg|permission|full access|super|elevat|polic|member|collaborator|binding')) AS granted,
  count(*) FILTER (WHERE NOT bad AND open) AS opened,
  count(*) FILTER (WHERE NOT bad AND root) AS root_used,
  count(*) FILTER (WHERE NOT bad AND cut AND regexp_matches(act, 'snapshot|backup|bucket|database|cluster|volume|vault|kms|recover|restore|table|group|account|disk|server|zone|object')) AS destroyed,
  count(*) FILTER (WHERE NOT bad AND regexp_matches(act, 'export|download|shar|transfer|forward|extract|bulk|dump|list ?keys|exfil')) AS taken,
  count(*) FILTER (WHERE bad) AS refused,
  count(*) FILTER (WHERE severe) AS severe,
  count(*) FILTER (WHERE finding) AS findings,
  coalesce(arg_max(who, event), '') AS actor,
  coalesce(arg_max(ip, event), '') AS ip,
  coalesce(left(arg_max(act, event), 120), '') AS action
FROM j
