"""Scan -> tiles -> scores -> defects -> verdict."""
