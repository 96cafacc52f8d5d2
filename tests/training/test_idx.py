"""The IDX format, and the folder of MNIST."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from mnist_files import idx

from fusegrad import data

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_dtype_comes_back(tmp_path, dtype, packed):
    array = np.arange(-12, 12).reshape(2, 3, 4).astype(dtype)
    content = idx(array, CODES[dtype])
    file = tmp_path / "array"
    file.write_bytes(gzip.compress(content) if packed else content)
    read = data.read_idx(file)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.dtype(dtype).newbyteorder("=") and read.dtype.isnative and read.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"expects the first four bytes of an IDX file, 00 00, dtype, axes, got b''"),
        (b"\0\1\x08\1", "expects the first four bytes"),
        (b"\0\0\x07\1\0\0\0\1\0", "expects the first four bytes"),
        (b"\0\0\x08\2\0\0\0\1", "expects extents of 2 axes, got 4 bytes"),
        (b"\0\0\x08\1\0\0\0\3\0\0", r"expects 3 bytes of elements for shape \(3,\), got 2"),
        (b"\0\0\x08\1\0\0\0\3\0\0\0\0", r"expects 3 bytes of elements for shape \(3,\), got 4"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\1\0")[:-3], "expects a whole gzip file"),
        (gzip.compress(b"\0\0\x08\1")[:11] + b"\xff" * 20, "expects a whole gzip file"),
    ],
)
def test_a_file_that_is_none_of_these_is_named(tmp_path, content, message):
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} {message}"):
        data.read_idx(file)


def put(folder, part, images, labels, suffix=""):
    packed = gzip.compress if suffix else bytes
    (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(packed(idx(images, 8)))
    (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(packed(idx(labels, 8)))


def digits(count):
    generator = np.random.default_rng(count)
    return generator.integers(0, 256, (count, 28, 28), "uint8"), (np.arange(count) % 10).astype("uint8")


def test_train_and_test_files_are_taken_as_they_are(tmp_path):
    put(tmp_path, "train", *digits(30))
    put(tmp_path, "t10k", *digits(20), suffix=".gz")
    split = data.load_mnist(tmp_path)
    assert (split.x_train.shape, split.x_test.shape, split.classes) == ((30, 1, 28, 28), (20, 1, 28, 28), 10)
    assert split.x_train.dtype == "float32" and split.y_train.dtype == "int64"
    np.testing.assert_allclose(split.x_test[:, 0] * 255, digits(20)[0], rtol=1e-6)
    np.testing.assert_array_equal(split.y_test, digits(20)[1])


def test_of_test_images_alone_a_fifth_is_held_out(tmp_path):
    images, labels = digits(50)
    put(tmp_path, "t10k", images, labels)
    split, again, other = (data.load_mnist(tmp_path, seed) for seed in (3, 3, 4))
    assert (len(split.x_train), len(split.x_test)) == (40, 10)
    np.testing.assert_array_equal(split.x_test, again.x_test)
    assert not np.array_equal(split.x_test, other.x_test)
    both = np.concatenate([split.x_train, split.x_test])
    assert len(np.unique(both.reshape(50, -1), axis=0)) == 50
    for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test)):
        rows = [int(np.flatnonzero((np.abs(x[i] * 255 - images) < 0.5).all((1, 2)))[0]) for i in range(len(x))]
        np.testing.assert_array_equal(labels[rows], y)


def test_names_may_begin_with_that_of_the_data_set(tmp_path):
    put(tmp_path, "fashion-t10k", *digits(20), suffix=".gz")
    assert len(data.load_mnist(tmp_path).x_train) == 16
    put(tmp_path, "mnist-t10k", *digits(10), suffix=".gz")
    with pytest.raises(ValueError, match=r"expects one file \*t10k-images-idx3-ubyte\.gz, got fashion.*, mnist"):
        data.load_mnist(tmp_path)
    put(tmp_path, "t10k", *digits(50))
    assert len(data.load_mnist(tmp_path).x_train) == 40


def test_what_is_missing_or_does_not_fit_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"MNIST expects a folder, got .*nowhere"):
        data.load_mnist(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"expects t10k-images-idx3-ubyte or the same with \.gz, got neither"):
        data.load_mnist(tmp_path)
    put(tmp_path, "t10k", *digits(20))
    put(tmp_path, "train", *digits(30))
    (tmp_path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(ValueError, match=r"expects train-images-idx3-ubyte or the same with \.gz, got neither"):
        data.load_mnist(tmp_path)
    put(tmp_path, "t10k", digits(20)[0], digits(10)[1])
    with pytest.raises(ValueError, match="expects as many t10k labels as images, 20, got 10"):
        data.load_mnist(tmp_path)
    put(tmp_path, "t10k", digits(20)[0][0], digits(20)[1])
    with pytest.raises(ValueError, match=r"expects bytes of 3 axes, got uint8 \(28, 28\)"):
        data.load_mnist(tmp_path)
