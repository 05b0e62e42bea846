"""The measuring of a study: the plan, the tasks, the chain from source to prediction, the workers."""
