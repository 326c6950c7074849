"""May they: the rights decision over the seven inputs."""
