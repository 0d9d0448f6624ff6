"""What the benchmarks of the application share: a real terminal, and an application that tells how late it was."""
