"""One HEVC intra picture in a BPG file: container, parameter sets, color planes, encoder and decoder."""
