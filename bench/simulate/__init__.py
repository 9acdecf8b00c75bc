"""A simulation of fleets that are larger than this machine, by what things cost on it.

Events are simulated one by one: polls, rounds of the database, syncs of its disk, and
messages between servers. What a fleet does is a `Plan`, what each thing costs are
`ServiceTimes`, and what came of it is an `Answer`.
"""
