"""Figures of a trained network's errors, for TensorBoard."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torchmetrics.classification import BinaryCalibrationError, MulticlassConfusionMatrix

from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import Task, typeset
from digitcmp.models.network import PairOutput

INK, ACCENT = "#333333", "#0072B2"
GALLERY = (4, 5)  # rows and columns of mistakes


def draw(batch: Batch, output: PairOutput, names: Sequence[str], task: Task) -> dict[str, Figure]:
    """Return the figures of a network's output for these pairs, by name.

    Args:
        batch: the pairs.
        output: the network's output. Its digit logits, if there are any, must be those of the classes.
        names: the names of the classes, in their order.
        task: the question that the network answers.
    """
    figures = {
        "mistakes": mistakes(batch, output, names, task),
        "error rate by digits": error_table(batch, output, names),
        "calibration": calibration(batch, output, task),
    }
    return figures if output.digits is None else figures | {"digit confusion": confusion(batch, output, names)}


def mistakes(batch: Batch, output: PairOutput, names: Sequence[str], task: Task) -> Figure:
    """Draw the most confident wrong answers: both images, the true classes and the predicted probability of yes."""
    probability = output.compare.sigmoid()
    wrong = (output.compare > 0) != batch.target.bool()
    rows, columns = GALLERY
    confidence = torch.where(wrong, (probability - 0.5).abs(), -1)
    chosen = confidence.argsort(descending=True)[: min(rows * columns, int(wrong.sum()))]
    figure, axes = blank(f"{int(wrong.sum())} of {len(wrong)} pairs wrong; the most confident ones", 8.0, 5.6)
    side = batch.pairs.shape[-1]
    gap, height, width = max(1, side // 14), side * 22 // 14, side * 34 // 14
    size = 7 if max(map(len, names)) < 4 else 4.5
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, pair in enumerate(chosen.tolist()):
        top, left = i // columns * height, i % columns * width
        for image, x in zip(batch.pairs[pair].numpy(), (left, left + side + gap), strict=True):
            rgb = 255 - image[..., None] if image.ndim == 2 else np.moveaxis(image, 0, 2)  # gray as dark on light
            canvas[top : top + side, x : x + side] = rgb
        first, second = (names[digit] for digit in batch.digits[pair].tolist())
        caption = f"{task.probability(first, second)} = {probability[pair]:.3f}"
        if output.digits is not None:
            caption += "\npredicted " + " and ".join(names[i] for i in output.digits[pair].argmax(dim=1).tolist())
        axes.text(left + side, top + side + 0.5, caption, fontsize=size, color=INK, ha="center", va="top")
    axes.imshow(canvas)
    axes.axis("off")
    return figure


def error_table(batch: Batch, output: PairOutput, names: Sequence[str]) -> Figure:
    """Draw the error rate of the comparison for every (first, second) pair of digits, in percent."""
    first, second = batch.digits.T.numpy()
    wrong = ((output.compare > 0) != batch.target.bool()).numpy()
    errors, counts = np.zeros((2, len(names), len(names)))
    np.add.at(errors, (first, second), wrong)
    np.add.at(counts, (first, second), 1)
    rate = 100 * errors / np.maximum(counts, 1)
    return heatmap("error rate of the comparison by digits, %", rate, rate, names, "second digit", "first digit")


def confusion(batch: Batch, output: PairOutput, names: Sequence[str]) -> Figure:
    """Draw the confusion matrix of the digit head, in percent of each digit's images. The colour shows the errors."""
    assert output.digits is not None
    predicted = output.digits.argmax(dim=2).flatten()
    counts = MulticlassConfusionMatrix(len(names))(predicted, batch.digits.flatten()).numpy()
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    errors = share - np.diag(share.diagonal())
    return heatmap("digits predicted by the auxiliary head, %", errors, share, names, "predicted digit", "true digit")


def calibration(batch: Batch, output: PairOutput, task: Task) -> Figure:
    """Draw the share of pairs whose answer is yes against its predicted probability, in ten bins."""
    probability = output.compare.sigmoid()
    bins = (10 * probability).int().clamp(max=9).numpy()
    counts = np.bincount(bins, minlength=10)
    full = counts > 0
    predicted = np.bincount(bins, probability.numpy(), 10)[full] / counts[full]
    true = np.bincount(bins, batch.target.numpy(), 10)[full] / counts[full]
    error = BinaryCalibrationError(n_bins=10)(probability, batch.target.int()).item()
    figure, axes = blank(f"expected calibration error {error:.3f}; area: pairs", 4.4, 4.0)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.scatter(predicted, true, s=12 + 400 * counts[full] / counts.sum(), color=ACCENT, alpha=0.8, linewidth=0)
    axes.plot(predicted, true, color=ACCENT, linewidth=1)
    axes.set(xlabel=f"predicted probability of: {typeset(task.yes)}", ylabel="share where it is true", aspect="equal")
    return figure


def heatmap(
    title: str, colors: np.ndarray, values: np.ndarray, names: Sequence[str], xlabel: str, ylabel: str
) -> Figure:
    """Draw a table of values (K, K) of K classes, those of at least 0.5 as whole numbers.

    A larger number in `colors` is a darker blue. Class names longer than two characters are slanted.
    """
    size = 0.7 + 0.35 * max(len(names), 10)
    long = max(map(len, names)) > 2
    figure, axes = blank(title, size + 0.2 + 0.6 * long, size + 0.4 * long, 0.6 + 0.6 * long, 0.5 + 0.4 * long)
    largest = 1.3 * max(colors.max(), 1)
    axes.imshow(colors, cmap="Blues", vmin=0, vmax=largest)
    for row, column in np.argwhere(values >= 0.5):
        color = "white" if colors[row, column] > 0.6 * largest else INK
        axes.text(column, row, f"{values[row, column]:.0f}", ha="center", va="center", fontsize=7, color=color)
    ticks = [name[:12] for name in names]
    axes.set_xticks(range(len(names)), ticks, rotation=45 * long, ha="right" if long else "center")
    axes.set_yticks(range(len(names)), ticks)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def blank(title: str, width: float, height: float, left: float = 0.6, bottom: float = 0.5) -> tuple[Figure, Axes]:
    """Return an empty figure of this size in inches with one plot; left and bottom are the margins for labels."""
    figure = Figure(figsize=(width, height), dpi=110)
    place = (left / width, bottom / height, 1 - (left + 0.1) / width, 1 - (bottom + 0.3) / height)
    axes = figure.add_axes(place)  # a layout engine is slow
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.set_title(title, color=INK, fontsize=10)
    return figure, axes
