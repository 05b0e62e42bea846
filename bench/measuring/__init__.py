"""What a worker does with a task: the chain from source pixels over quantizer and file to the prediction."""
