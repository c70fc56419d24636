"""Data sets in the formats of other tools: index PNG, colour PNG, Labelme, COCO."""
