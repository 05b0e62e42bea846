"""What people read of a study: the report, its page, its tables, its pictures."""
