"""The pictures of every screen: how they are taken, and of what. A module of scenes is named here and nowhere else."""

from docs.screens.studio import job_scenes, start_scenes, training_scenes, tune_scenes, watching_scenes
from docs.screens.studio.scene import SCENES

__all__ = ["SCENES", "job_scenes", "start_scenes", "training_scenes", "tune_scenes", "watching_scenes"]
