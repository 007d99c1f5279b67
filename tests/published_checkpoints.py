"""Files in the layouts that the world has of TSM networks, made from a network of ours."""

import torch

from tsm_edge.export import ClipModel


def online_demo(model: ClipModel) -> dict[str, torch.Tensor]:
    """The online demo's bare state_dict: names as ours."""
    return model.backbone.state_dict()


def published(model: ClipModel, shifted=None) -> dict[str, object]:
    """What the training script of TSM_*.pth saves: DataParallel around a wrapper around the 2D network.

    `.net.` stands where a shift wraps a convolution; the class layer is the wrapper's.
    """
    shifted = model.backbone.shifted_convs if shifted is None else shifted
    tensors = {_published_name(name, shifted): tensor for name, tensor in model.backbone.state_dict().items()}
    return {"epoch": 50, "arch": "mobilenetv2", "state_dict": tensors, "best_prec1": 69.5}


def _published_name(name, shifted):
    layer, _, leaf = name.rpartition(".")
    if layer == "classifier":
        return f"module.new_fc.{leaf}"
    return f"module.base_model.{layer}{'.net' if layer in shifted else ''}.{leaf}"
