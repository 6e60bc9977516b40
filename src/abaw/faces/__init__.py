"""One decoding pass over each video: faces, subjects, crops and mouths (paper §3.2.1, §3.2.2)."""
