"""What changes as training goes. Each part is small, holds its own state, and knows nothing of the loop around it.

All parts share one habit: they are told what happened step by step and in order, at a fixed cadence, so their
decisions depend on the steps alone and never on when somebody looked.
"""
