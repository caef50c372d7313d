"""Weight files and their conversion: Caffe's naming, safetensors, caffemodel, and the cache."""
