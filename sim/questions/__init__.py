"""What is asked of studies: decisions, searches, checks, fits; tables and charts that answer. Not here: who asks."""
