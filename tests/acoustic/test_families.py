"""Every family of speech encoders behind the one interface: steps, masks, positions, and which layers learn."""

import json

import numpy as np
import pytest
import torch

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.acoustic.encoders.checkpoints import FAMILIES, encoder_of_form, form_of_encoder
from abaw.acoustic.encoders.loading import load_encoder
from abaw.acoustic.model import ARCHITECTURES, AudioModel
from abaw.running.errors import UserError

# isort: split

from transformers import AutoConfig, AutoModel, SeamlessM4TFeatureExtractor, WhisperFeatureExtractor

WIDTH, LAYERS, WINDOW_S = 64, 5, 4
CONVOLUTIONS = {"conv_dim": (32,) * 7, "num_conv_pos_embedding_groups": 4, "layerdrop": 0.0, "mask_time_prob": 0.0}
COMMON = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 96}
FORMS = {
    "wav2vec2": CONVOLUTIONS
    | {"num_conv_pos_embeddings": 16, "do_stable_layer_norm": True, "feat_extract_norm": "layer", "add_adapter": True},
    "hubert": CONVOLUTIONS | {"num_conv_pos_embeddings": 16},
    "wavlm": CONVOLUTIONS | {"num_conv_pos_embeddings": 16},
    "data2vec-audio": CONVOLUTIONS | {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 7},
    "wav2vec2-bert": {
        "position_embeddings_type": "relative_key",
        "mask_time_prob": 0.0,
        "layerdrop": 0.0,
        "add_adapter": True,
    },
    "whisper": {
        "d_model": WIDTH,
        "encoder_layers": LAYERS,
        "encoder_attention_heads": 4,
        "encoder_ffn_dim": 96,
        "decoder_layers": 1,
        "decoder_ffn_dim": 16,
        "decoder_attention_heads": 4,
        "vocab_size": 30,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1),
    },
}
ATTENTION = 4 * (WIDTH**2 + WIDTH)
AROUND = 2 * WIDTH * 96 + 96 + WIDTH + 4 * WIDTH
"""Feed-forward part, and the two normalisations."""
GATE = 8 * (WIDTH // 4 + 1) + 4
"""WavLM's gate of relative positions: 8 values of each head's part, and a constant for each of 4 heads."""
CONFORMER = (
    ATTENTION
    + 73 * (WIDTH // 4)  # distances from 64 before to 8 after
    + 2 * (2 * WIDTH * 96 + 96 + WIDTH)  # two feed-forward parts
    + 2 * WIDTH**2 + WIDTH**2 + 31 * WIDTH  # pointwise, pointwise, depthwise
    + 6 * 2 * WIDTH  # normalisations: two feed-forward, attention, two of the convolution, the last
)  # fmt: skip
LAYER = dict.fromkeys(("wav2vec2", "hubert", "data2vec-audio"), ATTENTION + AROUND)
LAYER |= {"wavlm": ATTENTION + AROUND + GATE, "whisper": ATTENTION - WIDTH + AROUND, "wav2vec2-bert": CONFORMER}
"""Parameters of one layer, counted by hand; Whisper's keys have no bias."""


@pytest.fixture(scope="module", params=FORMS)
def stored(request, tmp_path_factory):
    """A tiny model of a family with random weights, as a folder in Hugging Face's form."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    form = FORMS[request.param] if request.param == "whisper" else COMMON | FORMS[request.param]
    AutoModel.from_config(AutoConfig.for_model(request.param, **form)).save_pretrained(folder)
    return request.param, str(folder)


def sound(n_samples=WINDOW_S * 16000, n=2, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.3, (n, n_samples)).astype(np.float32))


def counted(parameters):
    return sum(parameter.numel() for parameter in parameters)


def test_there_is_a_test_for_every_family():
    assert FORMS.keys() == FAMILIES.keys()


def test_a_second_has_fifty_steps(stored):
    family, folder = stored
    encoder = load_encoder(folder, WINDOW_S).eval()
    assert type(encoder) is FAMILIES[family]
    assert (encoder.step_rate_hz, encoder.width) == (50, WIDTH)
    with torch.inference_mode():
        outputs = encoder.layer_outputs(sound())
        [lowest] = encoder.layer_outputs(sound(), highest=1)
        assert torch.equal(lowest, outputs[0])
        last = encoder(sound())
    assert len(outputs) == len(encoder.layers) == LAYERS
    assert {one.shape for one in [*outputs, last]} == {(2, 200 if family == "whisper" else 199, WIDTH)}
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


@pytest.mark.parametrize("depth", range(LAYERS + 1))
def test_what_lies_below_a_layer_and_what_lies_above_are_the_whole(stored, depth):
    _, folder = stored
    encoder = load_encoder(folder, WINDOW_S).eval()
    known = torch.ones(2, WINDOW_S * 16000, dtype=torch.bool)
    known[1, 32000:] = False
    with torch.inference_mode():
        whole = encoder.network(**encoder.inputs(sound(), known)).last_hidden_state
        steps = encoder.below(sound(), known, depth)
        torch.testing.assert_close(encoder.above(steps, depth), whole, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(encoder(sound(), known), whole, atol=1e-5, rtol=1e-4)


def test_layers_are_dropped_where_the_checkpoint_asks_for_it_and_only_above(stored):
    _, folder = stored
    encoder = load_encoder(folder, WINDOW_S).train()
    encoder.layerdrop = 1.0
    with torch.inference_mode():
        torch.manual_seed(0)
        steps = encoder.below(sound(), None, 3)
        torch.testing.assert_close(
            encoder.above(steps, 3), steps.hidden if encoder.top is None else encoder.top(steps.hidden)
        )
        assert not torch.equal(steps.hidden, encoder.below(sound(), None, 0).hidden)


@pytest.mark.parametrize(("architecture", "trained"), [("AudioModelV1", 2), ("AudioModelV2", 2), ("AudioModelV3", 4)])
def test_each_architecture_trains_the_layers_of_the_top(stored, architecture, trained):
    family, folder = stored
    model = AudioModel("expr", architecture, load_encoder(folder, WINDOW_S), WINDOW_S)
    learning = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
    places = {int(name.split("layers.")[1].split(".")[0]) for name in learning}
    assert places == set(range(LAYERS - trained, LAYERS))
    assert counted(p for p in model.encoder.parameters() if p.requires_grad) == trained * LAYER[family]
    model.train()(sound()).square().mean().backward()
    assert {name for name, p in model.encoder.named_parameters() if p.grad is not None} == learning
    assert model.eval()(sound()).shape == (2, 4, 8)


def test_what_stands_behind_the_sound_is_not_heard(stored):
    """Masked or silent as the family has learned it: steps of the sound do not depend on what samples lie behind it."""
    family, folder = stored
    encoder = load_encoder(folder, WINDOW_S).eval()
    known = torch.ones(2, WINDOW_S * 16000, dtype=torch.bool)
    known[1, 32000:] = False
    tracks = (sound().numpy() * 32768).clip(-32767, 32767).astype(np.int16)
    others = np.where(known, tracks, 5000).astype(np.int16)
    with torch.inference_mode():
        one, other = (encoder(encoder.prepare(found, known.numpy()), known) for found in (tracks, others))
        torch.testing.assert_close(one, other)
        if family in ("wav2vec2", "wav2vec2-bert"):  # data2vec's stacked convolutions look beyond the end
            alone = encoder(encoder.prepare(tracks[1:, :32000], known[1:, :32000].numpy()))
            torch.testing.assert_close(one[1, : alone.shape[1]], alone[0], atol=2e-4, rtol=1e-3)
    assert encoder_masks(encoder, known) == (family in ("wav2vec2", "data2vec-audio", "wav2vec2-bert"))


def encoder_masks(encoder: SpeechEncoder, known) -> bool:
    return "attention_mask" in encoder.inputs(torch.zeros(known.shape), known)


def test_an_encoder_comes_back_by_its_form_and_weights(stored):
    """Though its form should name code to run, as a folder from elsewhere may."""
    _, folder = stored
    encoder = load_encoder(folder, WINDOW_S).eval()
    config, processor = form_of_encoder(folder)
    config = json.loads(json.dumps(config)) | {"auto_map": {"AutoModel": "evil.py"}, "_attn_implementation": "a/b"}
    again = encoder_of_form("elsewhere", config, processor, WINDOW_S).eval()
    again.load_state_dict(encoder.state_dict())
    with torch.inference_mode():
        assert torch.equal(encoder(sound()), again(sound()))
    with pytest.raises(UserError, match="encoder elsewhere is of the type gpt2, expected one of wav2vec2"):
        encoder_of_form("elsewhere", {"model_type": "gpt2"}, {}, WINDOW_S)


def test_a_processor_s_settings_are_followed(stored):
    family, folder = stored
    if "conv_dim" not in FORMS[family]:
        pytest.skip("its sound is prepared in one way only")
    tracks = (sound().numpy() * 32768).clip(-32767, 32767).astype(np.int16)
    known = np.arange(tracks.shape[1]) < np.array([[64000], [32000]])
    encoder = load_encoder(folder, WINDOW_S)
    assert encoder_masks(encoder, torch.from_numpy(known)) == (family in ("wav2vec2", "data2vec-audio"))
    assert encoder.prepare(tracks, known)[0].std() == pytest.approx(1, abs=1e-3)
    encoder.follow({"do_normalize": False, "return_attention_mask": not encoder.masked})
    assert encoder.prepare(tracks, known)[0].std() == pytest.approx(0.3, abs=0.01)
    assert encoder_masks(encoder, torch.from_numpy(known)) == (family in ("hubert", "wavlm"))


def test_a_folder_s_processor_is_read(tmp_path):
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model("wavlm", **COMMON, **FORMS["wavlm"])).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False, "sampling_rate": 16000}))
    encoder = load_encoder(str(tmp_path), WINDOW_S)
    assert (encoder.normalises, encoder.masked) == (False, False)


def test_whisper_s_spectrogram_and_positions_are_those_of_transformers(tmp_path):
    torch.manual_seed(0)
    whole = AutoModel.from_config(AutoConfig.for_model("whisper", **FORMS["whisper"])).eval()
    whole.save_pretrained(tmp_path)
    waveforms = sound()
    extractor = WhisperFeatureExtractor(chunk_length=30)
    bands = extractor(list(waveforms.numpy()), sampling_rate=16000, return_tensors="pt").input_features
    encoder = load_encoder(str(tmp_path), 30).eval()
    with torch.inference_mode():
        torch.testing.assert_close(encoder.inputs(waveforms, None)["input_features"], bands, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(encoder(waveforms), whole.encoder(bands).last_hidden_state, atol=1e-4, rtol=1e-3)
    short = load_encoder(str(tmp_path), WINDOW_S)
    assert torch.equal(short.network.embed_positions.weight, whole.encoder.embed_positions.weight[:200])
    with pytest.raises(UserError, match="hears 30 s at once; a window of 31 s is longer"):
        load_encoder(str(tmp_path), 31)


def test_filter_banks_of_wav2vec2_bert_are_those_of_transformers(tmp_path):
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model("wav2vec2-bert", **COMMON)).save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path), WINDOW_S)
    waveforms, known = sound(), torch.arange(64000) < torch.tensor([[64000], [32000]])
    found = encoder.inputs(waveforms * known, known)
    pieces = [waveforms[0].numpy(), waveforms[1, :32000].numpy()]
    expected = SeamlessM4TFeatureExtractor()(pieces, sampling_rate=16000, return_tensors="pt")
    mask = found["attention_mask"]
    assert mask.sum(dim=1).tolist() == [199, 99]
    steps = expected["input_features"].shape[1]
    for one, other, length in zip(found["input_features"], expected["input_features"], [199, 99], strict=True):
        torch.testing.assert_close(one[:length], other[:length], atol=5e-3, rtol=1e-2)
    assert steps == 199


def test_heads_that_do_not_fit_are_said():
    encoder = load_encoder("small", 4)
    encoder.width = 48
    with pytest.raises(UserError, match="48 wide cannot have 32 attention heads"):
        AudioModel("va", "AudioModelV2", encoder, 4)
    assert set(ARCHITECTURES) == {"AudioModelV1", "AudioModelV2", "AudioModelV3"}
