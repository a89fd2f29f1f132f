"""What detectors say of any picture or clip: found, cropped, scored, explained, and put into words with care.

The pipeline of Govi, Poppi & Marinelli, section 1 (retrieve, find heads, classify), with what somebody needs
who may be accused by its answer, or accuse: whether the detector was ever tested on anything like this, and
what its number is worth.
"""
