"""From files on disk to pictures in a batch: manifests, the sample table, preparation, checks, datasets."""
