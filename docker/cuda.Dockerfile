# The tests with CUDA 13: building the image runs them without a GPU, `docker run --gpus all` repeats them with one.
FROM nvidia/cuda:13.0.2-runtime-ubuntu24.04
ARG DEBIAN_FRONTEND=noninteractive
ENV PIP_NO_CACHE_DIR=1
# The tag above fixes the Ubuntu release, and with it the versions of make and Python.
# hadolint ignore=DL3008
RUN --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get update && apt-get install -y --no-install-recommends g++ make python3-venv
WORKDIR /fusegrad
COPY . .
RUN python3 -m venv .venv && .venv/bin/pip install -e '.[cuda13]' && make test
CMD ["make", "test"]
