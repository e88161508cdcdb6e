"""Many customers at once against a real server, each checked event by event: `frontdesk bench load`."""
