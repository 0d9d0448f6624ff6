"""The terminal application: it shows what events say and sends commands; the trainer runs in a thread beside it."""

import os

if "TMUX" in os.environ:
    # tmux hands a key's whole sequence over at once, so that little waiting tells the escape key from one; without it a
    # slow line may deliver the rest late, and Textual waits 100 ms. It reads this when it is imported.
    os.environ.setdefault("ESCDELAY", "20")
