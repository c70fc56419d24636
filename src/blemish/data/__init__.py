"""Pictures become a data set: readers, writers, groups and splits, manifest, statistics, checks, augmentation."""
