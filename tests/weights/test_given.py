"""Weights given by a path."""

from abaw.weights.given import files_of_weights


def test_a_folder_gives_its_files_of_weights_and_a_name_none(tmp_path):
    for name in ("model.safetensors", "config.json", "README.md", "pytorch_model.bin"):
        (tmp_path / name).write_text("")
    found = [f"{tmp_path}/{name}" for name in ("config.json", "model.safetensors", "pytorch_model.bin")]
    assert files_of_weights(str(tmp_path)) == found
    assert files_of_weights(str(tmp_path / "model.safetensors")) == [found[1]]
    assert files_of_weights("tf_efficientnet_lite0.in1k") == files_of_weights("owner/name@v1") == []
