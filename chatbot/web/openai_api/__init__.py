"""The same assistant behind OpenAI's interface, for its clients and any chat front end: `/v1`."""
