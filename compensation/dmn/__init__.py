"""Decision models in DMN XML (1.1 to 1.6 in, 1.3 out): read, checked, evaluated, written."""

from compensation.dmn.inputs import inputs_from_json, missing_inputs
from compensation.dmn.model import Decision, DecisionService, InputData, ItemType, Knowledge, Model, ModelError
from compensation.dmn.reading import read_model
from compensation.dmn.run import evaluate_decision, to_json
from compensation.dmn.writing import write_model

__all__ = [
    "Decision",
    "DecisionService",
    "InputData",
    "ItemType",
    "Knowledge",
    "Model",
    "ModelError",
    "evaluate_decision",
    "inputs_from_json",
    "missing_inputs",
    "read_model",
    "to_json",
    "write_model",
]
