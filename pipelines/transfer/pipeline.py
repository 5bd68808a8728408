from kfp import dsl
from kfp_nas.components.transfer_cells import transfer_cells
from kfp_nas.pipelines.fan_out import a_job_each
from kfp_nas.pipelines.final_training import REPLICA, final_training, trainings_pipeline
from kfp_nas.pipelines.run import ended_by_report, planned_after
from kfp_nas.pipelines.state import KEPT, RUN, with_data_resources, with_raw_data, with_state

_trainings = trainings_pipeline(a_job_each)


@dsl.pipeline(name="transfer-jobs", pipeline_config=KEPT)
def transfer_jobs(
    search_uri: str = "s3://mlpipeline/nas/transfer",
    source: str = "enas-micro",
    preset: str = "digits",
    overrides: dict = {},  # noqa: B006 - kfp writes it into the YAML
    store_secret: str = "nas-store",
    store_settings: str = "nas-store",
):
    """Train networks that were found elsewhere for another task, or go on with it.

    transfer-cells finds them, and stores the data of the task; plan-rounds says what their pods
    may use. Then train-best begins the final training: rounds in which sample-architectures names
    the next networks, a Job each trains them, and aggregate-rewards collects their results. At its
    end export-model stores the winner as a model. write-report always runs; its report says how
    the transfer stands and what went wrong.

    Args:
        search_uri: Where the transfer's state lies.
        source: Where a finished search lies whose best networks are meant, or published cells by
            name; empty where the overrides name networks.
        preset: Named configuration that says what they are for; empty continues what is stored.
        overrides: Settings that differ from it, such as {"final.size.parameters": 1000000}.
        store_secret: Secret with the store's accesskey and secretkey; without one, the pods' own
            identity counts.
        store_settings: ConfigMap with the store's endpoint, region or account.
    """
    store = {"store_secret": store_secret, "store_settings": store_settings}
    with ended_by_report(search_uri, replica=REPLICA, store=store):
        prepared = transfer_cells(
            search_uri=search_uri, source=source, preset=preset, overrides=overrides, run=RUN
        )
        with_raw_data(with_data_resources(with_state(prepared, **store)))
        planned = planned_after(prepared, search_uri, replica=REPLICA, ticks_per_run=1, store=store)
        final_training(search_uri, _trainings, after=planned, plan=planned.outputs, store=store)
