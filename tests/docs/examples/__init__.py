"""The pages' examples: each is run as it is printed, in order, in a fresh folder.

`blocks` finds them, `rewriting` puts the test's own addresses in, `stand_ins` says what
`ID` and its like stand for, `terminal` runs commands, `comparing` compares what they
print with what the page says, and `not_run` lists what cannot run here.
"""
