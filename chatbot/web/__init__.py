"""Views of the event stream: the Gradio page and what serves it. They translate events and hold no logic."""
