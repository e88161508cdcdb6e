"""The HTTP API: REST and server-sent events under `/api/v1`, as docs/api.md describes it."""
