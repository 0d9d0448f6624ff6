"""What this machine does: steps, reading, validation, saving and upscaling measured in a few minutes, as figures that
can be sent.

Each figure is that of the code a run uses: auto-tune's measurement, the loader, a short session, the upscaler.
"""
