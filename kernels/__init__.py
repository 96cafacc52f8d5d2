"""CUDA sources; a package so that an installed fusegrad finds them."""
