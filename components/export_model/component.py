from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def export_model(
    search_uri: str,
    run: str,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
):
    """Store the winner of the final training as a model that people use, in the search's store.

    Its test is read here, once. The artifact is a copy: a backend refuses an address that is none
    of its own. Where the model lies in the store, as an InferenceService takes it, its metadata say
    as storageUri, beside its id, architecture, parameters and scores.

    Args:
        search_uri: Where the search's state lies.
        run: Id of this pipeline run.
        model: The model's folder, with its ONNX file, weights, labels and card.
        metrics: Scores on validation and test data, parameters, and milliseconds for an input.
        confusion: Of images, which class was taken for which on the test data.
    """
    from nas_lib import kubeflow_artifacts, pods

    with pods.pod_step(search_uri, "export_model", run) as search:
        exported = pods.export_model(search, run=run, folder=model.path)
        model.framework = "onnx"
        model.metadata.update(kubeflow_artifacts.model_metadata(exported))
        metrics.metadata.update(kubeflow_artifacts.model_metrics(exported))
        confusion.metadata.update(kubeflow_artifacts.confusion_matrix(exported))
