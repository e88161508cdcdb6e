"""Alembic migrations of the database, run at every start."""
