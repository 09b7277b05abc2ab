"""Helpers of the interoperability tests: raw wire bytes, certificates, peers, the gateway under test."""
