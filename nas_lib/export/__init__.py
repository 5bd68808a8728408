"""From a trained network to a model: weights, ONNX, and what people need to know of it."""
