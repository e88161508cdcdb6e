"""Signing in and out, and who may open the pages for administrators."""
