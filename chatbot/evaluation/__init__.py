"""Quality measured on annotated data with the product's own parts: one module a task, one shape of result."""
