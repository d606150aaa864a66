"""Lets several sidecars share their rooms through Redis (`--cluster`)."""
