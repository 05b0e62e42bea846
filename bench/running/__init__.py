"""The measuring of a study: the plan, the batches, the pools of workers, the runner."""
