-- A bundle begins with what the day before handed on: the auditor reads it.
GRANT SELECT ON account_day TO auditor_runtime;
