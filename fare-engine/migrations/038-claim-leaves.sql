-- A claim's version is found in the audit log by its name; such leaves are few.
CREATE INDEX audit_leaf_claim ON audit_leaf (ref) WHERE kind = 'claim';
