"""Figures of a trained network's errors, for TensorBoard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn
from torchmetrics.classification import BinaryCalibrationError, MulticlassConfusionMatrix

from digitcmp.data import statements
from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import Task
from digitcmp.models.network import PairOutput

INK, ACCENT = "#333333", "#0072B2"
GALLERY = (4, 5)  # rows and columns of mistakes


def draw(batch: Batch, output: PairOutput, network: nn.Module, names: Sequence[str], task: Task) -> dict[str, Figure]:
    """Return the figures of a network's output for these pairs, by name.

    Args:
        batch: the pairs.
        output: the network's output. Its digit logits, if there are any, must be those of the classes.
        network: the network; its first convolutions are drawn.
        names: the names of the classes, in their order.
        task: the question that the network answers.
    """
    figures = {
        "mistakes": mistakes(batch, output, names, task),
        "error rate by digits": error_table(batch, output, names),
        "calibration": calibration(batch, output, task),
    }
    if output.digits is not None:
        figures["digit confusion"] = confusion(batch, output, names)
    channels = 1 if batch.pairs.ndim == 4 else batch.pairs.shape[2]
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    kernels = [layer.weight for layer in layers if layer.in_channels == channels]
    if kernels:  # the first layer of each branch
        figures["first-layer filters"] = filters(torch.cat(kernels).detach().mean(dim=1).cpu().numpy())
    return figures


def save(figure: Figure, file: Path) -> None:
    """Write the figure as PNG."""
    file.parent.mkdir(exist_ok=True)
    FigureCanvasAgg(figure).print_png(file)


def pixels(figure: Figure) -> UInt8[np.ndarray, "h w 4"]:
    """Return the figure as an RGBA image."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def mistakes(batch: Batch, output: PairOutput, names: Sequence[str], task: Task) -> Figure:
    """Draw the most confident wrong answers: both images, the true statement and its predicted probability."""
    probability = output.compare.sigmoid()
    wrong = (output.compare > 0) != batch.target.bool()
    confidence = torch.where(wrong, (probability - 0.5).abs(), -1)
    rows, columns = GALLERY
    chosen = confidence.argsort(descending=True)[: min(rows * columns, int(wrong.sum()))]
    figure, axes = blank(8.0, 5.6)
    axes.set_title(f"{int(wrong.sum())} of {len(wrong)} pairs wrong; the most confident ones", color=INK, fontsize=10)
    side = batch.pairs.shape[-1]
    gap, height, width = max(1, side // 14), side * 22 // 14, side * 34 // 14
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, pair in enumerate(chosen.tolist()):
        top, left = i // columns * height, i % columns * width
        for image, x in zip(batch.pairs[pair].numpy(), (left, left + side + gap), strict=True):
            rgb = 255 - image[..., None] if image.ndim == 2 else np.moveaxis(image, 0, 2)  # gray as dark on light
            canvas[top : top + side, x : x + side] = rgb
        first, second = (names[digit] for digit in batch.digits[pair].tolist())
        caption = f"{statements.probability(task.yes, first, second)} = {probability[pair]:.3f}"
        if output.digits is not None:
            caption += "\npredicted {} and {}".format(
                *(names[digit] for digit in output.digits[pair].argmax(dim=1).tolist())
            )
        axes.text(
            left + side,
            top + side + 0.5,
            caption,
            fontsize=7 if max(map(len, names)) < 4 else 4.5,
            color=INK,
            ha="center",
            va="top",
        )
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
    figure, axes = heatmap(rate, [[f"{value:.0f}" if value else "" for value in row] for row in rate], names)
    axes.set(xlabel="second digit", ylabel="first digit")
    axes.set_title("error rate of the comparison by digits, %", color=INK, fontsize=10)
    return figure


def confusion(batch: Batch, output: PairOutput, names: Sequence[str]) -> Figure:
    """Draw the confusion matrix of the digit head, in percent of each digit's images."""
    assert output.digits is not None
    matrix = MulticlassConfusionMatrix(len(names))(output.digits.argmax(dim=2).flatten(), batch.digits.flatten())
    counts = matrix.numpy()
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [[f"{value:.0f}" if value >= 0.5 else "" for value in row] for row in share]
    figure, axes = heatmap(share - np.diag(share.diagonal()), labels, names)  # the colour shows the errors
    axes.set(xlabel="predicted digit", ylabel="true digit")
    axes.set_title("digits predicted by the auxiliary head, %", color=INK, fontsize=10)
    return figure


def calibration(batch: Batch, output: PairOutput, task: Task) -> Figure:
    """Draw the share of pairs whose answer is yes against its predicted probability, in ten bins."""
    probability = output.compare.sigmoid().numpy()
    bins = np.minimum((10 * probability).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    full = counts > 0
    predicted = np.bincount(bins, probability, 10)[full] / counts[full]
    true = np.bincount(bins, batch.target.numpy(), 10)[full] / counts[full]
    error = BinaryCalibrationError(n_bins=10)(output.compare.sigmoid(), batch.target.int()).item()
    figure, axes = blank(4.4, 4.0)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.scatter(predicted, true, s=12 + 400 * counts[full] / counts.sum(), color=ACCENT, alpha=0.8, linewidth=0)
    axes.plot(predicted, true, color=ACCENT, linewidth=1)
    statement = statements.typeset(task.yes)
    axes.set(xlabel=f"predicted probability of: {statement}", ylabel="share where it is true", aspect="equal")
    axes.set_title(f"expected calibration error {error:.3f}; area: pairs", color=INK, fontsize=10)
    return figure


def filters(kernels: Float[np.ndarray, "n h w"]) -> Figure:
    """Draw the kernels of convolutions on the image side by side; blue is positive, red negative."""
    columns = min(8, len(kernels))
    rows = -(-len(kernels) // columns)
    side = kernels.shape[1] + 1
    canvas = np.full((rows * side, columns * side), np.nan)
    for i, kernel in enumerate(kernels):
        top, left = i // columns * side, i % columns * side
        canvas[top : top + side - 1, left : left + side - 1] = kernel
    figure, axes = blank(1 + 0.7 * columns, 0.7 + 0.7 * rows)
    limit = np.abs(kernels).max()
    axes.imshow(canvas, cmap="RdBu", vmin=-limit, vmax=limit)
    axes.axis("off")
    axes.set_title(f"{len(kernels)} first-layer filters, ±{limit:.2f}", color=INK, fontsize=10)
    return figure


def heatmap(values: np.ndarray, labels: list[list[str]], names: Sequence[str]) -> tuple[Figure, Axes]:
    """Draw a table of (K, K) values for K classes, with a label in each cell and darker blue for larger values.

    Class names longer than two characters are slanted.
    """
    size = 0.7 + 0.35 * max(len(names), 10)
    long = max(map(len, names)) > 2
    figure, axes = blank(size + 0.2 + 0.6 * long, size + 0.4 * long, left=0.6 + 0.6 * long, bottom=0.5 + 0.4 * long)
    largest = 1.3 * max(values.max(), 1)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=largest)
    for row, line in enumerate(labels):
        for column, label in enumerate(line):
            if label:
                color = "white" if values[row, column] > 0.6 * largest else INK
                axes.text(column, row, label, ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(
        range(len(names)), [name[:12] for name in names], rotation=45 * long, ha="right" if long else "center"
    )
    axes.set_yticks(range(len(names)), [name[:12] for name in names])
    return figure, axes


def blank(width: float, height: float, left: float = 0.6, bottom: float = 0.5) -> tuple[Figure, Axes]:
    """Return an empty figure of this size in inches with one plot; left and bottom are the margins for labels."""
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.add_axes(
        (left / width, bottom / height, 1 - (left + 0.1) / width, 1 - (bottom + 0.3) / height)
    )  # a layout engine is slow
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    return figure, axes
