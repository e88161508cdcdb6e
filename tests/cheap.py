"""A hasher that costs next to nothing, for tests that are about something else."""

from argon2 import PasswordHasher

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
