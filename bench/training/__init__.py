"""Training and fine-tuning of networks on a data set's training split."""
