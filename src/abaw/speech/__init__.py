"""Audio, the gate that finds the target speaker, and windows on speech."""
