"""Who may do what: keys, roles, and the audit log."""
