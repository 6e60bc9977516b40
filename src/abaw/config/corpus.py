"""What is read: where the corpus lies, the embedded corpus, and the pre-training corpora."""

from typing import Annotated, Literal

from pydantic import Field

from abaw.config.base import Section, expected


class CorpusConfig(Section):
    """Where the corpus lies (AffWild2's form, paper §3.1)."""

    source: Literal["demo", "folders"] = Field(
        description="demo: make the embedded corpus and put it into the four folders below; folders: they exist."
    )
    videos: str = Field(min_length=1, description="Folder of the videos, in any subfolders (batch1, batch2, new_vids).")
    annotations: str = Field(
        min_length=1,
        description="Folder that holds VA_Estimation_Challenge and EXPR_Recognition_Challenge or EXPR_Classification_"
        "Challenge, at any depth (paper §3.1).",
    )
    test_lists: str = Field(min_length=1, description="Folder of the lists of test names, *_test_set_release.txt.")
    templates: str = Field(
        min_length=1, description="Folder of the submission templates, *_test_set_sample.txt or *_example.txt."
    )
    edition: Literal["affwild2", "other"] = Field(
        description="affwild2: check_corpus holds the counts against the published ones, and the twenty videos that no "
        "challenge names may be there (paper §3.1); other: a corpus of another size."
    )
    max_row_difference: Annotated[int, Field(ge=0)] = Field(
        description="Rows by which a label file or a template may differ from the frames of its video; a larger "
        "difference is an error, since file and video hardly belong together. AffWild2's own reach from -49 to +2."
    )
    on_unreadable: Literal["stop", "skip"] = Field(
        description="stop: a video that cannot be read is an error; skip: its tracks are left out of every split and "
        "reported, and their rows of the submission get the training labels' mean, or their most frequent class; of "
        "one that breaks while it is decoded, what comes before the break counts."
    )
    sound_track: Annotated[
        Literal["default"] | Annotated[int, Field(ge=1)], expected("default or a whole number from 1 on")
    ] = Field(
        description="The sound of a video that has several tracks: default, the one that players take, of those that "
        "can be decoded; or the number of one, from 1, where a video has so many."
    )
    unscored: list[str] = Field(
        description="Tracks of validation whose labels are left out: nothing is chosen or scored on them (the authors "
        "leave out 10-60-1280x720_right)."
    )
    crops: str | None = Field(
        description="Folder of the organisers' crops where faces.source is organisers: it holds cropped or "
        "cropped_aligned, their _new_50_vids forms, batch1, batch2, or the folders of the tracks themselves; else null."
    )

    @property
    def chosen_sound(self) -> int | None:
        """The number of the sound track that is asked for, None for the default one."""
        return None if self.sound_track == "default" else self.sound_track


class DemoConfig(Section):
    """The embedded corpus: real faces and synthesised voices in AffWild2's form."""

    tracks: Annotated[int, Field(ge=10, le=30)] = Field(
        description="Annotated tracks; the special cases (two people, odd frame rates, ...) come first."
    )
    max_duration_s: Annotated[float, Field(ge=4, le=20)] = Field(description="Longest video, in seconds.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        description="Seed of all that is drawn for the corpus, apart from that of the trainings."
    )


class PretrainingRoots(Section):
    """Where the pre-training corpora lie (paper §3.1.1, Table 1); null: not present. See docs/pretraining.md."""

    recola: str | None = Field(description="Folder of RECOLA: valence and arousal.")
    sewa: str | None = Field(description="Folder of SEWA: valence and arousal.")
    semaine: str | None = Field(description="Folder of SEMAINE: valence and arousal.")
    afew_va: str | None = Field(description="Folder of AFEW-VA: valence and arousal.")
    affectnet: str | None = Field(description="Folder of AffectNet: expressions, valence and arousal.")
    savee: str | None = Field(description="Folder of SAVEE: expressions.")
    emotic: str | None = Field(description="Folder of EMOTIC: categories, valence and arousal.")
    expw: str | None = Field(description="Folder of ExpW: expressions.")
    fer: str | None = Field(description="Folder of FER2013 and FER+: expressions.")
    raf_db: str | None = Field(description="Folder of RAF-DB, the basic set: expressions.")


class PretrainingStrides(Section):
    """Which frames of the video corpora are taken: every n-th (authors' code)."""

    recola: Annotated[int, Field(ge=1, le=1000)] = Field(description="Frames from one taken to the next (authors: 8).")
    sewa: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 17).")
    semaine: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 17).")
    savee: Annotated[int, Field(ge=1, le=1000)] = Field(description="The same (authors: 20).")


class PretrainingConfig(Section):
    """The corpora that the static models are pre-trained on, and what is taken of them (paper §3.1.1)."""

    roots: PretrainingRoots
    strides: PretrainingStrides
    contempt: Literal["other", "drop"] = Field(
        description="Contempt, which ABAW does not have (AffectNet, EMOTIC's Disapproval, FER+): other makes it Other, "
        "drop leaves it out (paper §3.1.1: the basic six and neutral)."
    )
    splits: Literal["official", "authors"] = Field(
        description="FER and RAF-DB: official keeps their own sets; authors trains on all of FER and draws RAF-DB anew."
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        description="Seed of the drawn splits, 80/10/10 by video or image, SAVEE 50/25/25 by speaker (authors: 101095)."
    )
    fer_labels: Literal["votes", "labels"] = Field(
        description="votes: FER+, the class with most votes (paper §3.1.1); labels: FER2013's own (authors' code)."
    )
    expw_faces: Literal["first", "all"] = Field(
        description="first: the face 0 of each image of ExpW (authors' code); all: every face (paper Table 1: 91,793)."
    )
    raf_db_images: Literal["original", "aligned"] = Field(
        description="Images of RAF-DB: original (authors' code) or aligned."
    )
    emotic_annotations: Literal["first", "combined"] = Field(
        description="EMOTIC's val and test people: the first annotator (authors' code) or all of them combined."
    )
    sewa_rated: Literal["A", "V", "AV"] = Field(
        description="SEWA's own annotation: what its raters had, A (sound), V (picture) or AV (both)."
    )
    sewa_scale: Annotated[float, Field(gt=0)] = Field(
        description="SEWA's own annotation: the value that stands for 1; others are divided by it. Its documents are "
        "not public, 1 is an assumption, and a value beyond it is an error."
    )
