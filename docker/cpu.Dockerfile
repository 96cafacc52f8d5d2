# The tests on a machine without a GPU: building the image runs them, `docker run` repeats them.
FROM python:3.11-bookworm
ENV PIP_NO_CACHE_DIR=1
WORKDIR /fusegrad
COPY . .
RUN make test
CMD ["make", "test"]
