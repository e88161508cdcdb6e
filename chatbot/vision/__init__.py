"""Seeing: text on screens, the vision encoder, and the place of the projector."""
