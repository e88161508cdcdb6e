"""Backup and restore of an installation: one file, taken while the server runs, checked before it is trusted."""
