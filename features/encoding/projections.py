"""Principal components of vectors, and how texts lie along them."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from features.encoding.conversations import Matrix
from features.sides import Array, compare
from features.table import Row, documentation

BLOCK = 64  # rows of each matrix product: calls of equal shape round alike
COMPARED = ("diff", "absdiff")


class Space(NamedTuple):
    """Directions of most variance."""

    components: Matrix  # shape (n_components, n_dimensions)
    center: Matrix  # shape (n_dimensions,)

    @classmethod
    def of(cls, vectors: Matrix, number: int) -> Self:
        """Return at most so many components of vectors; none where the vectors are all alike."""
        possible = min(number, *vectors.shape)
        if not possible or not (vectors != vectors[0]).any():
            width = vectors.shape[1]
            return cls(np.zeros((0, width), np.float32), np.zeros(width, np.float32))
        with threadpool_limits(limits=1, user_api="blas"):  # no result may depend on their number
            pca = PCA(possible, svd_solver="covariance_eigh").fit(vectors.astype(np.float64))
        # In the order in which they are read back: products of other orders round otherwise.
        components = np.ascontiguousarray(pca.components_, dtype=np.float32)
        return cls(components, pca.mean_.astype(np.float32))

    def project(self, vectors: Matrix) -> Array:
        """Return the components of vectors, shape (n_components, n_vectors)."""
        if not len(self.components):  # of no training text there is no width either
            return np.zeros((0, len(vectors)))
        centered = vectors - self.center.astype(np.float64)
        return multiply(centered, self.components.astype(np.float64)).astype(np.float64).T


def projections(
    answers: Space, a: Matrix, b: Matrix, prompts: Space, prompt: Matrix
) -> dict[str, Array]:
    """Return the columns of the answers' components and of the prompt's."""
    columns: dict[str, Array] = {}
    for place, (of_a, of_b) in enumerate(zip(answers.project(a), answers.project(b), strict=True)):
        columns |= compare(f"component{place}", of_a, of_b, COMPARED)
        columns[f"component{place}_product_pair"] = of_a * of_b
    for place, values in enumerate(prompts.project(prompt)):
        columns[f"component{place}_prompt"] = values
    return columns


def projection_documentation(answers: int, prompts: int) -> dict[str, str]:
    """Return what each column of `projections` holds, by the numbers of components."""
    docs: dict[str, str] = {}
    for place in range(answers):
        of = f"principal component {place} of the answers' vectors"
        docs |= documentation({f"component{place}": Row(of, COMPARED)})
        docs[f"component{place}_product_pair"] = f"{of}, product of A's and B's"
    for place in range(prompts):
        docs[f"component{place}_prompt"] = f"principal component {place} of the prompts' vectors"
    return docs


def multiply(x: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return ``x @ weights.T``, each row in a product of the same shape, whatever is beside it.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_dimensions)
    weights : ndarray of the same type, shape (n_out, n_dimensions)

    Examples
    --------
    >>> multiply(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([[1., 3.]])
    """
    found = np.empty((len(x), len(weights)), dtype=x.dtype)
    block = np.zeros((BLOCK, x.shape[1]), dtype=x.dtype)
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        block[: len(rows)], block[len(rows) :] = rows, 0
        found[start : start + BLOCK] = (block @ weights.T)[: len(rows)]
    return found
