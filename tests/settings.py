"""Settings of small networks for tests."""

from abaw.config import AcousticNetworkConfig, DynamicNetworkConfig, TrainingConfig

SHORT_TRAINING = TrainingConfig(
    epochs=3,
    batch_size=4,
    learning_rate=0.01,
    weight_decay=0.0,
    warmup=0.1,
    keep="best",
    patience=None,
    max_cycles=None,
    ema_decay=None,
    optimiser="adamw",
    schedule="cosine",
    cycle_epochs=None,
    lowest_rate=0.0,
    clip_norm=1.0,
)
DYNAMIC = DynamicNetworkConfig(
    output="sequence",
    input_batch_norm=True,
    overlap=0.5,
    every_nth=1,
    layers=3,
    heads=8,
    feedforward=64,
    dropout=0.1,
    expression_loss="cross_entropy",
    class_weights="inverse",
    label_smoothing=0.0,
    va_loss="ccc",
    training=SHORT_TRAINING,
)
ACOUSTIC = AcousticNetworkConfig(
    encoder="small",
    window_s=4,
    step_s=2,
    trained_layers=None,
    gradient_checkpointing=False,
    augmentation="none",
    heard_variants=None,
    noise_snr_db=[10.0, 40.0],
    gain_db=[-20.0, -1.0],
    label_smoothing=0.2,
    va_loss="ccc",
    training=SHORT_TRAINING.model_copy(update={"epochs": 1, "learning_rate": 0.001, "warmup": 0.0}),
)
