WITH f AS (SELECT event, lower(path) AS p, lower(key) AS k, lower(value) AS v, value FROM flat)
SELECT count(DISTINCT event) AS events,
  count(*) FILTER (WHERE k IN ('internet_facing','internet_exposed','exposed','public','publicly_accessible') AND v = 'true') AS exposed,
  count(*) FILTER (WHERE k IN ('internet_facing','internet_exposed','exposed','public','publicly_accessible') AND v = 'false') AS unexposed,
  count(*) FILTER (WHERE (k LIKE '%exploit%' AND v IN ('true','active','observed','yes','weaponized')) OR (k IN ('exploitation','exploitation_status') AND v = 'active')) AS exploit,
  count(*) FILTER (WHERE k IN ('exploit_attempts','exploitation_attempts','attempts') AND try_cast(v AS INTEGER) > 0) AS attempts,
  count(*) FILTER (WHERE k IN ('patched','fixed','mitigated','remediated','vulnerable_component_loaded_not') AND v = 'true') AS mitigated,
  coalesce(max(try_cast(v AS DOUBLE)) FILTER (WHERE k IN ('cvss','cvss_score','base_score','score','cvssv3')), 0) AS cvss,
  count(*) FILTER (WHERE k = 'severity' AND v IN ('critical','high')) AS severe,
  coalesce(upper(min(v) FILTER (WHERE regexp_matches(v, '^cve-[0-9]{4}-[0-9]{4,7}$'))), '') AS cve,
  coalesce(arg_min(value, length(p)) FILTER (WHERE k IN ('host','hostname','asset','computer_name','device','target')), '') AS host,
  coalesce(arg_max(value, event) FILTER (WHERE k IN ('source_ip','attacker_ip','src_ip')), '') AS ip
FROM f
