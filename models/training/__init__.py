"""How the weights are fitted: the Trainer, its steps, optimizers, checkpoints, monitors, the search for a better recipe."""
