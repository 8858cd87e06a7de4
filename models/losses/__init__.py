"""Losses: one idea a file. What a training pays for genuine pairs apart and impostors together."""

from models.losses.contrastive import FORGED, ContrastiveLoss, InBatchContrastiveLoss, contrastive, in_batch_contrastive

__all__ = ["FORGED", "ContrastiveLoss", "InBatchContrastiveLoss", "contrastive", "in_batch_contrastive"]
