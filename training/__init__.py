"""From text pairs to the model that ships in `qa/model/`; run the modules in the order of `training/README.md`."""
