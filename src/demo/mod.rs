//! A small archive and a phantom study, to show the gateway at work on one machine. Nothing of it serves patients.
