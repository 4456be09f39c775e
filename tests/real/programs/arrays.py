"""A NumPy job: smooths an image and multiplies matrices, all of it in compiled loops."""

import sys
import time

import numpy


def smooth(image):
    out = image.copy()
    out[1:-1, 1:-1] = (image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]) / 4.0
    return out


def project(matrix, image):
    return numpy.sqrt(numpy.abs(matrix @ image))


def main(seconds):
    generator = numpy.random.default_rng(7)
    image, matrix = generator.random((900, 900)), generator.random((900, 900))
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end:
        image = smooth(image)
        image = project(matrix, image) / 30.0
        rounds += 1
    print(rounds, float(image.sum()) > 0)


main(float(sys.argv[1]))
