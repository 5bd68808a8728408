from pathlib import Path

from kfp import dsl
from kfp_nas.components.export_model import export_model
from toy_finals import begun, train_all

from nas_lib.models import open_model
from nas_lib.models.info import INFO


def test_it_hands_on_the_model_its_metrics_and_what_it_mistook(tmp_path: Path) -> None:
    search, final = begun(tmp_path)
    train_all(final)
    model, metrics = dsl.Model(uri=str(tmp_path / "model")), dsl.Metrics()
    confusion = dsl.ClassificationMetrics()

    export_model.python_func(search.uri, "run", model, metrics, confusion)

    info = open_model(model.metadata["storageUri"]).info
    assert (model.framework, model.metadata["id"]) == ("onnx", info.id)
    assert (tmp_path / "model" / INFO).exists()
    assert model.uri == str(tmp_path / "model")  # a backend refuses any other
    assert info.test is not None
    assert metrics.metadata["test accuracy"] == model.metadata["accuracy"] == info.test.value
    rows = [each["row"] for each in confusion.metadata["confusionMatrix"]["rows"]]
    assert sum(map(sum, rows)) == info.test.num_examples
    right = sum(row[number] for number, row in enumerate(rows))
    assert right / info.test.num_examples == info.test.value
    # and as kfp itself would write it
    names = [
        each["displayName"] for each in confusion.metadata["confusionMatrix"]["annotationSpecs"]
    ]
    kfps = dsl.ClassificationMetrics()
    kfps.log_confusion_matrix(names, rows)
    assert kfps.metadata == confusion.metadata
