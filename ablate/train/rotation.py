"""Random rotations by the batch, as torchvision's RandomRotation turns: about the centre, nearest pixel, black beyond.

Every image's angle comes from (seed, epoch, image).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.randomness import uniform


def draw_angles(count: int, degrees: float, seed: int, epoch: int) -> Tensor:
    """The angles of `epoch`, uniform in +-`degrees`: fp32 (count,), degrees."""
    return torch.from_numpy((2 * uniform(count, "rotation", seed, epoch) - 1) * degrees).float()


def turned(images: Tensor, degrees: Tensor) -> Tensor:
    """uint8 `images` (batch, channels, height, width) turned counter-clockwise by `degrees` (batch,); layout kept."""
    height, width = images.shape[2:]
    sine, cosine, zero = torch.sin(torch.deg2rad(degrees)), torch.cos(torch.deg2rad(degrees)), torch.zeros_like(degrees)
    # Coordinates run from -1 to 1 along each side, so a turn must know how the sides compare.
    to_source = torch.stack([cosine, -sine * height / width, zero, sine * width / height, cosine, zero], dim=1).view(
        -1, 2, 3
    )
    grid = F.affine_grid(to_source, list(images.shape), align_corners=False)
    found = F.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return found.to(torch.uint8).contiguous(memory_format=torch.channels_last)
