"""Routes of the API for the company's programs and people: the knowledge base, and fine-tuning."""
