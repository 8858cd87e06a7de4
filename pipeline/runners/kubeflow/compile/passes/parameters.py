"""What TFX's compiler drops from the file: the pipeline root and the defaults of parameters."""

from pipeline.runners.kubeflow.compile.specification import Spec, Target, compiler_pass


@compiler_pass
def pipeline_root(spec: Spec, target: Target) -> None:
    """Where artifacts go: TFX writes it into the part of the file that YAML omits."""
    spec["defaultPipelineRoot"] = target.pipeline_root


@compiler_pass
def parameter_defaults(spec: Spec, target: Target) -> None:
    """The defaults of the run's parameters.

    Raises:
      ValueError: a parameter has no default.
    """
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, parameter in parameters.items():
        if name not in target.defaults:
            raise ValueError(f"the runtime parameter {name} has no default")
        parameter["defaultValue"] = target.defaults[name]
