"""Care of what is stored: verify, damage, compaction, holds, retention, the storage report."""
