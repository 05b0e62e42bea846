"""ColorCNN: a network that learns which few colors a classifier needs (Hou, Zheng and Gould, CVPR 2020)."""
