"""What the stored conversations tell a company: volume, resolution, times, topics, moods, surges, next steps.

Everything here only reads conversations; what is kept beside them are the names of topics and the surges already told.
"""
