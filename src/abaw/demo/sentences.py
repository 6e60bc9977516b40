"""What the people of the demo corpus say, by what they feel."""

SENTENCES: dict[str, tuple[str, ...]] = {
    "Neutral": (
        "The train leaves at a quarter past nine from the second platform.",
        "I put the papers on the table next to the blue folder.",
        "We usually have lunch at noon and go on at one.",
    ),
    "Anger": (
        "I told you not to touch that, and you did it again!",
        "This is the third time, and I have had enough of it!",
        "Do not walk away from me while I am talking!",
    ),
    "Disgust": (
        "Somebody left this milk in the sun, it smells awful.",
        "There is hair in my soup, please take it away.",
        "I will not put my hand into that, it is all slimy.",
    ),
    "Fear": (
        "Did you hear that, there is someone at the door!",
        "Please hold on to me, I cannot look down!",
        "What if it comes back before we get out of here?",
    ),
    "Happiness": (
        "We made it, all of us, and the sun is out as well!",
        "That is the best present that anyone has ever given me!",
        "I am so glad that you came, look at you!",
    ),
    "Sadness": (
        "He used to sit right there, every single evening.",
        "I kept the letter, but I cannot bring myself to read it.",
        "It does not matter any more, the house is empty now.",
    ),
    "Surprise": (
        "Oh, where did you come from, I thought you were abroad!",
        "You mean to say that all of this is for me?",
        "Wait, it really works, I did not expect that at all!",
    ),
    "Other": (
        "Well, let me think about that for a little while.",
        "You could put it that way, I suppose, if you like.",
        "Hmm, I have seen something like it, somewhere, long ago.",
    ),
}
