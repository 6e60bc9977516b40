"""What `--config` gives, read as the types that its keys want."""

import pytest

from abaw.config import Config
from abaw.config.command_line import typed


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"demo": {"tracks": "10"}}, {"demo": {"tracks": 10}}),
        (
            {"faces": {"min_score": "0.6", "detector": "mediapipe"}},
            {"faces": {"min_score": 0.6, "detector": "mediapipe"}},
        ),
        ({"functional": {"weighted": "false"}}, {"functional": {"weighted": False}}),
        ({"corpus": {"crops": "null", "videos": "12"}}, {"corpus": {"crops": None, "videos": "12"}}),
        ({"resources": {"weights_dir": "/a: b"}}, {"resources": {"weights_dir": "/a: b"}}),
        ({"dynamic": {"sweep": {"windows_s": ["1.0", "2.5"]}}}, {"dynamic": {"sweep": {"windows_s": [1.0, 2.5]}}}),
        ({"acoustic": {"architectures": ["AudioModelV1"]}}, {"acoustic": {"architectures": ["AudioModelV1"]}}),
        (
            {"systems": {"mine": {"title": "3", "models": ["visual"]}}},
            {"systems": {"mine": {"title": "3", "models": ["visual"]}}},
        ),
        ({"seed": 7, "compute": {"threads": 2}}, {"seed": 7, "compute": {"threads": 2}}),
        # What does not fit is left, so that the check shows what was given.
        ({"demo": {"tracks": "ten", "trakcs": "10"}}, {"demo": {"tracks": "ten", "trakcs": "10"}}),
        ({"faces": "none", "seed": "[", "no": {"such": "1"}}, {"faces": "none", "seed": "[", "no": {"such": "1"}}),
    ],
)
def test_text_is_read_as_its_key_wants_it(given, read):
    assert typed(given, Config) == read
