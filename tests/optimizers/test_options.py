"""Numbers that an optimizer refuses."""

from __future__ import annotations

import re

import pytest

from fusegrad.optimizers import (
    LAMB,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "SGD expects lr at least 0, or a schedule, got -0.1"),
        (lambda: SGD(momentum=1.0), "SGD expects momentum of at least 0 and below 1, got 1.0"),
        (lambda: SGD(momentum=-0.1), "SGD expects momentum of at least 0 and below 1, got -0.1"),
        (lambda: SGD(nesterov=True), "SGD expects momentum above 0 with nesterov, got 0.0"),
        (lambda: SGD(weight_decay=-1), "SGD expects weight_decay at least 0, got -1"),
        (lambda: Adam(betas=(0.9, 1.0)), "Adam expects betas of at least 0 and below 1, got (0.9, 1.0)"),
        (lambda: Adam(eps=0), "Adam expects eps above 0, got 0"),
        (lambda: AdamW(clip_norm=0), "AdamW expects clip_norm above 0, got 0"),
        (lambda: AMSGrad(clip_value=-1), "AMSGrad expects clip_value above 0, got -1"),
        (lambda: SGD(momentum=0.9, dampening=1.0), "SGD expects dampening of at least 0 and below 1, got 1.0"),
        (lambda: SGD(dampening=0.5), "SGD expects dampening 0 without momentum or with nesterov, got 0.5"),
        (
            lambda: SGD(momentum=0.9, dampening=0.5, nesterov=True),
            "SGD expects dampening 0 without momentum or with nesterov, got 0.5",
        ),
        (lambda: Adagrad(lr_decay=-0.1), "Adagrad expects lr_decay at least 0, got -0.1"),
        (
            lambda: Adagrad(initial_accumulator_value=-1),
            "Adagrad expects initial_accumulator_value at least 0, got -1",
        ),
        (lambda: Adagrad(eps=0), "Adagrad expects eps above 0, got 0"),
        (lambda: Adadelta(rho=1.0), "Adadelta expects rho of at least 0 and below 1, got 1.0"),
        (lambda: Adadelta(eps=0), "Adadelta expects eps above 0, got 0"),
        (lambda: RMSprop(alpha=1.0), "RMSprop expects alpha of at least 0 and below 1, got 1.0"),
        (lambda: RMSprop(momentum=1.0), "RMSprop expects momentum of at least 0 and below 1, got 1.0"),
        (lambda: RMSprop(eps=0), "RMSprop expects eps above 0, got 0"),
        (lambda: Adamax(eps=0), "Adamax expects eps above 0, got 0"),
        (lambda: NAdam(momentum_decay=-1), "NAdam expects momentum_decay at least 0, got -1"),
        (lambda: RAdam(betas=(0.9,)), "RAdam expects betas of at least 0 and below 1, got (0.9,)"),
        (lambda: Lion(betas=(0.9, 1.0)), "Lion expects betas of at least 0 and below 1, got (0.9, 1.0)"),
        (lambda: LAMB(l1=-1), "LAMB expects l1 at least 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("optimizer", [AdamW, Lion, LAMB])
def test_decay_that_is_decoupled_by_definition_stays_so(optimizer):
    with pytest.raises(TypeError, match="decoupled"):
        optimizer(decoupled=False)
