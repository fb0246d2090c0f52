"""Training, the same on every framework: optimizers, schedules, averages, checkpoints.

schedule = sf.training.warmup_cosine(3e-3, 1000, 100_000)
trainer = sf.training.trainer(
    "torch", model, losses, learning_rate=schedule,
    optimizer=sf.training.AdamW(weight_decay=0.01), clip_norm=1.0, accumulate=4,
)
values = trainer.step(images, lengths)            # {"loss": 0.31, "ctc": 0.29}
sf.training.save(trainer, "training.safetensors")  # resumes bit for bit
"""

from seqfront.training.average import Average as Average
from seqfront.training.checkpoint import load as load
from seqfront.training.checkpoint import save as save
from seqfront.training.clipping import clip_by_global_norm as clip_by_global_norm
from seqfront.training.optimizers import SGD as SGD
from seqfront.training.optimizers import Adam as Adam
from seqfront.training.optimizers import AdamW as AdamW
from seqfront.training.optimizers import Optimizer as Optimizer
from seqfront.training.optimizers import Rule as Rule
from seqfront.training.optimizers import optimizer as optimizer
from seqfront.training.schedule import Schedule as Schedule
from seqfront.training.schedule import constant as constant
from seqfront.training.schedule import cosine as cosine
from seqfront.training.schedule import inverse_square_root as inverse_square_root
from seqfront.training.schedule import piecewise as piecewise
from seqfront.training.schedule import warmup as warmup
from seqfront.training.schedule import warmup_cosine as warmup_cosine
from seqfront.training.trainer import LossFunction as LossFunction
from seqfront.training.trainer import Trainer as Trainer
from seqfront.training.trainer import trainer as trainer
from seqfront.training.values import Losses as Losses
