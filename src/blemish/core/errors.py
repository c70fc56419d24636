"""Every error that Blemish raises on purpose.

    BlemishError              one clear line; the command line ends with exit code 2
    |- InputError             what the user gave cannot be used
    |  |- TaxonomyError       classes, codes, colours, priorities
    |  |- PictureError        a picture cannot be read, or is too large to be decoded
    |  |- LabelError          a label does not fit its picture or its taxonomy
    |  |- DatasetError        a data set folder is damaged or refuses what it was asked
    |  `- BundleError         a bundle or checkpoint is damaged, altered, or of another kind
    |- TrainingError          training cannot go on (a non-finite loss)
    `- ParityError            an exported network does not answer like the one it was made from

A message says what was expected, what was found, where, and what to do.
"""


class BlemishError(Exception):
    """Base of all; `str(error)` is one line for the user."""


class InputError(BlemishError):
    """What the user gave cannot be used as it is."""


class TaxonomyError(InputError):
    """A taxonomy contradicts itself, or does not know what it was asked for."""


class PictureError(InputError):
    """A picture file cannot be read, is damaged, or is larger than its pixel budget."""


class LabelError(InputError):
    """A label does not fit its picture or its taxonomy."""


class DatasetError(InputError):
    """A data set folder is damaged, or refuses what it was asked."""


class BundleError(InputError):
    """A bundle or checkpoint is damaged, altered, or of another kind."""


class TrainingError(BlemishError):
    """Training cannot go on."""


class ParityError(BlemishError):
    """An exported network answers differently from the one it was made from."""
