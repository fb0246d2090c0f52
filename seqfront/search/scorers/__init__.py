"""What gives labels their scores besides the model: language models, hotwords, decoders."""
