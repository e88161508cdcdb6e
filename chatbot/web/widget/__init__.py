"""The embeddable widget: its files, and a page that shows it."""
