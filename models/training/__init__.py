"""How the weights are fitted: the Trainer, its steps, optimizers, checkpoints, monitors and tuning."""
