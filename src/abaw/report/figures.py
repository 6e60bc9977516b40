"""The report's pictures: how the networks learned, and what the systems say over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from abaw.running.files import whole_file
from abaw.tasks import EXPRESSIONS, TASKS, TaskName

STYLES: dict[str, dict[str, Any]] = {
    "truth": {"color": "black", "linewidth": 2},
    "visual": {"color": "tab:blue", "linewidth": 1.2, "linestyle": "--", "zorder": 3},
    "acoustic": {"color": "tab:orange", "linewidth": 1.2},
}

SYSTEM_COLOURS = ("tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink")

Curves = Mapping[str, Sequence[float]]


def timeline_figure(
    task: TaskName,
    sample: str,
    times_s: NDArray[np.float64],
    truth: NDArray[np.float64],
    systems: Mapping[str, NDArray],
) -> Figure:
    """Truth and predictions of one sample over time: curves of two outputs, or classes, and the last system's scores.

    `truth` is (n, 2) or (n, 1), each system's outputs (n, 2) or (n, 8), at the same n rows.
    """
    figure = Figure(figsize=(10, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    if TASKS[task].kind != "classes":
        for column, (axes, name) in enumerate(zip((upper, lower), TASKS[task].outputs, strict=True)):
            curves = {"truth": truth[:, column]} | {system: values[:, column] for system, values in systems.items()}
            _lines(axes, times_s, curves)
            axes.set(ylabel=name, ylim=(-1.05, 1.05))
    else:
        classes = {"truth": truth[:, 0]} | {system: values.argmax(axis=1) for system, values in systems.items()}
        _lines(upper, times_s, classes)
        upper.set_yticks(range(len(EXPRESSIONS)), EXPRESSIONS)
        last, scores = list(systems.items())[-1]
        extent = (times_s[0], times_s[-1], len(EXPRESSIONS) - 0.5, -0.5)
        image = lower.imshow(
            scores.T, aspect="auto", extent=extent, vmin=0, vmax=1, cmap="viridis", interpolation="none"
        )
        lower.set_yticks(range(len(EXPRESSIONS)), EXPRESSIONS)
        lower.set_ylabel(f"{last}, probability")
        figure.colorbar(image, ax=lower, pad=0.01)
    upper.legend(loc="upper right", ncols=4, fontsize="small")
    lower.set_xlabel("time in seconds")
    figure.suptitle(f"{TASKS[task].title} of {sample}")
    return figure


def curves_figure(task: TaskName, histories: Mapping[str, Curves]) -> Figure:
    """Training loss and validation measure of each network, epoch by epoch; the kept epoch is marked."""
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    measure = TASKS[task].challenge_measure
    left, right = figure.subplots(1, 2)
    for name, history in histories.items():
        epochs = history["epoch"]
        left.plot(epochs, history["train_loss"], label=name)
        right.plot(epochs, history[measure], label=name)
        kept = list(history["kept"]).index(1)
        right.plot(epochs[kept], history[measure][kept], "o", color="black", markersize=4)
    left.set(xlabel="epoch", ylabel="loss on training", title=f"{TASKS[task].title}: training")
    right.set(xlabel="epoch", ylabel=f"{measure} on validation", title="validation (dot: the epoch that was kept)")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(fontsize="small")
    return figure


def sweep_figure(task: TaskName, cells: Sequence[Mapping[str, str]], curves: Sequence[Sequence[float]]) -> Figure:
    """The measure of each cell of a sweep, epoch by epoch, and its best by window length, a line for each normaliser.

    `cells` are the rows of the sweep's CSV; `curves` the measure on validation of each cell, in the same order.
    """
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    reached: dict[str, dict[float, float]] = {}
    for cell, curve in zip(cells, curves, strict=True):
        left.plot(range(1, len(curve) + 1), curve, label=f"{cell['window_s']} s, {cell['normaliser']}")
        reached.setdefault(cell["normaliser"], {})[float(cell["window_s"])] = float(cell["value"])
    for normaliser, values in reached.items():
        windows_s = sorted(values)
        right.plot(windows_s, [values[window_s] for window_s in windows_s], "o-", label=normaliser)
    measure = f"{TASKS[task].challenge_measure} on validation"
    left.set(xlabel="epoch", ylabel=measure, title=f"{TASKS[task].title}: the cells of the sweep")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="window in seconds", ylabel=measure, title="best epoch of each cell")
    for axes in (left, right):
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG without a date, whole or not at all."""
    with whole_file(path) as beside:
        figure.savefig(beside, dpi=110, metadata={"Software": None})


def _lines(axes: Axes, times_s: NDArray[np.float64], curves: Mapping[str, NDArray]) -> None:
    colours = iter(SYSTEM_COLOURS)
    for name, values in curves.items():
        style = STYLES.get(name) or {"color": next(colours), "linewidth": 1.5}
        axes.plot(times_s, values, label=name, **style)
    axes.set_xlim(times_s[0], times_s[-1])
    axes.grid(alpha=0.3)


def confusion_figure(counts: Mapping[str, NDArray[np.int64]]) -> Figure:
    """Confusion matrices by system, (8, 8) each: rows are the truth and are shown as shares of it."""
    columns = min(4, len(counts))
    rows = -(-len(counts) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.8 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(counts) :]:
        axes.set_visible(False)
    for axes, (name, confusion) in zip(grid, counts.items(), strict=False):
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.5 else "black"
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=6, color=colour)
        axes.set_title(name, fontsize="small")
        axes.set_xticks(range(len(EXPRESSIONS)), EXPRESSIONS, rotation=90, fontsize="x-small")
        axes.set_yticks(range(len(EXPRESSIONS)), EXPRESSIONS, fontsize="x-small")
        axes.set(xlabel="predicted", ylabel="true")
    return figure


def weights_figure(fits: Mapping[str, Mapping[str, Any]]) -> Figure:
    """The fusion weights of each system by name, as `fuse_dirichlet` wrote them: models by outputs."""
    figure = Figure(figsize=(10, 1 + 1.8 * len(fits)), layout="constrained")
    grid = figure.subplots(len(fits), 1, squeeze=False).ravel()
    for axes, (name, fit) in zip(grid, fits.items(), strict=True):
        weights = np.array(fit["weights"])
        axes.imshow(weights, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        for (row, column), weight in np.ndenumerate(weights):
            axes.text(
                column, row, f"{weight:.2f}", ha="center", va="center", color="white" if weight < 0.6 else "black"
            )
        axes.set_xticks(range(weights.shape[1]), fit["outputs"])
        axes.set_yticks(range(len(weights)), fit["models"])
        axes.set_title(name, fontsize="small")
    return figure
