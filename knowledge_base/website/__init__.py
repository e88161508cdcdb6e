"""A website as a source of documents: addresses that are safe to ask, pages that may be read, what changed."""
