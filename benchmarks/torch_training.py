"""The networks of `workloads` and `image_workloads` in PyTorch, with the optimizer and a batch on the device."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from image_workloads import CLASSES, ImageNetwork
from workloads import BETAS, EPS, LR, Perceptron


def device_of(torch: Any) -> Any:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_tf32(torch: Any, allowed: bool) -> None:
    """In products of float32, those of convolutions too."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


class Training:
    """A model with its optimizer and batch; images and their filters lie channels last, as cuDNN is fastest."""

    def __init__(self, torch: Any, work: Perceptron | ImageNetwork, capturable: bool) -> None:
        self.torch, self.work, device = torch, work, device_of(torch)
        use_tf32(torch, work.precision == "tf32")
        make = perceptron if isinstance(work, Perceptron) else images
        x, labels = (torch.from_numpy(array).to(device) for array in work.data())
        self.model = make(torch, work).to(device)
        with torch.no_grad():
            for own, given in zip(self.model.parameters(), work.first_values(), strict=True):
                own.copy_(torch.from_numpy(given))
        if isinstance(work, ImageNetwork):
            torch.backends.cudnn.benchmark = True  # the first steps find the fastest algorithms
            self.model, x = (item.to(memory_format=torch.channels_last) for item in (self.model, x))
        self.x, self.labels = x, labels
        options = {"capturable": True} if capturable else {}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), LR, betas=BETAS, eps=EPS, weight_decay=0.0, fused=True, **options
        )

    def loss(self) -> Any:
        """In a compiled variant this is what is compiled."""
        torch, mixed = self.torch, self.work.precision == "bfloat16"
        with torch.autocast(self.x.device.type, torch.bfloat16, enabled=mixed, cache_enabled=False):
            return torch.nn.functional.cross_entropy(self.model(self.x).float(), self.labels)

    def step(self) -> Any:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def perceptron(torch: Any, work: Perceptron) -> Any:
    gelu = torch.nn.GELU(approximate="tanh")
    activation = {"relu": torch.nn.ReLU(), "gelu_tanh": gelu}[work.activation]
    layers = [layer for pair in pairwise(work.widths) for layer in (torch.nn.Linear(*pair), activation)]
    return torch.nn.Sequential(*layers[:-1])


def images(torch: Any, work: ImageNetwork) -> Any:
    from images_torch import lenet, resnet20  # here, since that imports PyTorch, which may be missing

    if work.name == "lenet":
        return lenet(CLASSES)
    return resnet20(CLASSES, work.blocks, work.sample[0])
