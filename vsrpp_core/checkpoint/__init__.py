"""What reads and writes weights: checkpoints, exported networks and those of the first VSR++.

Apart from ``run``, which loads no torch."""
