"""The commands, called within the test's own process: flags in, exit status out."""

from functools import partial

from pipelines.command.launcher import launch

fit = partial(launch, "fit")
predict = partial(launch, "predict")
finetune = partial(launch, "finetune")
stack = partial(launch, "stack")
tune = partial(launch, "tune")
explain = partial(launch, "explain")
select = partial(launch, "select")
