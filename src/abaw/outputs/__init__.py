"""What `predict` shows: everything that is made from the per-frame table `people` and the video itself.

In: a `people` table (`results/predict/{video}/frames.parquet`) and the path of its video. Out, one module a format: CSV
tables, pages for a browser, files for ELAN, Praat, subtitles and diarization, and a video with everything drawn in.
"""
