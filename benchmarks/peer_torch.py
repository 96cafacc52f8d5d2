"""The peer PyTorch."""

from __future__ import annotations

from peer_rows import CLASSES, LR, Missing


class Torch:
    """PyTorch with its fused Adam; forward and backward eager, or compiled."""

    def __init__(self, compiled):
        self.compiled = compiled

    def network(self, activation, weights, biases, x, labels):
        import torch

        make = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU}[activation]
        layers = []
        for weight, bias in zip(weights, biases, strict=True):
            linear = torch.nn.Linear(*weight.shape[::-1])
            linear.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
            layers += [linear, make()]
        return self.step_of(torch.nn.Sequential(*layers[:-1]), torch.from_numpy(x), torch.from_numpy(labels))

    def images(self, name, parameters, x, labels):
        import torch
        from images_torch import network

        x = torch.from_numpy(x).to(memory_format=torch.channels_last)
        return self.step_of(network(name, parameters, CLASSES), x, torch.from_numpy(labels))

    def step_of(self, model, x, labels):
        """A training step that returns its loss."""
        import torch

        loss_of, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), LR, fused=True)
        evaluate = self.prepared(lambda: loss_of(model(x), labels))

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss = evaluate()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def prepared(self, evaluate):
        """`evaluate`, or that compiled, which needs a C++ compiler."""
        import torch

        if not self.compiled:
            return evaluate
        torch.compiler.reset()  # of the rows before
        evaluate = torch.compile(evaluate, dynamic=False)
        try:
            evaluate()
        except Exception as error:  # what the compiler lacks comes as anything, and the other rows are to run
            raise Missing(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}") from error
        return evaluate

    def update(self, gradient):
        import torch

        if self.compiled:
            raise Missing("an update alone has nothing to compile: see torch eager")
        parameter = torch.nn.Parameter(torch.zeros(len(gradient)))
        parameter.grad = torch.from_numpy(gradient)
        optimizer, value = torch.optim.Adam([parameter], LR, fused=True), parameter.detach()

        def update():
            optimizer.step()
            return value

        return update
